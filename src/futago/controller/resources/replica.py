"""A router's replica on one L3 agent: how preferred it is, and whether it takes part. Ours alone, in the API's forms.

Neutron shows which agents carry a router and what each does; here it can be said what they shall do, too:

    PUT /v2.0/routers/{router_id}/l3-agents/{agent_id}    {"agent": {"priority": 210}}
                                                          {"agent": {"admin_state_up": false}}

A priority that is put has the router go to the agent with the highest one that is up, without a gap; afterwards nothing
moves by itself. An agent that is down for a router leaves it to any other, and goes on where there is none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller import moves, schedule
from futago.controller.agent_types import L3
from futago.controller.resources import agent_errors, errors, ha, lookup, parse, schema
from futago.controller.resources.agent import AGENTS, Agent, admin_only, alive, everyone
from futago.controller.resources.definition import Action, Params, Reading, Rendered, Values, Writing
from futago.controller.resources.router import ROUTERS
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Replica, Router
from futago.values import Role

_SETTABLE: Final = {
    "priority": parse.integer(schedule.LAST_PRIORITY, schedule.HIGHEST_PRIORITY),
    "admin_state_up": parse.boolean,
}


def show_all(reading: Reading, params: Params) -> Rendered:
    """Where a router's replicas are, and which of them is active."""
    admin_only(reading, "get_l3-agents")
    router = lookup.one(reading, ROUTERS, params["router_id"])
    nodes = {replica.node for replica in reading.view.find(Replica, router_id=router.id)}
    agents = [one for one in everyone(reading.view) if one.agent_type == L3 and one.node.name in nodes]
    return {"agents": _render(reading, router, agents)}


def show(reading: Reading, params: Params) -> Rendered:
    """One of them."""
    admin_only(reading, "get_l3-agents")
    router = lookup.one(reading, ROUTERS, params["router_id"])
    agent = lookup.one(reading, AGENTS, params["agent_id"])
    of_router(reading.view, router, agent)
    return {"agent": _render(reading, router, [agent])[0]}


def update(writing: Writing, params: Params, body: Any) -> Rendered:
    """Change one of them; to say again what is so changes nothing."""
    reading = writing.reading
    admin_only(reading, "update_l3-agent")
    router = lookup.one(reading, ROUTERS, params["router_id"])
    agent = lookup.one(reading, AGENTS, params["agent_id"])
    change(writing.txn, writing.config, router, agent, _values(body))
    return {"agent": _render(reading, router, [agent])[0]}


def of_router(view: View, router: Router, agent: Agent) -> Replica:
    """The router's replica on an agent.

    Raises:
        agent_errors.RouterNotHostedByL3Agent: there is none.

    """
    replica = view.get(Replica, router_id=router.id, node=agent.node.name)
    if agent.agent_type != L3 or replica is None:
        raise agent_errors.RouterNotHostedByL3Agent(router_id=router.id, agent_id=agent.id)
    return replica


def change(txn: Transaction, config: ControllerConfig, router: Router, agent: Agent, values: Values) -> None:
    """Give a replica another priority or admin state, and see that the router goes where it belongs.

    Raises:
        errors.ApiError: the router is not on that agent, not highly available, or the priority is another replica's.

    """
    replica = of_router(txn, router, agent)
    if replica.ha_port_id is None:
        raise errors.BadRequest(resource="router", reason=f"router {router.id} is not highly available")
    if "priority" in values:
        _check_free(txn, replica, values["priority"])
    changed = replace(replica, **values)
    if changed != replica:
        txn.replace(replica, changed)
    if "priority" in values:
        moves.follow_priorities(txn, config, router.id)


def _check_free(txn: Transaction, replica: Replica, priority: int) -> None:
    """Two that are equally preferred would take over at the same time."""
    for other in txn.find(Replica, router_id=replica.router_id):
        if other.node != replica.node and other.priority == priority:
            raise agent_errors.PriorityInUse(router_id=replica.router_id, priority=priority, host=other.node)


def _values(body: Any) -> Values:
    given = body.get("agent") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise errors.HTTPBadRequest(message="Unable to find 'agent' in request body")
    if unknown := [name for name in given if name not in _SETTABLE]:
        known = all(AGENTS.field(name) is not None or name == "ha_state" for name in unknown)
        what = "Cannot update read-only attribute" if known else "Unrecognized attribute(s)"
        raise errors.HTTPBadRequest(message=f"{what} '{', '.join(unknown)}'")
    return checked(given)


def checked(given: Mapping[str, Any]) -> Values:
    """The values of attributes that can be set.

    Raises:
        errors.HTTPBadRequest: one is none that it can have.

    """
    try:
        return {name: _SETTABLE[name](value) for name, value in given.items()}
    except parse.Unfit as error:
        raise errors.HTTPBadRequest(message=f"Invalid input for priority. Reason: {error}.") from error


def _render(reading: Reading, router: Router, agents: Sequence[Agent]) -> list[Rendered]:
    """Agents as they are for this router: one that is down altogether is down for each."""
    replicas = {replica.node: replica for replica in reading.view.find(Replica, router_id=router.id)}
    shown = AGENTS.render(reading, agents)
    for agent, entry in zip(agents, shown, strict=True):
        replica = replicas[agent.node.name]
        entry["ha_state"] = _ha_state(reading, router, agent, list(replicas.values()))
        entry["priority"] = replica.priority if router.ha else None
        entry["admin_state_up"] = agent.enabled and replica.admin_state_up
    return shown


def _ha_state(reading: Reading, router: Router, agent: Agent, replicas: list[Replica]) -> str | None:
    """In Neutron's words; what a dead node's replica does, nobody knows."""
    if not router.ha:
        return None
    node = agent.node
    (replica,) = (replica for replica in replicas if replica.node == node.name)
    if ha.out_of_date(replica, node.heartbeat_at, replicas) or not alive(reading.config, node):
        return "unknown"
    return "active" if replica.role is Role.ACTIVE else "standby"


_BODY: Final = schema.enveloped("agent", schema.keyed({name: schema.of(read) for name, read in _SETTABLE.items()}))
ACTIONS: Final = (
    Action("GET", "/routers/{router_id}/l3-agents", read=show_all),
    Action("GET", "/routers/{router_id}/l3-agents/{agent_id}", read=show),
    Action(
        "PUT",
        "/routers/{router_id}/l3-agents/{agent_id}",
        write=update,
        takes=_BODY,
    ),
)
