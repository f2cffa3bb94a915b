"""What the daemon is told: the virtual routers of this host. It comes whole, over the control socket."""

from enum import IntEnum, StrEnum
from typing import Final

import msgspec

from futago.contract.advertisement import Advertisement
from futago.contract.keys import SharedKey
from futago.values import IPAddress, IPInterface, IPNetwork, Millis

KEY_BYTES: Final = range(32, 65)
"""How long a shared key may be."""
_IPV6: Final = 6


class Version(IntEnum):
    """The VRRP version of the wire: 2 is RFC 3768 (with RFC 2338's simple text password), 3 is RFC 9568."""

    V2 = 2
    V3 = 3


class Checksum(StrEnum):
    """What the checksum of a VRRPv3 advertisement over IPv4 covers. Both are accepted from others.

    IPv6 always has the pseudo-header, VRRPv2 never.
    """

    MESSAGE = "message"
    """The VRRP message alone (RFC 9568, 5.2.8)."""
    PSEUDO_HEADER = "pseudo-header"
    """The addresses of the IP header too, as many implementations of RFC 5798 have it and insist on it."""


class AuthMode(StrEnum):
    """Authenticated advertisements, in the order in which a group of routers is brought to use them."""

    OFF = "off"
    """None are sent, and a packet that has a trailer is of the wrong length, as for any other implementation."""
    RECEIVE_ONLY = "receive-only"
    """Sent without, verified if there is one."""
    PERMISSIVE = "permissive"
    """Sent with, accepted without; verified if there is one."""
    ENFORCE = "enforce"
    """Sent with, and nothing else is accepted."""

    @property
    def signs(self) -> bool:
        return self in {AuthMode.PERMISSIVE, AuthMode.ENFORCE}


class Freshness(StrEnum):
    """How a recording of an authenticated advertisement is told from a new one."""

    CLOCK = "clock"
    """Its time must be close to ours, and its sequence must grow. All clocks must agree within the window."""
    GROWTH = "growth"
    """Its sequence must grow. For hosts without synchronised clocks: whoever has never heard a sender believes the
    first packet of it, even an old one."""


class VirtualAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address that exists on the active node only."""

    interface: str
    address: IPInterface

    def __lt__(self, other: "VirtualAddress") -> bool:
        """Addresses of both families can be sorted."""
        return self._rank() < other._rank()

    def _rank(self) -> tuple[str, int, int, int]:
        address = self.address
        return self.interface, address.version, int(address.ip), address.network.prefixlen


class VirtualRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A route that exists on the active node only."""

    destination: IPNetwork
    next_hop: IPAddress
    interface: str


class AdvertisedLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link whose hosts the active node tells of itself, by router advertisements; no other one does."""

    interface: str
    """It has a link-local address among the virtual ones."""
    advertisement: Advertisement


class RouterOfHosts(msgspec.Struct, frozen=True, kw_only=True):
    """A router without election, as far as the hosts on its links are concerned."""

    name: str
    namespace: str
    addresses: tuple[VirtualAddress, ...]
    links: tuple[AdvertisedLink, ...]


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another host with this virtual router, which is run by Futago too."""

    source: IPAddress
    """Of its advertisements."""
    priority: int
    tunnel: IPAddress | None = None
    """Where tunnels to it end: the BFD session there tells whether it lives. None: its advertisements alone do."""


class VirtualRouterConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One virtual router on this host."""

    name: str
    """Unique on this host; the id of the Neutron router."""
    namespace: str
    """The network namespace of its interfaces; "" is the daemon's own."""
    interface: str
    """Where advertisements are sent and heard."""
    source: IPAddress
    """The primary address: the advertisements' source, and what breaks ties (RFC 9568, 6.4.3).

    Its family is the family of the virtual router; an IPv6 one is link-local.
    """
    vrid: int
    """1 to 255."""
    priority: int
    """1 to 254; 255 is the address owner's, which is active at once and always preempts."""
    advert_interval: Millis
    version: Version = Version.V3
    preempt: bool = False
    preempt_delay: Millis = Millis(0)
    """With `preempt`: how long a worse active router is still obeyed after it was first heard."""
    accept: bool = True
    """Accept_Mode: whether the active router takes packets for the virtual addresses themselves (RFC 9568, 6.1)."""
    checksum: Checksum = Checksum.MESSAGE
    """VRRPv3 over IPv4 only: the form that is sent."""
    password: str = ""
    """VRRPv2 only: simple text password of up to 8 characters; "" sends no authentication."""
    auth_mode: AuthMode = AuthMode.OFF
    keys: tuple[SharedKey, ...] = ()
    """Any of them verifies what comes in."""
    send_key: int = 0
    """The id of the key that is used for what goes out."""
    freshness: Freshness = Freshness.CLOCK
    advertised: tuple[IPAddress, ...]
    """The addresses that stand in the advertisement; they name the virtual router and are not configured anywhere.

    All of the family of `source`; the first of IPv6 ones is link-local.
    """
    addresses: tuple[VirtualAddress, ...] = ()
    """Of either family."""
    routes: tuple[VirtualRoute, ...] = ()
    links: tuple[AdvertisedLink, ...] = ()
    peers: tuple[Peer, ...] = ()
    """Known ones; others are heard all the same."""
    yields_below: int = 0
    """An active one with a lower priority than this wants another to take over, and gets it without preemption."""
    behind_tunnels: bool = False
    """Whom it serves is reached through tunnels: on a host whose tunnels are all dead it is active for nobody."""

    @property
    def yielding(self) -> bool:
        """Whether it wants another to be active."""
        return self.priority < self.yields_below

    @property
    def ipv6(self) -> bool:
        """Whether the advertisements go over IPv6."""
        return self.source.version == _IPV6


def without_secrets(router: VirtualRouterConfig) -> VirtualRouterConfig:
    """The same for everybody's eyes: the ids of its keys stay, and whether it has a password."""
    keys = tuple(SharedKey(key_id=key.key_id, secret=b"") for key in router.keys)
    return msgspec.structs.replace(router, keys=keys, password="********" if router.password else "")
