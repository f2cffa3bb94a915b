"""A virtual router to begin with, and packets as a raw socket would hand them over."""

from typing import Any

import msgspec

from futago.contract.keys import SharedKey
from futago.values import (
    IPAddress,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    Millis,
)
from futago.vrrp import auth, packet, send
from futago.vrrp.config import AuthMode, Version, VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.events import SendAdvert
from futago.vrrp.packet import Advert, Datagram, Ends

INSIDE = VirtualAddress(interface="qr-1", address=IPv4Interface("192.168.80.1/24"))
OUTSIDE = VirtualAddress(interface="qg-1", address=IPv4Interface("10.0.80.101/24"))
FLOATING = VirtualAddress(interface="qg-1", address=IPv4Interface("10.0.80.105/32"))
DEFAULT_ROUTE = VirtualRoute(destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1"), interface="qg-1")
PEER = IPv4Address("169.254.192.2")
LOWER_PEER = IPv4Address("169.254.192.0")
INSIDE_LINK = VirtualAddress(interface="qr-1", address=IPv6Interface("fe80::80:1/64"))
INSIDE_IPV6 = VirtualAddress(interface="qr-1", address=IPv6Interface("2001:db8:80::1/64"))
DEFAULT_ROUTE_IPV6 = VirtualRoute(
    destination=IPv6Network("::/0"), next_hop=IPv6Address("2001:db8:80::ff"), interface="qr-1"
)
PEER_IPV6 = IPv6Address("fe80::a9fe:c002")
KEY = SharedKey(key_id=1, secret=bytes(range(32)))
NEXT_KEY = SharedKey(key_id=2, secret=bytes(range(32, 96)))


def router(**changes: Any) -> VirtualRouterConfig:
    """router80 of the seed on its first node, in the default profile."""
    usual = VirtualRouterConfig(
        name="router80",
        namespace="qrouter-80",
        interface="ha-1",
        source=IPv4Address("169.254.192.1"),
        vrid=1,
        priority=100,
        advert_interval=Millis(1000),
        advertised=(IPv4Address("169.254.0.1"),),
        addresses=(INSIDE, OUTSIDE),
        routes=(DEFAULT_ROUTE,),
    )
    return msgspec.structs.replace(usual, **changes)


def router_v2(**changes: Any) -> VirtualRouterConfig:
    """The seed's profile: VRRPv2, 2 s, priority 50, a password with one letter more than the wire has room for."""
    seed: dict[str, Any] = {
        "version": Version.V2,
        "advert_interval": Millis(2000),
        "priority": 50,
        "password": "openstack",
    }
    return router(**(seed | changes))


def router_v6(**changes: Any) -> VirtualRouterConfig:
    """The same with its advertisements over IPv6."""
    usual: dict[str, Any] = {
        "source": IPv6Address("fe80::a9fe:c001"),
        "advertised": (IPv6Address("fe80::a9fe:1"),),
        "addresses": (INSIDE_LINK, INSIDE_IPV6),
        "routes": (DEFAULT_ROUTE_IPV6,),
    }
    return router(**(usual | changes))


def authenticated(config: VirtualRouterConfig, **changes: Any) -> VirtualRouterConfig:
    """With one key, and nothing accepted without it."""
    usual: dict[str, Any] = {"auth_mode": AuthMode.ENFORCE, "keys": (KEY,), "send_key": KEY.key_id}
    return msgspec.structs.replace(config, **(usual | changes))


def from_peer(
    config: VirtualRouterConfig, *, wall: float = 0.0, priority: int | None = None, last: int = 0
) -> Datagram:
    """What a peer with this configuration, and its own address, sends when its clock shows `wall`."""
    source: IPAddress = PEER_IPV6 if config.ipv6 else PEER
    theirs = msgspec.structs.replace(config, source=source)
    effect = SendAdvert(config.priority if priority is None else priority, config.advert_interval)
    marks = {auth.sender(source, config.send_key): last} if last else {}
    payload = send.to_wire(theirs, effect, marks, wall)
    group: IPAddress = packet.GROUP_IPV6 if config.ipv6 else packet.GROUP
    return Datagram(source=source, destination=group, ttl=packet.TTL, payload=payload)


def ends(config: VirtualRouterConfig) -> Ends:
    """The ends of what a peer sends."""
    return from_peer(config).ends


def ip_packet(payload: bytes, *, source: IPv4Address = PEER, ttl: int = 255) -> bytes:
    head = bytes([0x45, 0xC0]) + (20 + len(payload)).to_bytes(2, "big") + bytes(4)
    return head + bytes([ttl, 112, 0, 0]) + source.packed + packet.GROUP.packed + payload


def advert_from(config: VirtualRouterConfig, **changes: Any) -> bytes:
    """The packet that a peer with this configuration sends."""
    fields: dict[str, Any] = {
        "version": config.version,
        "vrid": config.vrid,
        "priority": config.priority,
        "interval": config.advert_interval,
        "addresses": config.advertised,
        "password": packet.password_bytes(config.password),
    }
    return ip_packet(packet.encode(Advert(**(fields | changes))))
