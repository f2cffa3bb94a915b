"""What a captured frame tells: an advertisement, an announcement, a reset connection. Pure."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from futago.lab.drill.pcap import Frame
from futago.vrrp.packet import PROTOCOL as VRRP

_VXLAN_PORT: Final = 4789
_BFD_PORT: Final = 3784
_BFD_UP: Final = 3
"""The state of a session, in the first two bits of the second byte (RFC 5880, 4.1)."""
_ARP: Final = 0x0806
_IPV4: Final = 0x0800
_ETHERNET_BYTES: Final = 14
_ARP_BYTES: Final = 28
_TCP: Final = 6
_UDP: Final = 17
_RST: Final = 0x04


class What(StrEnum):
    """What was seen."""

    ADVERT = "advertisement"
    LAST_ADVERT = "advertisement of priority 0"
    ANNOUNCEMENT = "gratuitous ARP"
    RESET = "TCP reset"
    BFD_UP = "BFD up"
    BFD_DOWN = "BFD down"


_SESSIONS: Final = frozenset({What.BFD_UP, What.BFD_DOWN})


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a host put on the wire."""

    time: float
    """Seconds since the Unix epoch."""
    host: str
    """Who sent it: known from the cable on which it was captured, not from what the frame says."""
    what: What
    about: str
    """Advertisements: `vni/vrid`; announcements: the address; resets: `source:port > destination:port`.

    BFD: where the tunnel to the other host ends.
    """


def sightings(host: str, captured: Iterable[Frame]) -> Iterator[Sighting]:
    """What the frames that `host` sent tell; others and broken ones are left out.

    A host says ten times a second what it thinks of each BFD session: that is told when it is another than before.
    """
    sessions: dict[str, What] = {}
    for frame in captured:
        try:
            found = _look(frame.data, "", "")
        except (struct.error, IndexError):
            continue
        if found is None:
            continue
        what, about = found
        if what in _SESSIONS:
            if sessions.get(about) is what:
                continue
            sessions[about] = what
        yield Sighting(frame.time, host, what, about)


def _look(data: bytes, vni: str, far: str) -> tuple[What, str] | None:
    """`far` is where the tunnel ends in which this was."""
    (ether_type,) = struct.unpack_from("!H", data, 12)
    if ether_type == _ARP:
        return _look_at_arp(data[_ETHERNET_BYTES : _ETHERNET_BYTES + _ARP_BYTES])
    if ether_type != _IPV4:
        return None
    packet = data[_ETHERNET_BYTES:]
    payload = packet[(packet[0] & 0x0F) * 4 :]
    match packet[9]:
        case n if n == VRRP:
            return (What.ADVERT if payload[2] else What.LAST_ADVERT), f"{vni}/{payload[1]}"
        case n if n == _UDP:
            return _look_at_udp(payload, _address(packet[16:20]), far)
        case n if n == _TCP and payload[13] & _RST:
            source, destination = struct.unpack_from("!HH", payload)
            return What.RESET, f"{_address(packet[12:16])}:{source} > {_address(packet[16:20])}:{destination}"
    return None


def _look_at_udp(datagram: bytes, destination: str, far: str) -> tuple[What, str] | None:
    (port,) = struct.unpack_from("!H", datagram, 2)
    if port == _VXLAN_PORT and not far:
        return _look(datagram[16:], str(int.from_bytes(datagram[12:15])), destination)
    if port == _BFD_PORT and far:
        return (What.BFD_UP if datagram[9] >> 6 == _BFD_UP else What.BFD_DOWN), far
    return None


def _look_at_arp(arp: bytes) -> tuple[What, str] | None:
    sender, target = struct.unpack_from("!14x4s6x4s", arp)
    return (What.ANNOUNCEMENT, _address(sender)) if sender == target else None


def _address(four: bytes) -> str:
    return ".".join(map(str, four))
