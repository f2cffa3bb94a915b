"""Security groups and the addresses that their rules name: for the nodes that have a port to enforce them at."""

from collections.abc import Collection, Iterable
from ipaddress import ip_network

from futago.contract.firewall import AddressPair, AddressSetSpec, FirewallRule, SecurityGroupSpec
from futago.contract.specs import Spec
from futago.controller.protocols import ICMP, number_of
from futago.controller.store.rows import Port, SecurityGroup, SecurityGroupRule
from futago.values import IPNetwork, Mac


def plan_group(
    group: SecurityGroup, rules: Iterable[SecurityGroupRule], nodes: Collection[str]
) -> dict[str, tuple[Spec, ...]]:
    """Node → the group with its rules."""
    specs = {_rule(rule) for rule in rules}
    spec = SecurityGroupSpec(group_id=group.id, stateful=group.stateful, rules=tuple(sorted(specs, key=repr)))
    return dict.fromkeys(nodes, (spec,))


def plan_address_set(set_id: str, addresses: Iterable[str], nodes: Collection[str]) -> dict[str, tuple[Spec, ...]]:
    """Node → the addresses; each is one address or a range of them."""
    known: set[IPNetwork] = {ip_network(address, strict=False) for address in addresses}
    ordered = tuple(sorted(known, key=lambda one: (one.version, one)))
    return dict.fromkeys(nodes, (AddressSetSpec(set_id=set_id, addresses=ordered),))


def address_pairs(port: Port) -> tuple[AddressPair, ...]:
    """What a port may send from besides its own addresses."""
    pairs = (
        AddressPair(
            mac=Mac(pair.get("mac_address", port.mac_address)), addresses=ip_network(pair["ip_address"], strict=False)
        )
        for pair in port.allowed_address_pairs
    )
    return tuple(sorted(set(pairs), key=lambda pair: (pair.mac, pair.addresses.version, pair.addresses)))


def set_of(rule: SecurityGroupRule) -> str:
    """The id of the set of addresses that a rule names; "" if it names none."""
    if rule.remote_group_id is not None:
        return f"group/{rule.remote_group_id}"
    return "" if rule.remote_address_group_id is None else f"address-group/{rule.remote_address_group_id}"


def _rule(rule: SecurityGroupRule) -> FirewallRule:
    protocol = None if rule.protocol is None else number_of(rule.protocol, rule.ethertype)
    first, last = rule.port_range_min, rule.port_range_max
    return FirewallRule(
        direction="egress" if rule.direction == "egress" else "ingress",
        version=6 if rule.ethertype == "IPv6" else 4,
        protocol=protocol,
        first=first,
        last=last if protocol in ICMP or last is not None else first,
        remote=None if rule.remote_ip_prefix is None else ip_network(rule.remote_ip_prefix, strict=False),
        remote_set=set_of(rule),
    )
