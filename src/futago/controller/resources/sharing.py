"""Who may use what another project has: what policies of access say of one thing or of many."""

import uuid
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import Select, select

from futago.controller.resources import lookup
from futago.controller.resources.definition import Reading, owned_by_project
from futago.controller.store.addressing_rows import RbacPolicy
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Row, StandardRow
from futago.controller.store.tables import TABLES

SHARED: Final = "access_as_shared"
EXTERNAL: Final = "access_as_external"
EVERYBODY: Final = "*"


def open_to(reading: Reading, *actions: str) -> Select[Any]:
    """The ids of all that the caller's project may use by a policy."""
    policies = TABLES[RbacPolicy].c
    targets = policies.target_project.in_((EVERYBODY, reading.caller.project_id))
    return select(policies.object_id).where(policies.action.in_(actions or (SHARED,)), targets)


def shared_of(kind: type[Row], *actions: str) -> lookup.Others:
    """For `lookup.rows`: those of a kind that the caller's project may use by a policy."""
    return lambda reading: TABLES[kind].c.id.in_(open_to(reading, *actions))


def shared_among(reading: Reading, ids: Collection[str]) -> frozenset[str]:
    """Those of `ids` that the caller's project shares, by a policy for itself or for everybody."""
    ours = {EVERYBODY, reading.caller.project_id}
    policies = lookup.among(reading.view, RbacPolicy, "object_id", ids)
    return frozenset(one.object_id for one in policies if one.action == SHARED and one.target_project in ours)


def usable(reading: Reading, row: StandardRow) -> bool:
    """Whether the caller may use a thing: its own, or one that its project shares."""
    return owned_by_project(reading, row) or row.id in shared_among(reading, [row.id])


def targets(view: View, object_id: str, action: str) -> set[str]:
    """The projects for which there is a policy, and `EVERYBODY` if there is one for all."""
    return {policy.target_project for policy in view.find(RbacPolicy, object_id=object_id, action=action)}


def open_for_all(txn: Transaction, object_type: str, row: StandardRow, action: str = SHARED) -> None:
    """Let everybody use a thing, as a request does that makes it shared or external."""
    if EVERYBODY not in targets(txn, row.id, action):
        txn.add(
            RbacPolicy(
                id=str(uuid.uuid4()),
                project_id=row.project_id,
                object_type=object_type,
                object_id=row.id,
                action=action,
                target_project=EVERYBODY,
            )
        )


def close(txn: Transaction, object_id: str, **wanted: str) -> None:
    """End the policies of a thing; all, or those with these values."""
    for policy in txn.find(RbacPolicy, object_id=object_id, **wanted):
        txn.remove(policy)


def losing(users: Collection[str], owner: str, target: str, left: Collection[str]) -> set[str]:
    """Who of a thing's `users` may use it no longer once `target` may not, and only `left` may."""
    if EVERYBODY in left:
        return set()
    affected = set(users) if target == EVERYBODY else set(users) & {target}
    return affected - set(left) - {owner, ""}
