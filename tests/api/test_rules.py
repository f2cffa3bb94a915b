"""What holds between resources: what is in use stays, what overlaps is kept apart."""

from typing import Any

import pytest

from api_kit import Client
from futago.controller.store.database import Database


@pytest.fixture
def cloud(admin: Client, two_network_nodes: tuple[str, str]) -> dict[str, Any]:
    """The seed's: an external network, a project network, a router between them."""
    external = admin.external()
    network = admin.network(name="vxlan-net80")
    subnet = admin.subnet(network, "192.168.80.0/24")
    router = admin.router(name="router80")
    admin.join(router, subnet)
    admin.lead_out(router, external)
    return {"external": external, "network": network, "subnet": subnet, "router": router}


def test_a_router_with_interfaces_is_not_deleted(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/routers/{cloud['router']['id']}"
    admin.refused("DELETE", path, None, 409, "RouterInUse", "still has ports")
    assert admin.get(path)["router"]["external_gateway_info"] is not None


def test_a_router_without_interfaces_goes_with_its_gateway_and_ha_network(admin: Client, cloud: dict[str, Any]) -> None:
    admin.part(cloud["router"], cloud["subnet"])
    admin.delete(f"/v2.0/routers/{cloud['router']['id']}")
    names = [network["name"] for network in admin.get("/v2.0/networks")["networks"]]
    assert sorted(names) == ["ext-net80", "vxlan-net80"]
    assert {port["device_owner"] for port in admin.get("/v2.0/ports")["ports"]} == {"network:dhcp"}


def test_a_network_with_ports_is_not_deleted(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/networks/{cloud['network']['id']}"
    admin.refused("DELETE", path, None, 409, "NetworkInUse", "There are one or more ports still in use on the network")


def test_a_network_with_dhcp_ports_only_is_deleted_with_them(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    network = admin.network(name="n")
    admin.subnet(network, "10.0.0.0/24")
    ports = admin.get(f"/v2.0/ports?network_id={network['id']}")["ports"]
    assert [port["device_owner"] for port in ports] == ["network:dhcp", "network:dhcp"]
    assert len(admin.get(f"/v2.0/networks/{network['id']}/dhcp-agents")["agents"]) == 2
    admin.delete(f"/v2.0/networks/{network['id']}")
    assert admin.get("/v2.0/ports")["ports"] == []


def test_a_subnet_with_ports_is_not_deleted(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/subnets/{cloud['subnet']['id']}"
    admin.refused("DELETE", path, None, 409, "SubnetInUse", "One or more ports have an IP allocation from this subnet")


def test_dhcp_ends_with_the_last_subnet_that_has_it(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    network = admin.network(name="n")
    first, second = admin.subnet(network, "10.0.0.0/24"), admin.subnet(network, "10.0.1.0/24")
    ports = admin.get("/v2.0/ports?device_owner=network:dhcp")["ports"]
    assert [len(port["fixed_ips"]) for port in ports] == [2, 2]
    admin.delete(f"/v2.0/subnets/{first['id']}")
    ports = admin.get("/v2.0/ports?device_owner=network:dhcp")["ports"]
    assert [[ip["subnet_id"] for ip in port["fixed_ips"]] for port in ports] == [[second["id"]], [second["id"]]]
    admin.put(f"/v2.0/subnets/{second['id']}", {"subnet": {"enable_dhcp": False}})
    assert admin.get("/v2.0/ports")["ports"] == []
    admin.put(f"/v2.0/subnets/{second['id']}", {"subnet": {"enable_dhcp": True}})
    assert len(admin.get("/v2.0/ports")["ports"]) == 2


def test_overlapping_subnets_cannot_meet_on_a_router(admin: Client, cloud: dict[str, Any]) -> None:
    other = admin.subnet(admin.network(name="other"), "192.168.80.0/25")
    path = f"/v2.0/routers/{cloud['router']['id']}/add_router_interface"
    cidrs = f"Cidr 192.168.80.0/25 of subnet {other['id']} overlaps with cidr 192.168.80.0/24 of subnet"
    admin.refused("PUT", path, {"subnet_id": other["id"]}, 400, "BadRequest", cidrs)
    again = {"subnet_id": cloud["subnet"]["id"]}
    admin.refused("PUT", path, again, 400, "BadRequest", "Router already has a port on subnet")


def test_a_router_cannot_lead_out_into_a_range_that_it_has_inside(admin: Client, cloud: dict[str, Any]) -> None:
    other = admin.external("external2", "192.168.80.0/24")
    router = admin.router(name="second")
    admin.join(router, admin.subnet(admin.network(name="n"), "192.168.80.0/24"))
    body = {"router": {"external_gateway_info": {"network_id": other["id"]}}}
    admin.refused("PUT", f"/v2.0/routers/{router['id']}", body, 400, "BadRequest", "overlaps with cidr")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "Either subnet_id or port_id must be specified"),
        ([], "Either subnet_id or port_id must be specified"),
        ({"subnet_id": "x"}, "'x' is not a valid UUID"),
    ],
)
def test_an_interface_needs_to_be_named(admin: Client, cloud: dict[str, Any], body: Any, words: str) -> None:
    for action in ("add", "remove"):
        path = f"/v2.0/routers/{cloud['router']['id']}/{action}_router_interface"
        answer = admin.request("PUT", path, body)
        assert answer.status_code == 400
        assert words in answer.json()["NeutronError"]["message"]


def test_a_router_takes_a_port_that_was_made_before_and_removes_it_with_the_interface(
    admin: Client, cloud: dict[str, Any]
) -> None:
    network = admin.network(name="n")
    subnet = admin.subnet(network, "10.0.0.0/24")
    port = admin.port(network, fixed_ips=[{"ip_address": "10.0.0.77"}])
    path = f"/v2.0/routers/{cloud['router']['id']}"
    leg = admin.put(f"{path}/add_router_interface", {"port_id": port["id"]})
    assert (leg["port_id"], leg["subnet_id"]) == (port["id"], subnet["id"])
    shown = admin.get(f"/v2.0/ports/{port['id']}")["port"]
    assert shown["device_owner"] == "network:ha_router_replicated_interface"
    body = {"port_id": port["id"]}
    admin.refused("PUT", f"{path}/add_router_interface", body, 409, "PortInUse", "already has an attached device")
    both = {"port_id": port["id"], "subnet_id": cloud["subnet"]["id"]}
    admin.refused("PUT", f"{path}/remove_router_interface", both, 400, "SubnetMismatchForPort", "does not match")
    admin.put(f"{path}/remove_router_interface", body)
    admin.get(f"/v2.0/ports/{port['id']}", 404)
    admin.refused("PUT", f"{path}/remove_router_interface", body, 404, "RouterInterfaceNotFound", "does not have")
    gone = {"subnet_id": subnet["id"]}
    admin.refused("PUT", f"{path}/remove_router_interface", gone, 404, "RouterInterfaceNotFoundForSubnet", "on subnet")


def test_a_gateway_address_that_a_port_has_is_not_given_to_a_router(admin: Client, cloud: dict[str, Any]) -> None:
    network = admin.network(name="n")
    subnet = admin.subnet(network, "10.0.0.0/24")
    admin.port(network, fixed_ips=[{"ip_address": "10.0.0.1"}])
    path = f"/v2.0/routers/{cloud['router']['id']}/add_router_interface"
    admin.refused("PUT", path, {"subnet_id": subnet["id"]}, 409, "IpAddressAlreadyAllocated", "10.0.0.1")


def test_ports_of_the_service_are_not_deleted_as_ports(admin: Client, cloud: dict[str, Any]) -> None:
    admin.floating_ip(cloud["external"])
    ports = admin.get("/v2.0/ports")["ports"]
    assert {port["device_owner"] for port in ports} == {
        "network:dhcp",
        "network:floatingip",
        "network:ha_router_replicated_interface",
        "network:router_gateway",
        "network:router_ha_interface",
    }
    for port in ports:
        words = f"cannot be deleted directly via the port API: has device owner {port['device_owner']}"
        admin.refused("DELETE", f"/v2.0/ports/{port['id']}", None, 409, "ServicePortInUse", words)


@pytest.mark.parametrize("owner", ["network:router_interface", "network:router_gateway", "network:dhcp"])
def test_nobody_puts_a_leg_on_a_router_by_making_a_port(
    member: Client, admin: Client, cloud: dict[str, Any], owner: str
) -> None:
    network = member.network(name="mine")
    member.subnet(network, "192.168.9.0/24")
    leg = {"device_id": cloud["router"]["id"], "device_owner": owner}
    kind = "UnsupportedPortDeviceOwner"
    for client in (member, admin):
        body = {"port": {"network_id": network["id"], **leg}}
        client.refused("POST", "/v2.0/ports", body, 409, kind, "Operation create is not supported for device_owner")
        port = client.port(network)
        client.refused("PUT", f"/v2.0/ports/{port['id']}", {"port": leg}, 409, kind, "Operation update")


def test_a_leg_of_a_router_can_change_its_address_but_not_its_router(
    admin: Client, cloud: dict[str, Any], database: Database
) -> None:
    owner = "network:ha_router_replicated_interface"
    (leg,) = admin.get(f"/v2.0/ports?device_owner={owner}")["ports"]
    path = f"/v2.0/ports/{leg['id']}"
    admin.refused("PUT", path, {"port": {"device_id": ""}}, 409, "UnsupportedPortDeviceOwner", "update")
    with database.read() as view:
        before = view.revision()
    admin.put(path, {"port": {"fixed_ips": [{"ip_address": "192.168.80.254"}]}})
    with database.read() as view:
        assert f"router/{cloud['router']['id']}" in view.changed_keys(before)


def test_gateway_and_interface_stay_while_a_floating_ip_needs_them(admin: Client, cloud: dict[str, Any]) -> None:
    admin.floating_ip(cloud["external"], port_id=admin.port(cloud["network"])["id"])
    path = f"/v2.0/routers/{cloud['router']['id']}"
    kind = "RouterExternalGatewayInUseByFloatingIp"
    clear: dict[str, Any] = {"router": {"external_gateway_info": {}}}
    admin.refused("PUT", path, clear, 409, kind, "required by one or more floating IPs")
    subnet = {"subnet_id": cloud["subnet"]["id"]}
    kind = "RouterInterfaceInUseByFloatingIP"
    admin.refused("PUT", f"{path}/remove_router_interface", subnet, 409, kind, "one or more floating IPs")


def test_a_floating_ip_needs_a_router_between(admin: Client, cloud: dict[str, Any]) -> None:
    lonely = admin.network(name="lonely")
    admin.subnet(lonely, "10.0.0.0/24")
    port = admin.port(lonely)
    body = {"floatingip": {"floating_network_id": cloud["external"]["id"], "port_id": port["id"]}}
    words = f"External network {cloud['external']['id']} is not reachable from subnet"
    admin.refused("POST", "/v2.0/floatingips", body, 404, "ExternalGatewayForFloatingIPNotFound", words)
    assert admin.get("/v2.0/floatingips")["floatingips"] == []


def test_one_address_has_one_floating_ip(admin: Client, cloud: dict[str, Any]) -> None:
    port = admin.port(cloud["network"])
    admin.floating_ip(cloud["external"], port_id=port["id"])
    body = {"floatingip": {"floating_network_id": cloud["external"]["id"], "port_id": port["id"]}}
    kind = "FloatingIPPortAlreadyAssociated"
    admin.refused("POST", "/v2.0/floatingips", body, 409, kind, "already has a floating IP on external network")


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"floating_ip_address": "10.9.9.9"}, 400, "InvalidIpForNetwork"),
        ({"fixed_ip_address": "192.168.80.2"}, 400, "BadRequest"),
        ({"port_id": "99999999-9999-4999-8999-999999999999"}, 404, "PortNotFound"),
    ],
)
def test_a_bad_floating_ip_is_refused(
    admin: Client, cloud: dict[str, Any], change: dict[str, str], status: int, kind: str
) -> None:
    body = {"floating_network_id": cloud["external"]["id"], **change}
    admin.refused("POST", "/v2.0/floatingips", {"floatingip": body}, status, kind)


def test_floating_ips_come_from_external_networks_only(admin: Client, cloud: dict[str, Any]) -> None:
    body = {"floating_network_id": cloud["network"]["id"]}
    words = "is not a valid external network"
    admin.refused("POST", "/v2.0/floatingips", {"floatingip": body}, 400, "BadRequest", words)


def test_an_address_that_a_router_has_outside_is_not_a_floating_ip(admin: Client, cloud: dict[str, Any]) -> None:
    info = admin.get(f"/v2.0/routers/{cloud['router']['id']}")["router"]["external_gateway_info"]
    taken = info["external_fixed_ips"][0]["ip_address"]
    body = {"floating_network_id": cloud["external"]["id"], "floating_ip_address": taken}
    admin.refused("POST", "/v2.0/floatingips", {"floatingip": body}, 409, "IpAddressAlreadyAllocated", taken)


def test_a_deleted_port_lets_go_of_its_floating_ip(admin: Client, cloud: dict[str, Any]) -> None:
    port = admin.port(cloud["network"])
    floating_ip = admin.floating_ip(cloud["external"], port_id=port["id"])
    admin.delete(f"/v2.0/ports/{port['id']}")
    shown = admin.get(f"/v2.0/floatingips/{floating_ip['id']}")["floatingip"]
    assert (shown["port_id"], shown["router_id"], shown["fixed_ip_address"]) == (None, None, None)
    assert shown["floating_ip_address"] == floating_ip["floating_ip_address"]


def test_an_address_with_a_floating_ip_does_not_leave_its_port(admin: Client, cloud: dict[str, Any]) -> None:
    port = admin.port(cloud["network"])
    admin.floating_ip(cloud["external"], port_id=port["id"])
    body = {"port": {"fixed_ips": [{"ip_address": "192.168.80.99"}]}}
    admin.refused("PUT", f"/v2.0/ports/{port['id']}", body, 409, "FipAssociated", "associated floating IP")


def test_a_used_up_pool_gives_no_more_addresses(admin: Client) -> None:
    network = admin.network(name="n")
    pools = [{"start": "10.0.0.10", "end": "10.0.0.11"}]
    admin.subnet(network, "10.0.0.0/24", allocation_pools=pools, enable_dhcp=False)
    given = [admin.port(network)["fixed_ips"][0]["ip_address"] for _ in range(2)]
    assert given == ["10.0.0.10", "10.0.0.11"]
    body = {"port": {"network_id": network["id"]}}
    admin.refused("POST", "/v2.0/ports", body, 409, "IpAddressGenerationFailure", "No more IP addresses available")
    admin.subnet(network, "10.0.1.0/24", enable_dhcp=False)
    assert admin.port(network)["fixed_ips"][0]["ip_address"] == "10.0.1.2"


def test_a_gateway_that_a_router_has_does_not_move(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/subnets/{cloud['subnet']['id']}"
    pools = [{"start": "192.168.80.100", "end": "192.168.80.200"}]
    body = {"subnet": {"gateway_ip": "192.168.80.9", "allocation_pools": pools}}
    admin.refused("PUT", path, body, 409, "GatewayIpInUse", "Current gateway ip 192.168.80.1 already in use by port")


def test_extra_routes_lead_over_neighbours(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/routers/{cloud['router']['id']}"
    good = [{"destination": "10.9.0.0/16", "nexthop": "192.168.80.200"}]
    assert admin.put(path, {"router": {"routes": good}})["router"]["routes"] == good
    for nexthop, words in (("10.1.1.1", "not connected with router"), ("192.168.80.1", "is used by router")):
        body = {"router": {"routes": [{"destination": "10.9.0.0/16", "nexthop": nexthop}]}}
        admin.refused("PUT", path, body, 400, "InvalidRoutes", words)
    subnet = {"subnet_id": cloud["subnet"]["id"]}
    kind = "RouterInterfaceInUseByRoute"
    admin.refused("PUT", f"{path}/remove_router_interface", subnet, 409, kind, "one or more routes")


def test_an_external_network_takes_its_unused_floating_ips_along(admin: Client) -> None:
    external = admin.external()
    admin.floating_ip(external)
    admin.delete(f"/v2.0/networks/{external['id']}")
    assert admin.get("/v2.0/floatingips")["floatingips"] == []


def test_an_external_network_in_use_stays_external(admin: Client, cloud: dict[str, Any]) -> None:
    path = f"/v2.0/networks/{cloud['external']['id']}"
    body = {"network": {"router:external": False}}
    admin.refused("PUT", path, body, 409, "ExternalNetworkInUse", "existing gateway ports")


def test_a_router_changes_between_one_replica_and_several_while_it_is_down(
    admin: Client, cloud: dict[str, Any]
) -> None:
    path = f"/v2.0/routers/{cloud['router']['id']}"
    admin.refused("PUT", path, {"router": {"ha": False}}, 400, "BadRequest", "Cannot change HA attribute of active")
    admin.put(path, {"router": {"admin_state_up": False}})
    assert admin.put(path, {"router": {"ha": False}})["router"]["ha"] is False
    assert len(admin.get(f"{path}/l3-agents")["agents"]) == 1
    owners = {port["device_owner"] for port in admin.get(f"/v2.0/ports?device_id={cloud['router']['id']}")["ports"]}
    assert owners == {"network:router_interface", "network:router_gateway"}
    admin.put(path, {"router": {"ha": True, "admin_state_up": True}})
    assert len(admin.get(f"{path}/l3-agents")["agents"]) == 2


def test_distributed_routers_are_refused(admin: Client) -> None:
    admin.refused("POST", "/v2.0/routers", {"router": {"distributed": True}}, 400, "BadRequest", "distributed routers")


def test_a_subnet_without_pools_gives_no_address_of_itself(member: Client) -> None:
    """As `openstack subnet unset --allocation-pool` leaves it."""
    network = member.network()
    subnet = member.subnet(network, "192.168.80.0/24", allocation_pools=[], enable_dhcp=False)
    assert subnet["allocation_pools"] == []
    other = member.network()
    emptied = member.subnet(other, "192.168.81.0/24")
    changed = member.put(f"/v2.0/subnets/{emptied['id']}", {"subnet": {"allocation_pools": []}})["subnet"]
    assert changed["allocation_pools"] == []
    for full, named in ((network, "192.168.80.9"), (other, "192.168.81.9")):
        body = {"port": {"network_id": full["id"]}}
        member.refused("POST", "/v2.0/ports", body, 409, "IpAddressGenerationFailure")
        body["port"]["fixed_ips"] = [{"ip_address": named}]
        assert member.post("/v2.0/ports", body)["port"]["fixed_ips"][0]["ip_address"] == named
