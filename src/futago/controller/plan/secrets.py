"""Secrets of the nodes, derived from the controller's keys: each purpose has its own, and none leads to another."""

import hmac
from collections.abc import Iterable
from typing import Final

from futago.contract.keys import SharedKey
from futago.controller.store.rows import VrrpKey

REPLICATION: Final = "replication"
"""What the nodes tell each other of connections; a router's purpose is its id."""


def derive(keys: Iterable[VrrpKey], purpose: str) -> tuple[SharedKey, ...]:
    """One secret for each key, in the order of their ids.

    Each router has its own: VRIDs and addresses come again on other projects' HA networks.
    """
    return tuple(
        SharedKey(key_id=key.key_id, secret=hmac.digest(bytes.fromhex(key.secret), purpose.encode(), "sha256"))
        for key in sorted(keys, key=lambda key: key.key_id)
    )


def sender(keys: Iterable[VrrpKey]) -> int | None:
    """The id of the key that is used for what goes out; None if there is none."""
    return next((key.key_id for key in keys if key.signs), None)
