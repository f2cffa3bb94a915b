"""The seed's commands in order, as the two command-line clients send them."""

import re
from typing import Any

import pytest

from api_kit import OTHER_PROJECT, Client

pytestmark = pytest.mark.each_database

WHOLE_FLOATING_IP = {
    "id", "tenant_id", "project_id", "floating_ip_address", "floating_network_id", "router_id", "port_id",
    "fixed_ip_address", "status", "description", "port_details", "dns_domain", "dns_name", "port_forwardings",
    "qos_policy_id", "qos_network_policy_id", "revision_number", "created_at", "updated_at", "tags",
}  # fmt: skip


def _ha_states(admin: Client, router: dict[str, Any]) -> list[tuple[str, str, bool]]:
    agents = admin.get(f"/v2.0/routers/{router['id']}/l3-agents")["agents"]
    return [(agent["host"], agent["ha_state"], agent["alive"]) for agent in agents]


def test_the_external_network_of_the_seed(admin: Client) -> None:
    body = {
        "admin_state_up": True,
        "name": "ext-net80",
        "provider:network_type": "flat",
        "provider:physical_network": "external1",
        "router:external": "True",
    }
    misspelt = {**body, "router:external1": "True"}
    admin.refused(
        "POST",
        "/v2.0/networks",
        {"network": misspelt},
        400,
        "HTTPBadRequest",
        "Unrecognized attribute(s) 'router:external1'",
    )
    network = admin.network(**body)
    assert network["router:external"] is True
    assert network["provider:segmentation_id"] is None
    assert network["mtu"] == 1500
    assert network["status"] == "ACTIVE"
    subnet = admin.subnet(
        network,
        "10.0.80.0/24",
        name="ext-subnet80",
        allocation_pools=[{"start": "10.0.80.101", "end": "10.0.80.200"}],
        gateway_ip="10.0.80.1",
        enable_dhcp=False,
    )
    assert subnet["allocation_pools"] == [{"start": "10.0.80.101", "end": "10.0.80.200"}]
    assert subnet["router:external"] is True


def test_the_project_network_of_the_seed_belongs_to_the_project_that_is_named(admin: Client) -> None:
    network = admin.network(
        **{"name": "vxlan-net80", "tenant_id": OTHER_PROJECT, "provider:network_type": "vxlan", "admin_state_up": True}
    )
    assert network["project_id"] == network["tenant_id"] == OTHER_PROJECT
    assert network["provider:segmentation_id"] == 1000
    assert network["mtu"] == 1450
    subnet = admin.subnet(network, "192.168.80.0/24", gateway_ip="192.168.80.1")
    assert subnet["allocation_pools"] == [{"start": "192.168.80.2", "end": "192.168.80.254"}]
    assert admin.get(f"/v2.0/networks/{network['id']}")["network"]["subnets"] == [subnet["id"]]


def test_the_router_of_the_seed_from_creation_to_a_floating_ip(
    admin: Client, two_network_nodes: tuple[str, str]
) -> None:
    external = admin.external()
    network = admin.network(name="vxlan-net80")
    subnet = admin.subnet(network, "192.168.80.0/24")
    router = admin.router(name="router80", admin_state_up=True)
    assert router["ha"] is True
    assert router["distributed"] is False
    leg = admin.join(router, subnet)
    assert leg["subnet_ids"] == [subnet["id"]]
    port = admin.get(f"/v2.0/ports/{leg['port_id']}")["port"]
    assert port["device_owner"] == "network:ha_router_replicated_interface"
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "192.168.80.1"}]
    info = admin.lead_out(router, external)["external_gateway_info"]
    assert info["enable_snat"] is True
    assert re.fullmatch(r"10\.0\.80\.\d+", info["external_fixed_ips"][0]["ip_address"])
    assert _ha_states(admin, router) == [("net1", "standby", True), ("net2", "standby", True)]

    floating_ip = admin.floating_ip(external)
    assert set(floating_ip) == WHOLE_FLOATING_IP
    assert floating_ip["status"] == "DOWN"
    vm1 = admin.port(network, name="vm1")
    path = f"/v2.0/floatingips/{floating_ip['id']}"
    associated = admin.put(path, {"floatingip": {"port_id": vm1["id"]}})["floatingip"]
    assert associated["router_id"] == router["id"]
    assert associated["fixed_ip_address"] == vm1["fixed_ips"][0]["ip_address"]
    assert associated["port_details"]["name"] == "vm1"

    ports = admin.get(f"/v2.0/ports?device_id={router['id']}")["ports"]
    owners = sorted(port["device_owner"] for port in ports)
    assert owners == [
        "network:ha_router_replicated_interface",
        "network:router_gateway",
        "network:router_ha_interface",
        "network:router_ha_interface",
    ]


def test_everything_of_the_seed_can_be_taken_down_again(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    external = admin.external()
    network = admin.network(name="vxlan-net80")
    subnet = admin.subnet(network, "192.168.80.0/24")
    router = admin.router(name="router80")
    admin.join(router, subnet)
    admin.lead_out(router, external)
    port = admin.port(network)
    floating_ip = admin.floating_ip(external, port_id=port["id"])
    admin.put(f"/v2.0/floatingips/{floating_ip['id']}", {"floatingip": {"port_id": None}})
    admin.delete(f"/v2.0/floatingips/{floating_ip['id']}")
    admin.delete(f"/v2.0/ports/{port['id']}")
    admin.put(f"/v2.0/routers/{router['id']}", {"router": {"external_gateway_info": {}}})
    admin.part(router, subnet)
    admin.delete(f"/v2.0/routers/{router['id']}")
    admin.delete(f"/v2.0/networks/{network['id']}")
    admin.delete(f"/v2.0/networks/{external['id']}")
    for collection in ("networks", "subnets", "ports", "routers", "floatingips"):
        assert admin.get(f"/v2.0/{collection}") == {collection: []}
