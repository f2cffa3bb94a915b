"""Which node is active for which router, by the operator's will: moves, drained nodes, an even spread.

Nothing here tells a node to let go: a replica that yields is taken over by one that does not, which is active before
the yielding one hears of it. Where no other replica is fit, the yielding one goes on.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller import schedule
from futago.controller.agent_types import L3
from futago.controller.resources import lookup
from futago.controller.resources.agent import alive
from futago.controller.store.database import Database, Transaction, View
from futago.controller.store.rows import Node, Replica, Router
from futago.values import Role


class MoveRefused(ValueError):
    """The router cannot be moved so; the text says why."""


@dataclass(frozen=True, slots=True)
class Move:
    """A router and the node that is to be active for it."""

    router_id: str
    node: str


def router_named(view: View, name: str) -> Router:
    """The HA router with this id, name, or beginning of an id.

    Raises:
        MoveRefused: there is none, or there are several.

    """
    routers = view.find(Router)
    found = [r for r in routers if name in {r.id, r.name}] or [r for r in routers if r.id.startswith(name)]
    if not found:
        raise MoveRefused(f"there is no router {name}")
    if len(found) > 1:
        raise MoveRefused(f"{name} is several routers: {', '.join(router.id for router in found)}; name one by its id")
    if not found[0].ha:
        raise MoveRefused(f"router {name} is not highly available: it has one replica, which cannot be moved")
    return found[0]


def target(view: View, config: ControllerConfig, router: Router, wanted: str = "") -> Move:
    """Where a router goes: to the node that is wanted, or to its best one that is not active.

    Raises:
        MoveRefused: the node does not carry the router, or no node is fit to take it.

    """
    replicas = view.find(Replica, router_id=router.id)
    fit = {node.name for node in _fit(view, config)}
    if wanted and wanted not in {replica.node for replica in replicas}:
        places = ", ".join(sorted(replica.node for replica in replicas)) or "no node"
        raise MoveRefused(f"{wanted} does not carry router {router.id}; it is on {places}")
    if wanted and wanted not in fit:
        raise MoveRefused(f"{wanted} is down or drained, and cannot take router {router.id}")
    up = [replica for replica in replicas if replica.node in fit and replica.admin_state_up]
    if wanted and wanted not in {replica.node for replica in up}:
        raise MoveRefused(
            f"router {router.id} is disabled on {wanted}: futago router set {router.id} {wanted} --enable"
        )
    ready = [r for r in up if r.node == wanted or (not wanted and r.role is not Role.ACTIVE)]
    if not ready:
        raise MoveRefused(f"no other node is alive to take router {router.id}")
    return Move(router.id, max(ready, key=lambda replica: replica.priority).node)


def begin(txn: Transaction, move: Move) -> None:
    """All replicas but the wanted one yield."""
    _have_yield(txn, move.router_id, lambda replica: replica.node != move.node)


def end(txn: Transaction, move: Move) -> None:
    """Nobody yields any more: the next failover is an ordinary election."""
    _have_yield(txn, move.router_id, lambda _: False)


def _have_yield(txn: Transaction, router_id: str, which: Callable[[Replica], bool]) -> None:
    for replica in txn.find(Replica, router_id=router_id):
        if replica.yielding is not which(replica):
            txn.replace(replica, replace(replica, yielding=which(replica)))


def done(view: View, move: Move) -> bool:
    """Whether the wanted node is active, and no other one, as far as the nodes have said."""
    return _actives(view.find(Replica, router_id=move.router_id)) == {move.node}


def _actives(replicas: Iterable[Replica]) -> set[str]:
    return {replica.node for replica in replicas if replica.role is Role.ACTIVE}


def follow_priorities(txn: Transaction, config: ControllerConfig, router_id: str) -> None:
    """Begin the move of a router to its fit replica with the highest priority; `settle` ends it."""
    fit = {node.name for node in _fit(txn, config)}
    up = [r for r in txn.find(Replica, router_id=router_id) if r.node in fit and r.admin_state_up]
    if not up:
        return
    move = Move(router_id, max(up, key=lambda replica: replica.priority).node)
    if done(txn, move):
        end(txn, move)
    else:
        begin(txn, move)


def under_way(view: View, config: ControllerConfig, router_id: str) -> bool:
    """Whether a replica that is to leave the router to others is active still, and another one can take it."""
    fit = {node.name for node in _fit(view, config)}
    replicas = view.find(Replica, router_id=router_id)
    leaving = [r for r in replicas if r.yielding or not r.admin_state_up]
    able = [r for r in replicas if r not in leaving and r.node in fit]
    return bool(able) and any(r.role is Role.ACTIVE for r in leaving)


def settle(database: Database, config: ControllerConfig) -> None:
    """End the moves that are done, or cannot be done any more; whoever has begun them, and whatever became of it."""
    with database.read() as view:
        if not _settled(view, config):
            return
    with database.write() as txn:
        for move in _settled(txn, config):
            end(txn, move)


def _settled(view: View, config: ControllerConfig) -> list[Move]:
    begun = {replica.router_id for replica in view.find(Replica, yielding=True)}
    if not begun:
        return []
    fit = {node.name for node in _fit(view, config)}
    found = []
    for router_id, replicas in sorted(lookup.grouped(view.find(Replica, router_id=begun), "router_id").items()):
        able = [r.node for r in replicas if not r.yielding and r.node in fit and r.admin_state_up]
        if not able or any(_actives(replicas) == {node} for node in able):
            found.append(Move(router_id, able[0] if able else ""))
    return found


def set_drained(txn: Transaction, name: str, *, drained: bool) -> None:
    """Have a node leave its routers to others, or take part again.

    Raises:
        MoveRefused: there is no such node.

    """
    node = txn.get(Node, name=name)
    if node is None or node.facts is None or "l3" not in node.facts.roles:
        names = ", ".join(sorted(node.name for node in txn.find(Node) if node.facts and "l3" in node.facts.roles))
        raise MoveRefused(f"there is no network node {name}; there are: {names or 'none'}")
    txn.replace(node, replace(node, admin_state_up={**node.admin_state_up, L3: not drained}))


def held_by(view: View, config: ControllerConfig, name: str) -> tuple[list[str], list[str]]:
    """The routers that a drained node is active for: those that another node can take, and those that none can."""
    fit = {node.name for node in _fit(view, config)} - {name}
    active = [r.router_id for r in view.find(Replica, node=name) if r.role is Role.ACTIVE and r.ha_port_id]
    others = (
        {r.router_id for r in view.find(Replica, router_id=active) if r.node in fit and r.admin_state_up}
        if active
        else set()
    )
    return [one for one in active if one in others], [one for one in active if one not in others]


def spread(view: View, config: ControllerConfig) -> list[Move]:
    """The moves after which no node is active for more than one router more than another that could take it."""
    fit = {node.name for node in _fit(view, config)}
    actives: dict[str, str] = {}
    carriers: dict[str, list[str]] = {}
    for replica in view.find(Replica):
        if replica.ha_port_id is None or replica.node not in fit or not replica.admin_state_up:
            continue
        carriers.setdefault(replica.router_id, []).append(replica.node)
        if replica.role is Role.ACTIVE:
            actives[replica.router_id] = replica.node
    return [Move(router_id, node) for router_id, node in _moves(actives, carriers)]


def _moves(actives: Mapping[str, str], carriers: Mapping[str, list[str]]) -> Iterator[tuple[str, str]]:
    after = schedule.spread(actives, carriers)
    return ((router_id, node) for router_id, node in sorted(after.items()) if actives[router_id] != node)


def _fit(view: View, config: ControllerConfig) -> list[Node]:
    return [node for node in view.find(Node) if alive(config, node) and node.admin_state_up.get(L3, True)]
