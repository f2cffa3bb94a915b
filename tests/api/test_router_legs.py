"""A router's leg moves by its port: what the router needs stays, and what overlaps is kept apart."""

from typing import Any

import pytest

from api_kit import Client
from futago.controller.store.database import Database
from futago.controller.store.rows import FixedIp

pytestmark = pytest.mark.each_database


@pytest.fixture
def moving(member: Client, two_network_nodes: tuple[str, str]) -> dict[str, Any]:
    """A router with a leg in the first of a network's two subnets, and the path of its port."""
    network = member.network(name="n")
    first, second = member.subnet(network, "192.168.1.0/24"), member.subnet(network, "10.9.0.0/24")
    router = member.router(name="r")
    leg = member.join(router, first)
    return {
        "network": network,
        "router": router,
        "first": first,
        "second": second,
        "path": f"/v2.0/ports/{leg['port_id']}",
        "port_id": leg["port_id"],
    }


def _to(*subnets: dict[str, Any]) -> dict[str, Any]:
    return {"port": {"fixed_ips": [{"subnet_id": subnet["id"]} for subnet in subnets]}}


def test_a_leg_keeps_an_address(member: Client, moving: dict[str, Any]) -> None:
    """Without one it would belong to no subnet, and neither it nor its router could be deleted any more."""
    member.refused("PUT", moving["path"], _to(), 400, "BadRequest", "at least one fixed IP")
    assert member.get(moving["path"])["port"]["fixed_ips"] != []


def test_a_leg_moves_to_another_subnet_and_not_onto_a_range_that_the_router_has(
    member: Client, moving: dict[str, Any]
) -> None:
    member.put(moving["path"], _to(moving["second"]))
    member.put(moving["path"], _to(moving["first"]))
    other = member.subnet(member.network(name="m"), "10.9.0.0/16")
    member.join(moving["router"], other)
    member.refused("PUT", moving["path"], _to(moving["second"]), 400, "BadRequest", "overlaps")
    member.refused("PUT", moving["path"], _to(moving["first"], moving["second"]), 400, "BadRequest", "overlaps")


def test_a_leg_stays_where_a_route_or_a_floating_ip_needs_it(
    member: Client, admin: Client, moving: dict[str, Any]
) -> None:
    path = f"/v2.0/routers/{moving['router']['id']}"
    route = {"destination": "10.77.0.0/16", "nexthop": "192.168.1.9"}
    member.put(path, {"router": {"routes": [route]}})
    away = _to(moving["second"])
    member.refused("PUT", moving["path"], away, 409, "RouterInterfaceInUseByRoute", "required by one or more routes")
    member.put(path, {"router": {"routes": []}})
    external = admin.external()
    member.lead_out(moving["router"], external)
    port = member.port(moving["network"], fixed_ips=[{"subnet_id": moving["first"]["id"]}])
    member.floating_ip(external, port_id=port["id"])
    member.refused("PUT", moving["path"], away, 409, "RouterInterfaceInUseByFloatingIP")
    assert member.get(moving["path"])["port"]["fixed_ips"][0]["subnet_id"] == moving["first"]["id"]


def test_a_router_is_in_use_by_a_leg_even_without_addresses(
    member: Client, database: Database, moving: dict[str, Any]
) -> None:
    with database.write() as txn:
        for fixed_ip in txn.find(FixedIp, port_id=moving["port_id"]):
            txn.remove(fixed_ip)
    member.refused("DELETE", f"/v2.0/routers/{moving['router']['id']}", None, 409, "RouterInUse")


def test_what_the_service_places_is_not_bound_by_hand(admin: Client, moving: dict[str, Any]) -> None:
    for port in admin.get("/v2.0/ports")["ports"]:
        path, elsewhere = f"/v2.0/ports/{port['id']}", {"port": {"binding:host_id": "elsewhere"}}
        admin.refused("PUT", path, elsewhere, 409, "UnsupportedPortDeviceOwner", "Operation update")
        admin.put(path, {"port": {"binding:host_id": port["binding:host_id"]}})
    instance = f"/v2.0/ports/{admin.port(moving['network'])['id']}"
    assert admin.put(instance, {"port": {"binding:host_id": "elsewhere"}})["port"]["binding:host_id"] == "elsewhere"


def test_a_binding_names_the_datapath_of_its_node(admin: Client, moving: dict[str, Any]) -> None:
    bound = {host: admin.port(moving["network"], **{"binding:host_id": host}) for host in ("net1", "elsewhere", "")}
    details = {host: port["binding:vif_details"] for host, port in bound.items()}
    assert details[""] == {}
    assert {host: details[host]["datapath_type"] for host in ("net1", "elsewhere")} == {
        "net1": "netdev",
        "elsewhere": "system",
    }
