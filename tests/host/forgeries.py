"""What an instance may forge, frame by frame, and what is its own to say."""

from dataclasses import dataclass
from typing import Final

from host import frames

ROUTERS_MAC: Final = "fa:16:3e:00:09:01"
ROUTERS_LINK_LOCAL: Final = "fe80::f816:3eff:fe00:901"
VIRTUAL_MAC: Final = "00:00:5e:00:01:07"
DEAF: Final = frozenset({"spanning tree", "a tag of another network", "a tag of its own network"})
"""A switch or the port's VLAN stops these, whatever the firewall does."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Who forges, and whom it would be."""

    mac: str
    address: str
    link_local: str
    victim: str
    """The address of somebody else in the network, a /24."""

    @property
    def router(self) -> str:
        return self._other(254)

    @property
    def virtual(self) -> str:
        """The address of a virtual router of the tenant's own."""
        return self._other(100)

    @property
    def everybody(self) -> str:
        return self._other(255)

    def _other(self, number: int) -> str:
        return f"{self.address.rpartition('.')[0]}.{number}"

    def forged(self) -> dict[str, bytes]:
        """Nothing of this may leave it, unless its port security is off."""
        me, mine, mine6, router, victim = self.mac, self.address, self.link_local, self.router, self.victim
        to_all = (self.everybody, (5, 5))
        return {
            "another MAC": frames.arp(ROUTERS_MAC, mine, victim),
            "another MAC in IP": frames.udp(ROUTERS_MAC, mine, *to_all),
            "ARP for another's address": frames.arp(me, router, victim, reply=True),
            "ARP with another's MAC inside": frames.arp(me, mine, victim, claims=ROUTERS_MAC),
            "a gratuitous ARP for the router": frames.arp(me, router, router),
            "a probe for another's address": frames.arp(me, "0.0.0.0", router),
            "another's IPv4 address": frames.udp(me, victim, *to_all),
            "another's IPv6 address": frames.udp6(me, "2001:db8::1", "ff02::1", (5, 5)),
            "a DHCP server": frames.udp(me, mine, "255.255.255.255", (67, 68)),
            "a DHCP server without address": frames.udp(me, "0.0.0.0", "255.255.255.255", (67, 68)),
            "a DHCPv6 server": frames.udp6(me, mine6, "ff02::1", (547, 546)),
            "a router advertisement": frames.router_advertisement(me, mine6),
            "the router's router advertisement": frames.router_advertisement(ROUTERS_MAC, ROUTERS_LINK_LOCAL),
            "a neighbour advertisement for another": frames.neighbour_advertisement(me, mine6, ROUTERS_LINK_LOCAL),
            "one with another's MAC inside": frames.neighbour_advertisement(me, mine6, mine6, claims=ROUTERS_MAC),
            "one from another's address": frames.neighbour_advertisement(me, ROUTERS_LINK_LOCAL, ROUTERS_LINK_LOCAL),
            "a solicitation from another's address": frames.neighbour_solicitation(me, ROUTERS_LINK_LOCAL, "fe80::5"),
            "a solicitation with another's MAC": frames.neighbour_solicitation(
                me, mine6, "fe80::5", claims=ROUTERS_MAC
            ),
            "a redirect": frames.icmpv6(me, mine6, "ff02::1", 137, bytes(36)),
            "an MLD query": frames.icmpv6(me, mine6, "ff02::1", 130, bytes(20)),
            "VRRP": frames.vrrp(me, mine),
            "VRRP over IPv6": frames.vrrp6(me, mine6),
            "VRRP from a virtual router's MAC": frames.vrrp(VIRTUAL_MAC, mine),
            "VRRP from the router's address": frames.vrrp(me, router),
            "a virtual router's ARP": frames.arp(VIRTUAL_MAC, self.virtual, self.virtual),
            "a tag of another network": frames.tagged(frames.arp(me, mine, victim), 2),
            "a tag of its own network": frames.tagged(frames.arp(me, mine, victim), 1),
            "an unknown kind of frame": frames.ethernet(me, 0x88B5, b"hello"),
            "spanning tree": frames.ethernet(me, 38, bytes(38), to="01:80:c2:00:00:00"),
        }

    def allowed(self) -> dict[str, bytes]:
        """What it has a right to say."""
        me, mine, mine6 = self.mac, self.address, self.link_local
        return {
            "ARP": frames.arp(me, mine, self.victim),
            "a gratuitous ARP": frames.arp(me, mine, mine),
            "a probe": frames.arp(me, "0.0.0.0", mine),
            "IPv4": frames.udp(me, mine, self.everybody, (5, 5)),
            "IPv6": frames.udp6(me, mine6, "ff02::1", (5, 5)),
            "a DHCP client": frames.udp(me, "0.0.0.0", "255.255.255.255", (68, 67)),
            "a DHCPv6 client": frames.udp6(me, mine6, "ff02::1:2", (546, 547)),
            "a neighbour solicitation": frames.neighbour_solicitation(me, mine6, "fe80::5"),
            "a neighbour advertisement": frames.neighbour_advertisement(me, mine6, mine6),
            "a router solicitation": frames.icmpv6(me, mine6, "ff02::2", 133, bytes(4)),
            "an MLD report": frames.icmpv6(me, "::", "ff02::16", 143, bytes(4)),
        }

    def of_a_virtual_router(self) -> dict[str, bytes]:
        """What it may say once the virtual router's MAC and address are a pair of its port."""
        return {
            "VRRP": frames.vrrp(self.mac, self.address),
            "VRRP from its MAC": frames.vrrp(VIRTUAL_MAC, self.address),
            "its ARP": frames.arp(VIRTUAL_MAC, self.virtual, self.virtual),
            "its packets": frames.udp(VIRTUAL_MAC, self.virtual, self.everybody, (5, 5)),
        }

    def last(self) -> bytes:
        """Its own address: a frame that arrives."""
        return frames.arp(self.mac, self.address, f"{self.address.rpartition('.')[0]}.253")
