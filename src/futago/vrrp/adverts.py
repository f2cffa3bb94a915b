"""The raw socket that sends and hears one router's advertisements, over IPv4 (raw(7)) or IPv6 (ipv6(7), RFC 3542)."""

import ctypes
import socket
import struct
from contextlib import suppress
from functools import lru_cache
from typing import Final

from futago.values import IPv6Address
from futago.vrrp import packet
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.packet import Datagram

_SO_ATTACH_FILTER: Final = 26
_IPV6_MULTICAST_ALL: Final = 29
_INTERNETWORK_CONTROL: Final = 0xC0
_RECEIVE_AT_ONCE: Final = 64
_SENDERS: Final = 4096
"""Whose addresses are kept; a host hears the same few again and again."""
_TO_ALL: Final = (str(packet.GROUP), 0)
_ROOM: Final = 8192
"""More than an advertisement with 255 addresses takes."""


class AdvertSocket:
    """Must be opened inside the router's namespace; can be used from outside."""

    def __init__(self, router: VirtualRouterConfig) -> None:
        """Open it.

        Raises:
            OSError: the interface is not there, or the kernel refused.

        """
        family = socket.AF_INET6 if router.ipv6 else socket.AF_INET
        self._router = router
        self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, packet.PROTOCOL)
        try:
            self._set_up()
        except BaseException:
            self.close()
            raise

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send an advertisement to the group.

        Raises:
            OSError: the interface is down or gone.

        """
        if not self._router.ipv6:
            self._socket.sendto(data, _TO_ALL)
            return
        source = struct.pack("=16si", self._router.source.packed, self._index)
        whence = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, source)]
        self._socket.sendmsg([data], whence, 0, (str(packet.GROUP_IPV6), 0, 0, self._index))

    def receive(self, *, everything: bool) -> list[bytes | Datagram]:
        """What has come in, or one packet of it: over IPv4 with headers, over IPv6 taken apart.

        Raises:
            OSError: the interface went down.

        """
        packets: list[bytes | Datagram] = []
        take = self._take_ipv6 if self._router.ipv6 else self._take_ipv4
        with suppress(BlockingIOError):
            packets.extend(take() for _ in range(_RECEIVE_AT_ONCE if everything else 1))
        return packets

    def _take_ipv4(self) -> bytes:
        return self._socket.recv(_ROOM)

    def _take_ipv6(self) -> Datagram:
        """The kernel keeps the header to itself and tells what stood in it beside the packet."""
        payload, beside, _, whence = self._socket.recvmsg(_ROOM, 256)
        told = {kind: value for _, kind, value in beside}
        return Datagram(
            source=_sender(whence[0]),
            destination=packet.ipv6_address(told[socket.IPV6_PKTINFO][:16]),
            ttl=struct.unpack("=i", told[socket.IPV6_HOPLIMIT])[0],
            payload=payload,
        )

    def _set_up(self) -> None:
        """Filtered, bound, joined: in this order, so that nobody else's packets are ever queued."""
        sock, router = self._socket, self._router
        _only_our_vrid(sock, router)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, router.interface.encode() + b"\0")
        self._index = _index_of(router.interface)
        if router.ipv6:
            self._join_ipv6()
        else:
            self._join_ipv4()

    def _join_ipv4(self) -> None:
        sock = self._socket
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _INTERNETWORK_CONTROL)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, packet.TTL)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
        # The address here is the source of what is sent; binding to it would refuse what is sent to the group.
        mreqn = struct.pack("=4s4si", packet.GROUP.packed, self._router.source.packed, self._index)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, mreqn)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, mreqn)

    def _join_ipv6(self) -> None:
        """The kernel does not look at the checksum: a wrong one shall be counted (`packet.decode`)."""
        settings = (
            (socket.IPV6_TCLASS, _INTERNETWORK_CONTROL),
            (socket.IPV6_MULTICAST_HOPS, packet.TTL),
            (socket.IPV6_MULTICAST_LOOP, 0),
            (_IPV6_MULTICAST_ALL, 0),
            (socket.IPV6_RECVHOPLIMIT, 1),
            (socket.IPV6_RECVPKTINFO, 1),
            (socket.IPV6_MULTICAST_IF, self._index),
        )
        for setting, value in settings:
            self._socket.setsockopt(socket.IPPROTO_IPV6, setting, value)
        membership = packet.GROUP_IPV6.packed + struct.pack("=i", self._index)
        self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)


@lru_cache(_SENDERS)
def _sender(text: str) -> IPv6Address:
    """An address as the kernel's socket call tells it, with the interface behind it."""
    return IPv6Address(text.partition("%")[0])


def _index_of(interface: str) -> int:
    """By a call that looks in the namespace of this thread.

    Raises:
        OSError: there is no such interface.

    """
    try:
        return socket.if_nametoindex(interface)
    except OSError as error:
        raise OSError(error.errno, f"no interface {interface}: {error.strerror}") from error


def _only_our_vrid(sock: socket.socket, router: VirtualRouterConfig) -> None:
    """Let the kernel drop the advertisements of the other routers on the same network (bpf(4), classic).

    All routers of a project share one HA network: without this each would wake us for every other. A filter sees an
    IPv4 packet from its header on, and an IPv6 one from behind its header.
    """
    header_bytes_to_x, zero_to_x = (0xB1, 0, 0, 0), (0x01, 0, 0, 0)
    program = (
        zero_to_x if router.ipv6 else header_bytes_to_x,
        (0x50, 0, 0, 1),  # a = second byte after x
        (0x15, 0, 1, router.vrid),  # is it our virtual router id?
        (0x06, 0, 0, 0xFFFFFFFF),  # take all of it
        (0x06, 0, 0, 0),  # take nothing
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *line) for line in program))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, struct.pack("HP", len(program), ctypes.addressof(code)))
