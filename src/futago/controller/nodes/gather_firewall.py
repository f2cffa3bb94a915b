"""Gathers what concerns security groups: which nodes have ports of them, and whose addresses their rules name.

A port keeps its groups as a JSON list, in which an id cannot be part of another.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Text, cast, or_, select, type_coerce
from sqlalchemy.sql import ColumnElement

from futago.contract.specs import Spec
from futago.controller import device_owners
from futago.controller.plan.firewall import plan_address_set, plan_group, set_of
from futago.controller.store.database import View
from futago.controller.store.rows import AddressGroup, FixedIp, Port, SecurityGroup, SecurityGroupRule
from futago.controller.store.tables import TABLES

_PORTS = TABLES[Port].c
_RULES = TABLES[SecurityGroupRule].c


def all_keys(view: View) -> set[str]:
    """Every group of a bound port, and every set that the rules of these name."""
    listed = view.execute(
        select(type_coerce(_PORTS.security_group_ids, Text).label("listed")).where(_PORTS.host_id > "")
    )
    texts = {row["listed"] for row in listed}
    groups = {f"security-group/{group_id}" for text in texts for group_id in msgspec.json.decode(text)}
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
    if not group_ids:
        return []
    bound = [
        _PORTS.host_id > "",  # which an index finds
        _PORTS.port_security_enabled,
        _PORTS.device_owner.not_like(f"{device_owners.SERVICE}%"),
        or_(*map(_has, group_ids)),
    ]
    return sorted(row["host_id"] for row in view.execute(select(_PORTS.host_id).where(*bound).distinct()))


def _members(view: View, group_id: str) -> list[str]:
    """The addresses of all ports of the group, and those that they may use besides."""
    addresses = TABLES[FixedIp].c
    own = select(addresses.ip_address).where(addresses.port_id == _PORTS.id, _has(group_id))
    listed = view.execute(select(type_coerce(_PORTS.allowed_address_pairs, Text).label("pairs")).where(_has(group_id)))
    others = [pair["ip_address"] for row in listed for pair in msgspec.json.decode(row["pairs"])]
    return [str(row["ip_address"]) for row in view.execute(own)] + others


def _addresses(view: View, group_id: str) -> list[str]:
    row = view.get(AddressGroup, id=group_id)
    return [] if row is None else list(row.addresses)


def _has(group_id: str) -> ColumnElement[bool]:
    return cast(_PORTS.security_group_ids, Text).contains(group_id)
