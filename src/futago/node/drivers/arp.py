"""Asks neighbours by ARP whether they are there, from an interface that has no address (RFC 5227, 2.1.1: ARP Probe).

Whoever has answered is asked alone the next time, so that a switch sends the question nowhere else; whoever has not is
asked by broadcast: another device may have the address now.
"""

import ctypes
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from futago import netns
from futago.values import IPv4Address

_ETH_P_ARP: Final = 0x0806
_REQUEST: Final = 1
_REPLY: Final = 2
_BROADCAST: Final = b"\xff" * 6
_HEADER: Final = struct.Struct("!6s6sHHHBBH6s4s6s4s")
"""Ethernet and ARP (RFC 826) for IPv4 over Ethernet."""
_SO_ATTACH_FILTER: Final = 26
_RECEIVE_AT_ONCE: Final = 64


class ArpProbe:
    """One interface's questions and answers."""

    def __init__(self, namespace: str, interface: str) -> None:
        """Open the socket; it stays in the namespace.

        Raises:
            OSError: no such namespace or interface, or the kernel refused.

        """
        self._socket = netns.run_inside(namespace, lambda: _open(interface))
        self._mac: bytes = self._socket.getsockname()[4]
        self._known: dict[IPv4Address, bytes] = {}

    def close(self) -> None:
        self._socket.close()

    def ask(self, addresses: Iterable[IPv4Address]) -> None:
        """Send a question to each.

        Raises:
            OSError: the interface is down or gone.

        """
        for address in addresses:
            self._socket.send(question(self._mac, address, self._known.pop(address, _BROADCAST)))

    def answered(self) -> set[IPv4Address]:
        """Who has answered us since the last call.

        Raises:
            OSError: the interface went down.

        """
        found: dict[IPv4Address, bytes] = {}
        with suppress(BlockingIOError):
            for _ in range(_RECEIVE_AT_ONCE):
                answer = read_answer(self._socket.recv(_HEADER.size), self._mac)
                if answer is not None:
                    found[answer[0]] = answer[1]
        self._known.update(found)
        return set(found)


def question(mac: bytes, address: IPv4Address, to: bytes = _BROADCAST) -> bytes:
    """The frame that asks who has `address`; the sender's protocol address is 0.0.0.0."""
    return _HEADER.pack(to, mac, _ETH_P_ARP, 1, 0x0800, 6, 4, _REQUEST, mac, bytes(4), bytes(6), address.packed)


def read_answer(frame: bytes, mac: bytes) -> tuple[IPv4Address, bytes] | None:
    """The address and the MAC address of whoever answers `mac`; None if the frame is anything else."""
    if len(frame) < _HEADER.size:
        return None
    _, _, kind, hardware, protocol, _, _, operation, sender, address, target, _ = _HEADER.unpack_from(frame)
    if (kind, hardware, protocol, operation, target) != (_ETH_P_ARP, 1, 0x0800, _REPLY, mac):
        return None
    return IPv4Address(address), sender


def _open(interface: str) -> socket.socket:
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
    try:
        # Without the filter each ARP frame of the external network would wake us.
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, _only_replies())
        opened.bind((interface, _ETH_P_ARP))
    except BaseException:
        opened.close()
        raise
    return opened


_filter = ctypes.create_string_buffer(
    b"".join(
        struct.pack("HBBI", *instruction)
        for instruction in (
            (0x28, 0, 0, 20),  # ldh [20]: the operation
            (0x15, 0, 1, _REPLY),  # jeq
            (0x06, 0, 0, 0xFFFF),  # ret: all of it
            (0x06, 0, 0, 0),  # ret: nothing
        )
    )
)


def _only_replies() -> bytes:
    """A classic BPF program (bpf(4)) as SO_ATTACH_FILTER takes it."""
    return struct.pack("HxxxxxxP", 4, ctypes.addressof(_filter))
