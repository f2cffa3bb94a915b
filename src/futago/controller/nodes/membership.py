"""Nodes come and go: joining with the token, the credential afterwards, and what a node says of itself."""

import hashlib
import hmac
import re
import secrets
import time
import uuid
from collections.abc import Collection
from typing import Final

import structlog
from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.contract.report import NodeFacts
from futago.controller.agent_types import AGENT_TYPES, L3
from futago.controller.resources import dhcp, ha
from futago.controller.resources.agent import alive
from futago.controller.store.database import Database, Transaction, View, now_text
from futago.controller.store.rows import Node
from futago.values import IPv4Address

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,255}")
_log = structlog.get_logger()


class NameTaken(Exception):
    """A node of this name is alive."""


class Unfit(ValueError):
    """A name or a fact that no node can have; the text says which and what would do."""


def join(database: Database, config: ControllerConfig, name: str) -> str:
    """Make `name` known, or give it a new credential if it is; returns the credential, which is kept nowhere.

    Plans do not depend on a node before it has said what it is.

    Raises:
        Unfit: a node cannot be called so.
        NameTaken: the token alone does not take a name away from a node that is alive.

    """
    if not _NAME.fullmatch(name):
        raise Unfit("A node's name has 1 to 255 letters, digits, dots, hyphens and underscores.")
    credential = secrets.token_urlsafe(32)
    with database.note() as txn:
        known = txn.get(Node, name=name)
        if known is None:
            agent_ids = {agent_type: str(uuid.uuid4()) for agent_type in AGENT_TYPES}
            txn.add(Node(name=name, credential_hash=_hash(credential), agent_ids=agent_ids, created_at=now_text()))
        elif alive(config, known):
            raise NameTaken(
                f"A node named {name} is alive. If this host is another one, give it a name of its own; if it was "
                f"installed anew, it can join once nothing has been heard of it for {config.agent_down_time} s."
            )
        else:
            txn.replace(known, replace(known, credential_hash=_hash(credential)))
    return credential


def authentic(view: View, name: str, credential: str) -> bool:
    """Whether `credential` is the one that `name` got when it joined."""
    node = view.get(Node, name=name)
    return node is not None and hmac.compare_digest(node.credential_hash, _hash(credential))


def introduce(database: Database, config: ControllerConfig, name: str, facts: NodeFacts) -> None:
    """Note what the node says of itself at its start, and give it what waits for a node.

    One that connects again and says what is known already only shows that it is alive.

    Raises:
        Unfit: its tunnels cannot end where it says.

    """
    if facts.tunnel_address is not None:
        _check_unicast(facts.tunnel_address)
    with database.note() as txn:
        node = _known(txn, name)
        if node.facts == facts and alive(config, node):
            txn.replace(node, replace(node, heartbeat_at=time.time()))
            return
    with database.write() as txn:
        node = _known(txn, name)
        _claim_tunnel_address(txn, config, name, facts)
        ids = {agent_type: str(uuid.uuid4()) for agent_type in AGENT_TYPES} | node.agent_ids
        now = {"started_at": now_text(), "heartbeat_at": time.time()}
        txn.replace(node, replace(node, facts=facts, agent_ids=ids, **now))
        _fill(txn, config, node, _fresh_roles(config, node, facts))


def _known(view: View, name: str) -> Node:
    node = view.get(Node, name=name)
    assert node is not None, "an authentic node is known"
    return node


def _fresh_roles(config: ControllerConfig, node: Node, facts: NodeFacts) -> frozenset[str]:
    """The roles in which `node` brings new room; where it was all the time, an operator's choice stands."""
    before = node.facts.roles if node.facts is not None and alive(config, node) else ()
    return frozenset(facts.roles) - frozenset(before)


def _fill(txn: Transaction, config: ControllerConfig, node: Node, roles: Collection[str]) -> None:
    if "l3" in roles and node.admin_state_up.get(L3, True):
        ha.fill(txn, config, node.name)
    if "dhcp" in roles:
        dhcp.fill(txn, config)


def _check_unicast(address: IPv4Address) -> None:
    if address.is_unspecified or address.is_loopback or address.is_multicast or address.is_reserved:
        raise Unfit(f"Tunnels cannot end at {address}: local_ip is to be an address of the node itself.")


def _claim_tunnel_address(txn: Transaction, config: ControllerConfig, name: str, facts: NodeFacts) -> None:
    """See that no living node has the address; a dead one's goes over to the host that has it now."""
    if facts.tunnel_address is None:
        return
    for other in txn.find(Node):
        if other.name == name or other.facts is None or other.facts.tunnel_address != facts.tunnel_address:
            continue
        if alive(config, other):
            raise Unfit(f"Tunnels of node {other.name} end at {facts.tunnel_address}: local_ip is to be a node's own.")
        _log.info("tunnel address moved", address=str(facts.tunnel_address), before=other.name, now=name)
        txn.replace(other, replace(other, facts=replace(other.facts, tunnel_address=None)))


def _hash(credential: str) -> str:
    return hashlib.sha256(credential.encode()).hexdigest()
