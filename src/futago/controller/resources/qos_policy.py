"""QoS policies: named sets of rules, which ports have by themselves or from their network."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import lookup, parse, qos_errors
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
from futago.controller.store.port_rows import QosPolicy, QosRule
from futago.controller.store.rows import Network, Port
from futago.controller.store.tables import TABLES

_COLUMNS: Final = {"name": "name", "description": "description", "shared": "shared"}
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bandwidth_limit": ("max_kbps", "max_burst_kbps", "direction"),
    "dscp_marking": ("dscp_mark",),
    "minimum_bandwidth": ("min_kbps", "direction"),
}
"""The kinds of rules, and what each says."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[QosPolicy]:
    """A project sees its own policies, and the shared ones."""
    return lookup.rows(reading, QosPolicy, wanted, lambda _: TABLES[QosPolicy].c.shared.is_(True))


def create(writing: Writing, values: Values) -> QosPolicy:
    """Make a policy without rules."""
    policy = QosPolicy(id=str(uuid.uuid4()), project_id=values["project_id"], **chosen(values, _COLUMNS))
    policy = writing.txn.add(policy)
    return _with_default(writing, policy, policy, default=values["is_default"])


def update(writing: Writing, policy: QosPolicy, values: Values) -> QosPolicy:
    """Change a policy; who has it keeps it, shared or not."""
    changed = replace(policy, **chosen(values, _COLUMNS))
    return _with_default(writing, policy, changed, default=values.get("is_default", policy.default_of is not None))


def delete(writing: Writing, policy: QosPolicy) -> None:
    """Delete a policy that nothing has, with its rules."""
    for kind, name in ((Port, "port"), (Network, "network")):
        users = writing.txn.search(kind, TABLES[kind].c.qos_policy_id == policy.id, limit=1)
        if users:
            raise qos_errors.QosPolicyInUse(policy_id=policy.id, object_type=name, object_id=users[0].id)
    for rule in writing.txn.find(QosRule, policy_id=policy.id):
        writing.txn.remove(rule)
    writing.txn.remove(policy)


def render(reading: Reading, policies: Sequence[QosPolicy]) -> list[Rendered]:
    """Policies as Neutron shows them, rules included."""
    found = lookup.among(reading.view, QosRule, "policy_id", [policy.id for policy in policies])
    rules = lookup.grouped(found, "policy_id")
    return [
        {
            **standard(policy),
            "shared": policy.shared,
            "is_default": policy.default_of is not None,
            "rules": [
                {**said(rule), "qos_policy_id": policy.id, "type": rule.kind} for rule in rules.get(policy.id, [])
            ],
        }
        for policy in policies
    ]


def said(rule: QosRule) -> dict[str, Any]:
    """The attributes that a rule of its kind has."""
    return {"id": rule.id, **{name: getattr(rule, name) for name in KINDS[rule.kind]}}


def given(writing: Writing, before: str | None, values: Values) -> str | None:
    """The policy that a port or network has from now on, which had `before`.

    Raises:
        errors.ApiError: the caller does not see the policy, or not the one that it would replace.

    """
    wanted: str | None = values.get("qos_policy_id", before)
    if wanted == before:
        return before
    if before is not None and not find(writing.reading, {"id": [before]}):
        raise qos_errors.PolicyRemoveAuthorizationError(policy_id=before)
    return None if wanted is None else lookup.one(writing.reading, QOS_POLICIES, wanted).id


def default_of(writing: Writing, project_id: str) -> str | None:
    """The policy of a project's new networks."""
    policy = writing.txn.get(QosPolicy, default_of=project_id)
    return None if policy is None else policy.id


def _with_default(writing: Writing, old: QosPolicy, new: QosPolicy, *, default: bool) -> QosPolicy:
    project_id = new.project_id if default else None
    taken = default and writing.txn.get(QosPolicy, default_of=project_id)
    if taken and taken.id != new.id:
        raise qos_errors.QoSPolicyDefaultAlreadyExists(project_id=project_id)
    return writing.txn.replace(old, replace(new, default_of=project_id))


POLICY_FIELD: Final = Field(
    name="qos_policy_id",
    parse=parse.nullable(parse.identifier),
    default=None,
    post=True,
    put=True,
    filterable=False,
    sortable=False,
)
"""Of what can have a policy."""

QOS_POLICIES: Final = Resource(
    name="policy",
    collection="policies",
    prefix="qos/",
    kind=QosPolicy,
    fields=(
        *STANDARD,
        Field(name="shared", parse=parse.boolean, default=False, post=True, put=True, sortable=False),
        Field(name="is_default", parse=parse.boolean, default=False, post=True, put=True, sortable=False),
        Field(name="rules", filterable=False, sortable=False),
    ),
    not_found=lambda policy_id: qos_errors.QosPolicyNotFound(policy_id=policy_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
)
