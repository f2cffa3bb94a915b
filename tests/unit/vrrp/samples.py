"""A virtual router to begin with, and packets as a raw socket would hand them over."""

from typing import Any

import msgspec

from futago.values import IPv4Address, IPv4Interface, IPv4Network, Millis
from futago.vrrp import packet
from futago.vrrp.config import Version, VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.packet import Advert

INSIDE = VirtualAddress(interface="qr-1", address=IPv4Interface("192.168.80.1/24"))
OUTSIDE = VirtualAddress(interface="qg-1", address=IPv4Interface("10.0.80.101/24"))
FLOATING = VirtualAddress(interface="qg-1", address=IPv4Interface("10.0.80.105/32"))
DEFAULT_ROUTE = VirtualRoute(destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1"), interface="qg-1")
PEER = IPv4Address("169.254.192.2")
LOWER_PEER = IPv4Address("169.254.192.0")


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
