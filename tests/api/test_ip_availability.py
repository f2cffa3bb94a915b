"""How many addresses networks have, which subnets are for which ports, and where floating IPs come from."""

from typing import Any

import pytest

from api_kit import PROJECT, Client

PATH = "/v2.0/network-ip-availabilities"


def test_a_network_says_how_many_addresses_it_has_and_how_many_are_taken(admin: Client, member: Client) -> None:
    network = member.network(name="n")
    pools = [{"start": "10.0.0.10", "end": "10.0.0.19"}]
    subnet = member.subnet(network, "10.0.0.0/24", allocation_pools=pools, name="s")
    member.subnet(network, "2001:db8::/64", ip_version=6)
    member.port(network, fixed_ips=[{"subnet_id": subnet["id"]}])
    member.port(network, fixed_ips=[{"ip_address": "10.0.0.99"}])
    shown = admin.get(f"{PATH}/{network['id']}")["network_ip_availability"]
    assert (shown["network_name"], shown["project_id"]) == ("n", network["project_id"])
    (four,) = [one for one in shown["subnet_ip_availability"] if one["ip_version"] == 4]
    details = {
        "total_ips_in_subnet": 254,
        "total_ips_in_allocation_pool": 10,
        "used_ips_in_subnet": 2,
        "used_ips_in_allocation_pool": 1,
    }
    assert four == {
        "subnet_id": subnet["id"],
        "subnet_name": "s",
        "ip_version": 4,
        "cidr": "10.0.0.0/24",
        "total_ips": 10,
        "used_ips": 2,
        "ip_availability_details": details,
    }
    assert shown["total_ips"] == 10 + 2**64 - 2
    assert shown["ip_availability_details"]["used_ips_in_allocation_pool"] == 1


def test_availabilities_are_filtered_and_an_admins_business(admin: Client, member: Client) -> None:
    four, six = member.network(name="four"), member.network(name="six")
    member.subnet(four, "10.0.0.0/24")
    member.subnet(six, "2001:db8::/64", ip_version=6)
    for query, expected in (
        ("ip_version=4", [four]),
        ("network_name=six", [six]),
        ("limit=1&sort_key=network_id&sort_dir=asc", 1),
    ):
        found = [one["network_id"] for one in admin.get(f"{PATH}?{query}")["network_ip_availabilities"]]
        assert found == [one["id"] for one in expected] if isinstance(expected, list) else len(found) == expected
    assert member.get(PATH)["network_ip_availabilities"] == []
    member.refused("GET", f"{PATH}/{four['id']}", None, 404, "HTTPNotFound")


def test_a_subnet_is_for_the_ports_that_it_names(admin: Client, member: Client) -> None:
    network = member.network()
    kept = admin.subnet(network, "10.0.1.0/24", service_types=["compute:nova"])
    path, body = "/v2.0/ports", {"network_id": network["id"]}
    kind = "IpAddressGenerationFailureNoMatchingSubnet"
    words = f"No valid service subnet for the given device owner, network {network['id']}, service type ."
    member.refused("POST", path, {"port": body}, 409, kind, words)
    open_to_all = member.subnet(network, "10.0.2.0/24")
    assert member.port(network)["fixed_ips"][0]["subnet_id"] == open_to_all["id"]
    assert member.port(network, device_owner="compute:nova")["fixed_ips"][0]["subnet_id"] == kept["id"]
    named = {"port": {**body, "fixed_ips": [{"subnet_id": kept["id"]}]}}
    member.refused("POST", path, named, 400, "InvalidInput", "because fixed_ips included invalid subnet")
    outside = {"port": {**body, "fixed_ips": [{"ip_address": "10.0.1.9"}]}}
    member.refused("POST", path, outside, 400, "InvalidIpForNetwork")


def test_a_routers_leg_keeps_to_subnets_for_it(admin: Client, member: Client) -> None:
    router = member.router()
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    kept = admin.subnet(member.network(), "10.0.1.0/24", service_types=["compute:nova"])
    member.refused("PUT", path, {"subnet_id": kept["id"]}, 400, "InvalidInput", "included invalid subnet")
    owner = "network:ha_router_replicated_interface"
    member.join(router, admin.subnet(member.network(), "10.0.2.0/24", service_types=[owner]))


def test_dhcp_serves_where_it_is_switched_on(admin: Client, two_network_nodes: tuple[str, str]) -> None:
    admin.subnet(admin.network(), "10.0.1.0/24", service_types=["compute:nova"])
    assert len(admin.get("/v2.0/ports?device_owner=network:dhcp")["ports"]) == 2


@pytest.mark.parametrize(
    ("types", "kind", "words"),
    [
        ("compute:nova", "HTTPBadRequest", "Subnet service types must be a list."),
        ([1], "InvalidInputSubnetServiceType", "Subnet service type 1 is not a string."),
        (["nova"], "InvalidSubnetServiceType", "nova does not correspond to a valid device owner."),
    ],
)
def test_service_types_are_owners_of_ports(member: Client, types: Any, kind: str, words: str) -> None:
    body = {"network_id": member.network()["id"], "cidr": "10.0.0.0/24", "ip_version": 4, "service_types": types}
    member.refused("POST", "/v2.0/subnets", {"subnet": body}, 400, kind, words)


def test_floating_ips_come_from_the_subnets_for_them(admin: Client, member: Client) -> None:
    external = admin.external()
    apart = admin.subnet(external, "10.0.81.0/24", service_types=["network:floatingip"], enable_dhcp=False)
    assert member.floating_ip(external)["floating_ip_address"].startswith("10.0.81.")
    pools = member.get("/v2.0/floatingip_pools")["floatingip_pools"]
    assert sorted(pool["cidr"] for pool in pools) == ["10.0.80.0/24", "10.0.81.0/24"]
    assert {(pool["network_id"], pool["project_id"]) for pool in pools} == {(external["id"], PROJECT)}
    (shown,) = member.get("/v2.0/floatingip_pools?limit=1&fields=subnet_id")["floatingip_pools"]
    assert shown["subnet_id"] in {*external["subnets"], apart["id"]}
