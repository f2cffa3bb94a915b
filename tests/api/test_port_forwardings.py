"""Port forwardings: parts of a floating IP, and what they keep others from."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client


@pytest.fixture
def cloud(admin: Client, member: Client, two_network_nodes: tuple[str, str]) -> dict[str, Any]:
    """A router between a project network with two instances and the outside, and a floating IP that stands for none."""
    external = admin.external()
    network = member.network(name="inside")
    subnet = member.subnet(network, "192.168.80.0/24")
    router = member.router(name="r")
    member.join(router, subnet)
    member.lead_out(router, external)
    first, second = member.port(network), member.port(network)
    floating = member.floating_ip(external)
    return {
        "external": external,
        "network": network,
        "subnet": subnet,
        "router": router,
        "first": first,
        "second": second,
        "floating": floating,
        "floating_path": f"/v2.0/floatingips/{floating['id']}",
        "path": f"/v2.0/floatingips/{floating['id']}/port_forwardings",
    }


def _wish(port: dict[str, Any], inside: int, outside: int, **more: Any) -> dict[str, Any]:
    wish = {
        "internal_port_id": port["id"],
        "internal_ip_address": port["fixed_ips"][0]["ip_address"],
        "internal_port": inside,
        "external_port": outside,
        "protocol": "tcp",
    }
    return {"port_forwarding": {key: value for key, value in {**wish, **more}.items() if value is not None}}


def _forward(client: Client, cloud: dict[str, Any], *wish: Any, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = client.post(cloud["path"], _wish(*wish, **more))["port_forwarding"]
    return made


def test_a_port_is_forwarded_as_neutron_shows_it(member: Client, cloud: dict[str, Any]) -> None:
    made = _forward(member, cloud, cloud["first"], 22, 2201, description="ssh")
    assert made == {
        "id": made["id"],
        "internal_port_id": cloud["first"]["id"],
        "internal_ip_address": cloud["first"]["fixed_ips"][0]["ip_address"],
        "internal_port": 22,
        "internal_port_range": "22:22",
        "external_port": 2201,
        "external_port_range": "2201:2201",
        "protocol": "tcp",
        "description": "ssh",
    }
    assert member.get(f"{cloud['path']}/{made['id']}") == {"port_forwarding": made}
    assert member.get(cloud["path"]) == {"port_forwardings": [made]}
    assert member.get(f"{cloud['path']}?protocol=udp") == {"port_forwardings": []}


def test_a_floating_ip_shows_what_of_it_is_forwarded_and_by_which_router(member: Client, cloud: dict[str, Any]) -> None:
    made = _forward(member, cloud, cloud["first"], 22, 2201)
    floating = member.get(cloud["floating_path"])["floatingip"]
    assert floating["router_id"] == cloud["router"]["id"]
    assert floating["port_id"] is None
    names = ("id", "protocol", "internal_port", "external_port", "internal_ip_address", "internal_port_id")
    assert floating["port_forwardings"] == [{name: made[name] for name in names}]


def test_the_last_forwarding_lets_go_of_the_router(member: Client, cloud: dict[str, Any]) -> None:
    one, other = (_forward(member, cloud, cloud["first"], port, 2000 + port) for port in (22, 80))
    member.delete(f"{cloud['path']}/{one['id']}")
    assert member.get(cloud["floating_path"])["floatingip"]["router_id"] == cloud["router"]["id"]
    member.delete(f"{cloud['path']}/{other['id']}")
    assert member.get(cloud["floating_path"])["floatingip"]["router_id"] is None
    member.refused("DELETE", f"{cloud['path']}/{other['id']}", None, 404, "PortForwardingNotFound", other["id"])


def test_ranges_go_to_as_many_ports_or_to_one(member: Client, cloud: dict[str, Any]) -> None:
    ranges = {"internal_port": None, "external_port": None, "external_port_range": "3000:3009"}
    many = _forward(member, cloud, cloud["first"], 0, 0, **ranges, internal_port_range="4000:4009")
    assert (many["internal_port"], many["external_port"]) == (None, None)
    assert (many["internal_port_range"], many["external_port_range"]) == ("4000:4009", "3000:3009")
    to_one = {"internal_port_range": "80:80", "external_port_range": "5000:5009"}
    assert _forward(member, cloud, cloud["second"], 0, 0, **{**ranges, **to_one})["internal_port"] == 80
    unequal = _wish(cloud["second"], 0, 0, **{**ranges, "external_port_range": "6000:6009"}, internal_port_range="1:2")
    member.refused("POST", cloud["path"], unequal, 400, "BadRequest", "must be N-N or 1-N")


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ({"external_port_range": "20:10"}, "First port in a port range must be lower than the second port"),
        ({"external_port_range": "0:10"}, "Invalid port: 0, the port must be in the range [1, 65535]"),
        ({"external_port_range": "1:2:3"}, "Port range must be two integers separated by a colon"),
        ({"external_port_range": "a:b"}, "Invalid port: a"),
        ({"external_port": 65536}, "'65536' is not in range 1 through 65535"),
        ({"protocol": "icmp"}, "icmp is not in valid_values"),
    ],
)
def test_what_is_no_port_is_refused(member: Client, cloud: dict[str, Any], ports: dict[str, Any], words: str) -> None:
    member.refused("POST", cloud["path"], _wish(cloud["first"], 22, 22, **ports), 400, "HTTPBadRequest", words)
    assert member.get(cloud["path"]) == {"port_forwardings": []}


def test_ports_have_to_be_named(member: Client, cloud: dict[str, Any]) -> None:
    for side in ("internal", "external"):
        wish = _wish(cloud["first"], 22, 22, **{f"{side}_port": None})
        member.refused("POST", cloud["path"], wish, 400, "BadRequest", f"{side}_port_range is required")
    both = _wish(cloud["first"], 22, 22, external_port_range="23:24")
    member.refused("POST", cloud["path"], both, 400, "BadRequest", "do not agree")


def test_forwardings_do_not_overlap_outside_or_inside(member: Client, cloud: dict[str, Any]) -> None:
    _forward(member, cloud, cloud["first"], 22, 2201)
    words = "There is a port collision with the external_port_range. The following ranges collide: 2201:2201 and 2201"
    member.refused("POST", cloud["path"], _wish(cloud["second"], 22, 2201), 400, "BadRequest", words)
    inside = "collision with the internal_port_range"
    member.refused("POST", cloud["path"], _wish(cloud["first"], 22, 2202), 400, "BadRequest", inside)
    _forward(member, cloud, cloud["first"], 22, 2201, protocol="udp")


def test_a_forwarding_changes_and_its_neighbours_stand(member: Client, cloud: dict[str, Any]) -> None:
    one, other = (_forward(member, cloud, cloud["first"], port, 2000 + port) for port in (22, 80))
    path = f"{cloud['path']}/{one['id']}"
    address = cloud["second"]["fixed_ips"][0]["ip_address"]
    change = {"internal_port_id": cloud["second"]["id"], "internal_ip_address": address, "external_port": 2222}
    changed = member.put(path, {"port_forwarding": change})["port_forwarding"]
    assert changed == {**one, **change, "external_port_range": "2222:2222"}
    taken = {"port_forwarding": {"external_port": other["external_port"]}}
    member.refused("PUT", path, taken, 400, "BadRequest", "port collision")
    elsewhere = {"port_forwarding": {"internal_ip_address": "192.168.80.250"}}
    member.refused("PUT", path, elsewhere, 400, "BadRequest", "is not suitable for internal neutron port")
    assert member.get(path)["port_forwarding"] == changed


def test_a_floating_ip_is_forwarded_or_associated_but_not_both(member: Client, cloud: dict[str, Any]) -> None:
    whole = {"floatingip": {"port_id": cloud["second"]["id"]}}
    made = _forward(member, cloud, cloud["first"], 22, 2201)
    words = "in use by Port Forwarding resources"
    member.refused("PUT", cloud["floating_path"], whole, 409, "FipInUseByPortForwarding", words)
    member.refused("DELETE", cloud["floating_path"], None, 409, "FipInUseByPortForwarding", words)
    none = member.put(cloud["floating_path"], {"floatingip": {"port_id": None}})["floatingip"]
    assert none["router_id"] == cloud["router"]["id"]
    member.delete(f"{cloud['path']}/{made['id']}")
    member.put(cloud["floating_path"], whole)
    wish = _wish(cloud["first"], 22, 2201)
    member.refused("POST", cloud["path"], wish, 409, "FloatingIPPortAlreadyAssociated", "Cannot associate floating IP")


def test_nothing_is_forwarded_to_a_port_that_has_a_floating_ip(member: Client, cloud: dict[str, Any]) -> None:
    member.floating_ip(cloud["external"], port_id=cloud["first"]["id"])
    words = "as that port already has a binding floating IP"
    member.refused("POST", cloud["path"], _wish(cloud["first"], 22, 2201), 409, "PortHasBindingFloatingIP", words)


def test_a_port_takes_its_forwardings_with_it(member: Client, cloud: dict[str, Any]) -> None:
    _forward(member, cloud, cloud["first"], 22, 2201)
    member.delete(f"/v2.0/ports/{cloud['first']['id']}")
    assert member.get(cloud["path"]) == {"port_forwardings": []}
    assert member.get(cloud["floating_path"])["floatingip"]["router_id"] is None


def test_an_address_takes_its_forwardings_with_it(member: Client, cloud: dict[str, Any]) -> None:
    _forward(member, cloud, cloud["first"], 22, 2201)
    other = {"fixed_ips": [{"subnet_id": cloud["subnet"]["id"], "ip_address": "192.168.80.200"}]}
    member.put(f"/v2.0/ports/{cloud['first']['id']}", {"port": other})
    assert member.get(cloud["path"]) == {"port_forwardings": []}


def test_a_router_keeps_the_leg_and_the_gateway_that_a_forwarding_needs(member: Client, cloud: dict[str, Any]) -> None:
    _forward(member, cloud, cloud["first"], 22, 2201)
    path, leg = f"/v2.0/routers/{cloud['router']['id']}", {"subnet_id": cloud["subnet"]["id"]}
    member.refused("PUT", f"{path}/remove_router_interface", leg, 409, "RouterInterfaceInUseByFloatingIP")
    gone = {"router": {"external_gateway_info": None}}
    member.refused("PUT", path, gone, 409, "RouterExternalGatewayInUseByFloatingIp")


def test_an_external_network_stays_while_ports_of_it_are_forwarded(
    admin: Client, member: Client, cloud: dict[str, Any]
) -> None:
    _forward(member, cloud, cloud["first"], 22, 2201)
    admin.refused("DELETE", f"/v2.0/networks/{cloud['external']['id']}", None, 409, "NetworkInUse")


def test_a_port_that_the_floating_ips_router_does_not_reach_is_refused(member: Client, cloud: dict[str, Any]) -> None:
    apart = member.network(name="apart")
    member.subnet(apart, "192.168.81.0/24")
    port = member.port(apart)
    member.refused("POST", cloud["path"], _wish(port, 22, 2201), 400, "BadRequest", "is not reachable from subnet")
    router = member.router(name="other")
    member.join(router, {"id": port["fixed_ips"][0]["subnet_id"]})
    member.lead_out(router, cloud["external"])
    _forward(member, cloud, cloud["first"], 22, 2201)
    member.refused("POST", cloud["path"], _wish(port, 22, 2202), 400, "BadRequest", "can not reach it")


def test_a_stranger_finds_neither_the_floating_ip_nor_its_parts(
    stranger: Client, member: Client, cloud: dict[str, Any]
) -> None:
    made = _forward(member, cloud, cloud["first"], 22, 2201)
    for method, path in (("GET", cloud["path"]), ("DELETE", f"{cloud['path']}/{made['id']}")):
        stranger.refused(method, path, None, 404, "FloatingIPNotFound")
    words = "rule:create_floatingip_port_forwarding is disallowed by policy"
    stranger.refused("POST", cloud["path"], _wish(cloud["second"], 22, 2202), 403, "PolicyNotAuthorized", words)


def test_a_reader_looks_and_changes_nothing(as_: Any, member: Client, cloud: dict[str, Any]) -> None:
    made = _forward(member, cloud, cloud["first"], 22, 2201)
    reader = as_("reader")
    assert reader.get(cloud["path"]) == {"port_forwardings": [made]}
    reader.refused("DELETE", f"{cloud['path']}/{made['id']}", None, 403, "PolicyNotAuthorized")
    reader.refused("POST", cloud["path"], _wish(cloud["second"], 22, 22), 403, "PolicyNotAuthorized")


def test_pages_of_forwardings_are_of_one_floating_ip(admin: Client, member: Client, cloud: dict[str, Any]) -> None:
    made = sorted(_forward(member, cloud, cloud["first"], port, 2000 + port)["id"] for port in (22, 80, 443))
    other = member.floating_ip(cloud["external"])
    beside = {**cloud, "path": f"/v2.0/floatingips/{other['id']}/port_forwardings"}
    _forward(member, beside, cloud["second"], 22, 2201)
    for client in (admin, member):
        first = client.get(f"{cloud['path']}?limit=2")["port_forwardings"]
        rest = client.get(f"{cloud['path']}?limit=2&marker={first[-1]['id']}")["port_forwardings"]
        assert [one["id"] for one in (*first, *rest)] == made


def test_a_stranger_sees_no_forwarding_and_a_reader_changes_none(
    as_: Callable[[str], Client], member: Client, stranger: Client, cloud: dict[str, Any]
) -> None:
    made = _forward(member, cloud, cloud["first"], 22, 2201)
    path = f"{cloud['path']}/{made['id']}"
    stranger.refused("GET", cloud["path"], None, 404, "FloatingIPNotFound")
    reader = as_("reader")
    assert reader.get(path)["port_forwarding"]["id"] == made["id"]
    words = "rule:delete_floatingip_port_forwarding is disallowed by policy"
    reader.refused("DELETE", path, None, 403, "PolicyNotAuthorized", words)
