"""Availability zones: where things are to be, and where they are."""

import pytest
from msgspec.structs import replace

from api_kit import Client
from futago.controller.store.database import Database
from futago.controller.store.rows import Node

ZONES = "/v2.0/availability_zones"


@pytest.fixture
def zoned(database: Database, two_network_nodes: tuple[str, str]) -> tuple[str, str]:
    """The second network node is in a zone of its own."""
    with database.write() as txn:
        node = txn.get(Node, name="net2")
        assert node is not None
        assert node.facts is not None
        txn.replace(node, replace(node, facts=replace(node.facts, availability_zone="east")))
    return two_network_nodes


def test_zones_are_those_of_the_nodes(admin: Client, member: Client, zoned: tuple[str, str]) -> None:
    shown = {(zone["name"], zone["resource"], zone["state"]) for zone in member.get(ZONES)["availability_zones"]}
    assert shown == {(name, kind, "available") for name in ("nova", "east") for kind in ("network", "router")}
    (agent,) = admin.get("/v2.0/agents?host=net2&agent_type=L3 agent")["agents"]
    assert agent["availability_zone"] == "east"
    admin.put(f"/v2.0/agents/{agent['id']}", {"agent": {"admin_state_up": False}})
    gone = member.get(f"{ZONES}?state=unavailable")["availability_zones"]
    assert gone == [{"name": "east", "resource": "router", "state": "unavailable"}]
    assert len(member.get(f"{ZONES}?resource=network")["availability_zones"]) == 2


def test_networks_and_routers_go_where_their_hints_say(admin: Client, zoned: tuple[str, str]) -> None:
    network = admin.network(availability_zone_hints=["east"])
    assert (network["availability_zone_hints"], network["availability_zones"]) == (["east"], [])
    admin.subnet(network, "10.0.0.0/24")
    assert admin.get(f"/v2.0/networks/{network['id']}")["network"]["availability_zones"] == ["east"]
    (agent,) = admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]
    assert agent["host"] == "net2"
    router = admin.router(ha=False, availability_zone_hints=["east"])
    assert admin.get(f"/v2.0/routers/{router['id']}")["router"]["availability_zones"] == ["east"]
    both = admin.router(availability_zone_hints=["east", "nova"])
    assert admin.get(f"/v2.0/routers/{both['id']}")["router"]["availability_zones"] == ["east", "nova"]


def test_there_are_not_enough_nodes_in_one_zone_for_two_replicas(admin: Client, zoned: tuple[str, str]) -> None:
    body = {"router": {"availability_zone_hints": ["east"]}}
    admin.refused("POST", "/v2.0/routers", body, 409, "HANotEnoughAvailableAgents", "required 2, available 1")


@pytest.mark.parametrize("kind", ["network", "router"])
def test_a_hint_names_a_zone_that_there_is(admin: Client, zoned: tuple[str, str], kind: str) -> None:
    path, name = f"/v2.0/{kind}s", "availability_zone_hints"
    words = "AvailabilityZone west could not be found."
    admin.refused("POST", path, {kind: {name: ["east", "west"]}}, 404, "AvailabilityZoneNotFound", words)
    admin.refused("POST", path, {kind: {name: ["e" * 200, "f" * 200]}}, 400, "HTTPBadRequest", "Too many")
    admin.refused("POST", path, {kind: {name: ["east", "east"]}}, 400, "HTTPBadRequest", "Duplicate items")
