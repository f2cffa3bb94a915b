"""VRRP advertisements and gratuitous ARP, to and from bytes.

Version 2 is RFC 3768 with the simple text password of RFC 2338, version 3 is RFC 9568 for IPv4:

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-------+-------+---------------+---------------+---------------+
    |Version| Type 1|  Virtual id   |   Priority    | Address count |
    +-------+-------+---------------+---------------+---------------+
    | v2: auth type | interval in s |           Checksum            |
    | v3: 0 | interval in 1/100 s   |                               |
    +---------------+---------------+-------------------------------+
    |                     Addresses, 4 bytes each                   |
    +---------------------------------------------------------------+
    |  v2 only: 8 bytes of authentication data (zero without auth)  |
    +---------------------------------------------------------------+
"""

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from futago.values import IPv4Address, Mac, Millis, mac_bytes, millis_from_centiseconds
from futago.vrrp.config import Version

GROUP: Final = IPv4Address("224.0.0.18")
"""Where advertisements go (RFC 9568, 5.1.1.2)."""
PROTOCOL: Final = 112
TTL: Final = 255
"""A packet with any other TTL came through a router (RFC 9568, 5.1.1.3)."""
PASSWORD_BYTES: Final = 8
"""The room for a simple text password (RFC 2338, 5.3.10)."""
MAX_INTERVAL_V2: Final = Millis(255_000)
MAX_INTERVAL_V3: Final = Millis(40_950)

_TYPE_ADVERTISEMENT: Final = 1
_AUTH_NONE: Final = 0
_AUTH_SIMPLE_TEXT: Final = 1
_HEADER: Final = struct.Struct("!BBBBBBH")
_BROADCAST: Final = b"\xff" * 6
_ARP: Final = struct.Struct("!6s6sHHHBBH6s4s6s4s")


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


class BadPacket(Exception):
    """The peer sent something that must be dropped."""

    def __init__(self, reason: DropReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Advert:
    """One advertisement."""

    version: Version
    vrid: int
    priority: int
    interval: Millis
    addresses: tuple[IPv4Address, ...]
    password: bytes | None = None
    """VRRPv2 only: up to 8 bytes; None is no authentication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Datagram:
    """What a raw socket hands over, taken apart."""

    source: IPv4Address
    ttl: int
    payload: bytes


def encode(advert: Advert) -> bytes:
    """The bytes after the IP header. A password of more than 8 bytes is cut, a short one is filled with zeros."""
    first = advert.version << 4 | _TYPE_ADVERTISEMENT
    addresses = b"".join(a.packed for a in advert.addresses)
    auth_type, auth = _authentication(advert)
    high, low = _interval_bytes(advert, auth_type)
    head = (first, advert.vrid, advert.priority, len(advert.addresses), high, low)
    checksum = internet_checksum(_HEADER.pack(*head, 0) + addresses + auth)
    return _HEADER.pack(*head, checksum) + addresses + auth


def decode(data: bytes) -> Advert:
    """Read the bytes after the IP header; whatever needs no configuration to be judged is judged here.

    Raises:
        BadPacket: the packet must be dropped.

    """
    if len(data) < _HEADER.size:
        raise BadPacket(DropReason.SHORT)
    first, vrid, priority, count, high, low, _ = _HEADER.unpack_from(data)
    if first >> 4 not in (Version.V2, Version.V3):
        raise BadPacket(DropReason.VERSION)
    version = Version(first >> 4)
    _require(first & 0x0F == _TYPE_ADVERTISEMENT, DropReason.TYPE)
    end = _HEADER.size + 4 * count
    _require(len(data) == end + (PASSWORD_BYTES if version is Version.V2 else 0), DropReason.LENGTH)
    _require(internet_checksum(data) == 0, DropReason.CHECKSUM)
    _require(vrid != 0, DropReason.VRID)
    _require(count != 0, DropReason.NO_ADDRESS)
    interval = _interval(version, high, low)
    _require(interval != 0, DropReason.INTERVAL)
    return Advert(
        version=version,
        vrid=vrid,
        priority=priority,
        interval=interval,
        addresses=tuple(IPv4Address(data[at : at + 4]) for at in range(_HEADER.size, end, 4)),
        password=_password(high, data[end:]) if version is Version.V2 else None,
    )


def password_bytes(password: str) -> bytes | None:
    """The password as it stands on the wire, without its zeros; "" is no authentication."""
    return password.encode()[:PASSWORD_BYTES].rstrip(b"\0") if password else None


def take_apart(packet: bytes) -> Datagram:
    """Read the IPv4 header that a raw socket leaves in front of what it received (raw(7)).

    Raises:
        BadPacket: not an IPv4 packet.

    """
    if len(packet) < 20 or packet[0] >> 4 != 4:
        raise BadPacket(DropReason.NOT_IP)
    length = (packet[0] & 0x0F) * 4
    if length < 20 or length > len(packet):
        raise BadPacket(DropReason.NOT_IP)
    return Datagram(source=IPv4Address(packet[12:16]), ttl=packet[8], payload=packet[length:])


def internet_checksum(data: bytes) -> int:
    """The ones' complement of the ones' complement sum (RFC 1071); 0 over data that carries its right checksum.

    RFC 9568 5.2.8 takes it for IPv4 over the VRRP message alone, without the pseudo-header of RFC 5798.
    """
    padded = data + b"\0" if len(data) % 2 else data
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def gratuitous_arp(mac: Mac, address: IPv4Address) -> tuple[bytes, bytes]:
    """Two broadcast frames that say where `address` is now: a request and a reply (RFC 5227, 3).

    Switches learn from either; some hosts update their caches only from the one or the other.
    """
    ours = mac_bytes(mac)
    ip = address.packed
    ethernet = (_BROADCAST, ours, 0x0806)
    ipv4_over_ethernet = (1, 0x0800, 6, 4)
    request = _ARP.pack(*ethernet, *ipv4_over_ethernet, 1, ours, ip, b"\0" * 6, ip)
    reply = _ARP.pack(*ethernet, *ipv4_over_ethernet, 2, ours, ip, _BROADCAST, ip)
    return request, reply


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
