"""What the daemon is told: the virtual routers of this host. It comes whole, over the control socket."""

from enum import IntEnum

import msgspec

from futago.values import IPv4Address, IPv4Interface, IPv4Network, Millis


class Version(IntEnum):
    """The VRRP version of the wire: 2 is RFC 3768 (with RFC 2338's simple text password), 3 is RFC 9568."""

    V2 = 2
    V3 = 3


class VirtualAddress(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """An address that exists on the active node only."""

    interface: str
    address: IPv4Interface


class VirtualRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route that exists on the active node only."""

    destination: IPv4Network
    next_hop: IPv4Address
    interface: str


class VirtualRouterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual router on this host."""

    name: str
    """Unique on this host; the id of the Neutron router."""
    namespace: str
    """The network namespace of its interfaces; "" is the daemon's own."""
    interface: str
    """Where advertisements are sent and heard."""
    source: IPv4Address
    """The primary address: the advertisements' source, and what breaks ties (RFC 9568, 6.4.3)."""
    vrid: int
    """1 to 255."""
    priority: int
    """1 to 254; 255 is the address owner's, which we never are."""
    advert_interval: Millis
    version: Version = Version.V3
    preempt: bool = False
    password: str = ""
    """VRRPv2 only: simple text password of up to 8 characters; "" sends no authentication."""
    advertised: tuple[IPv4Address, ...]
    """The addresses that stand in the advertisement; they name the virtual router and are not configured anywhere."""
    addresses: tuple[VirtualAddress, ...] = ()
    routes: tuple[VirtualRoute, ...] = ()
