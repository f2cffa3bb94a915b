"""A router's replicas through the API: their priority, their admin state, and where that sends the router."""

from typing import Any

import pytest

from api_kit import Client, die
from futago.config import ControllerConfig
from futago.contract.report import Report, RouterRole
from futago.controller import moves
from futago.controller.nodes import reports
from futago.controller.store.database import Database
from futago.controller.store.rows import Replica
from futago.values import Role


@pytest.fixture
def router(admin: Client, database: Database, two_network_nodes: tuple[str, str]) -> dict[str, Any]:
    """Active on net1, which has the highest priority."""
    made = admin.router()
    for agent in admin.get(f"/v2.0/routers/{made['id']}/l3-agents")["agents"]:
        role = Role.ACTIVE if agent["priority"] == 200 else Role.BACKUP
        say(database, agent["host"], made["id"], role)
    moves.settle(database, ControllerConfig())
    return made


@pytest.fixture
def path(router: dict[str, Any]) -> str:
    return f"/v2.0/routers/{router['id']}/l3-agents"


def pair(admin: Client, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The agent that is active, and the one on standby."""
    agents = sorted(admin.get(path)["agents"], key=lambda agent: str(agent["ha_state"]))
    assert [agent["ha_state"] for agent in agents] == ["active", "standby"]
    return agents[0], agents[1]


def say(database: Database, node: str, router_id: str, role: Role) -> None:
    roles = (RouterRole(router_id=router_id, role=role, since=1.0, cause="test"),)
    reports.take(database, node, Report(revision=0, roles=roles, ports_up=(), failures=()))


def yielding(database: Database) -> set[str]:
    with database.read() as view:
        return {replica.node for replica in view.find(Replica) if replica.yielding}


def test_each_agent_shows_its_priority_for_the_router(admin: Client, path: str) -> None:
    active, standby = pair(admin, path)
    assert (active["priority"], standby["priority"]) == (200, 100)
    assert active["admin_state_up"] is standby["admin_state_up"] is True
    assert admin.get(f"{path}/{active['id']}")["agent"] == active


def test_the_router_goes_to_the_agent_that_gets_the_highest_priority(
    admin: Client, database: Database, path: str, router: dict[str, Any]
) -> None:
    active, standby = pair(admin, path)
    answer = admin.put(f"{path}/{standby['id']}", {"agent": {"priority": 210}})["agent"]
    assert (answer["priority"], answer["host"]) == (210, standby["host"])
    assert yielding(database) == {active["host"]}
    moves.settle(database, ControllerConfig())
    assert yielding(database) == {active["host"]}, "it is not done yet"
    say(database, standby["host"], router["id"], Role.ACTIVE)
    say(database, active["host"], router["id"], Role.BACKUP)
    moves.settle(database, ControllerConfig())
    assert yielding(database) == set()


def test_the_router_leaves_the_agent_that_gets_a_lower_priority(admin: Client, database: Database, path: str) -> None:
    active, _ = pair(admin, path)
    admin.put(f"{path}/{active['id']}", {"agent": {"priority": 50}})
    assert yielding(database) == {active["host"]}


def test_to_say_again_what_is_so_changes_nothing(admin: Client, database: Database, path: str) -> None:
    active, _ = pair(admin, path)
    with database.read() as view:
        before = view.find(Replica)
    for body in ({"priority": 200}, {"priority": "200"}, {"admin_state_up": True}, {}):
        assert admin.put(f"{path}/{active['id']}", {"agent": body})["agent"]["priority"] == 200
    with database.read() as view:
        assert view.find(Replica) == before


def test_a_disabled_agent_is_shown_so_for_this_router_alone_and_is_no_target(
    admin: Client, path: str, router: dict[str, Any]
) -> None:
    active, standby = pair(admin, path)
    assert (
        admin.put(f"{path}/{standby['id']}", {"agent": {"admin_state_up": False}})["agent"]["admin_state_up"] is False
    )
    assert admin.get(f"/v2.0/agents/{standby['id']}")["agent"]["admin_state_up"] is True
    admin.put(f"{path}/{standby['id']}", {"agent": {"priority": 220}})
    assert pair(admin, path)[0]["host"] == active["host"]


def test_a_move_whose_target_dies_ends(admin: Client, database: Database, path: str, router: dict[str, Any]) -> None:
    _, standby = pair(admin, path)
    admin.put(f"{path}/{standby['id']}", {"agent": {"priority": 210}})
    die(database, standby["host"])
    moves.settle(database, ControllerConfig())
    assert yielding(database) == set()


def test_what_cannot_be_is_refused_in_the_apis_words(admin: Client, member: Client, path: str) -> None:
    active, standby = pair(admin, path)
    mine = f"{path}/{standby['id']}"
    taken = f"The priority 200 of router {path.split('/')[3]} is that of the L3 Agent on host {active['host']}."
    admin.refused("PUT", mine, {"agent": {"priority": 200}}, 409, "PriorityInUse", taken)
    for value in (9, 255, "x", True, None, 1.5, [1]):
        kind = "HTTPBadRequest" if value in (9, 255) else "InvalidInput"
        admin.refused("PUT", mine, {"agent": {"priority": value}}, 400, kind, "")
    admin.refused("PUT", mine, {"agent": {"admin_state_up": "perhaps"}}, 400, "InvalidInput", "boolean")
    admin.refused("PUT", mine, {"agent": {"host": "net9"}}, 400, "HTTPBadRequest", "read-only attribute 'host'")
    admin.refused(
        "PUT", mine, {"agent": {"colour": "red"}}, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'colour'"
    )
    wrong: tuple[object, ...] = ({}, {"agent": 3}, [], {"l3_agent": {}})
    for body in wrong:
        admin.refused("PUT", mine, body, 400, "HTTPBadRequest", "Unable to find 'agent' in request body")
    admin.refused("PUT", f"{path}/nobody", {"agent": {}}, 404, "AgentNotFound")
    admin.refused("PUT", f"/v2.0/routers/none/l3-agents/{active['id']}", {"agent": {}}, 404, "RouterNotFound")
    (dhcp,) = admin.get(f"/v2.0/agents?agent_type=DHCP+agent&host={active['host']}")["agents"]
    admin.refused("PUT", f"{path}/{dhcp['id']}", {"agent": {}}, 409, "RouterNotHostedByL3Agent")
    assert pair(admin, path)[1]["priority"] == 100


def test_a_router_without_ha_has_no_priority(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    router = admin.router(ha=False)
    path = f"/v2.0/routers/{router['id']}/l3-agents"
    (agent,) = admin.get(path)["agents"]
    assert agent["priority"] is None
    words = "is not highly available"
    admin.refused("PUT", f"{path}/{agent['id']}", {"agent": {"priority": 20}}, 400, "BadRequest", words)


def test_replicas_are_an_admins_business(admin: Client, member: Client, path: str) -> None:
    active, _ = pair(admin, path)
    router = member.router()
    for method, body, rule in (("GET", None, "get_l3-agents"), ("PUT", {"agent": {}}, "update_l3-agent")):
        words = f"rule:{rule} is disallowed by policy"
        where = f"/v2.0/routers/{router['id']}/l3-agents/{active['id']}"
        member.refused(method, where, body, 403, "PolicyNotAuthorized", words)
