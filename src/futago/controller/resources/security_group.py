"""Security groups, and the default one that every project has."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import (
    default_rule,
    default_statefulness,
    lookup,
    parse,
    quota,
    security_group_errors,
    security_group_rule,
    sharing,
)
from futago.controller.resources.definition import (
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.store.database import View
from futago.controller.store.port_rows import GroupPort
from futago.controller.store.rows import DefaultSecurityGroup, SecurityGroup, SecurityGroupRule

_COLUMNS: Final = {"name": "name", "description": "description", "stateful": "stateful"}
_DEFAULT: Final = "default"
_LONGEST_PROJECT_ID: Final = 255


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[SecurityGroup]:
    """A project sees its own groups, and those that it shares."""
    return lookup.rows(reading, SecurityGroup, wanted, sharing.shared_of(SecurityGroup))


def create(writing: Writing, values: Values) -> SecurityGroup:
    """Make a group with the rules that new groups begin with."""
    if values["name"].lower() == _DEFAULT:
        raise security_group_errors.SecurityGroupDefaultAlreadyExists
    ensure_default(writing, values["project_id"])
    return _add(writing, values["project_id"], chosen(values, _COLUMNS))


def update(writing: Writing, group: SecurityGroup, values: Values) -> SecurityGroup:
    """Change a group; the default one keeps its name."""
    default = writing.txn.get(DefaultSecurityGroup, security_group_id=group.id) is not None
    renamed = values.get("name", group.name) != group.name
    if renamed and default:
        raise security_group_errors.SecurityGroupCannotUpdateDefault
    if renamed and values["name"].lower() == _DEFAULT:
        raise security_group_errors.SecurityGroupDefaultAlreadyExists
    changed = replace(group, **chosen(values, _COLUMNS))
    if changed.stateful != group.stateful and writing.txn.count(GroupPort, security_group_id=group.id):
        raise security_group_errors.SecurityGroupInUse(security_group_id=group.id, reason="in use")
    return writing.txn.replace(group, changed)


def delete(writing: Writing, group: SecurityGroup) -> None:
    """Delete a group that no port has, with its rules and those that name it."""
    txn = writing.txn
    default = txn.get(DefaultSecurityGroup, security_group_id=group.id)
    if default is not None and not writing.caller.admin:
        raise security_group_errors.SecurityGroupCannotRemoveDefault
    if txn.count(GroupPort, security_group_id=group.id):
        raise security_group_errors.SecurityGroupInUse(security_group_id=group.id, reason="in use")
    if default is not None:
        txn.remove(default)
    for rule in txn.find(SecurityGroupRule, security_group_id=group.id):
        txn.remove(rule)
    for rule in txn.find(SecurityGroupRule, remote_group_id=group.id):
        txn.remove(rule)
    sharing.close(txn, group.id)
    txn.remove(group)


def render(reading: Reading, groups: Sequence[SecurityGroup]) -> list[Rendered]:
    """Groups as Neutron shows them, rules included."""
    found = lookup.among(reading.view, SecurityGroupRule, "security_group_id", [group.id for group in groups])
    rules = lookup.grouped(found, "security_group_id")
    shared = sharing.shared_among(reading, [group.id for group in groups])
    return [
        {
            **standard(group),
            "stateful": group.stateful,
            "shared": group.id in shared,
            "security_group_rules": security_group_rule.render(reading, rules.get(group.id, [])),
        }
        for group in groups
    ]


def default_of(view: View, project_id: str) -> str | None:
    """The id of the project's default group, if it has it yet."""
    known = view.get(DefaultSecurityGroup, project_id=project_id)
    return None if known is None else known.security_group_id


def ensure_default(writing: Writing, project_id: str) -> str:
    """The id of the project's default group; made on first use."""
    known = default_of(writing.txn, project_id)
    if known is not None:
        return known
    group = _add(writing, project_id, {"name": _DEFAULT, "description": "Default security group"}, default=True)
    writing.txn.add(DefaultSecurityGroup(project_id=project_id, security_group_id=group.id))
    return group.id


def _add(writing: Writing, project_id: str, columns: Mapping[str, Any], *, default: bool = False) -> SecurityGroup:
    txn = writing.txn
    templates = default_rule.templates(txn, default=default)
    quota.check(writing, project_id, "security_group_rule", len(templates))
    whole = {"stateful": default_statefulness.of_project(txn, project_id), **columns}
    group = txn.add(SecurityGroup(id=str(uuid.uuid4()), project_id=project_id, **whole))
    for template in templates:
        txn.add(default_rule.made_from(template, group, default=default))
    return group


def _wanting(reading: Reading, project_id: str) -> bool:
    fit = 0 < len(project_id) <= _LONGEST_PROJECT_ID and "\0" not in project_id
    return fit and default_of(reading.view, project_id) is None


SECURITY_GROUPS: Final = Resource(
    name="security_group",
    collection="security_groups",
    kind=SecurityGroup,
    fields=(
        *STANDARD,
        Field(name="stateful", parse=parse.boolean, post=True, put=True, sortable=False),
        Field(name="shared", sortable=False),
        Field(name="security_group_rules", filterable=False, sortable=False),
    ),
    not_found=lambda group_id: security_group_errors.SecurityGroupNotFound(security_group_id=group_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    wanting=_wanting,
    provide=ensure_default,
    tagged=True,
    limited=True,
)
