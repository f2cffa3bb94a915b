"""Nodes come and go: joining with the token, the credential afterwards, and what a node says of itself."""

import hashlib
import hmac
import secrets
import time
import uuid
from typing import Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.contract.report import NodeFacts
from futago.controller.resources import dhcp, ha
from futago.controller.store.database import Database, View, now_text
from futago.controller.store.rows import Node

AGENT_TYPES: Final = ("Open vSwitch agent", "L3 agent", "DHCP agent", "Metadata agent")
"""The agents as which a node shows in the API; which of them it shows depends on its roles."""


def join(database: Database, name: str) -> str:
    """Make `name` known, or give it a new credential if it is; returns the credential, which is kept nowhere."""
    credential = secrets.token_urlsafe(32)
    with database.write() as txn:
        known = txn.get(Node, name=name)
        if known is not None:
            txn.replace(known, replace(known, credential_hash=_hash(credential)))
        else:
            agent_ids = {agent_type: str(uuid.uuid4()) for agent_type in AGENT_TYPES}
            txn.add(
                Node(
                    name=name,
                    credential_hash=_hash(credential),
                    agent_ids=agent_ids,
                    created_at=now_text(),
                )
            )
    return credential


def authentic(view: View, name: str, credential: str) -> bool:
    """Whether `credential` is the one that `name` got when it joined."""
    node = view.get(Node, name=name)
    return node is not None and hmac.compare_digest(node.credential_hash, _hash(credential))


def introduce(database: Database, config: ControllerConfig, name: str, facts: NodeFacts) -> None:
    """Note what the node says of itself at its start, and give it what waits for a node."""
    with database.write() as txn:
        node = txn.get(Node, name=name)
        assert node is not None, "an authentic node is known"
        txn.replace(node, replace(node, facts=facts, started_at=now_text(), heartbeat_at=time.time()))
        if "l3" in facts.roles and node.admin_state_up.get("L3 agent", True):
            ha.fill(txn, config, name)
        if "dhcp" in facts.roles:
            dhcp.fill(txn, config)


def _hash(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()
