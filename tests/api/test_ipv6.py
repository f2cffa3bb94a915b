"""IPv6 subnets, the addresses of their ports, and routers between them, as Neutron has them."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client

pytestmark = pytest.mark.each_database

SLAAC = {"ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
STATEFUL = {"ip_version": 6, "ipv6_ra_mode": "dhcpv6-stateful", "ipv6_address_mode": "dhcpv6-stateful"}
PLAIN = {"ip_version": 6}
MAC, IDENTIFIER = "fa:16:3e:12:34:56", "f816:3eff:fe12:3456"


@pytest.fixture
def network(member: Client) -> dict[str, Any]:
    return member.network(name="n")


def addresses(shown: dict[str, Any]) -> list[str]:
    return [fixed_ip["ip_address"] for fixed_ip in shown["fixed_ips"]]


def addresses_of(member: Client, port_id: str) -> list[str]:
    return addresses(member.get(f"/v2.0/ports/{port_id}")["port"])


def test_a_plain_subnet_has_its_first_address_for_the_gateway_and_no_broadcast_address(
    member: Client, network: dict[str, Any]
) -> None:
    subnet = member.subnet(network, "2001:DB8:0:1::/64", **PLAIN)
    assert (subnet["ip_version"], subnet["cidr"], subnet["gateway_ip"]) == (6, "2001:db8:0:1::/64", "2001:db8:0:1::1")
    pool = {"start": "2001:db8:0:1::2", "end": "2001:db8:0:1:ffff:ffff:ffff:ffff"}
    assert subnet["allocation_pools"] == [pool]
    assert (subnet["ipv6_ra_mode"], subnet["ipv6_address_mode"]) == (None, None)


@pytest.mark.parametrize(
    ("ra_mode", "address_mode"),
    [(ra, address) for ra in (None, "slaac", "dhcpv6-stateless", "dhcpv6-stateful") for address in (None, ra) if ra]
    + [(None, mode) for mode in ("slaac", "dhcpv6-stateless", "dhcpv6-stateful")],
)
def test_modes_are_kept_as_they_are_said(
    member: Client, network: dict[str, Any], ra_mode: str | None, address_mode: str | None
) -> None:
    modes = {"ipv6_ra_mode": ra_mode, "ipv6_address_mode": address_mode}
    subnet = member.subnet(network, "2001:db8::/64", **PLAIN, **modes)
    assert {name: member.get(f"/v2.0/subnets/{subnet['id']}")["subnet"][name] for name in modes} == modes


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (
            {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"},
            "InvalidInput",
            "ipv6_ra_mode set to 'slaac' with ipv6_address_mode set to 'dhcpv6-stateful' is not valid",
        ),
        (
            {"ipv6_ra_mode": "slaac", "enable_dhcp": False},
            "InvalidInput",
            "cannot be set when enable_dhcp is set to False",
        ),
        ({**SLAAC, "cidr": "2001:db8::/65"}, "InvalidInput", "requires the prefix to be /64"),
        ({**STATEFUL, "cidr": "2001:db8::/127"}, "InvalidInput", "incompatible with DHCP"),
        ({"ipv6_ra_mode": "radvd"}, "HTTPBadRequest", "radvd is not in valid_values"),
        ({"cidr": "10.0.0.0/24"}, "InvalidInput", "cidr '10.0.0.0/24' does not match the ip_version '6'"),
        ({"cidr": "fe80::/64"}, "InvalidInput", "not a range of addresses"),
        ({"cidr": "ff05::/64"}, "InvalidInput", "not a range of addresses"),
        ({"gateway_ip": "10.0.0.1"}, "InvalidInput", "gateway_ip '10.0.0.1' does not match"),
        ({"gateway_ip": "2001:db8:9::1"}, "InvalidInput", "Gateway is not valid on subnet"),
        ({"gateway_ip": "fe80::1%eth0"}, "HTTPBadRequest", "is not a valid IP address"),
        ({"dns_nameservers": ["192.0.2.53"]}, "InvalidInput", "dns_nameserver '192.0.2.53' does not match"),
        (
            {"host_routes": [{"destination": "10.0.0.0/8", "nexthop": "2001:db8::9"}]},
            "InvalidInput",
            "destination '10.0.0.0/8' does not match",
        ),
        (
            {"allocation_pools": [{"start": "10.0.0.1", "end": "10.0.0.2"}]},
            "InvalidAllocationPool",
            "10.0.0.1-10.0.0.2",
        ),
        (
            {"allocation_pools": [{"start": "2001:db8::2", "end": "2001:db8:1::2"}]},
            "OutOfBoundsAllocationPool",
            "spans beyond",
        ),
        ({"cidr": "10.0.0.0/24", "ip_version": 4, "ipv6_ra_mode": "slaac"}, "InvalidInput", "when ip_version is 4"),
    ],
)
def test_what_does_not_fit_is_refused(
    member: Client, network: dict[str, Any], change: dict[str, Any], kind: str, words: str
) -> None:
    body = {"network_id": network["id"], "cidr": "2001:db8::/64", **PLAIN, **change}
    member.refused("POST", "/v2.0/subnets", {"subnet": body}, 400, kind, words)


def test_dhcp_cannot_be_turned_off_where_there_are_modes(member: Client, network: dict[str, Any]) -> None:
    path = f"/v2.0/subnets/{member.subnet(network, '2001:db8::/64', **SLAAC)['id']}"
    body = {"subnet": {"enable_dhcp": False}}
    member.refused("PUT", path, body, 400, "InvalidInput", "Cannot disable enable_dhcp with ipv6 attributes set")


def test_a_network_with_ipv6_carries_1280_bytes_at_least(member: Client) -> None:
    small = member.network(name="small", mtu=1279)
    body = {"subnet": {"network_id": small["id"], "cidr": "2001:db8::/64", **PLAIN}}
    words = f"MTU of {small['id']} is not valid, subnet requires a minimum of 1280 bytes"
    member.refused("POST", "/v2.0/subnets", body, 409, "NetworkMTUSubnetConflict", words)
    path = f"/v2.0/networks/{small['id']}"
    member.put(path, {"network": {"mtu": 1280}})
    member.subnet(small, "2001:db8::/64", **PLAIN)
    member.refused("PUT", path, {"network": {"mtu": 1279}}, 409, "NetworkMTUSubnetConflict", words)


def test_a_link_local_gateway_is_taken_as_it_is(member: Client, network: dict[str, Any]) -> None:
    subnet = member.subnet(network, "2001:db8::/64", gateway_ip="fe80::1", **PLAIN)
    assert subnet["gateway_ip"] == "fe80::1"
    assert subnet["allocation_pools"][0]["start"] == "2001:db8::1"


def test_a_port_has_an_address_of_each_family_and_makes_its_own_where_it_shall(
    member: Client, network: dict[str, Any]
) -> None:
    member.subnet(network, "10.0.0.0/24")
    member.subnet(network, "10.0.1.0/24")
    member.subnet(network, "2001:db8:1::/64", **STATEFUL)
    member.subnet(network, "2001:db8:2::/64", **SLAAC)
    member.subnet(network, "2001:db8:3::/64", **PLAIN, ipv6_ra_mode="dhcpv6-stateless")
    port = member.port(network, mac_address=MAC)
    v4, stateful, *automatic = addresses(port)
    assert v4.startswith("10.0.")
    assert stateful.startswith("2001:db8:1::")
    assert sorted(automatic) == [f"2001:db8:2:0:{IDENTIFIER}", f"2001:db8:3:0:{IDENTIFIER}"]
    assert {one["hostname"] for one in port["dns_assignment"]} >= {f"host-2001-db8-2-0-{IDENTIFIER.replace(':', '-')}"}


def test_a_new_subnet_gives_addresses_to_ports_that_are_there_and_takes_them_when_it_goes(
    member: Client, network: dict[str, Any]
) -> None:
    member.subnet(network, "10.0.0.0/24")
    port = member.port(network, mac_address=MAC)
    subnet = member.subnet(network, "2001:db8:2::/64", **SLAAC)
    assert addresses_of(member, port["id"])[1:] == [f"2001:db8:2:0:{IDENTIFIER}"]
    member.delete(f"/v2.0/subnets/{subnet['id']}")
    assert addresses_of(member, port["id"]) == addresses(port)


def test_an_address_in_a_subnet_where_hosts_make_theirs_cannot_be_chosen(
    member: Client, network: dict[str, Any]
) -> None:
    subnet = member.subnet(network, "2001:db8:2::/64", **SLAAC)
    wish = {"subnet_id": subnet["id"], "ip_address": "2001:db8:2::5"}
    body = {"port": {"network_id": network["id"], "fixed_ips": [wish]}}
    words = f"IPv6 address 2001:db8:2::5 cannot be directly assigned to a port on subnet {subnet['id']}"
    member.refused("POST", "/v2.0/ports", body, 400, "AllocationOnAutoAddressSubnet", words)
    named = member.port(network, mac_address=MAC, fixed_ips=[{"subnet_id": subnet["id"]}])
    assert addresses(named) == [f"2001:db8:2:0:{IDENTIFIER}"]


def test_automatic_addresses_stay_when_others_change_and_follow_the_mac(
    member: Client, as_: Callable[[str], Client], network: dict[str, Any]
) -> None:
    member.subnet(network, "10.0.0.0/24")
    member.subnet(network, "2001:db8:2::/64", **SLAAC)
    port = member.port(network, mac_address="fa:16:3e:00:00:01")
    path = f"/v2.0/ports/{port['id']}"
    moved = member.put(path, {"port": {"fixed_ips": [{"ip_address": "10.0.0.77"}]}})["port"]
    assert addresses(moved) == ["10.0.0.77", "2001:db8:2:0:f816:3eff:fe00:1"]
    changed = as_("manager").put(path, {"port": {"mac_address": MAC}})["port"]
    assert addresses(changed) == ["10.0.0.77", f"2001:db8:2:0:{IDENTIFIER}"]
    again = member.put(path, {"port": {"fixed_ips": changed["fixed_ips"]}})["port"]
    assert again["fixed_ips"] == changed["fixed_ips"]


def test_ports_are_found_by_an_ipv6_address(member: Client, network: dict[str, Any]) -> None:
    member.subnet(network, "2001:db8::/64", **PLAIN)
    port = member.port(network, fixed_ips=[{"ip_address": "2001:DB8::0:5"}])
    member.port(network)
    found = member.get("/v2.0/ports?fixed_ips=ip_address%3D2001:db8::5")["ports"]
    assert [one["id"] for one in found] == [port["id"]]


class TestRouter:
    """Legs, gateways and routes."""

    @pytest.fixture(autouse=True)
    def nodes(self, two_network_nodes: tuple[str, str]) -> None:
        """HA routers need them."""

    def test_the_ipv6_subnets_of_a_network_are_on_one_leg(self, member: Client, network: dict[str, Any]) -> None:
        router = member.router(name="r")
        v4 = member.subnet(network, "10.0.0.0/24")
        one = member.subnet(network, "2001:db8:1::/64", **SLAAC)
        two = member.subnet(network, "2001:db8:2::/64", **STATEFUL)
        legs = [member.join(router, subnet) for subnet in (v4, one, two)]
        assert legs[0]["port_id"] != legs[1]["port_id"] == legs[2]["port_id"]
        assert legs[2]["subnet_ids"] == [two["id"]]
        assert addresses_of(member, legs[1]["port_id"]) == ["2001:db8:1::1", "2001:db8:2::1"]
        assert member.part(router, one)["subnet_ids"] == [one["id"]]
        assert addresses_of(member, legs[1]["port_id"]) == ["2001:db8:2::1"]
        member.part(router, two)
        member.get(f"/v2.0/ports/{legs[1]['port_id']}", status=404)

    def test_a_leg_by_its_port_takes_all_subnets_and_is_the_only_one_with_ipv6(
        self, member: Client, network: dict[str, Any]
    ) -> None:
        router = member.router(name="r")
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        subnets = [member.subnet(network, f"2001:db8:{n}::/64", **PLAIN) for n in (1, 2, 3)]
        first = member.port(network, fixed_ips=[{"subnet_id": subnet["id"]} for subnet in subnets[:2]])
        second = member.port(network, fixed_ips=[{"subnet_id": subnets[2]["id"]}])
        answer = member.put(path, {"port_id": first["id"]})
        assert sorted(answer["subnet_ids"]) == sorted(subnet["id"] for subnet in subnets[:2])
        words = "Cannot have multiple router ports with the same network id if both contain IPv6 subnets"
        member.refused("PUT", path, {"port_id": second["id"]}, 400, "BadRequest", words)

    def test_a_leg_has_one_ipv4_subnet_at_most(self, member: Client, network: dict[str, Any]) -> None:
        router = member.router(name="r")
        subnets = [member.subnet(network, f"10.0.{n}.0/24") for n in (1, 2)]
        port = member.port(network, fixed_ips=[{"subnet_id": subnet["id"]} for subnet in subnets])
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        words = "Cannot have multiple IPv4 subnets on router port"
        member.refused("PUT", path, {"port_id": port["id"]}, 400, "BadRequest", words)

    def test_a_subnet_that_another_router_advertises_is_refused(self, member: Client, network: dict[str, Any]) -> None:
        router = member.router(name="r")
        subnet = member.subnet(network, "2001:db8::/64", **PLAIN, ipv6_address_mode="slaac")
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        words = f"IPv6 subnet {subnet['id']} configured to receive RAs from an external router cannot be added"
        member.refused("PUT", path, {"subnet_id": subnet["id"]}, 400, "BadRequest", words)

    def test_a_leg_cannot_take_a_link_local_gateway_s_place(self, member: Client, network: dict[str, Any]) -> None:
        router = member.router(name="r")
        subnet = member.subnet(network, "2001:db8::/64", gateway_ip="fe80::1", **PLAIN)
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        member.refused("PUT", path, {"subnet_id": subnet["id"]}, 400, "InvalidIpForSubnet", "fe80::1")

    def test_ranges_overlap_within_no_router_and_between_any(self, member: Client, network: dict[str, Any]) -> None:
        router, other = member.router(name="r"), member.router(name="s")
        member.join(router, member.subnet(network, "2001:db8::/48", **PLAIN))
        inner = member.subnet(member.network(name="m"), "2001:db8:0:7::/64", **SLAAC)
        path = f"/v2.0/routers/{router['id']}/add_router_interface"
        member.refused("PUT", path, {"subnet_id": inner["id"]}, 400, "BadRequest", "overlaps with cidr 2001:db8::/48")
        member.join(other, inner)

    def test_a_gateway_has_an_address_of_each_family_or_those_that_are_asked_for(
        self, admin: Client, member: Client
    ) -> None:
        external = admin.external()
        v6 = admin.subnet(external, "2001:db8:80::/64", enable_dhcp=False, gateway_ip="fe80::1", **PLAIN)
        router = member.router(name="r")
        first = member.lead_out(router, external)["external_gateway_info"]["external_fixed_ips"]
        assert [fixed_ip["subnet_id"] for fixed_ip in first] == [*external["subnets"], v6["id"]]
        asked = [{"ip_address": address} for address in ("10.0.80.50", "10.0.80.51", "2001:db8:80::50")]
        info = {"network_id": external["id"], "external_fixed_ips": asked}
        path = f"/v2.0/routers/{router['id']}"
        shown = admin.put(path, {"router": {"external_gateway_info": info}})["router"]["external_gateway_info"]
        assert [one["ip_address"] for one in shown["external_fixed_ips"]] == [one["ip_address"] for one in asked]

    def test_extra_routes_are_of_one_family_and_lead_to_a_network_of_the_router(
        self, member: Client, network: dict[str, Any]
    ) -> None:
        router = member.router(name="r")
        member.join(router, member.subnet(network, "2001:db8::/64", **PLAIN))
        path = f"/v2.0/routers/{router['id']}"
        route = {"destination": "2001:db8:77::/48", "nexthop": "2001:db8::99"}
        assert member.put(path, {"router": {"routes": [route]}})["router"]["routes"] == [route]
        for wrong, words in (
            ({**route, "destination": "10.0.0.0/8"}, "not of the same IP version"),
            ({**route, "nexthop": "2001:db8:5::1"}, "the nexthop is not connected with router"),
            ({**route, "nexthop": "2001:db8::1"}, "the nexthop is used by router"),
        ):
            member.refused("PUT", path, {"router": {"routes": [wrong]}}, 400, "InvalidRoutes", words)

    def test_floating_ips_are_ipv4(self, admin: Client, member: Client, network: dict[str, Any]) -> None:
        external = admin.external()
        admin.subnet(external, "2001:db8:80::/64", enable_dhcp=False, **PLAIN)
        v4, v6 = member.subnet(network, "10.0.0.0/24"), member.subnet(network, "2001:db8::/64", **SLAAC)
        router = member.router(name="r")
        member.join(router, v4)
        member.join(router, v6)
        member.lead_out(router, external)
        port = member.port(network)
        floating_ip = member.floating_ip(external, port_id=port["id"])
        assert floating_ip["fixed_ip_address"] == addresses(port)[0]
        assert floating_ip["floating_ip_address"].startswith("10.0.80.")
        body = {"floatingip": {"port_id": port["id"], "fixed_ip_address": addresses(port)[1]}}
        path = f"/v2.0/floatingips/{floating_ip['id']}"
        member.refused("PUT", path, body, 400, "BadRequest", "since that is not an IPv4 address")

    def test_an_external_network_without_ipv4_has_no_floating_ips(self, admin: Client, member: Client) -> None:
        external = admin.network(
            **{
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": "external1",
            }
        )
        admin.subnet(external, "2001:db8:80::/64", enable_dhcp=False, **PLAIN)
        body = {"floatingip": {"floating_network_id": external["id"]}}
        words = f"Network {external['id']} does not contain any IPv4 subnet"
        member.refused("POST", "/v2.0/floatingips", body, 400, "BadRequest", words)
