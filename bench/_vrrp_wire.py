"""Listens on the wires of all routers, and says when something was sent: by the kernel's clock, not by ours.

Nobody is woken by a packet. It waits in its socket with the time at which it came until somebody asks, so that to
measure a thousand routers costs them next to nothing.
"""

import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

from _vrrp_world import World
from futago import netns
from futago.vrrp import packet

_SO_TIMESTAMPNS = 35
_ETH_P_ARP = 0x0806
_TIME = struct.Struct("=qq")

Times = list[float]
"""Seconds since the Unix epoch."""


class Taps:
    """One socket in each of the namespaces."""

    def __init__(self, names: Sequence[str], opened: Callable[[], socket.socket]) -> None:
        self._sockets = [netns.run_inside(name, opened) for name in names]

    def take(self) -> list[Times]:
        """For each namespace, when something has come since the last call."""
        return [list(_arrivals(tap)) for tap in self._sockets]

    def close(self) -> None:
        """Several at a time: each waits for a grace period of the kernel."""
        with ThreadPoolExecutor(32) as pool:
            list(pool.map(lambda tap: tap.close(), self._sockets))


@contextmanager
def adverts(world: World, side: str) -> Iterator[Taps]:
    """Hear the advertisements that come in on this side."""
    yield from _closing(Taps([world.name(side, n) for n in range(world.size)], _advert_tap))


@contextmanager
def announcements(world: World, side: str) -> Iterator[Taps]:
    """Hear the gratuitous ARPs that come in on this side."""
    yield from _closing(Taps([world.name(side, n) for n in range(world.size)], _arp_tap))


def _closing(taps: Taps) -> Iterator[Taps]:
    try:
        yield taps
    finally:
        taps.close()


def _arrivals(tap: socket.socket) -> Iterator[float]:
    with suppress(BlockingIOError):
        while True:
            _, beside, _, _ = tap.recvmsg(64, 64)
            seconds, nanoseconds = _TIME.unpack(beside[0][2])
            yield seconds + nanoseconds / 1e9


def _advert_tap() -> socket.socket:
    tap = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, packet.PROTOCOL)
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    place = struct.pack("=4s4si", packet.GROUP.packed, bytes(4), socket.if_nametoindex("ha-1"))
    tap.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, place)
    return tap


def _arp_tap() -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK, 0)
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    tap.bind(("qr-1", _ETH_P_ARP))
    return tap
