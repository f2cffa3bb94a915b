"""Frames made by hand, put onto a leg of one host as if its network had sent them.

They go out of the bridge's port of that host, so nobody else gets them:

        [wire] br-qr ── qr-a ═══════ qr-1 [a]
                         ▲
                      inject
"""

import json
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from futago import netns
from futago.values import IPAddress, IPv4Address, IPv6Address, Mac, mac_bytes
from futago.vrrp.packet import internet_checksum
from host.vrrpd_kit import Host, Pair, run, wait_for

STRANGER = Mac("02:00:00:00:00:09")
"""Who sends what is injected."""
MARK = b"made by hand, seen again"
ICMP, ICMPV6, UDP, VRRP = 1, 58, 17, 112
NEIGHBOUR_SOLICITATION, NEIGHBOUR_ADVERTISEMENT, ROUTER_SOLICITATION = 135, 136, 133
ECHO_REQUEST, ECHO_REPLY = 8, 0
ECHO_REQUEST_IPV6, ECHO_REPLY_IPV6 = 128, 129
ALL_NODES = IPv6Address("ff02::1")
ALL_ROUTERS = IPv6Address("ff02::2")


def inject(pair: Pair, host: Host, leg: str, *frames: bytes) -> None:
    """Let `host` receive these frames on this leg."""
    port = f"{leg[:2]}-{host.namespace[-1]}"
    with netns.run_inside(pair.wire, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)) as sender:
        for frame in frames:
            sender.sendto(frame, (port, 0))


@contextmanager
def joined(host: Host, group: IPAddress, leg: str) -> Iterator[None]:
    """The host's kernel takes what is sent to the group on this leg, for whoever listens."""

    def join() -> socket.socket:
        index = struct.pack("=i", socket.if_nametoindex(leg))
        if isinstance(group, IPv4Address):
            member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group.packed + bytes(4) + index)
        else:
            member = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            member.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group.packed + index)
        return member

    with netns.run_inside(host.namespace, join):
        yield


def wait_for_adverts(host: Host, number: int = 3) -> None:
    """Until so many adverts were sent or heard: whatever a frame sets off has happened long before."""

    def seen() -> int:
        return host.status().adverts_sent + host.status().adverts_received

    before = seen()
    wait_for(f"{number} adverts go by", lambda: seen() >= before + number)


def mac_of(host: Host, leg: str) -> Mac:
    (link,) = json.loads(run("ip", "-n", host.namespace, "-json", "link", "show", "dev", leg))
    return Mac(link["address"])


def multicast_mac(group: IPAddress) -> Mac:
    """RFC 1112, 6.4; RFC 2464, 7."""
    if isinstance(group, IPv4Address):
        return Mac((b"\x01\x00\x5e" + bytes([group.packed[1] & 0x7F]) + group.packed[2:]).hex(":"))
    return Mac((b"\x33\x33" + group.packed[-4:]).hex(":"))


def solicited_node(address: IPv6Address) -> IPv6Address:
    """The group that whoever has the address belongs to (RFC 4291, 2.7.1)."""
    return IPv6Address(IPv6Address("ff02::1:ff00:0").packed[:13] + address.packed[13:])


def arp_request(asker: IPv4Address, wanted: IPv4Address) -> bytes:
    ours = mac_bytes(STRANGER)
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1) + ours + asker.packed + bytes(6) + wanted.packed
    return _ethernet(Mac("ff:ff:ff:ff:ff:ff"), 0x0806, body)


def ipv4(to: Mac, source: IPv4Address, destination: IPv4Address, protocol: int, payload: bytes, ttl: int = 64) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0)
    head += source.packed + destination.packed
    head = head[:10] + internet_checksum(head).to_bytes(2, "big") + head[12:]
    return _ethernet(to, 0x0800, head + payload)


def ipv6(
    to: Mac, source: IPv6Address, destination: IPv6Address, protocol: int, payload: bytes, hop_limit: int = 64
) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload), protocol, hop_limit) + source.packed + destination.packed
    return _ethernet(to, 0x86DD, head + payload)


def icmpv6(to: Mac, source: IPv6Address, destination: IPv6Address, kind: int, body: bytes) -> bytes:
    """With hop limit 255, as neighbour discovery needs it."""
    message = bytes([kind, 0, 0, 0]) + body
    pseudo = source.packed + destination.packed + struct.pack("!II", len(message), ICMPV6)
    message = message[:2] + internet_checksum(pseudo + message).to_bytes(2, "big") + message[4:]
    return ipv6(to, source, destination, ICMPV6, message, hop_limit=255)


def echo_request(to: Mac, source: IPAddress, destination: IPAddress) -> bytes:
    body = struct.pack("!HH", 7, 1) + MARK
    if isinstance(source, IPv6Address):
        assert isinstance(destination, IPv6Address)
        return icmpv6(to, source, destination, ECHO_REQUEST_IPV6, body)
    assert isinstance(destination, IPv4Address)
    message = bytes([ECHO_REQUEST, 0, 0, 0]) + body
    message = message[:2] + internet_checksum(message).to_bytes(2, "big") + message[4:]
    return ipv4(to, source, destination, ICMP, message)


def datagram(to: Mac, source: IPAddress, destination: IPAddress, port: int = 9) -> bytes:
    """UDP to nobody in particular; its checksum is only looked at where it arrives."""
    body = struct.pack("!HHHH", port, port, 8 + len(MARK), 0) + MARK
    if isinstance(source, IPv6Address):
        assert isinstance(destination, IPv6Address)
        return ipv6(to, source, destination, UDP, body)
    assert isinstance(destination, IPv4Address)
    return ipv4(to, source, destination, UDP, body)


def neighbour_solicitation(asker: IPv6Address, wanted: IPv6Address) -> bytes:
    """Who has this address? To its solicited-node group."""
    return _solicitation(multicast_mac(solicited_node(wanted)), asker, wanted, solicited_node(wanted))


def neighbour_probe(to: Mac, asker: IPv6Address, wanted: IPv6Address) -> bytes:
    """Are you still there? To the address itself (RFC 4861, 7.3.3)."""
    return _solicitation(to, asker, wanted, wanted)


def _solicitation(to: Mac, asker: IPv6Address, wanted: IPv6Address, destination: IPv6Address) -> bytes:
    body = bytes(4) + wanted.packed + bytes([1, 1]) + mac_bytes(STRANGER)
    return icmpv6(to, asker, destination, NEIGHBOUR_SOLICITATION, body)


def unsolicited_advertisement(address: IPv6Address, mac: Mac, *, override: bool) -> bytes:
    """I am here now. To all nodes."""
    body = _about(address, mac, 0x20000000 if override else 0)
    return icmpv6(multicast_mac(ALL_NODES), address, ALL_NODES, NEIGHBOUR_ADVERTISEMENT, body)


def solicited_advertisement(to: Mac, asker: IPv6Address, address: IPv6Address, mac: Mac) -> bytes:
    """The answer to a solicitation. To who has asked."""
    return icmpv6(to, address, asker, NEIGHBOUR_ADVERTISEMENT, _about(address, mac, 0x60000000))


def _about(address: IPv6Address, mac: Mac, flags: int) -> bytes:
    return struct.pack("!I", flags) + address.packed + bytes([2, 1]) + mac_bytes(mac)


def router_solicitation(asker: IPv6Address) -> bytes:
    return icmpv6(multicast_mac(ALL_ROUTERS), asker, ALL_ROUTERS, ROUTER_SOLICITATION, bytes(4))


def marked(frames: list[bytes]) -> list[bytes]:
    """Those that carry what was injected."""
    return [frame for frame in frames if MARK in frame]


def arp_replies(frames: list[bytes], asker: IPv4Address) -> list[bytes]:
    return [f for f in frames if f[12:14] == b"\x08\x06" and f[21] == 2 and f[38:42] == asker.packed]


def icmpv6_of(frames: list[bytes], kind: int) -> list[bytes]:
    """The messages of this kind, without what is in front of them."""
    return [f[54:] for f in frames if f[12:14] == b"\x86\xdd" and f[20] == ICMPV6 and f[54] == kind]


def _ethernet(to: Mac, kind: int, payload: bytes) -> bytes:
    return mac_bytes(to) + mac_bytes(STRANGER) + kind.to_bytes(2, "big") + payload
