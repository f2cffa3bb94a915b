"""QoS policies: named sets of rules, which ports, floating IPs and gateways have themselves or from their network."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import addressing_errors, lookup, parse, qos_errors, sharing
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
from futago.controller.store.database import Transaction, View
from futago.controller.store.port_rows import QosPolicy, QosRule
from futago.controller.store.rows import FloatingIp, Network, Port, Router, StandardRow
from futago.controller.store.tables import TABLES

_COLUMNS: Final = {"name": "name", "description": "description"}
KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bandwidth_limit": ("max_kbps", "max_burst_kbps", "direction"),
    "packet_rate_limit": ("max_kpps", "max_burst_kpps", "direction"),
    "dscp_marking": ("dscp_mark",),
    "minimum_bandwidth": ("min_kbps", "direction"),
}
"""The kinds of rules, and what each says."""
TYPE: Final = "qos_policy"
"""Under which policies of access are about them."""
_USERS: Final[Mapping[type[StandardRow], tuple[str, str]]] = {
    Port: ("port", "qos_policy_id"),
    Network: ("network", "qos_policy_id"),
    FloatingIp: ("floatingip", "qos_policy_id"),
    Router: ("router", "gateway_qos_policy_id"),
}
"""What can have a policy: what it is called, and the column where it has it."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[QosPolicy]:
    """A project sees its own policies, and those that it shares."""
    return lookup.rows(reading, QosPolicy, wanted, sharing.shared_of(QosPolicy))


def create(writing: Writing, values: Values) -> QosPolicy:
    """Make a policy without rules."""
    policy = QosPolicy(id=str(uuid.uuid4()), project_id=values["project_id"], **chosen(values, _COLUMNS))
    policy = writing.txn.add(policy)
    if values["shared"]:
        sharing.open_for_all(writing.txn, TYPE, policy)
    return _with_default(writing, policy, policy, default=values["is_default"])


def update(writing: Writing, policy: QosPolicy, values: Values) -> QosPolicy:
    """Change a policy; it stays shared with those who have it."""
    if values.get("shared"):
        sharing.open_for_all(writing.txn, TYPE, policy)
    elif "shared" in values:
        _close_for_all(writing.txn, policy)
    changed = replace(policy, **chosen(values, _COLUMNS))
    return _with_default(writing, policy, changed, default=values.get("is_default", policy.default_of is not None))


def delete(writing: Writing, policy: QosPolicy) -> None:
    """Delete a policy that nothing has, with its rules."""
    for kind, (name, column) in _USERS.items():
        using = writing.txn.search(kind, TABLES[kind].c[column] == policy.id, limit=1)
        if using:
            raise qos_errors.QosPolicyInUse(policy_id=policy.id, object_type=name, object_id=using[0].id)
    for rule in writing.txn.find(QosRule, policy_id=policy.id):
        writing.txn.remove(rule)
    sharing.close(writing.txn, policy.id)
    writing.txn.remove(policy)


def render(reading: Reading, policies: Sequence[QosPolicy]) -> list[Rendered]:
    """Policies as Neutron shows them, rules included."""
    found = lookup.among(reading.view, QosRule, "policy_id", [policy.id for policy in policies])
    rules = lookup.grouped(found, "policy_id")
    shared = sharing.shared_among(reading, [policy.id for policy in policies])
    return [
        {
            **standard(policy),
            "shared": policy.id in shared,
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
    """The policy that a port, network, floating IP or gateway has from now on, which had `before`.

    Raises:
        errors.ApiError: the caller does not see the policy, or not the one that it would replace.

    """
    wanted: str | None = values.get("qos_policy_id", before)
    if wanted == before:
        return before
    if before is not None and not find(writing.reading, {"id": [before]}):
        raise qos_errors.PolicyRemoveAuthorizationError(policy_id=before)
    return None if wanted is None else lookup.one(writing.reading, QOS_POLICIES, wanted).id


def users(view: View, policy_id: str) -> set[str]:
    """The projects that have something with a policy."""
    columns = ((kind, TABLES[kind].c[column]) for kind, (_, column) in _USERS.items())
    return {row.project_id for kind, column in columns for row in view.search(kind, column == policy_id)}


def default_of(writing: Writing, project_id: str) -> str | None:
    """The policy of a project's new networks."""
    policy = writing.txn.get(QosPolicy, default_of=project_id)
    return None if policy is None else policy.id


def _close_for_all(txn: Transaction, policy: QosPolicy) -> None:
    left = sharing.targets(txn, policy.id, sharing.SHARED)
    if sharing.EVERYBODY not in left:
        return
    if sharing.losing(users(txn, policy.id), "", sharing.EVERYBODY, left - {sharing.EVERYBODY}):
        details = f"project_id={sharing.EVERYBODY}"
        raise addressing_errors.RbacPolicyInUse(object_id=policy.id, details=details)
    sharing.close(txn, policy.id, action=sharing.SHARED, target_project=sharing.EVERYBODY)


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
        Field(name="shared", parse=parse.boolean, default=False, post=True, put=True, weighed=False, sortable=False),
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
