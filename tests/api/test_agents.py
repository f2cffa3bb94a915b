"""Nodes as agents, and which of them carry what."""

import time
from typing import Any

import pytest
from msgspec.structs import replace

from api_kit import Client, die
from futago.config import ControllerConfig
from futago.contract.report import UplinkReport
from futago.controller.nodes.membership import introduce
from futago.controller.store.database import Database
from futago.controller.store.rows import Node, Replica
from futago.values import Role


def _agent(admin: Client, agent_type: str, host: str = "net1") -> Any:
    (agent,) = admin.get(f"/v2.0/agents?agent_type={agent_type.upper()}&host={host}")["agents"]
    return agent


def _take_roles(database: Database, active: str) -> None:
    with database.note() as txn:
        for replica in txn.find(Replica):
            role = Role.ACTIVE if replica.node == active else Role.BACKUP
            txn.replace(replica, replace(replica, role=role))


def _states(admin: Client, router: dict[str, Any]) -> dict[str, str]:
    agents = admin.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    return {agent["host"]: agent["ha_state"] for agent in agents}


def test_a_network_node_shows_as_four_agents(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    agents = admin.get("/v2.0/agents?host=net1")["agents"]
    assert {(agent["agent_type"], agent["binary"]) for agent in agents} == {
        ("Open vSwitch agent", "neutron-openvswitch-agent"),
        ("L3 agent", "neutron-l3-agent"),
        ("DHCP agent", "neutron-dhcp-agent"),
        ("Metadata agent", "neutron-metadata-agent"),
    }
    assert all(agent["alive"] and agent["admin_state_up"] for agent in agents)
    assert _agent(admin, "L3 agent")["availability_zone"] == "nova"
    assert _agent(admin, "Open vSwitch agent")["configurations"]["tunneling_ip"] == "172.31.0.1"


def test_an_agent_tells_of_its_nodes_uplinks(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    lost = UplinkReport(
        network_id="n", physical_network="external1", up=False, since=0.0, cause="no carrier", probed=True, falls=1
    )
    with database.note() as txn:
        node = txn.get(Node, name="net1")
        assert node is not None
        txn.replace(node, replace(node, uplinks=(lost,)))
    shown = {host: _agent(admin, "L3 agent", host)["configurations"]["uplinks"] for host in ("net1", "net2")}
    assert shown == {
        "net1": [
            {
                "physical_network": "external1",
                "network_id": "n",
                "state": "down",
                "since": "1970-01-01 00:00:00",
                "cause": "no carrier",
                "probed": True,
            }
        ],
        "net2": [],
    }


def test_one_replica_is_active_and_a_dead_node_is_unknown(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    router = admin.router(name="r")
    assert _states(admin, router) == {"net1": "standby", "net2": "standby"}
    _take_roles(database, "net1")
    assert _states(admin, router) == {"net1": "active", "net2": "standby"}
    die(database, "net1")
    assert _states(admin, router) == {"net1": "unknown", "net2": "standby"}
    assert _agent(admin, "L3 agent")["alive"] is False


def _say_active(database: Database, name: str, at: float) -> None:
    """The node reports at `at` that it has become active."""
    with database.note() as txn:
        node, replica = txn.get(Node, name=name), txn.get(Replica, node=name)
        assert node is not None
        assert replica is not None
        txn.replace(node, replace(node, heartbeat_at=at))
        txn.replace(replica, replace(replica, role=Role.ACTIVE, role_since=at))


def test_who_died_as_the_active_one_is_out_of_date_as_soon_as_another_is_active(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    router, now = admin.router(name="r"), time.time()
    _say_active(database, "net1", now - 2)
    _say_active(database, "net2", now - 1)
    assert _states(admin, router) == {"net1": "unknown", "net2": "active"}


def test_two_nodes_that_go_on_saying_active_are_shown_as_they_are(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    router, now = admin.router(name="r"), time.time()
    _say_active(database, "net2", now - 1)
    _say_active(database, "net1", now)
    with database.note() as txn:
        node = txn.get(Node, name="net2")
        assert node is not None
        txn.replace(node, replace(node, heartbeat_at=now))
    assert _states(admin, router) == {"net1": "active", "net2": "active"}


def test_a_floating_ip_is_active_when_a_replica_of_its_router_is(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    external = admin.external()
    network, router = admin.network(name="n"), admin.router(name="r")
    admin.join(router, admin.subnet(network, "10.0.0.0/24"))
    admin.lead_out(router, external)
    path = f"/v2.0/floatingips/{admin.floating_ip(external, port_id=admin.port(network)['id'])['id']}"
    assert admin.get(path)["floatingip"]["status"] == "DOWN"
    _take_roles(database, "net2")
    assert admin.get(path)["floatingip"]["status"] == "ACTIVE"
    assert admin.put(path, {"floatingip": {"port_id": None}})["floatingip"]["status"] == "DOWN"


def test_too_few_living_nodes_make_no_ha_router(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    die(database, "net2")
    words = "Not enough l3 agents available to ensure HA. Minimum required 2, available 1."
    admin.refused("POST", "/v2.0/routers", {"router": {}}, 409, "HANotEnoughAvailableAgents", words)
    assert admin.get("/v2.0/networks")["networks"] == []


def test_a_disabled_agent_gets_no_routers(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    path = f"/v2.0/agents/{_agent(admin, 'L3 agent')['id']}"
    assert admin.put(path, {"agent": {"admin_state_up": False}})["agent"]["admin_state_up"] is False
    router = admin.router(ha=False)
    assert list(_states(admin, router)) == ["net2"]
    admin.refused("POST", f"{path}/l3-routers", {"router_id": router["id"]}, 409, "InvalidL3Agent")


def test_routers_move_by_hand(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    router = admin.router(name="r")
    path = f"/v2.0/agents/{_agent(admin, 'L3 agent')['id']}/l3-routers"
    assert [shown["id"] for shown in admin.get(path)["routers"]] == [router["id"]]
    admin.refused("POST", path, {"router_id": router["id"]}, 409, "RouterHostedByL3Agent")
    admin.delete(f"{path}/{router['id']}")
    assert list(_states(admin, router)) == ["net2"]
    admin.refused("DELETE", f"{path}/{router['id']}", None, 409, "RouterNotHostedByL3Agent")
    added = admin.request("POST", path, {"router_id": router["id"]})
    assert (added.status_code, added.content) == (201, b"null"), "openstacksdk reads it"
    assert list(_states(admin, router)) == ["net1", "net2"]


def test_dhcp_moves_by_hand(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    network = admin.network(name="n")
    admin.subnet(network, "10.0.0.0/24")
    path = f"/v2.0/agents/{_agent(admin, 'DHCP agent')['id']}/dhcp-networks"
    assert [shown["id"] for shown in admin.get(path)["networks"]] == [network["id"]]
    admin.delete(f"{path}/{network['id']}")
    assert admin.get(path) == {"networks": []}
    admin.refused("DELETE", f"{path}/{network['id']}", None, 409, "NetworkNotHostedByDhcpAgent")
    added = admin.request("POST", path, {"network_id": network["id"]})
    assert (added.status_code, added.content) == (201, b"null"), "openstacksdk reads it"
    admin.refused("POST", path, {"network_id": network["id"]}, 409, "NetworkHostedByDHCPAgent")
    hosts = [agent["host"] for agent in admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]]
    assert hosts == ["net1", "net2"]


@pytest.mark.parametrize("attribute", ["host", "alive", "id"])
def test_what_a_node_says_of_itself_is_not_changed_here(
    admin: Client, two_network_nodes: tuple[str, str], attribute: str
) -> None:
    path = f"/v2.0/agents/{_agent(admin, 'L3 agent')['id']}"
    words = f"Cannot update read-only attribute {attribute}"
    admin.refused("PUT", path, {"agent": {attribute: "x"}}, 400, "HTTPBadRequest", words)


def test_a_small_subnet_has_as_many_dhcp_servers_as_fit(
    admin: Client, member: Client, two_network_nodes: tuple[str, str]
) -> None:
    """A /30 has two hosts: the gateway and one server; the second subnet is served by both nodes."""
    network = member.network(name="n")
    subnet = member.subnet(network, "10.0.0.0/30")
    (port,) = admin.get("/v2.0/ports?device_owner=network:dhcp")["ports"]
    assert [fixed_ip["ip_address"] for fixed_ip in port["fixed_ips"]] == ["10.0.0.2"]
    assert len(admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]) == 1
    member.put(f"/v2.0/subnets/{subnet['id']}", {"subnet": {"name": "renamed"}})
    other = next(host for host in two_network_nodes if host != port["binding:host_id"])
    path = f"/v2.0/agents/{_agent(admin, 'DHCP agent', other)['id']}/dhcp-networks"
    admin.refused("POST", path, {"network_id": network["id"]}, 409, "IpAddressGenerationFailure")
    member.subnet(network, "10.0.1.0/24")
    assert len(admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]) == 2


def test_an_agent_that_is_gone_is_forgotten_with_what_it_carried(
    admin: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    router = admin.router()
    network = admin.network()
    admin.subnet(network, "10.0.0.0/24")
    agents = {agent["agent_type"]: agent for agent in admin.get("/v2.0/agents?host=net1")["agents"]}
    path = f"/v2.0/agents/{agents['L3 agent']['id']}"
    words = f"Agent {agents['L3 agent']['id']} is alive: stop the node on net1 first."
    admin.refused("DELETE", path, None, 409, "AgentIsAlive", words)
    die(database, "net1")
    admin.delete(path)
    admin.refused("GET", path, None, 404, "AgentNotFound")
    assert list(_states(admin, router)) == ["net2"]
    servers = admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]
    assert sorted(agent["host"] for agent in servers) == ["net1", "net2"]
    for kind in ("DHCP agent", "Metadata agent", "Open vSwitch agent"):
        admin.delete(f"/v2.0/agents/{agents[kind]['id']}")
    servers = admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]
    assert [agent["host"] for agent in servers] == ["net2"]
    with database.read() as view:
        assert view.get(Node, name="net1") is None
    assert {port["binding:host_id"] for port in admin.get("/v2.0/ports")["ports"]} == {"net2"}


def test_a_node_that_comes_back_shows_as_all_of_its_agents(
    admin: Client, database: Database, config: ControllerConfig, two_network_nodes: tuple[str, str]
) -> None:
    gone = _agent(admin, "L3 agent")
    with database.read() as view:
        node = view.get(Node, name="net1")
    assert node is not None
    assert node.facts is not None
    die(database, "net1")
    admin.delete(f"/v2.0/agents/{gone['id']}")
    introduce(database, config, "net1", node.facts)
    assert len(admin.get("/v2.0/agents?host=net1")["agents"]) == 4
    assert _agent(admin, "L3 agent")["id"] != gone["id"]


def test_agents_are_forgotten_by_admins_only(admin: Client, member: Client, two_network_nodes: tuple[str, str]) -> None:
    path = f"/v2.0/agents/{_agent(admin, 'L3 agent')['id']}"
    member.refused("DELETE", path, None, 404, "HTTPNotFound")
    nobody = "/v2.0/agents/99999999-9999-4999-8999-999999999999"
    admin.refused("DELETE", nobody, None, 404, "AgentNotFound")
