"""Questions by neighbour solicitation (RFC 4861, 7.2.2), and their answers.

They come from the link-local address that the interface's MAC makes, which the interface does not have. From :: they
would be duplicate address detection (RFC 4862), and each answer would go to every node of the network.

Pure; `drivers.probes` has the sockets.
"""

import struct
from typing import Final

from futago.values import LINK_LOCAL, IPv6Address, Mac, eui64
from futago.vrrp.packet import internet_checksum

ETHERTYPE: Final = 0x86DD
_SOLICITATION: Final = 135
_ADVERTISEMENT: Final = 136
_ICMPV6: Final = 58
_HOP_LIMIT: Final = 255
"""Nobody further away than the link can have sent it (RFC 4861, 7.1)."""
_SOURCE_LINK_LAYER: Final = bytes([1, 1])
_SOLICITED_NODE: Final = IPv6Address("ff02::1:ff00:0").packed[:13]
_HEADER: Final = struct.Struct("!6s6sHIHBB16s16sBBHI16s")
"""Ethernet, IPv6 (RFC 8200), and a message about a neighbour."""

ANSWERS: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 20),  # ldb [20]: the next header
        (0x15, 0, 3, _ICMPV6),  # jeq
        (0x30, 0, 0, 54),  # ldb [54]: the type
        (0x15, 0, 1, _ADVERTISEMENT),  # jeq
        (0x06, 0, 0, 0xFFFF),  # ret: all of it
        (0x06, 0, 0, 0),  # ret: nothing
    )
)
"""A classic BPF program (bpf(4)): neighbour advertisements only."""


def question(mac: bytes, address: IPv6Address, to: bytes | None = None) -> bytes:
    """The frame that asks who has `address`: who knows that it is asked, or only who has the MAC address `to`."""
    group = _SOLICITED_NODE + address.packed[13:]
    destination = address.packed if to else group
    source = eui64(LINK_LOCAL, Mac(mac.hex(":"))).packed
    body = struct.pack("!BBHI", _SOLICITATION, 0, 0, 0) + address.packed + _SOURCE_LINK_LAYER + mac
    pseudo = source + destination + struct.pack("!II", len(body), _ICMPV6)
    body = body[:2] + internet_checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    ip = struct.pack("!IHBB", 0x60000000, len(body), _ICMPV6, _HOP_LIMIT) + source + destination
    return (to or b"\x33\x33" + group[-4:]) + mac + ETHERTYPE.to_bytes(2, "big") + ip + body


def read_answer(frame: bytes, mac: bytes) -> tuple[IPv6Address, bytes] | None:
    """The address and the MAC address of whoever answers `mac`; None if the frame is anything else."""
    if len(frame) < _HEADER.size:
        return None
    whom, sender, kind, _, _, following, hops, _, _, message, code, _, _, target = _HEADER.unpack_from(frame)
    said = (whom, kind, following, hops, message, code)
    if said != (mac, ETHERTYPE, _ICMPV6, _HOP_LIMIT, _ADVERTISEMENT, 0):
        return None
    return IPv6Address(target), sender
