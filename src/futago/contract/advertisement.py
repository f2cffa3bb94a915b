"""What hosts are told by router advertisements (RFC 4861): the controller plans it, the VRRP engine sends it."""

import msgspec

from futago.values import IPv6Address, IPv6Network


class AdvertisedPrefix(msgspec.Struct, frozen=True, kw_only=True):
    """A prefix of the link (RFC 4861, 4.6.2)."""

    prefix: IPv6Network
    autonomous: bool
    """Hosts make their addresses in it; else they get them elsewhere."""


class Advertisement(msgspec.Struct, frozen=True, kw_only=True):
    """Of a router on one of its links. All replicas of a router say the same (RFC 9568, 8.2.3)."""

    managed: bool
    """Addresses are to be had by DHCPv6."""
    other: bool
    """Other settings are."""
    mtu: int
    prefixes: tuple[AdvertisedPrefix, ...]
    dns_servers: tuple[IPv6Address, ...] = ()
    """RFC 8106."""
