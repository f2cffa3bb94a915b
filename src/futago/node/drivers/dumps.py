"""What the kernel has in a namespace, asked by dumps of netlink(7): links, addresses, routes, nft chains.

A library would do, but a node looks into each of its namespaces again and again: for hundreds of routers that would be
most of what it does. Answers are read as they come; who must not miss what changes meanwhile asks again later.
"""

import errno
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network
from typing import Final

from futago.node.host import HostRefused
from futago.values import IPAddress, IPInterface, IPNetwork, Mac
from futago.vrrp.inside import inside
from futago.vrrp.rtnetlink import attributes, messages

_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_LINK: Final = struct.Struct("=BxHiII")  # family, type, index, flags, change
_ADDRESS: Final = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, index
_ROUTE: Final = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags
_NETFILTER: Final = struct.Struct("=BBH")  # family, version, resource

_ROUTE_FAMILY, _NETFILTER_FAMILY = 0, 12
_REQUEST_DUMP: Final = 0x301
_ERROR, _DONE = 2, 3
_GETLINK, _GETADDR, _GETROUTE = 18, 22, 26
_GETCHAIN: Final = 10 << 8 | 4
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_IFALIAS, _IFLA_EXT_MASK = 1, 3, 4, 5, 20, 29
_SKIP_STATISTICS: Final = 1 << 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11
_RTA_DST, _RTA_OIF, _RTA_GATEWAY = 1, 4, 5
_LENGTHS: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}
_GETOBJ: Final = 10 << 8 | 19
_NFPROTO_INET: Final = 1
_CHAIN_TABLE, _CHAIN_NAME = 1, 3
_OBJ_TABLE, _OBJ_NAME, _OBJ_TYPE, _OBJ_DATA = 1, 2, 3, 4
_COUNTER: Final = bytes([0, 0, 0, 1])
_COUNTER_BYTES, _COUNTER_PACKETS = 1, 2
_ROOM: Final = 1 << 18
_SECONDS: Final = 5.0
_NO_NETFILTER: Final = {errno.ENOENT, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT, errno.EINVAL}


@dataclass(frozen=True, slots=True)
class Link:
    """An interface."""

    index: int
    name: str
    mac: Mac
    mtu: int
    flags: int
    """netdevice(7), SIOCGIFFLAGS."""
    peer: int
    """The index of the other end, in whichever namespace that is; 0 if there is none."""
    alias: str


@dataclass(frozen=True, slots=True)
class Address:
    """An address, of either family."""

    index: int
    address: IPInterface
    protocol: int


@dataclass(frozen=True, slots=True)
class Route:
    """A route, of either family, through a gateway on one interface."""

    index: int
    destination: IPNetwork
    gateway: IPAddress
    protocol: int


def links(namespace: str = "") -> list[Link]:
    """All interfaces of the namespace; "" is the calling thread's.

    Raises:
        HostRefused: the kernel does not tell.
        OSError: there is no such namespace.

    """
    mask = struct.pack("=HHI", 8, _IFLA_EXT_MASK, _SKIP_STATISTICS)
    found = []
    for body in _dump(namespace, _ROUTE_FAMILY, _GETLINK, _LINK.pack(0, 0, 0, 0, 0) + mask):
        _, _, index, flags, _ = _LINK.unpack_from(body)
        said = dict(attributes(body[_LINK.size :]))
        found.append(
            Link(
                index=index,
                name=_text(said[_IFLA_IFNAME]),
                mac=Mac(said.get(_IFLA_ADDRESS, b"").hex(":")),
                mtu=_number(said.get(_IFLA_MTU)),
                flags=flags,
                peer=_number(said.get(_IFLA_LINK)),
                alias=_text(said.get(_IFLA_IFALIAS, b"")),
            )
        )
    return found


def addresses(namespace: str = "") -> list[Address]:
    """All addresses of the namespace; "" is the calling thread's.

    Raises:
        HostRefused: the kernel does not tell.
        OSError: there is no such namespace.

    """
    found = []
    for body in _dump(namespace, _ROUTE_FAMILY, _GETADDR, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0)):
        _, prefix, _, _, index = _ADDRESS.unpack_from(body)
        said = dict(attributes(body[_ADDRESS.size :]))
        own = ip_interface((said.get(_IFA_LOCAL) or said[_IFA_ADDRESS], prefix))
        found.append(Address(index, own, said.get(_IFA_PROTO, b"\0")[0]))
    return found


def routes(namespace: str = "") -> list[Route]:
    """The routes of the namespace that lead through a gateway; "" is the calling thread's.

    Raises:
        HostRefused: the kernel does not tell.
        OSError: there is no such namespace.

    """
    found = []
    request = _ROUTE.pack(socket.AF_UNSPEC, 0, 0, 0, 0, 0, 0, 0, 0)
    for body in _dump(namespace, _ROUTE_FAMILY, _GETROUTE, request):
        family, prefix, _, _, _, protocol, _, _, _ = _ROUTE.unpack_from(body)
        said = dict(attributes(body[_ROUTE.size :]))
        if family in _LENGTHS and _RTA_GATEWAY in said and _RTA_OIF in said:
            destination = ip_network((said.get(_RTA_DST, bytes(_LENGTHS[family])), prefix))
            found.append(Route(_number(said[_RTA_OIF]), destination, ip_address(said[_RTA_GATEWAY]), protocol))
    return found


def chains(namespace: str, table: str) -> list[str]:
    """The names of the chains in an nft table of IPv4; a table that is not there has none.

    Raises:
        HostRefused: the kernel does not tell.
        OSError: there is no such namespace.

    """
    return _chains(namespace, socket.AF_INET).get(table, [])


def inet_chains(namespace: str) -> dict[str, list[str]]:
    """The names of the chains in each nft table of both families; raises as `chains` does."""
    return _chains(namespace, _NFPROTO_INET)


def counters(namespace: str, table: str) -> dict[str, tuple[int, int]]:
    """Named counters in an nft table of both families: packets and bytes; raises as `chains` does."""
    found = {}
    for body in _dump(namespace, _NETFILTER_FAMILY, _GETOBJ, _NETFILTER.pack(_NFPROTO_INET, 0, 0)):
        said = dict(attributes(body[_NETFILTER.size :]))
        if _text(said[_OBJ_TABLE]) == table and said[_OBJ_TYPE] == _COUNTER:
            counter = dict(attributes(said[_OBJ_DATA]))
            found[_text(said[_OBJ_NAME])] = (
                int.from_bytes(counter[_COUNTER_PACKETS]),
                int.from_bytes(counter[_COUNTER_BYTES]),
            )
    return found


def _chains(namespace: str, family: int) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for body in _dump(namespace, _NETFILTER_FAMILY, _GETCHAIN, _NETFILTER.pack(family, 0, 0)):
        said = dict(attributes(body[_NETFILTER.size :]))
        found.setdefault(_text(said[_CHAIN_TABLE]), []).append(_text(said[_CHAIN_NAME]))
    return found


def _dump(namespace: str, family: int, kind: int, request: bytes) -> Iterator[bytes]:
    """The body of each message that the kernel answers with."""
    with inside(
        namespace, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, family)
    ) as s:
        s.settimeout(_SECONDS)
        s.send(_HEADER.pack(_HEADER.size + len(request), kind, _REQUEST_DUMP, 1, 0) + request)
        while True:
            for answer, _, body in messages(s.recv(_ROOM)):
                if answer == _DONE:
                    return
                if answer == _ERROR:
                    _complain(-struct.unpack_from("=i", body)[0], family, namespace)
                    return
                yield body


def _complain(code: int, family: int, namespace: str) -> None:
    if code and not (family == _NETFILTER_FAMILY and code in _NO_NETFILTER):
        raise HostRefused(f"namespace {namespace or 'of the host'}: {os.strerror(code)}")


def _number(data: bytes | None) -> int:
    return 0 if data is None else int(struct.unpack_from("=I", data)[0])


def _text(data: bytes) -> str:
    return data.rstrip(b"\0").decode(errors="replace")
