"""What a captured frame tells: an advertisement, an announcement, a reset connection. Pure."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from futago.lab.drill.pcap import Frame
from futago.vrrp.packet import PROTOCOL as VRRP

_VXLAN_PORT: Final = 4789
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


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a host put on the wire."""

    time: float
    """Seconds since the Unix epoch."""
    host: str
    """Who sent it: known from the cable on which it was captured, not from what the frame says."""
    what: What
    about: str
    """Advertisements: `vni/vrid`; announcements: the address; resets: `source:port > destination:port`."""


def sightings(host: str, captured: Iterable[Frame]) -> Iterator[Sighting]:
    """What the frames that `host` sent tell; others and broken ones are left out."""
    for frame in captured:
        try:
            found = _look(frame.data, "")
        except (struct.error, IndexError):
            continue
        if found:
            yield Sighting(frame.time, host, *found)


def _look(data: bytes, vni: str) -> tuple[What, str] | None:
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
        case n if n == _UDP and not vni and struct.unpack_from("!H", payload, 2) == (_VXLAN_PORT,):
            return _look(payload[16:], str(int.from_bytes(payload[12:15])))
        case n if n == _TCP and payload[13] & _RST:
            source, destination = struct.unpack_from("!HH", payload)
            return What.RESET, f"{_address(packet[12:16])}:{source} > {_address(packet[16:20])}:{destination}"
    return None


def _look_at_arp(arp: bytes) -> tuple[What, str] | None:
    sender, target = struct.unpack_from("!14x4s6x4s", arp)
    return (What.ANNOUNCEMENT, _address(sender)) if sender == target else None


def _address(four: bytes) -> str:
    return ".".join(map(str, four))
