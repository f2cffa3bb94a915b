"""Policies of access: which projects may use a network, a group or a pool that they do not own."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import addressing_errors, errors, lookup, parse, qos_policy, schema, sharing
from futago.controller.resources.address_group import ADDRESS_GROUPS
from futago.controller.resources.address_scope import ADDRESS_SCOPES
from futago.controller.resources.definition import (
    REQUIRED,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    owned_by_project,
)
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.schema import described
from futago.controller.resources.security_group import SECURITY_GROUPS
from futago.controller.resources.sharing import EVERYBODY, EXTERNAL, SHARED
from futago.controller.resources.subnet_pool import SUBNET_POOLS
from futago.controller.store.addressing_rows import RbacPolicy, SubnetPool
from futago.controller.store.database import Conflict, View
from futago.controller.store.port_rows import GroupPort
from futago.controller.store.rows import Network, Port, Router, SecurityGroupRule, StandardRow, Subnet


@dataclass(frozen=True, slots=True)
class Shareable:
    """A kind of thing that policies can be about."""

    resource: Resource[Any]
    users: Callable[[View, str], set[str]]
    """The projects that have something that depends on a thing."""
    actions: tuple[str, ...] = (SHARED,)


def _projects(rows: Sequence[StandardRow]) -> set[str]:
    return {row.project_id for row in rows}


def _with_ports_of_group(view: View, group_id: str) -> set[str]:
    ports = view.values(GroupPort, "port_id", security_group_id=group_id)
    return set(view.values(Port, "project_id", id=ports))


SHAREABLE: Final[dict[str, Shareable]] = {
    shareable.resource.name: shareable
    for shareable in (
        Shareable(NETWORKS, lambda view, one: set(view.values(Port, "project_id", network_id=one)), (SHARED, EXTERNAL)),
        Shareable(SECURITY_GROUPS, _with_ports_of_group),
        Shareable(
            ADDRESS_GROUPS, lambda view, one: _projects(view.find(SecurityGroupRule, remote_address_group_id=one))
        ),
        Shareable(ADDRESS_SCOPES, lambda view, one: _projects(view.find(SubnetPool, address_scope_id=one))),
        Shareable(SUBNET_POOLS, lambda view, one: _projects(view.find(Subnet, subnetpool_id=one))),
    )
} | {qos_policy.TYPE: Shareable(qos_policy.QOS_POLICIES, qos_policy.users)}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[RbacPolicy]:
    """A project sees the policies that it has made."""
    return lookup.rows(reading, RbacPolicy, wanted)


def create(writing: Writing, values: Values) -> RbacPolicy:
    """Let a project use a thing; a network that is to be used as external becomes so."""
    object_type, action = values["object_type"], values["action"]
    shareable = SHAREABLE[object_type]
    if action not in shareable.actions:
        raise addressing_errors.InvalidActionForType(
            action=action, object_type=object_type, valid_actions=shareable.actions
        )
    thing = lookup.one(writing.reading, shareable.resource, values["object_id"])
    _check_owner(writing, thing)
    if isinstance(thing, SubnetPool):
        _check_scope_is_open(writing.txn, thing, values["target_tenant"])
    if isinstance(thing, Network) and action == EXTERNAL and not thing.external:
        writing.txn.replace(thing, replace(thing, external=True))
    policy = RbacPolicy(
        id=str(uuid.uuid4()),
        project_id=values["project_id"],
        object_type=object_type,
        object_id=thing.id,
        action=action,
        target_project=values["target_tenant"],
    )
    if policy.target_project in sharing.targets(writing.txn, thing.id, action):
        raise addressing_errors.DuplicateRbacPolicy
    return writing.txn.add(policy)


def update(writing: Writing, policy: RbacPolicy, values: Values) -> RbacPolicy:
    """Let another project use the thing instead."""
    target = values.get("target_tenant", policy.target_project)
    if target == policy.target_project:
        return policy
    _check_owner(writing, _thing(writing.txn, policy))
    # Of other things than networks, Neutron looks whether the policy could go, whatever comes instead.
    instead = target if policy.object_type == NETWORKS.name or target == EVERYBODY else None
    _check_end(writing.txn, policy, instead=instead)
    try:
        return writing.txn.replace(policy, replace(policy, target_project=target))
    except Conflict as error:
        raise addressing_errors.DuplicateRbacPolicy from error


def delete(writing: Writing, policy: RbacPolicy) -> None:
    """End what a project may; nothing of its own may depend on it."""
    txn = writing.txn
    _check_end(txn, policy)
    txn.remove(policy)
    if policy.action == EXTERNAL and not sharing.targets(txn, policy.object_id, EXTERNAL):
        network = txn.get(Network, id=policy.object_id)
        assert network is not None, "a policy goes with its network"
        txn.replace(network, replace(network, external=False, is_default=False))


def render(_reading: Reading, policies: Sequence[RbacPolicy]) -> list[Rendered]:
    """Policies as Neutron shows them."""
    return [
        {
            "id": policy.id,
            "project_id": policy.project_id,
            "tenant_id": policy.project_id,
            "object_type": policy.object_type,
            "object_id": policy.object_id,
            "action": policy.action,
            "target_tenant": policy.target_project,
        }
        for policy in policies
    ]


def _thing(view: View, policy: RbacPolicy) -> Any:
    thing = view.get(SHAREABLE[policy.object_type].resource.kind, id=policy.object_id)
    assert thing is not None, "a policy goes with what it is about"
    return thing


def _check_owner(writing: Writing, thing: Any) -> None:
    if not owned_by_project(writing.reading, thing):
        things = "networks" if isinstance(thing, Network) else "objects"
        raise errors.InvalidInput(reason=f"Only admins can manipulate policies on {things} they do not own")


def _check_scope_is_open(view: View, pool: SubnetPool, target: str) -> None:
    """Who gets a pool needs its address scope, too."""
    if pool.address_scope_id is None:
        return
    if not {EVERYBODY, target} & sharing.targets(view, pool.address_scope_id, SHARED):
        reason = "target project doesn't have access to associated address scope."
        raise addressing_errors.RbacPolicyInitError(object_id=pool.id, reason=reason)


def _check_end(view: View, policy: RbacPolicy, instead: str | None = None) -> None:
    """See that nobody needs a policy that goes, while `instead` takes its place.

    Raises:
        errors.InvalidSharedSetting: ports of others are on a network that they share.
        addressing_errors.RbacPolicyInUse: something else of others depends on it.

    """
    left = sharing.targets(view, policy.object_id, policy.action) - {policy.target_project}
    left |= {instead} if instead is not None else set()
    thing = _thing(view, policy)
    if policy.action == EXTERNAL:
        _check_no_routers(view, thing, policy.target_project, left)
        return
    users = SHAREABLE[policy.object_type].users(view, policy.object_id)
    # What the owner itself has holds the policy for everybody, too, but for a network.
    owner = "" if policy.target_project == EVERYBODY and not isinstance(thing, Network) else thing.project_id
    if not sharing.losing(users, owner, policy.target_project, left):
        return
    if isinstance(thing, Network):
        raise errors.InvalidSharedSetting(network_id=thing.id)
    details = f"project_id={policy.target_project}"
    raise addressing_errors.RbacPolicyInUse(object_id=policy.object_id, details=details)


def _check_no_routers(view: View, network: Network, target: str, left: set[str]) -> None:
    if target == EVERYBODY and network.is_default:
        details = "Default external networks must be shared to everyone."
        raise addressing_errors.RbacPolicyInUse(object_id=network.id, details=details)
    led_out = _projects(view.find(Router, gateway_network_id=network.id))
    held = view.count(Port, network_id=network.id, device_owner=[device_owners.GATEWAY, device_owners.FLOATING_IP])
    if sharing.losing(led_out, network.project_id, target, left) or (held and not left):
        details = "There are routers attached to this network that depend on this policy for access."
        raise addressing_errors.RbacPolicyInUse(object_id=network.id, details=details)


@described(schema.one_of(sorted(SHAREABLE)))
def _object_type(value: Any) -> str:
    known = parse.text(255)(value).strip().lower()
    if known not in SHAREABLE:
        raise errors.InvalidInput(reason=f"'{value}' is not a valid RBAC object type")
    return known


@described({"type": "string", "anyOf": [{"const": EVERYBODY}, {"format": "uuid"}]})
def _target(value: Any) -> str:
    text = parse.text(255)(value)
    if text == EVERYBODY:
        return text
    try:
        uuid.UUID(text)
    except ValueError as error:
        reason = f"'{value}' is not a valid target project ID; expected a UUID or '*'"
        raise errors.InvalidInput(reason=reason) from error
    return text


RBAC_POLICIES: Final = Resource(
    name="rbac_policy",
    collection="rbac_policies",
    kind=RbacPolicy,
    fields=(
        Field(name="id", sortable=False),
        Field(name="tenant_id", parse=parse.text(255), post=True, sortable=False),
        Field(name="project_id", parse=parse.text(255), post=True, sortable=False),
        Field(name="object_type", parse=_object_type, default=REQUIRED, post=True, sortable=False),
        Field(name="object_id", parse=parse.identifier, default=REQUIRED, post=True, sortable=False),
        Field(name="target_tenant", parse=_target, default=REQUIRED, post=True, put=True, sortable=False),
        Field(name="action", parse=parse.text(255), default=REQUIRED, post=True, sortable=False),
    ),
    not_found=lambda policy_id: addressing_errors.RbacPolicyNotFound(policy_id=policy_id),
    columns=("id", "project_id", "object_type", "object_id", "action"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    limited=True,
)
