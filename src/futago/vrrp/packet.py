"""VRRP advertisements, gratuitous ARP and unsolicited neighbour advertisements, to and from bytes.

Version 2 is RFC 3768 with the simple text password of RFC 2338, version 3 is RFC 9568 for IPv4 and IPv6:

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+---------------+---------------+
    |Version| Type 1|  Virtual id   |   Priority    | Address count |
    +-------+-------+---------------+---------------+---------------+
    | v2: auth type | interval in s |           Checksum            |
    | v3: 0 | interval in 1/100 s   |                               |
    +---------------+---------------+-------------------------------+
    |               Addresses, 4 or 16 bytes each                   |
    +---------------------------------------------------------------+
    |  v2 only: 8 bytes of authentication data (zero without auth)  |
    +---------------------------------------------------------------+
    |  between our own: 28 bytes that prove who sent it (`auth`)    |
    +---------------------------------------------------------------+
"""

import struct
from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from futago.values import IPAddress, IPv4Address, IPv6Address, Mac, Millis, mac_bytes, millis_from_centiseconds
from futago.vrrp.config import Version

GROUP: Final = IPv4Address("224.0.0.18")
"""Where advertisements go (RFC 9568, 5.1.1.2)."""
GROUP_IPV6: Final = IPv6Address("ff02::12")
"""The same for IPv6 (RFC 9568, 5.1.2.2)."""
PROTOCOL: Final = 112
TTL: Final = 255
"""A packet with any other TTL or hop limit came through a router (RFC 9568, 5.1.1.3 and 5.1.2.3)."""
PASSWORD_BYTES: Final = 8
"""The room for a simple text password (RFC 2338, 5.3.10)."""
MAX_INTERVAL_V2: Final = Millis(255_000)
MAX_INTERVAL_V3: Final = Millis(40_950)
TRAILER_BYTES: Final = 28
"""What an authenticated advertisement has after the message (`auth`)."""

_TYPE_ADVERTISEMENT: Final = 1
_AUTH_NONE: Final = 0
_AUTH_SIMPLE_TEXT: Final = 1
_HEADER: Final = struct.Struct("!BBBBBBH")
_BROADCAST: Final = b"\xff" * 6
_LESSONS: Final = b"\x03\x00\x5e\x00\x01"
_ARP: Final = struct.Struct("!6s6sHHHBBH6s4s6s4s")
_ALL_NODES: Final = IPv6Address("ff02::1")
_ICMPV6: Final = 58
_CHECKSUM: Final = slice(6, 8)
_SENDERS: Final = 4096
"""Addresses that are kept: a host hears the same few again and again, and to make an object of one takes its time."""


class DropReason(StrEnum):
    """Why a received packet is not used (RFC 9568, 7.1; RFC 3768, 7.1)."""

    SHORT = "short"
    LENGTH = "length does not fit the address count"
    VERSION = "version"
    TYPE = "type"
    CHECKSUM = "checksum"
    VRID = "virtual router id"
    NO_ADDRESS = "no address"
    INTERVAL = "interval"
    AUTH_TYPE = "authentication type"
    PASSWORD = "password"  # noqa: S105 - a reason, not a secret
    TTL = "ttl"
    NOT_IP = "not an ip packet"
    OWN_SOURCE = "our own source address"
    DESTINATION = "destination"
    NOT_LINK_LOCAL = "source is not link-local"
    FIRST_ADDRESS = "first address is not link-local"
    NO_PROOF = "no authentication trailer"
    SCHEME = "authentication scheme"
    KEY = "unknown key"
    PROOF = "authentication"
    STALE = "too old or from the future"
    REPLAY = "replayed"


class BadPacket(Exception):
    """The peer sent something that must be dropped."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Advert(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One advertisement."""

    version: Version
    vrid: int
    priority: int
    interval: Millis
    addresses: tuple[IPAddress, ...]
    password: bytes | None = None
    """VRRPv2 only: up to 8 bytes; None is no authentication."""


class Ends(msgspec.Struct, frozen=True, gc=False):
    """What a pseudo-header has of the IP header; both of one family."""

    source: IPAddress
    destination: IPAddress

    @property
    def ipv6(self) -> bool:
        return isinstance(self.source, IPv6Address)


class Datagram(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What a raw socket hands over, taken apart."""

    source: IPAddress
    destination: IPAddress = GROUP
    ttl: int
    payload: bytes

    @property
    def ends(self) -> Ends:
        return Ends(self.source, self.destination)

    def carrying(self, payload: bytes) -> "Datagram":
        """The same with another payload."""
        return Datagram(source=self.source, destination=self.destination, ttl=self.ttl, payload=payload)


def encode(advert: Advert, ends: Ends | None = None, trailer: bytes = b"") -> bytes:
    """The bytes after the IP header; with `ends` the checksum has a pseudo-header, as over IPv6 it must.

    Over IPv6 the checksum covers the trailer too, over IPv4 it does not.
    """
    return complete(without_checksum(advert), ends, trailer)


def complete(message: bytes, ends: Ends | None, trailer: bytes = b"") -> bytes:
    """Fill in the checksum of a message that has none yet, and append the trailer (`encode`)."""
    covered = message + trailer if ends and ends.ipv6 else message
    checksum = internet_checksum(_pseudo_header(ends, len(covered)) + covered)
    return message[: _CHECKSUM.start] + checksum.to_bytes(2, "big") + message[_CHECKSUM.stop :] + trailer


def without_checksum(advert: Advert) -> bytes:
    """The message with a checksum of 0. A password of more than 8 bytes is cut, a short one is filled with zeros."""
    first = advert.version << 4 | _TYPE_ADVERTISEMENT
    addresses = b"".join(a.packed for a in advert.addresses)
    auth_type, auth = _authentication(advert)
    high, low = _interval_bytes(advert, auth_type)
    return _HEADER.pack(first, advert.vrid, advert.priority, len(advert.addresses), high, low, 0) + addresses + auth


def cut(data: bytes, *, ipv6: bool) -> tuple[bytes, bytes]:
    """The message and the trailer, if there is one of the right length; whatever else is too long stays whole."""
    if len(data) < _HEADER.size:
        return data, b""
    end = _message_bytes(data, ipv6=ipv6)
    return (data[:end], data[end:]) if len(data) == end + TRAILER_BYTES else (data, b"")


def decode(data: bytes, ends: Ends | None = None, trailer: bytes = b"") -> Advert:
    """Read a message; whatever needs no configuration to be judged is judged here.

    Raises:
        BadPacket: the packet must be dropped.

    """
    ipv6 = ends is not None and ends.ipv6
    if len(data) < _HEADER.size:
        raise BadPacket(DropReason.SHORT)
    first, vrid, priority, count, high, low, _ = _HEADER.unpack_from(data)
    if first >> 4 not in (Version.V2, Version.V3):
        raise BadPacket(DropReason.VERSION)
    version = Version(first >> 4)
    _require(version is Version.V3 or not ipv6, DropReason.VERSION)
    _require(first & 0x0F == _TYPE_ADVERTISEMENT, DropReason.TYPE)
    _require(len(data) == _message_bytes(data, ipv6=ipv6), DropReason.LENGTH)
    _require(_intact(data, version, ends, trailer), DropReason.CHECKSUM)
    _require(vrid != 0, DropReason.VRID)
    _require(count != 0, DropReason.NO_ADDRESS)
    interval = _interval(version, high, low)
    _require(interval != 0, DropReason.INTERVAL)
    addresses = _addresses(data, count, ipv6=ipv6)
    _require(not ipv6 or addresses[0].is_link_local, DropReason.FIRST_ADDRESS)
    return Advert(
        version=version,
        vrid=vrid,
        priority=priority,
        interval=interval,
        addresses=addresses,
        password=_password(high, data[-PASSWORD_BYTES:]) if version is Version.V2 else None,
    )


def password_bytes(password: str) -> bytes | None:
    """The password as it stands on the wire, without its zeros; "" is no authentication."""
    return password.encode()[:PASSWORD_BYTES].rstrip(b"\0") if password else None


def take_apart(packet: bytes) -> Datagram:
    """Read the IPv4 header that a raw socket leaves in front of what it received (raw(7)), or an IPv6 one.

    Raises:
        BadPacket: not an IP packet.

    """
    if len(packet) >= 40 and packet[0] >> 4 == 6:
        source, destination = packet[8:24], packet[24:40]
        return Datagram(
            source=ipv6_address(source), destination=ipv6_address(destination), ttl=packet[7], payload=packet[40:]
        )
    if len(packet) < 20 or packet[0] >> 4 != 4:
        raise BadPacket(DropReason.NOT_IP)
    length = (packet[0] & 0x0F) * 4
    if length < 20 or length > len(packet):
        raise BadPacket(DropReason.NOT_IP)
    source, destination = packet[12:16], packet[16:20]
    return Datagram(
        source=_ipv4_address(source), destination=_ipv4_address(destination), ttl=packet[8], payload=packet[length:]
    )


@lru_cache(_SENDERS)
def ipv6_address(packed: bytes) -> IPv6Address:
    """The address with these 16 bytes."""
    return IPv6Address(packed)


def internet_checksum(data: bytes) -> int:
    """The ones' complement of the ones' complement sum (RFC 1071); 0 over data that carries its right checksum."""
    padded = data + b"\0" if len(data) % 2 else data
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def announcements(mac: Mac, address: IPAddress) -> tuple[bytes, ...]:
    """The frames that tell the neighbours where `address` is now."""
    if isinstance(address, IPv4Address):
        return gratuitous_arp(mac, address)
    return (neighbour_advertisement(mac, address),)


def gratuitous_arp(mac: Mac, address: IPv4Address) -> tuple[bytes, bytes]:
    """Two broadcast frames that say where `address` is now: a request and a reply (RFC 5227, 3).

    Switches learn from either; some hosts update their caches only from the one or the other. The target's MAC address
    is ours (RFC 9568, errata 7947 and 7949): Linux takes no reply for gratuitous in which it is another.
    """
    ours = mac_bytes(mac)
    ip = address.packed
    ethernet = (_BROADCAST, ours, 0x0806)
    ipv4_over_ethernet = (1, 0x0800, 6, 4)
    request = _ARP.pack(*ethernet, *ipv4_over_ethernet, 1, ours, ip, ours, ip)
    reply = _ARP.pack(*ethernet, *ipv4_over_ethernet, 2, ours, ip, ours, ip)
    return request, reply


def arp_announcement(mac: Mac, address: IPv4Address) -> bytes:
    """A broadcast request whose target's MAC address is left open (RFC 5227, 3): flows tell it from a takeover's."""
    ours = mac_bytes(mac)
    return _ARP.pack(_BROADCAST, ours, 0x0806, 1, 0x0800, 6, 4, 1, ours, address.packed, bytes(6), address.packed)


def lesson(frame: bytes, number: int) -> bytes:
    """`frame` for the switches on its way, to a locally administered group that nobody is in; 256 of them.

    Open vSwitch learns from the first frame of a flow at once, and from further ones only when it counts its flows
    again, twice a second. What it then counts of the router's former host takes back what it has learned of the new
    one, and a repetition of the same frame comes too late by half a second. A frame to another group is another flow.
    """
    return _LESSONS + bytes([number & 0xFF]) + frame[6:]


def neighbour_advertisement(mac: Mac, address: IPv6Address) -> bytes:
    """A frame to all nodes that says where `address` is now (RFC 9568, 6.4.2; RFC 4861, 4.4).

    It comes from a router, answers nobody, and overrides what is cached. It comes from the address itself, which is
    there already: a takeover puts before it announces.
    """
    ours = mac_bytes(mac)
    router_and_override = 0xA0000000
    target_link_layer = bytes([2, 1]) + ours
    body = struct.pack("!BBHI", 136, 0, 0, router_and_override) + address.packed + target_link_layer
    pseudo = address.packed + _ALL_NODES.packed + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + internet_checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    ip = struct.pack("!IHBB", 0x6C000000, len(body), _ICMPV6, 255) + address.packed + _ALL_NODES.packed
    return b"\x33\x33" + _ALL_NODES.packed[-4:] + ours + b"\x86\xdd" + ip + body


@lru_cache(_SENDERS)
def _ipv4_address(packed: bytes) -> IPv4Address:
    return IPv4Address(packed)


def _message_bytes(data: bytes, *, ipv6: bool) -> int:
    """How long a message with this header is."""
    password = PASSWORD_BYTES if data[0] >> 4 == Version.V2 else 0
    return _HEADER.size + (16 if ipv6 else 4) * data[3] + password


def _addresses(data: bytes, count: int, *, ipv6: bool) -> tuple[IPAddress, ...]:
    size = 16 if ipv6 else 4
    starts = range(_HEADER.size, _HEADER.size + count * size, size)
    packed = (data[at : at + size] for at in starts)
    return tuple(map(IPv6Address, packed)) if ipv6 else tuple(map(IPv4Address, packed))


def _intact(data: bytes, version: Version, ends: Ends | None, trailer: bytes) -> bool:
    """Whether the checksum is right.

    Over IPv4, RFC 9568 leaves the pseudo-header out that many implementations of RFC 5798 have: either is taken. That
    is safe: a checksum finds damage and never forgery, of which it still misses only one in 32,768; and the addresses
    that the pseudo-header covers are covered by the IPv4 header's own checksum.
    """
    if ends is None or version is Version.V2:
        return internet_checksum(data) == 0
    covered = data + trailer if ends.ipv6 else data
    with_ends = internet_checksum(_pseudo_header(ends, len(covered)) + covered) == 0
    return with_ends or (not ends.ipv6 and internet_checksum(data) == 0)


def _pseudo_header(ends: Ends | None, length: int) -> bytes:
    """RFC 8200, 8.1 for IPv6; RFC 9293, 3.1 has IPv4's."""
    if ends is None:
        return b""
    tail = struct.pack("!II", length, PROTOCOL) if ends.ipv6 else struct.pack("!HH", PROTOCOL, length)
    return ends.source.packed + ends.destination.packed + tail


def _require(true: bool, reason: DropReason) -> None:  # noqa: FBT001 - reads as a sentence where it is called
    if not true:
        raise BadPacket(reason)


def _authentication(advert: Advert) -> tuple[int, bytes]:
    if advert.version is Version.V3:
        return _AUTH_NONE, b""
    if advert.password is None:
        return _AUTH_NONE, b"\0" * PASSWORD_BYTES
    return _AUTH_SIMPLE_TEXT, advert.password[:PASSWORD_BYTES].ljust(PASSWORD_BYTES, b"\0")


def _interval_bytes(advert: Advert, auth_type: int) -> tuple[int, int]:
    if advert.version is Version.V2:
        return auth_type, advert.interval // 1000
    return divmod(advert.interval // 10, 256)


def _interval(version: Version, high: int, low: int) -> Millis:
    if version is Version.V2:
        return Millis(low * 1000)
    return millis_from_centiseconds((high & 0x0F) << 8 | low)


def _password(auth_type: int, data: bytes) -> bytes | None:
    match auth_type:
        case 0:
            return None
        case 1:
            return data.rstrip(b"\0")
        case _:  # RFC 2338's IP authentication header was never used; RFC 3768 withdrew it
            raise BadPacket(DropReason.AUTH_TYPE)
