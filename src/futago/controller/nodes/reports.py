"""Reports become status: heartbeats, roles, and which ports are up.

Nothing here changes a plan, so nothing takes a revision; and what is as it was is not written again.
"""

import time
from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from futago.contract.report import Report
from futago.controller import device_owners
from futago.controller.resources import lookup
from futago.controller.store.database import Database, View
from futago.controller.store.port_rows import SubPort, Trunk
from futago.controller.store.rows import Node, Port, Replica, Row
from futago.values import Role

_HEARTBEAT_WORTH_WRITING: Final = 2.0
"""Seconds: a report that brings nothing new is noted no more often than this."""


def take(database: Database, name: str, report: Report) -> None:
    """Note what the report of node `name` says; first of all, that it lives."""
    note_life(database, name)
    with database.read() as view:
        if not list(_changes(view, name, report)):
            return
    with database.note() as txn:
        for old, new in _changes(txn, name, report):
            txn.replace(old, new)


def note_life(database: Database, name: str) -> None:
    """At once: what else a report says of hundreds of routers may take long, and wait for others meanwhile."""
    node = database.glance(lambda view: view.get(Node, name=name))
    if node is None or time.time() - node.heartbeat_at <= _HEARTBEAT_WORTH_WRITING:
        return
    with database.note() as txn:
        if (fresh := txn.get(Node, name=name)) is not None:
            txn.replace(fresh, replace(fresh, heartbeat_at=time.time()))


def _changes(view: View, name: str, report: Report) -> Iterator[tuple[Row, Row]]:
    node = view.get(Node, name=name)
    if node is None:  # an admin has just forgotten it
        return
    failures = tuple(msgspec.to_builtins(failure) for failure in report.failures)
    fresh = replace(node, revision=report.revision, failures=failures, uplinks=report.uplinks)
    if fresh != node or time.time() - node.heartbeat_at > _HEARTBEAT_WORTH_WRITING:
        yield node, replace(fresh, heartbeat_at=time.time())
    replicas = view.find(Replica, node=name)
    yield from _roles(replicas, report)
    yield from _ports(view, name, replicas, report)


def _roles(replicas: list[Replica], report: Report) -> Iterator[tuple[Replica, Replica]]:
    reported = {role.router_id: role for role in report.roles}
    for replica in replicas:
        said = reported.get(replica.router_id)
        role = said.role if said else Role.INITIALIZE
        if role is not replica.role:
            yield replica, replace(replica, role=role, role_since=time.time())


def _ports(view: View, name: str, replicas: list[Replica], report: Report) -> Iterator[tuple[Port, Port]]:
    """A bound port is as its node says; a router's leg is as that one of the router's nodes says where it is active."""
    up = frozenset(report.ports_up)
    said = {role.router_id: role.role for role in report.roles}
    active = [replica.router_id for replica in replicas if said.get(replica.router_id) is Role.ACTIVE]
    alone = [replica.router_id for replica in replicas if replica.ha_port_id is None]
    parents = _parents(view, view.values(Port, "id", host_id=name, device_owner=device_owners.SUBPORT))
    here: tuple[dict[str, object], ...] = (
        {"host_id": name},
        {"device_id": [*active, *alone], "device_owner": device_owners.ROUTERS, "host_id": ""},
    )
    for which in here:
        known = view.values(Port, "id", **which, up=True)  # all rows of a host at each report would be too many
        gone = [port_id for port_id in known if not {port_id, parents.get(port_id, port_id)} <= up]
        for port in lookup.among(view, Port, "id", gone):
            yield port, replace(port, up=False)
        for port in view.find(Port, **which, up=False):
            if {port.id, parents.get(port.id, port.id)} <= up:
                yield port, replace(port, up=True)


def _parents(view: View, subport_ids: list[str]) -> dict[str, str]:
    """The port that an instance is plugged into, of those that are tagged on it."""
    rows = view.find(SubPort, port_id=subport_ids) if subport_ids else []
    trunks = {trunk.id: trunk.port_id for trunk in view.find(Trunk, id={row.trunk_id for row in rows})} if rows else {}
    return {row.port_id: trunks[row.trunk_id] for row in rows}
