"""Questions by ARP from an interface that has no address (RFC 5227, 2.1.1: ARP Probe), and their answers.

Pure; `drivers.probes` has the sockets.
"""

import struct
from typing import Final

from futago.values import IPv4Address

ETHERTYPE: Final = 0x0806
_REQUEST: Final = 1
_REPLY: Final = 2
_BROADCAST: Final = b"\xff" * 6
_HEADER: Final = struct.Struct("!6s6sHHHBBH6s4s6s4s")
"""Ethernet and ARP (RFC 826) for IPv4 over Ethernet."""

ANSWERS: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x28, 0, 0, 20),  # ldh [20]: the operation
        (0x15, 0, 1, _REPLY),  # jeq
        (0x06, 0, 0, 0xFFFF),  # ret: all of it
        (0x06, 0, 0, 0),  # ret: nothing
    )
)
"""A classic BPF program (bpf(4)): replies only."""


def question(mac: bytes, address: IPv4Address, to: bytes | None = None) -> bytes:
    """The frame that asks who has `address`; the sender's protocol address is 0.0.0.0."""
    whom = to or _BROADCAST
    return _HEADER.pack(whom, mac, ETHERTYPE, 1, 0x0800, 6, 4, _REQUEST, mac, bytes(4), bytes(6), address.packed)


def read_answer(frame: bytes, mac: bytes) -> tuple[IPv4Address, bytes] | None:
    """The address and the MAC address of whoever answers `mac`; None if the frame is anything else."""
    if len(frame) < _HEADER.size:
        return None
    _, _, kind, hardware, protocol, _, _, operation, sender, address, target, _ = _HEADER.unpack_from(frame)
    if (kind, hardware, protocol, operation, target) != (ETHERTYPE, 1, 0x0800, _REPLY, mac):
        return None
    return IPv4Address(address), sender
