"""Frames as an instance may forge them, byte by byte; and a program that sends and hears such frames.

python frames.py send IFACE HEX...     each frame once
python frames.py hear IFACE            every frame that comes in, in hexadecimal, a line each
"""

import socket
import struct
import sys
from ipaddress import IPv4Address, IPv6Address

BROADCAST = "ff:ff:ff:ff:ff:ff"
_SOL_PACKET, _PACKET_AUXDATA, _VLAN_VALID = 263, 8, 1 << 4


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def _v4(text: str) -> bytes:
    return IPv4Address(text).packed


def _v6(text: str) -> bytes:
    return IPv6Address(text).packed


def _checksum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2 + len(data) % 2}H", data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(source: str, kind: int, payload: bytes, to: str = BROADCAST) -> bytes:
    return (_mac(to) + _mac(source) + struct.pack("!H", kind) + payload).ljust(60, b"\0")


def tagged(frame: bytes, vlan: int) -> bytes:
    return frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


def arp(source: str, sender: str, target: str, *, claims: str = "", reply: bool = False, to: str = BROADCAST) -> bytes:
    """`claims`: the MAC that the sender says to have."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2 if reply else 1)
    body += _mac(claims or source) + _v4(sender) + _mac("00:00:00:00:00:00") + _v4(target)
    return ethernet(source, 0x0806, body, to)


def ipv4(source: str, sender: str, target: str, protocol: int, payload: bytes, to: str = BROADCAST) -> bytes:
    payload = payload.ljust(26, b"\0")  # A Linux bridge that looks into a packet cuts what pads its frame.
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 255, protocol, 0) + _v4(sender) + _v4(target)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return ethernet(source, 0x0800, head + payload, to)


def udp(
    source: str, sender: str, target: str, ports: tuple[int, int], data: bytes = b"x" * 18, to: str = BROADCAST
) -> bytes:
    return ipv4(source, sender, target, 17, struct.pack("!HHHH", *ports, 8 + len(data), 0) + data, to)


def ipv6(source: str, sender: str, target: str, protocol: int, payload: bytes, to: str = "33:33:00:00:00:01") -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + _v6(sender) + _v6(target)
    return ethernet(source, 0x86DD, head + payload, to)


def icmpv6(source: str, sender: str, target: str, kind: int, body: bytes, to: str = "33:33:00:00:00:01") -> bytes:
    plain = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = _v6(sender) + _v6(target) + struct.pack("!II", len(plain), 58)
    return ipv6(source, sender, target, 58, plain[:2] + struct.pack("!H", _checksum(pseudo + plain)) + plain[4:], to)


def udp6(source: str, sender: str, target: str, ports: tuple[int, int]) -> bytes:
    plain = struct.pack("!HHHH", *ports, 9, 0) + b"x"
    total = _checksum(_v6(sender) + _v6(target) + struct.pack("!II", len(plain), 17) + plain)
    return ipv6(source, sender, target, 17, plain[:6] + struct.pack("!H", total) + plain[8:])


def router_advertisement(source: str, sender: str) -> bytes:
    """By one that is no default router, so that who takes it is not led astray."""
    return icmpv6(source, sender, "ff02::1", 134, struct.pack("!BBHII", 64, 0, 0, 0, 0))


def neighbour_advertisement(source: str, sender: str, target: str, *, claims: str = "") -> bytes:
    option = struct.pack("!BB", 2, 1) + _mac(claims or source)
    return icmpv6(source, sender, "ff02::1", 136, struct.pack("!I", 0x20000000) + _v6(target) + option)


def neighbour_solicitation(source: str, sender: str, target: str, *, claims: str = "") -> bytes:
    option = struct.pack("!BB", 1, 1) + _mac(claims or source)
    return icmpv6(source, sender, "ff02::1", 135, bytes(4) + _v6(target) + option)


def vrrp(source: str, sender: str) -> bytes:
    advert = struct.pack("!BBBBHH", 0x31, 1, 255, 1, 100, 0) + _v4("192.168.80.1")
    return ipv4(source, sender, "224.0.0.18", 112, advert, "01:00:5e:00:00:12")


def vrrp6(source: str, sender: str) -> bytes:
    advert = struct.pack("!BBBBHH", 0x31, 1, 255, 1, 100, 0) + _v6("fe80::1")
    return ipv6(source, sender, "ff02::12", 112, advert, "33:33:00:00:00:12")


def _send(interface: str, frames: list[str]) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        for frame in frames:
            sock.send(bytes.fromhex(frame))


def _hear(interface: str) -> None:
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as sock:
        sock.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        sock.bind((interface, 3))
        print("listening", flush=True)
        while True:
            frame, beside, _, (_, _, kind, *_) = sock.recvmsg(2048, 64)
            if kind != socket.PACKET_OUTGOING:
                print(_as_sent(frame, beside).hex(), flush=True)


def _as_sent(frame: bytes, beside: list[tuple[int, int, bytes]]) -> bytes:
    """The kernel takes a VLAN tag out of the frame, and tells it beside (packet(7), PACKET_AUXDATA)."""
    for level, kind, data in beside:
        if (level, kind) == (_SOL_PACKET, _PACKET_AUXDATA):
            status, *_, tci, _ = struct.unpack("=IIIHHHH", data[:20])
            if status & _VLAN_VALID:
                return tagged(frame, tci)
    return frame


if __name__ == "__main__":
    if sys.argv[1] == "send":
        _send(sys.argv[2], sys.argv[3:])
    else:
        _hear(sys.argv[2])
