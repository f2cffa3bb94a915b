"""The few rtnetlink messages that a takeover needs, to and from bytes (rtnetlink(7), netlink(7)).

A library would do, but not here: a takeover is one `sendmsg` with all its addresses and routes, from a socket that
stays open in the router's namespace and is used from within the event loop.
"""

import errno
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_interface
from typing import Final

from futago.values import IPInterface
from futago.vrrp.config import VirtualAddress, VirtualRoute

PROTOCOL: Final = 142
"""Marks our addresses (IFA_PROTO) and routes (rtm_protocol): `ip route show proto 142`. Others' are never touched."""

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_IFADDRMSG: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_RTMSG: Final = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type

_ERROR, _DONE = 2, 3
_NEWADDR, _DELADDR, _GETADDR = 20, 21, 22
_NEWROUTE, _DELROUTE = 24, 25
_REQUEST, _ACK, _DUMP, _REPLACE, _EXCL, _CREATE = 0x1, 0x4, 0x300, 0x100, 0x200, 0x400
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_AF_UNSPEC, _AF_INET, _AF_INET6 = 0, 2, 10
_NODAD: Final = 0x02
"""Use it at once: duplicate address detection would take a second of a takeover (IFA_F_NODAD)."""
_TABLE_MAIN, _SCOPE_UNIVERSE, _SCOPE_ANY, _UNICAST = 254, 0, 255, 1

_ALREADY_THERE: Final = frozenset({errno.EEXIST})
_ALREADY_GONE: Final = frozenset({errno.EADDRNOTAVAIL, errno.ESRCH, errno.ENODEV})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One message that changes the kernel's tables."""

    kind: int
    flags: int
    body: bytes
    harmless: frozenset[int]
    """The errors that say that there was nothing to do."""
    text: str
    """What it does, for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundAddress:
    """An address that the kernel has."""

    index: int
    interface: str = ""
    """To be asked for: the kernel tells the index."""
    address: IPInterface
    ours: bool
    """It carries our mark. (Kernels before 5.18 keep no mark.)"""


def put_address(address: VirtualAddress, index: int) -> Change:
    return Change(
        kind=_NEWADDR,
        flags=_CREATE | _EXCL,
        body=_address_body(address, index) + _attribute(_IFA_PROTO, bytes([PROTOCOL])),
        harmless=_ALREADY_THERE,
        text=f"add {address.address} to {address.interface}",
    )


def mark_address(address: VirtualAddress, index: int) -> Change:
    """Give one that is there already our mark."""
    return replace(put_address(address, index), flags=_REPLACE, text=f"mark {address.address} on {address.interface}")


def remove_address(address: VirtualAddress, index: int) -> Change:
    return Change(
        kind=_DELADDR,
        flags=0,
        body=_address_body(address, index),
        harmless=_ALREADY_GONE,
        text=f"remove {address.address} from {address.interface}",
    )


def put_route(route: VirtualRoute, index: int) -> Change:
    """A route of ours to the same destination is replaced."""
    return Change(
        kind=_NEWROUTE,
        flags=_CREATE | _REPLACE,
        body=_route_body(route, index, _SCOPE_UNIVERSE),
        harmless=_ALREADY_THERE,
        text=f"route {route.destination} via {route.next_hop} on {route.interface}",
    )


def restore_route(route: VirtualRoute, index: int) -> Change:
    """Only if there is no route to the destination."""
    return replace(put_route(route, index), flags=_CREATE | _EXCL)


def remove_route(route: VirtualRoute, index: int) -> Change:
    return Change(
        kind=_DELROUTE,
        flags=0,
        body=_route_body(route, index, _SCOPE_ANY),
        harmless=_ALREADY_GONE,
        text=f"remove the route to {route.destination} via {route.next_hop}",
    )


def to_bytes(change: Change, sequence: int) -> bytes:
    """The message, asking for an acknowledgement."""
    length = _HEADER.size + len(change.body)
    return _HEADER.pack(length, change.kind, _REQUEST | _ACK | change.flags, sequence, 0) + change.body


def dump_addresses(sequence: int) -> bytes:
    """Ask for all addresses of the namespace."""
    body = _IFADDRMSG.pack(_AF_UNSPEC, 0, 0, 0, 0)
    return _HEADER.pack(_HEADER.size + len(body), _GETADDR, _REQUEST | _DUMP, sequence, 0) + body


def read_acknowledgements(data: bytes) -> dict[int, int]:
    """By sequence number, the error that each change met; 0 is none."""
    return {sequence: -struct.unpack_from("=i", body)[0] for kind, sequence, body in messages(data) if kind == _ERROR}


def read_addresses(data: bytes) -> tuple[list[FoundAddress], bool]:
    """The addresses in one part of the answer to a dump, and whether it was the last part."""
    found: list[FoundAddress] = []
    for kind, _, body in messages(data):
        if kind in {_DONE, _ERROR}:
            return found, True
        if kind == _NEWADDR:
            found.append(_found(body))
    return found, False


def _found(body: bytes) -> FoundAddress:
    _, prefix, _, _, index = _IFADDRMSG.unpack_from(body)
    said = dict(attributes(body[_IFADDRMSG.size :]))
    local = said.get(_IFA_LOCAL) or said[_IFA_ADDRESS]
    return FoundAddress(
        index=index,
        address=ip_interface((ip_address(local), prefix)),
        ours=said.get(_IFA_PROTO) == bytes([PROTOCOL]),
    )


def _address_body(address: VirtualAddress, index: int) -> bytes:
    packed = address.address.ip.packed
    family, flags = _family(address.address.version), 0 if address.address.version == 4 else _NODAD
    head = _IFADDRMSG.pack(family, address.address.network.prefixlen, flags, _SCOPE_UNIVERSE, index)
    return head + _attribute(_IFA_LOCAL, packed) + _attribute(_IFA_ADDRESS, packed)


def _route_body(route: VirtualRoute, index: int, scope: int) -> bytes:
    destination = route.destination
    family = _family(destination.version)
    head = _RTMSG.pack(family, destination.prefixlen, 0, 0, _TABLE_MAIN, PROTOCOL, scope, _UNICAST, 0)
    return (
        head
        + _attribute(_RTA_DST, destination.network_address.packed)
        + _attribute(_RTA_GATEWAY, route.next_hop.packed)
        + _attribute(_RTA_OIF, struct.pack("=I", index))
    )


def _family(version: int) -> int:
    return _AF_INET if version == 4 else _AF_INET6


def _attribute(kind: int, value: bytes) -> bytes:
    data = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return data + b"\0" * (-len(data) % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The attributes that stand one after the other, each with its kind."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + length]
        at += length + (-length % 4)


def messages(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """The messages in what one `recv` brought: kind, sequence number, body."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, sequence, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, sequence, data[at + _HEADER.size : at + length]
        at += length + (-length % 4)
