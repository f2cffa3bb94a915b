"""The rules of security groups as conjunctive flows (ovs-fields(7), conj_id).

Their number grows with the sum of ports, remote addresses and services, not with the product. All rules of a group
that name the same other end are one conjunction with up to three dimensions: a port of the group, an address of the
other end, a service.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from futago.contract.firewall import AddressSetSpec, Direction, FirewallRule, SecurityGroupSpec
from futago.contract.specs import PortSpec
from futago.node.features.firewall.masks import port_masks
from futago.node.features.firewall.tables import DELIVER, EGRESS, INGRESS, SENT, flow, goto
from futago.values import IPNetwork

_FAMILY: Final = {4: "ip", 6: "ipv6"}
_WITH_PORTS: Final = {6: "tcp", 17: "udp", 132: "sctp"}
"""Open vSwitch does not read the ports of others (DCCP, UDP-Lite): a rule about these lets nothing through."""
_ICMP: Final = {(4, 1): "icmp", (6, 58): "icmp6"}


class _Conjunction(NamedTuple):
    """The rules of one group, in one direction, about one other end."""

    group_id: str
    direction: Direction
    version: int
    remote: str
    """An address range, `@` and the id of a set, or "" for anybody."""


def rule_flows(
    ports: Sequence[PortSpec], groups: Mapping[str, SecurityGroupSpec], sets: Mapping[str, AddressSetSpec]
) -> list[str]:
    """The flows of all rules for these ports, in both directions."""
    flows: list[str] = []
    services = _by_conjunction(groups)
    numbers = _numbered(services)
    for direction, table, accepted in (("egress", EGRESS, SENT), ("ingress", INGRESS, DELIVER)):
        mine = {key: found for key, found in services.items() if key.direction == direction}
        flows += _open_flows(ports, mine, table, accepted)
        flows += _conjunctive_flows(ports, mine, numbers, sets, (table, accepted))
    return flows


def reference(port_id: str) -> str:
    """How a flow names a port: the driver puts the switch's number in its place."""
    return f'"port:{port_id}"'


def service_matches(rule: FirewallRule) -> tuple[str, ...]:
    """The packets that a rule is about, whoever sends them; none if the switch cannot tell."""
    family, protocol = _FAMILY[rule.version], rule.protocol
    if protocol is None:
        return (family,)
    if (rule.version, protocol) in _ICMP:
        parts = [_ICMP[rule.version, protocol]]
        parts += [f"icmp_type={rule.first}"] if rule.first is not None else []
        parts += [f"icmp_code={rule.last}"] if rule.last is not None else []
        return (",".join(parts),)
    every = f"{family},nw_proto={protocol}"
    if rule.first is None or rule.last is None or (rule.first, rule.last) == (0, 65535):
        return (every,)
    if protocol not in _WITH_PORTS:
        return ()
    name = _WITH_PORTS[protocol] + ("6" if rule.version == 6 else "")
    return tuple(f"{name},tp_dst={mask}" for mask in port_masks(rule.first, rule.last))


def _by_conjunction(groups: Mapping[str, SecurityGroupSpec]) -> dict[_Conjunction, tuple[str, ...]]:
    found: defaultdict[_Conjunction, set[str]] = defaultdict(set)
    for group in groups.values():
        for rule in group.rules:
            key = _Conjunction(group.group_id, rule.direction, rule.version, _remote(rule))
            found[key].update(service_matches(rule))
    return {key: _widest(key, matches) for key, matches in sorted(found.items()) if matches}


def _widest(key: _Conjunction, matches: set[str]) -> tuple[str, ...]:
    family = _FAMILY[key.version]
    return (family,) if family in matches else tuple(sorted(matches))


def _remote(rule: FirewallRule) -> str:
    if rule.remote_set:
        return f"@{rule.remote_set}"
    return "" if rule.remote is None or rule.remote.prefixlen == 0 else str(rule.remote)


def _numbered(keys: Iterable[_Conjunction]) -> dict[_Conjunction, int]:
    """A number for each, from its name, so that it keeps it whatever else comes and goes."""
    taken: dict[int, _Conjunction] = {}
    for key in sorted(keys):
        number = int.from_bytes(hashlib.sha256("\n".join(map(str, key)).encode()).digest()[:4]) or 1
        while number in taken:
            number = number % 0xFFFFFFFF + 1
        taken[number] = key
    return {key: number for number, key in taken.items()}


def _open(key: _Conjunction, services: Sequence[str]) -> bool:
    return not key.remote and services == (_FAMILY[key.version],)


def _open_flows(
    ports: Sequence[PortSpec], services: Mapping[_Conjunction, tuple[str, ...]], table: int, accepted: int
) -> list[str]:
    """What a port lets through whole needs no conjunction."""
    whole = {(key.group_id, key.version) for key, found in services.items() if _open(key, found)}
    return [
        flow(table, 75, f"reg5={reference(port.port_id)},{family}", goto(accepted))
        for port in ports
        for version, family in _FAMILY.items()
        if any((group_id, version) in whole for group_id in port.security_groups)
    ]


def _conjunctive_flows(
    ports: Sequence[PortSpec],
    services: Mapping[_Conjunction, tuple[str, ...]],
    numbers: Mapping[_Conjunction, int],
    sets: Mapping[str, AddressSetSpec],
    tables: tuple[int, int],
) -> list[str]:
    table, accepted = tables
    members: defaultdict[str, list[str]] = defaultdict(list)
    for port in ports:
        for group_id in port.security_groups:
            members[group_id].append(reference(port.port_id))
    clauses: defaultdict[str, set[str]] = defaultdict(set)
    flows = []
    for key, matches in services.items():
        if _open(key, matches) or not members[key.group_id]:
            continue
        number, family = numbers[key], _FAMILY[key.version]
        dimensions = [tuple(f"{family},reg5={port}" for port in members[key.group_id])]
        if key.remote:
            dimensions.append(_addresses(key, sets))
        if matches != (family,):
            dimensions.append(matches)
        for place, dimension in enumerate(dimensions, start=1):
            for match in dimension:
                clauses[match].add(f"conjunction({number},{place}/{len(dimensions)})")
        flows.append(flow(table, 70, f"conj_id={number},{family}", goto(accepted)))
    return flows + [flow(table, 70, match, ",".join(sorted(found))) for match, found in clauses.items()]


def _addresses(key: _Conjunction, sets: Mapping[str, AddressSetSpec]) -> tuple[str, ...]:
    family = _FAMILY[key.version]
    field = {
        (4, "ingress"): "nw_src",
        (4, "egress"): "nw_dst",
        (6, "ingress"): "ipv6_src",
        (6, "egress"): "ipv6_dst",
    }[key.version, key.direction]
    if not key.remote.startswith("@"):
        return (f"{family},{field}={key.remote}",)
    known = sets.get(key.remote[1:])
    members: tuple[IPNetwork, ...] = () if known is None else known.addresses
    return tuple(f"{family},{field}={one}" for one in members if one.version == key.version)
