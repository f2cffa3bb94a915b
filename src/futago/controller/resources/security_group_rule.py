"""Rules of security groups."""

import ipaddress
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from futago.controller.protocols import ICMP, IPV6_ONLY, NUMBERS, number_of
from futago.controller.resources import errors, lookup, parse, schema, security_group_errors, sharing
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    owned_by_project,
    standard,
)
from futago.controller.resources.schema import described
from futago.controller.store.rows import AddressGroup, DefaultSecurityGroup, SecurityGroup, SecurityGroupRule

_WITH_PORTS: Final = {NUMBERS[name] for name in ("tcp", "udp", "sctp", "dccp", "udplite")}
_ANY: Final = frozenset({"0", "any", "ip", "hopopt"})
_UNIQUE: Final = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
)


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[SecurityGroupRule]:
    """A project sees the rules of its groups."""
    of_own_groups = lookup.under_own(SecurityGroupRule, "security_group_id", SecurityGroup)
    return lookup.rows(reading, SecurityGroupRule, wanted, of_own_groups)


def create(writing: Writing, values: Values) -> SecurityGroupRule:
    """Add a rule to a group; the same rule twice is refused."""
    group_id = values["security_group_id"]
    if not owned_by_project(writing.reading, _one_group(writing, group_id)):
        raise errors.PolicyNotAuthorized(rules="rule:create_security_group_rule")
    if values["remote_group_id"] is not None:
        _one_group(writing, values["remote_group_id"])
    if values["remote_address_group_id"] is not None:
        _check_address_group(writing, values["remote_address_group_id"])
    check(values)
    for rule in writing.txn.find(SecurityGroupRule, security_group_id=group_id):
        if all(getattr(rule, name) == values[name] for name in _UNIQUE):
            raise security_group_errors.SecurityGroupRuleExists(rule_id=rule.id)
    return writing.txn.add(
        SecurityGroupRule(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            security_group_id=group_id,
            description=values["description"],
            belongs_to_default_sg=writing.txn.count(DefaultSecurityGroup, security_group_id=group_id) > 0,
            **{name: values[name] for name in _UNIQUE},
        )
    )


def delete(writing: Writing, rule: SecurityGroupRule) -> None:
    """Take a rule out of its group."""
    writing.txn.remove(rule)


def render(_reading: Reading, rules: Sequence[SecurityGroupRule]) -> list[Rendered]:
    """Rules as Neutron shows them."""
    return [
        {
            **{name: value for name, value in standard(rule).items() if name not in {"name", "tags"}},
            "security_group_id": rule.security_group_id,
            **{name: getattr(rule, name) for name in _UNIQUE},
            "normalized_cidr": _normalized(rule.remote_ip_prefix),
            "belongs_to_default_sg": rule.belongs_to_default_sg,
        }
        for rule in rules
    ]


def check(values: Values) -> None:
    """See that a rule, or a default one, can be.

    Raises:
        ApiError: its attributes contradict each other.

    """
    named = [values[name] for name in ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")]
    if named.count(None) < len(named) - 1:
        raise security_group_errors.SecurityGroupMultipleRemoteEntites
    prefix, ethertype = values["remote_ip_prefix"], values["ethertype"]
    if prefix is not None and f"IPv{ipaddress.ip_network(prefix, strict=False).version}" != ethertype:
        raise security_group_errors.SecurityGroupRuleParameterConflict(ethertype=ethertype, cidr=prefix)
    _check_protocol(values["protocol"], ethertype)
    _check_ports(values["protocol"], values["port_range_min"], values["port_range_max"])


def _one_group(writing: Writing, group_id: str) -> SecurityGroup:
    group = writing.txn.get(SecurityGroup, id=group_id)
    if group is None or not sharing.usable(writing.reading, group):
        raise security_group_errors.SecurityGroupNotFound(security_group_id=group_id)
    return group


def _check_address_group(writing: Writing, group_id: str) -> None:
    group = writing.txn.get(AddressGroup, id=group_id)
    if group is None or not sharing.usable(writing.reading, group):
        raise security_group_errors.AddressGroupNotFound(address_group_id=group_id)


def _check_protocol(protocol: str | None, ethertype: str) -> None:
    if ethertype == "IPv4" and protocol is not None and number_of(protocol) in IPV6_ONLY:
        raise security_group_errors.SecurityGroupEthertypeConflictWithProtocol(ethertype=ethertype, protocol=protocol)


def _check_ports(protocol: str | None, lowest: int | None, highest: int | None) -> None:
    if lowest is None and highest is None:
        return
    if protocol is None:
        raise security_group_errors.SecurityGroupProtocolRequiredWithPorts
    number = number_of(protocol)
    if number in ICMP:
        _check_icmp(lowest, highest)
    elif number not in _WITH_PORTS:
        raise security_group_errors.SecurityGroupInvalidProtocolForPort(
            protocol=number, supported="TCP, UDP, UDPLITE, SCTP, DCCP"
        )
    elif 0 in {lowest, highest}:
        raise security_group_errors.SecurityGroupInvalidPortValue(port=0)
    elif lowest is None or highest is None or lowest > highest:
        raise security_group_errors.SecurityGroupInvalidPortRange


def _check_icmp(kind: int | None, code: int | None) -> None:
    if kind is None:
        raise security_group_errors.SecurityGroupMissingIcmpType(code=code)
    for field, attribute, value in (("type", "port_range_min", kind), ("code", "port_range_max", code)):
        if value is not None and value > 255:
            raise security_group_errors.SecurityGroupInvalidIcmpValue(field=field, attribute=attribute, value=value)


_PROTOCOL: Final = {
    "type": "string",
    "pattern": rf"^({'|'.join(sorted({*NUMBERS, *_ANY}))}|[1-9]?[0-9]|1[0-9][0-9]|2[0-4][0-9]|25[0-5])$",
}
"""A name or a number."""


@described(schema.or_null(_PROTOCOL))
def _protocol(value: Any) -> str | None:
    """The name or number as it was given, in lower case; every word for "any" is none."""
    if value is None:
        return None
    text = str(value).lower() if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    if text in _ANY:
        return None
    if text in NUMBERS or (text.isascii() and text.isdecimal() and int(text) <= 255):
        return text
    raise security_group_errors.SecurityGroupRuleInvalidProtocol(protocol=value, values=sorted(NUMBERS))


@described(schema.one_of(("IPv4", "IPv6")))
def _ethertype(value: Any) -> str:
    known = {"ipv4": "IPv4", "ipv6": "IPv6"}
    text = value.lower() if isinstance(value, str) else ""
    if text not in known:
        raise security_group_errors.SecurityGroupRuleInvalidEtherType(ethertype=value, values="IPv4, IPv6")
    return known[text]


_number = parse.integer(0, 65535)


@described(schema.or_null(schema.of(_number)))
def _port(value: Any) -> int | None:
    if value in (None, ""):
        return None
    try:
        return _number(value)
    except (parse.Unfit, errors.InvalidInput) as error:
        raise security_group_errors.SecurityGroupInvalidPortValue(port=value) from error


@described(schema.CIDR)
def _prefix(value: Any) -> str:
    """With its length, which is that of one address where it has none; host bits stay."""
    try:
        return str(ipaddress.ip_interface(str(value)))
    except ValueError as error:
        raise security_group_errors.InvalidCIDR(value=value) from error


def _normalized(prefix: str | None) -> str | None:
    return None if prefix is None else str(ipaddress.ip_network(prefix, strict=False))


SECURITY_GROUP_RULES: Final = Resource(
    name="security_group_rule",
    collection="security_group_rules",
    kind=SecurityGroupRule,
    fields=(
        *(field for field in STANDARD if field.name not in {"name", "description", "tags"}),
        Field(name="description", parse=parse.text(255), default="", post=True, sortable=False),
        Field(name="security_group_id", parse=parse.text(36), default=REQUIRED, post=True),
        Field(name="direction", parse=parse.one_of("ingress", "egress"), default=REQUIRED, post=True),
        Field(name="ethertype", parse=_ethertype, default="IPv4", post=True),
        Field(name="protocol", parse=_protocol, default=None, post=True),
        Field(name="port_range_min", parse=_port, default=None, post=True),
        Field(name="port_range_max", parse=_port, default=None, post=True),
        Field(name="remote_ip_prefix", parse=parse.empty_as_none(_prefix), default=None, post=True),
        Field(name="remote_group_id", parse=parse.empty_as_none(parse.text(64)), default=None, post=True),
        Field(name="remote_address_group_id", parse=parse.empty_as_none(parse.text(64)), default=None, post=True),
        Field(name="normalized_cidr"),
        Field(name="belongs_to_default_sg", sortable=False),
    ),
    not_found=lambda rule_id: security_group_errors.SecurityGroupRuleNotFound(rule_id=rule_id),
    columns=("id", "project_id", "security_group_id"),
    find=find,
    render=render,
    create=create,
    delete=delete,
    limited=True,
)
