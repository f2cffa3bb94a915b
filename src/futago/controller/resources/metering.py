"""Metering: labels that count what routers carry to and from the outside, by rules about addresses."""

import ipaddress
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from futago.controller.resources import lookup, parse, routing_errors, schema
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
)
from futago.controller.resources.schema import described
from futago.controller.store.database import Transaction, View
from futago.controller.store.routing_rows import MeteringLabel, MeteringRule
from futago.controller.store.tables import TABLES
from futago.controller.store.touched import touched

_PREFIXES: Final = ("remote_ip_prefix", "source_ip_prefix", "destination_ip_prefix")
_SETTING_ROLES: Final = frozenset({"admin", "manager"})


def find_labels(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[MeteringLabel]:
    """A project sees its own labels."""
    return lookup.rows(reading, MeteringLabel, wanted)


def create_label(writing: Writing, values: Values) -> MeteringLabel:
    """Make a label, which counts nothing yet."""
    return writing.txn.add(
        MeteringLabel(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            shared=values["shared"],
            **chosen(values, {"name": "name", "description": "description"}),
        )
    )


def delete_label(writing: Writing, label: MeteringLabel) -> None:
    """Delete a label with its rules."""
    for rule in writing.txn.find(MeteringRule, metering_label_id=label.id):
        writing.txn.remove(rule)
    writing.txn.remove(label)


def render_labels(_reading: Reading, labels: Sequence[MeteringLabel]) -> list[Rendered]:
    """Labels as Neutron shows them."""
    return [
        {
            "id": label.id,
            "name": label.name,
            "description": label.description,
            "tenant_id": label.project_id,
            "project_id": label.project_id,
            "shared": label.shared,
        }
        for label in labels
    ]


def find_rules(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[MeteringRule]:
    """Who sees a label sees its rules."""
    labels = TABLES[MeteringLabel].c
    if reading.caller.unbounded:
        return lookup.parts(reading, MeteringRule, wanted)
    own = select(labels.id).where(labels.project_id == reading.caller.project_id)
    return lookup.parts(reading, MeteringRule, wanted, TABLES[MeteringRule].c.metering_label_id.in_(own))


def create_rule(writing: Writing, values: Values) -> MeteringRule:
    """Have a label count, or leave out, what goes one way."""
    label = lookup.one(writing.reading, METERING_LABELS, values["metering_label_id"])
    _check_prefixes(values)
    rule = MeteringRule(
        id=str(uuid.uuid4()),
        metering_label_id=label.id,
        direction=values["direction"],
        excluded=values["excluded"],
        **{name: values[name] or None for name in _PREFIXES},
    )
    _check_apart(writing.txn, rule)
    _touch(writing.txn, label)
    return writing.txn.add(rule)


def delete_rule(writing: Writing, rule: MeteringRule) -> None:
    """Count by this rule no more; what was counted stays."""
    _touch(writing.txn, _label(writing.txn, rule))
    writing.txn.remove(rule)


def render_rules(reading: Reading, rules: Sequence[MeteringRule]) -> list[Rendered]:
    """Rules as Neutron shows them; whose they are, the rules of access want to know."""
    labels = lookup.among(reading.view, MeteringLabel, "id", {rule.metering_label_id for rule in rules})
    owners = {label.id: label.project_id for label in labels}
    names = ("id", "metering_label_id", "direction", "excluded", *_PREFIXES)
    return [
        {**{name: getattr(rule, name) for name in names}, "project_id": owners[rule.metering_label_id]}
        for rule in rules
    ]


def _label(view: View, rule: MeteringRule) -> MeteringLabel:
    label = view.get(MeteringLabel, id=rule.metering_label_id)
    assert label is not None, "rules end with their label"
    return label


def _check_prefixes(values: Values) -> None:
    given = [name for name in _PREFIXES if values[name]]
    if "remote_ip_prefix" in given and len(given) > 1:
        message = "Cannot use 'remote-ip-prefix' in conjunction with 'source-ip-prefix' or 'destination-ip-prefix'."
        raise routing_errors.Invalid(message=message)
    if not given:
        message = (
            "You must define at least one of the following parameters "
            "'remote_ip_prefix', or 'source_ip_prefix' or 'destination_ip_prefix'."
        )
        raise routing_errors.Invalid(message=message)
    if len({ipaddress.ip_interface(values[name]).version for name in given}) > 1:
        raise routing_errors.Invalid(
            message="'source_ip_prefix' and 'destination_ip_prefix' are of different versions."
        )


def _check_apart(view: View, rule: MeteringRule) -> None:
    if rule.remote_ip_prefix is None:
        return
    asked = ipaddress.ip_network(rule.remote_ip_prefix, strict=False)
    same = {"metering_label_id": rule.metering_label_id, "direction": rule.direction, "excluded": rule.excluded}
    for other in view.find(MeteringRule, **same):
        if other.remote_ip_prefix and asked.overlaps(ipaddress.ip_network(other.remote_ip_prefix, strict=False)):
            raise routing_errors.MeteringLabelRuleOverlaps(remote_ip_prefix=rule.remote_ip_prefix)


def _touch(txn: Transaction, label: MeteringLabel) -> None:
    for key in touched(label):
        txn.touch(key)


def _prefix(name: str) -> Field:
    @described(schema.or_null(schema.CIDR))
    def read(value: Any) -> str | None:
        if value in (None, ""):
            return None
        text = parse.text(64)(value)
        try:
            ipaddress.ip_interface(text)
        except ValueError as error:
            raise routing_errors.Invalid(message=f"{name}: {text} is invalid [{error}].") from error
        if "%" in text:
            raise parse.Unfit(f"'{text}' is not a valid IP subnet")
        return text

    return Field(name=name, parse=read, default=None, post=True)


METERING_LABELS: Final = Resource(
    name="metering_label",
    collection="metering_labels",
    kind=MeteringLabel,
    fields=(
        *(field for field in STANDARD if field.name in {"id", "tenant_id", "project_id"}),
        Field(name="name", parse=parse.name, default="", post=True),
        Field(name="description", parse=parse.text(1024), default="", post=True),
        Field(name="shared", parse=parse.boolean, default=False, post=True, admin_sets=True),
    ),
    not_found=lambda label_id: routing_errors.MeteringLabelNotFound(label_id=label_id),
    prefix="metering/",
    find=find_labels,
    render=render_labels,
    create=create_label,
    delete=delete_label,
)

METERING_RULES: Final = Resource(
    name="metering_label_rule",
    collection="metering_label_rules",
    kind=MeteringRule,
    fields=(
        Field(name="id"),
        Field(name="project_id", parse=parse.text(255), post=True, shown=False, filterable=False, sortable=False),
        Field(name="tenant_id", parse=parse.text(255), post=True, shown=False, filterable=False, sortable=False),
        Field(name="metering_label_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="direction", parse=parse.one_of("ingress", "egress"), default=REQUIRED, post=True),
        Field(name="excluded", parse=parse.boolean, default=False, post=True),
        *(_prefix(name) for name in _PREFIXES),
    ),
    not_found=lambda rule_id: routing_errors.MeteringLabelRuleNotFound(rule_id=rule_id),
    columns=("id", "metering_label_id", "direction"),
    prefix="metering/",
    find=find_rules,
    render=render_rules,
    create=create_rule,
    delete=delete_rule,
)
