"""Gathers what concerns security groups: which nodes have ports of them, and whose addresses their rules name."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Text, select, type_coerce

from futago.contract.specs import Spec
from futago.controller.plan.firewall import plan_address_set, plan_group, set_of
from futago.controller.store.database import FILLED, View
from futago.controller.store.port_rows import GroupPort
from futago.controller.store.rows import AddressGroup, FixedIp, Port, SecurityGroup, SecurityGroupRule
from futago.controller.store.tables import TABLES

_PORTS = TABLES[Port].c


def all_keys(view: View) -> set[str]:
    """Every group of a bound port, and every set that the rules of these name."""
    found = view.values(GroupPort, "security_group_id", host_id=FILLED)
    groups = {f"security-group/{group_id}" for group_id in found}
    return groups | named_sets(view, groups)


def named_sets(view: View, keys: Iterable[str]) -> set[str]:
    """The keys of the sets that the rules of these groups name."""
    wanted = {key.partition("/")[2] for key in keys if key.startswith("security-group/")}
    rules = view.find(SecurityGroupRule, security_group_id=wanted) if wanted else []
    return {f"address-set/{named}" for rule in rules if (named := set_of(rule))}


def member_keys(view: View, port_ids: Iterable[str]) -> set[str]:
    """The keys of the sets that these ports' addresses are in."""
    wanted = list(port_ids)
    found = view.find(Port, id=wanted) if wanted else []
    return {f"address-set/group/{group_id}" for port in found for group_id in port.security_group_ids}


def group(view: View, group_id: str) -> dict[str, tuple[Spec, ...]]:
    """The plan of one group."""
    row = view.get(SecurityGroup, id=group_id)
    if row is None:
        return {}
    return plan_group(row, view.find(SecurityGroupRule, security_group_id=group_id), _nodes(view, [group_id]))


def address_set(view: View, set_id: str) -> dict[str, tuple[Spec, ...]]:
    """The plan of one set; nothing is looked up for a set that no port needs."""
    kind, _, named = set_id.partition("/")
    column = "remote_group_id" if kind == "group" else "remote_address_group_id"
    nodes = _nodes(view, sorted({rule.security_group_id for rule in view.find(SecurityGroupRule, **{column: named})}))
    if not nodes:
        return {}
    return plan_address_set(set_id, _members(view, named) if kind == "group" else _addresses(view, named), nodes)


def _nodes(view: View, group_ids: list[str]) -> list[str]:
    return sorted(view.values(GroupPort, "host_id", security_group_id=group_ids, host_id=FILLED))


def _members(view: View, group_id: str) -> list[str]:
    """The addresses of all ports of the group, and those that they may use besides."""
    addresses, members = TABLES[FixedIp].c, TABLES[GroupPort].c
    in_group = select(members.port_id).where(members.security_group_id == group_id)
    own = view.execute(select(addresses.ip_address).where(addresses.port_id.in_(in_group)))
    pairs = type_coerce(_PORTS.allowed_address_pairs, Text).label("pairs")
    listed = view.execute(select(pairs).where(_PORTS.id.in_(in_group)))
    others = [pair["ip_address"] for row in listed for pair in msgspec.json.decode(row["pairs"])]
    return [str(row["ip_address"]) for row in own] + others


def _addresses(view: View, group_id: str) -> list[str]:
    row = view.get(AddressGroup, id=group_id)
    return [] if row is None else list(row.addresses)
