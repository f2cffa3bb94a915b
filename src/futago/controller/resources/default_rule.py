"""Default rules: what new security groups begin with, those of projects by default and all others."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import true

from futago.controller.resources import addressing_errors, lookup, parse
from futago.controller.resources.definition import REQUIRED, Field, Reading, Rendered, Resource, Values, Writing
from futago.controller.resources.security_group_rule import SECURITY_GROUP_RULES, check
from futago.controller.store.addressing_rows import DefaultRule
from futago.controller.store.database import View
from futago.controller.store.rows import SecurityGroup, SecurityGroupRule

PARENT: Final = "PARENT"
"""As `remote_group_id`: the group that the rule will be in."""
_SAME: Final = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
    "remote_address_group_id",
)
"""What a rule of a group and a default one have in common."""
_USES: Final = ("used_in_default_sg", "used_in_non_default_sg")


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[DefaultRule]:
    """Everybody sees all of them."""
    return lookup.rows(reading, DefaultRule, wanted, lambda _: true())


def create(writing: Writing, values: Values) -> DefaultRule:
    """Have groups that are made from now on begin with one more rule."""
    check(values)
    for rule in writing.txn.find(DefaultRule):
        meets = any(values[use] and getattr(rule, use) for use in _USES)
        if meets and all(getattr(rule, name) == values[name] for name in _SAME):
            raise addressing_errors.DefaultSecurityGroupRuleExists(rule_id=rule.id)
    return writing.txn.add(
        DefaultRule(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            description=values["description"],
            **{name: values[name] for name in (*_SAME, *_USES)},
        )
    )


def delete(writing: Writing, rule: DefaultRule) -> None:
    """Groups that are made from now on begin without it."""
    writing.txn.remove(rule)


def render(_reading: Reading, rules: Sequence[DefaultRule]) -> list[Rendered]:
    """Default rules as Neutron shows them."""
    return [{name: getattr(rule, name) for name in ("id", "description", *_SAME, *_USES)} for rule in rules]


def templates(view: View, *, default: bool) -> list[DefaultRule]:
    """What a new group begins with: a project's default one, or any other."""
    return view.find(DefaultRule, **{_USES[0] if default else _USES[1]: True})


def made_from(template: DefaultRule, group: SecurityGroup, *, default: bool) -> SecurityGroupRule:
    """The rule of a new group that a default rule stands for."""
    values = {name: getattr(template, name) for name in _SAME}
    if template.remote_group_id == PARENT:
        values["remote_group_id"] = group.id
    return SecurityGroupRule(
        id=str(uuid.uuid4()),
        project_id=group.project_id,
        security_group_id=group.id,
        belongs_to_default_sg=default,
        **values,
    )


DEFAULT_RULES: Final = Resource(
    name="default_security_group_rule",
    collection="default_security_group_rules",
    kind=DefaultRule,
    fields=(
        Field(name="id"),
        Field(name="description", parse=parse.text(255), default="", post=True, sortable=False),
        *(
            Field(name=name, post=True, shown=False, filterable=False, sortable=False)
            for name in ("tenant_id", "project_id")
        ),
        *(field for field in SECURITY_GROUP_RULES.fields if field.name in _SAME),
        *(Field(name=name, parse=parse.boolean, default=REQUIRED, post=True, sortable=False) for name in _USES),
    ),
    not_found=lambda rule_id: addressing_errors.DefaultSecurityGroupRuleNotFound(rule_id=rule_id),
    columns=("id",),
    find=find,
    render=render,
    create=create,
    delete=delete,
)
