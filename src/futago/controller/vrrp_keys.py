"""The keys of authenticated advertisements, and their rotation without a gap.

    one key ──add──▶ all nodes know both ──switch──▶ all nodes send with the new one ──drop──▶ one key

Between two steps every node that has a replica must have reached the step before: who does not know a key hears nobody
that uses it, and would elect itself. What has been reached stands in the store, so a rotation that was interrupted goes
on where it was.
"""

import secrets
from enum import StrEnum
from typing import Final

from msgspec.structs import replace

from futago.controller.store.database import Database, Transaction, View, now_text
from futago.controller.store.rows import Node, Replica, VrrpKey
from futago.controller.store.touched import VRRP_KEYS

_SECRET_BYTES: Final = 32
_KEY_IDS: Final = 255


class Stage(StrEnum):
    """How far a rotation has come."""

    ONE = "no rotation is under way"
    ADDED = "the new key is known to the nodes"
    SWITCHED = "the new key is used by the nodes"


def ensure(database: Database) -> None:
    """Make the first key, once."""
    with database.read() as view:
        if view.find(VrrpKey):
            return
    with database.write() as txn:
        if not txn.find(VrrpKey):
            txn.add(_new_key(1, signs=True))


def stage(view: View) -> Stage:
    """How far the rotation is that is under way."""
    old, new = _old_and_new(view)
    if new is None:
        return Stage.ONE
    return Stage.ADDED if old.signs else Stage.SWITCHED


def advance(txn: Transaction, seen: Stage) -> None:
    """Take the step after the stage that was seen, unless somebody else has just done so."""
    old, new = _old_and_new(txn)
    if stage(txn) is not seen:
        return
    if new is None:
        txn.add(_new_key(_next_id(old), signs=False))
    elif old.signs:
        txn.replace(old, replace(old, signs=False))
        txn.replace(new, replace(new, signs=True))
    else:
        txn.remove(old)


def lagging(view: View) -> list[Node]:
    """The nodes with replicas of HA routers that have not made the last step true for all of them, by name."""
    step = view.last_change(VRRP_KEYS)
    names = {replica.node for replica in view.find(Replica) if replica.ha_port_id is not None}
    return sorted(
        (node for node in view.find(Node, name=names) if node.revision < step or _has_failed_router(node)),
        key=lambda node: node.name,
    )


def _has_failed_router(node: Node) -> bool:
    return any(failure["key"].startswith("router/") for failure in node.failures)


def _old_and_new(view: View) -> tuple[VrrpKey, VrrpKey | None]:
    """The new key's id comes after the old one's, which is how they are told apart."""
    keys = view.find(VrrpKey)
    if len(keys) == 1:
        return keys[0], None
    first, second = keys
    return (first, second) if _next_id(first) == second.key_id else (second, first)


def _next_id(key: VrrpKey) -> int:
    return key.key_id % _KEY_IDS + 1


def _new_key(key_id: int, *, signs: bool) -> VrrpKey:
    return VrrpKey(key_id=key_id, secret=secrets.token_hex(_SECRET_BYTES), signs=signs, created_at=now_text())
