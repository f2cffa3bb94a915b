"""Tells hosts of the routers that are active here: a raw ICMPv6 socket for each router that has hosts to tell.

The socket is opened when there is first something to send, which is after a takeover and not a part of it; nothing is
sent, and nobody heard, for a router that is a backup. That a router ceases to be active here says nothing to the hosts,
who will have the same router, from the same address, on another node. Only a link that it has left is told so.
"""

import asyncio
import fcntl
import random
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from futago.values import IPv6Address, IPv6Network, Mac, Millis
from futago.vrrp import radv
from futago.vrrp.config import AdvertisedLink, RouterOfHosts, VirtualRouterConfig
from futago.vrrp.inside import inside
from futago.vrrp.radv import Schedule

_ICMP6_FILTER: Final = 1
_SIOCGIFHWADDR, _SIOCGIFINDEX = 0x8927, 0x8933
_INFO: Final = struct.Struct("=16si")
_ROOM: Final = 1500
_AGAIN: Final = 5.0
"""Seconds after which a socket that could not be opened is tried again."""

log = structlog.get_logger()
Router = VirtualRouterConfig | RouterOfHosts


class Advertisers:
    """All routers that are active on this host and have hosts to tell."""

    def __init__(self, now: Callable[[], Millis]) -> None:
        self._now = now
        self._speakers: dict[str, _Speaker] = {}

    def follow(self, router: Router, *, active: bool) -> None:
        """The present state of a router; to be called before its addresses change, and after it is active."""
        speaker = self._speakers.get(router.name)
        if not active or (speaker is None and not router.links):
            self.forget(router.name)
        elif speaker is None:
            self._speakers[router.name] = _Speaker(router, self._now)
        else:
            speaker.change(router)

    def forget(self, name: str) -> None:
        """Say no more of a router."""
        speaker = self._speakers.pop(name, None)
        if speaker is not None:
            speaker.close()


class _Speaker:
    """One router."""

    def __init__(self, router: Router, now: Callable[[], Millis]) -> None:
        self._now = now
        self._loop = asyncio.get_running_loop()
        self._router = router
        self._links = {link.interface: link for link in router.links}
        self._schedules = {interface: radv.begin(now(), _chance()) for interface in self._links}
        self._former: dict[str, set[IPv6Network]] = {}
        self._socket: socket.socket | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rearm()

    def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._socket:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()

    def change(self, router: Router) -> None:
        """Another description of the same router: who is left is told at once, and what is new soon."""
        if router.links == self._router.links:
            self._router = router
            return
        links = {link.interface: link for link in router.links}
        for interface in self._links.keys() - links.keys():
            self._tell(self._links[interface], radv.ALL_NODES, lifetime=0)
            del self._schedules[interface]
        for interface, link in links.items():
            if interface not in self._links:
                self._schedules[interface] = radv.begin(self._now(), _chance())
            elif self._links[interface] != link:
                self._former.setdefault(interface, set()).update(_prefixes(self._links[interface]))
                self._schedules[interface].again(self._now(), _chance())
        self._router, self._links = router, links
        self._rearm()

    def _rearm(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._schedules:
            at = min(schedule.deadline for schedule in self._schedules.values())
            self._timer = self._loop.call_later(max(0, at - self._now()) / 1000, self._tick)

    def _tick(self) -> None:
        if not self._open():
            self._timer = self._loop.call_later(_AGAIN, self._tick)
            return
        now = self._now()
        for interface, schedule in self._schedules.items():
            for destination in schedule.due(now, _chance()) if schedule.deadline <= now else ():
                self._tell(self._links[interface], destination, lifetime=radv.LIFETIME_SECONDS)
            if not schedule.initial:
                self._former.pop(interface, None)
        self._rearm()

    def _tell(self, link: AdvertisedLink, destination: IPv6Address, *, lifetime: int) -> None:
        """What cannot be sent now is said again later."""
        source = _link_local(self._router, link.interface)
        if self._socket is None or source is None:
            return
        former = self._former.get(link.interface, set())
        try:
            index, mac = _about(self._socket, link.interface)
            data = radv.encode(link.advertisement, mac, lifetime=lifetime, former=former)
            whence = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _INFO.pack(source.packed, index))]
            self._socket.sendmsg([data], whence, 0, (str(destination), 0, 0, index))
        except OSError as error:
            log.info("hosts not told", router=self._router.name, interface=link.interface, error=error.strerror)

    def _open(self) -> bool:
        if self._socket is None:
            try:
                self._socket = inside(self._router.namespace, _icmpv6)
            except OSError as error:
                log.warning("hosts not told", router=self._router.name, error=error.strerror)
                return False
            self._loop.add_reader(self._socket.fileno(), self._readable)
        return True

    def _readable(self) -> None:
        """One solicitation; the loop calls again for more."""
        assert self._socket is not None, "it is what is readable"
        with suppress(OSError):
            message, beside, _, whence = self._socket.recvmsg(_ROOM, 256)
            told = {kind: value for _, kind, value in beside}
            _, index = _INFO.unpack(told[socket.IPV6_PKTINFO])
            (hop_limit,) = struct.unpack("=i", told[socket.IPV6_HOPLIMIT])
            source = IPv6Address(whence[0].partition("%")[0])
            schedule = self._asked_on(index)
            if schedule is not None and radv.solicits(message, source, hop_limit):
                schedule.asked(source, self._now(), _chance())
                self._rearm()

    def _asked_on(self, index: int) -> Schedule | None:
        assert self._socket is not None, "somebody was heard"
        for interface, schedule in self._schedules.items():
            with suppress(OSError):
                if _about(self._socket, interface)[0] == index:
                    return schedule
        return None


def _chance() -> float:
    return random.random()  # noqa: S311 - to be spread, not to be secret


def _prefixes(link: AdvertisedLink) -> set[IPv6Network]:
    return {prefix.prefix for prefix in link.advertisement.prefixes if prefix.autonomous}


def _link_local(router: Router, interface: str) -> IPv6Address | None:
    ours = (one.address.ip for one in router.addresses if one.interface == interface)
    return next((ip for ip in ours if isinstance(ip, IPv6Address) and ip.is_link_local), None)


def _icmpv6() -> socket.socket:
    """Hears solicitations only. Their group, that of all routers, is joined by a kernel that forwards."""
    opened = socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6)
    try:
        opened.setblocking(False)
        refused = [0xFFFFFFFF] * 8
        refused[radv.SOLICITATION >> 5] &= ~(1 << (radv.SOLICITATION & 31))
        opened.setsockopt(socket.IPPROTO_ICMPV6, _ICMP6_FILTER, struct.pack("=8I", *refused))
        for setting, value in (
            (socket.IPV6_MULTICAST_HOPS, radv.HOP_LIMIT),
            (socket.IPV6_UNICAST_HOPS, radv.HOP_LIMIT),
            (socket.IPV6_MULTICAST_LOOP, 0),
            (socket.IPV6_RECVHOPLIMIT, 1),
            (socket.IPV6_RECVPKTINFO, 1),
        ):
            opened.setsockopt(socket.IPPROTO_IPV6, setting, value)
    except BaseException:
        opened.close()
        raise
    return opened


def _about(sock: socket.socket, interface: str) -> tuple[int, Mac]:
    """The index and the MAC address of an interface of the socket's namespace (netdevice(7)).

    Raises:
        OSError: there is no such interface.

    """
    asked = struct.pack("=16s24x", interface.encode()[:15])
    index: int = struct.unpack_from("=16si", fcntl.ioctl(sock.fileno(), _SIOCGIFINDEX, asked))[1]
    return index, Mac(fcntl.ioctl(sock.fileno(), _SIOCGIFHWADDR, asked)[18:24].hex(":"))
