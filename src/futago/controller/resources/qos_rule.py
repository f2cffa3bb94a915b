"""The rules of QoS policies, below their policy or by their id alone (`alias-…-rules`), and the kinds that there are.

Limits and a DSCP mark are kept by the switch of the port's host. A minimum bandwidth is kept here and shown to whoever
places instances; no switch holds bandwidth back for it. Packets are limited where the instance sends them only.
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import or_, select

from futago.controller.resources import errors, lookup, parse, qos_errors, schema, sharing
from futago.controller.resources.definition import (
    REQUIRED,
    Action,
    Field,
    Params,
    Parent,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
)
from futago.controller.resources.qos_policy import KINDS, QOS_POLICIES, said
from futago.controller.resources.schema import described
from futago.controller.store.database import Transaction
from futago.controller.store.port_rows import QosPolicy, QosRule
from futago.controller.store.tables import TABLES

_MOST: Final = 2**31 - 1
_DIRECTIONS: Final = ("egress", "ingress")
_MARKS: Final = (0, *range(8, 42, 2), 44, 46, 48, 56)
"""The code points that have a meaning: the default, the classes AF and CS, VOICE-ADMIT and EF."""
_FILTERS: Final = ("all_supported", "all_rules")
_NOT_KEPT: Final = ("minimum_packet_rate",)
_DIRECTIONS_OF: Final[Mapping[str, tuple[str, ...]]] = {"packet_rate_limit": ("egress",)}
"""Of the kinds that the switches keep in fewer directions than the others."""
_BY_ID: Final = tuple(kind for kind in KINDS if kind != "packet_rate_limit")
"""The kinds whose rules have paths without a policy: Neutron's extension for that is older than the other kinds."""
_rate = parse.between(0, _MOST)


@described(schema.one_of(sorted(_MARKS)))
def _mark(value: Any) -> int:
    number = parse.whole(value)
    if number not in _MARKS:
        raise parse.Unfit(f"{number} is not in valid_values")
    return number


_PARSE: Final[Mapping[str, tuple[Callable[[Any], Any], object]]] = {
    "max_kbps": (_rate, REQUIRED),
    "max_burst_kbps": (_rate, 0),
    "min_kbps": (_rate, REQUIRED),
    "max_kpps": (_rate, REQUIRED),
    "max_burst_kpps": (_rate, 0),
    "dscp_mark": (_mark, REQUIRED),
}


def update(writing: Writing, rule: QosRule, values: Values) -> QosRule:
    """Change what a rule says."""
    changed = replace(rule, **{name: values[name] for name in KINDS[rule.kind] if name in values})
    _check(writing.txn, changed)
    return writing.txn.replace(rule, changed)


def delete(writing: Writing, rule: QosRule) -> None:
    """Take a rule out of its policy."""
    writing.txn.remove(rule)


def render(_reading: Reading, rules: Sequence[QosRule]) -> list[Rendered]:
    """Rules as Neutron shows them."""
    return [said(rule) for rule in rules]


def show_kinds(_reading: Reading, params: Params) -> Rendered:
    """The kinds of rules that the switches keep, or all that Neutron knows."""
    unknown = [name for name in params if name not in _FILTERS]
    if unknown:
        raise errors.HTTPBadRequest(message=f"{unknown} is invalid attribute for filtering")
    asked = {name: parse.boolean(params[name]) for name in _FILTERS if name in params}
    return {"rule_types": [{"type": kind} for kind in (*KINDS, *(_NOT_KEPT if asked.get("all_rules") else ()))]}


def show_kind(reading: Reading, params: Params) -> Rendered:
    """What a rule of this kind can say."""
    if not reading.caller.admin:
        raise errors.PolicyNotAuthorized(rules="rule:get_rule_type")
    kind = params["kind"]
    if kind not in KINDS:
        raise errors.HTTPNotFound
    parameters = [{"parameter_name": name, **_possible(kind, name)} for name in KINDS[kind]]
    return {"rule_type": {"type": kind, "drivers": [{"name": "openvswitch", "supported_parameters": parameters}]}}


def _possible(kind: str, name: str) -> Rendered:
    choices = {"direction": list(_directions(kind)), "dscp_mark": list(_MARKS)}.get(name)
    if choices is not None:
        return {"parameter_type": "choices", "parameter_values": choices}
    return {"parameter_type": "range", "parameter_values": {"start": 0, "end": _MOST}}


def _directions(kind: str) -> tuple[str, ...]:
    return _DIRECTIONS_OF.get(kind, _DIRECTIONS)


def _parsers(kind: str) -> Mapping[str, tuple[Callable[[Any], Any], object]]:
    return {**_PARSE, "direction": (parse.one_of(*_directions(kind)), "egress")}


def _check(txn: Transaction, rule: QosRule) -> None:
    """See that no other rule of the policy says the same, or the contrary."""
    for other in txn.find(QosRule, policy_id=rule.policy_id):
        if other.id == rule.id or other.direction != rule.direction:
            continue
        if other.kind == rule.kind:
            raise qos_errors.QoSRulesConflict(new_rule_type=rule.kind, rule_id=other.id, policy_id=rule.policy_id)
        asks = rule.kind == "minimum_bandwidth"
        own, theirs = (rule.min_kbps, other.max_kbps) if asks else (rule.max_kbps, other.min_kbps)
        if own is not None and theirs is not None and (own > theirs if asks else own < theirs):
            raise qos_errors.QoSRuleParameterConflict(
                rule_value=own, policy_id=rule.policy_id, existing_rule=other.kind, existing_value=theirs
            )


def _creates(kind: str) -> Callable[[Writing, Values], QosRule]:
    def create(writing: Writing, values: Values) -> QosRule:
        said = {name: values[name] for name in KINDS[kind]}
        rule = QosRule(id=str(uuid.uuid4()), policy_id=values["policy_id"], kind=kind, **said)
        _check(writing.txn, rule)
        return writing.txn.add(rule)

    return create


def _finds(kind: str) -> Callable[[Reading, Mapping[str, Sequence[str]]], list[QosRule]]:
    """Below a policy that the caller sees, all of its rules; by themselves, those of all such policies."""

    def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[QosRule]:
        narrowed = {**wanted, "kind": [kind]}
        if reading.caller.unbounded:
            return lookup.parts(reading, QosRule, narrowed)
        policies = TABLES[QosPolicy].c
        own = or_(policies.id.in_(sharing.open_to(reading)), policies.project_id == reading.caller.project_id)
        return lookup.parts(reading, QosRule, narrowed, TABLES[QosRule].c.policy_id.in_(select(policies.id).where(own)))

    return find


def _not_found(rule_id: str) -> errors.ApiError:
    return qos_errors.QosRuleNotFound(rule_id=rule_id, policy_id="")


def _resource(kind: str, *, alias: bool) -> Resource[QosRule]:
    name = f"{'alias_' if alias else ''}{kind}_rule"
    fields = (
        Field(name=name, parse=convert, default=default, post=not alias, put=True)
        for name, (convert, default) in _parsers(kind).items()
        if name in KINDS[kind]
    )
    return Resource(
        name=name,
        collection=f"{name}s",
        prefix="qos/" if alias else "",
        parent=Parent(QOS_POLICIES, "policy_id", in_path=not alias),
        kind=QosRule,
        fields=(Field(name="id"), *fields),
        not_found=_not_found,
        columns=("id",),
        find=_finds(kind),
        render=render,
        create=None if alias else _creates(kind),
        update=update,
        delete=delete,
    )


QOS_RULES: Final = (
    *(_resource(kind, alias=False) for kind in KINDS),
    *(_resource(kind, alias=True) for kind in _BY_ID),
)

ACTIONS: Final = (
    Action("GET", "/qos/rule-types", read=show_kinds),
    Action("GET", "/qos/rule-types/{kind}", read=show_kind),
)
