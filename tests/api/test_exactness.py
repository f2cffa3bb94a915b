"""What clients of Neutron rely on beyond the tables: methods, markers of what is there, words."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v2.0/networks"),
        ("DELETE", "/v2.0/networks"),
        ("PATCH", "/v2.0/networks"),
        ("POST", "/v2.0/networks/x"),
        ("PUT", "/v2.0/security-group-rules/x"),
        ("POST", "/v2.0/agents"),
        ("DELETE", "/v2.0/agents/x"),
        ("GET", "/v2.0/routers/x/add_router_interface"),
        ("POST", "/v2.0/extensions"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_refused(admin: Client, method: str, path: str) -> None:
    body: dict[str, Any] | None = {"security_group_rule": {}} if method != "DELETE" else None
    admin.refused(method, path, body, 405, "HTTPMethodNotAllowed", "malformed or otherwise incorrect")


def test_deleting_takes_no_body(admin: Client) -> None:
    network = admin.network(name="n")
    words = "Request body is not supported in DELETE."
    admin.refused("DELETE", f"/v2.0/networks/{network['id']}", {"network": {}}, 400, "HTTPBadRequest", words)


def test_items_of_a_list_may_be_wrapped(admin: Client) -> None:
    made = admin.post("/v2.0/networks", {"networks": [{"network": {"name": "a"}}, {"name": "b"}]})["networks"]
    assert [network["name"] for network in made] == ["a", "b"]


def test_a_port_is_made_with_its_tags(member: Client) -> None:
    network = member.network(name="n")
    ports = [{"network_id": network["id"], "tags": ["red", "blue"]}, {"network_id": network["id"]}]
    made = member.post("/v2.0/ports", {"ports": ports})["ports"]
    assert [port["tags"] for port in made] == [["red", "blue"], []]
    assert [port["id"] for port in member.get("/v2.0/ports?tags=red,blue")["ports"]] == [made[0]["id"]]
    words = "Cannot update read-only attribute tags"
    member.refused("PUT", f"/v2.0/ports/{made[0]['id']}", {"port": {"tags": []}}, 400, "HTTPBadRequest", words)


def test_a_port_gets_another_mac_for_null(member: Client, as_: Callable[[str], Client]) -> None:
    port = member.port(member.network(name="n"))
    changed = as_("manager").put(f"/v2.0/ports/{port['id']}", {"port": {"mac_address": None}})["port"]
    assert changed["mac_address"] != port["mac_address"]
    assert changed["mac_address"].startswith("fa:16:3e:")


def test_a_subnet_says_whether_its_network_is_shared_to_filters_only(admin: Client) -> None:
    shared = admin.subnet(admin.network(name="shared", shared=True), "10.0.0.0/24")
    own = admin.subnet(admin.network(name="own"), "10.0.0.0/24")
    assert "shared" not in shared
    for word, subnet in (("True", shared), ("false", own)):
        assert [one["id"] for one in admin.get(f"/v2.0/subnets?shared={word}")["subnets"]] == [subnet["id"]]


def test_a_subnet_for_floating_ips_gives_ports_no_address(admin: Client) -> None:
    network = admin.network(name="n")
    subnet = admin.subnet(network, "10.0.0.0/24", service_types=["network:floatingip"])
    words = f"No valid service subnet for the given device owner, network {network['id']}, service type ."
    body = {"port": {"network_id": network["id"]}}
    kind = "IpAddressGenerationFailureNoMatchingSubnet"
    admin.refused("POST", "/v2.0/ports", body, 409, kind, words)
    plain = admin.subnet(network, "10.0.1.0/24")
    assert [one["subnet_id"] for one in admin.port(network)["fixed_ips"]] == [plain["id"]]
    wrong: Any = {"subnet": {"service_types": ["printers"]}}
    words = "Subnet service type printers does not correspond to a valid device owner."
    admin.refused("PUT", f"/v2.0/subnets/{subnet['id']}", wrong, 400, "InvalidSubnetServiceType", words)


def test_floating_ips_that_stand_for_nothing_go_when_their_network_leads_outside_no_more(admin: Client) -> None:
    external = admin.external()
    admin.floating_ip(external)
    path = f"/v2.0/networks/{external['id']}"
    assert admin.put(path, {"network": {"router:external": False}})["network"]["router:external"] is False
    assert admin.get("/v2.0/floatingips")["floatingips"] == []


def test_a_limit_below_what_is_used_has_to_be_meant(admin: Client, member: Client) -> None:
    project = member.network(name="n")["project_id"]
    path, body = f"/v2.0/quotas/{project}", {"quota": {"network": 0}}
    words = "Quota limit 0 for network must be greater than or equal to already used 1"
    admin.refused("PUT", path, body, 400, "HTTPBadRequest", words)
    assert admin.put(path, {"quota": {"network": 0, "force": True}})["quota"]["network"] == 0
    words = "Invalid input for network. Reason: '-2' is too small - must be at least '-1'."
    admin.refused("PUT", path, {"quota": {"network": -2}}, 400, "HTTPBadRequest", words)
