"""The channel on which nodes tell each other of connections: the same for each node that carries HA routers."""

from collections.abc import Iterable

from futago.contract.specs import ReplicationSpec, Spec
from futago.controller.plan.secrets import REPLICATION, derive, sender
from futago.controller.store.rows import VrrpKey


def plan_replication(keys: Iterable[VrrpKey], nodes: Iterable[str]) -> dict[str, tuple[Spec, ...]]:
    """Node → how it authenticates."""
    found = tuple(keys)
    send_key = sender(found)
    if send_key is None:
        return {}
    spec = ReplicationSpec(keys=derive(found, REPLICATION), send_key=send_key)
    return dict.fromkeys(nodes, (spec,))
