"""What may pass at an instance's port, in network terms: rules by group, addresses by set.

A rule names a set of addresses; the set's members stand in a spec of their own, so that a member that comes or goes
costs one spec on the nodes that use the set, however many rules name it.
"""

from typing import Literal

import msgspec

from futago.values import IPNetwork, Mac

Direction = Literal["ingress", "egress"]
"""As the instance sees it."""

FirewallDriver = Literal["openvswitch", "iptables_hybrid", "noop"]
"""How a node enforces security groups, by the names that Neutron has for it; "noop" does not."""

Key = str


class AddressPair(msgspec.Struct, frozen=True, kw_only=True):
    """A MAC and the addresses that a port may use with it."""

    mac: Mac
    addresses: IPNetwork


class FirewallRule(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of packet that a group lets through."""

    direction: Direction
    version: Literal[4, 6]
    """Of IP."""
    protocol: int | None = None
    """IANA's number; None: every protocol."""
    first: int | None = None
    """The lowest destination port; of ICMP the type. None: all."""
    last: int | None = None
    """The highest destination port; of ICMP the code."""
    remote: IPNetwork | None = None
    """Who is at the other end; None: anybody, or the members of `remote_set`."""
    remote_set: str = ""
    """The id of an `AddressSetSpec`."""


class SecurityGroupSpec(msgspec.Struct, frozen=True, kw_only=True, tag="security-group"):
    """A security group that ports on this node have."""

    group_id: str
    stateful: bool
    """False: replies are not let through by themselves, and no connection is tracked."""
    rules: tuple[FirewallRule, ...]

    @property
    def key(self) -> Key:
        return f"security-group/{self.group_id}"


class AddressSetSpec(msgspec.Struct, frozen=True, kw_only=True, tag="address-set"):
    """Addresses that rules on this node name together: a group's members, or an address group."""

    set_id: str
    """`group/<id>` or `address-group/<id>`."""
    addresses: tuple[IPNetwork, ...]
    """IPv4 first, sorted, each once."""

    @property
    def key(self) -> Key:
        return f"address-set/{self.set_id}"
