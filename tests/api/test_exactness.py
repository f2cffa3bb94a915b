"""What clients of Neutron rely on beyond the tables: methods, markers of what is there, words."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v2.0/networks"),
        ("DELETE", "/v2.0/networks"),
        ("PATCH", "/v2.0/networks"),
        ("POST", "/v2.0/networks/x"),
        ("PUT", "/v2.0/security-group-rules/x"),
        ("POST", "/v2.0/agents"),
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
    wrong: Any = {"subnet": {"service_types": ["Printers"]}}
    words = "Subnet service type Printers does not correspond to a valid device owner."
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


@pytest.mark.parametrize(
    "path",
    [
        "/v2.0/qos/policies/",
        "/v2.0//qos/policies",
        "/v2.0/policies",
        "/v2.0/policies.json",
        "/v2.0/policies/{id}",
        "/v2.0/policies/{id}/",
        "/v2.0/qos/policies/{id}.json",
        "/v2.0/policies/{id}/bandwidth-limit-rules",
        "/v2.0/policies/{id}/tags",
    ],
)
def test_a_thing_is_found_by_any_of_its_paths(admin: Client, path: str) -> None:
    policy = admin.post("/v2.0/policies/", {"policy": {"name": "gold"}})["policy"]
    known = {"policies": [policy], "policy": policy, "bandwidth_limit_rules": [], "tags": []}
    ((name, found),) = admin.get(path.format(id=policy["id"])).items()
    assert found == known[name]


def test_collections_are_spelled_with_either_stroke(admin: Client) -> None:
    for spelled in ("security-groups", "security_groups", "security_groups.json"):
        assert [one["name"] for one in admin.get(f"/v2.0/{spelled}?limit=1")["security_groups"]] == ["default"]
    labels: dict[str, object] = {"metering_labels": []}
    assert admin.get("/v2.0/metering-labels") == admin.get("/v2.0/metering/metering_labels") == labels
    assert admin.get("/v2.0/qos/rule_types") == admin.get("/v2.0/rule-types")


def test_a_tag_may_look_like_a_kind_of_content(admin: Client) -> None:
    path = f"/v2.0/networks/{admin.network()['id']}/tags"
    admin.put(f"{path}/red.json", None, 201)
    assert admin.get(path) == {"tags": ["red.json"]}


@pytest.mark.parametrize("path", ["/v2.0", "/v2.0/networks.xml", "/v2.0/qos", "/v2.0/qos/networks/x/y", "/v2.0/x/y/z/"])
def test_there_is_nothing_elsewhere(admin: Client, path: str) -> None:
    admin.refused("GET", path, None, 404, "HTTPNotFound", "The resource could not be found.")


def test_the_version_document_names_the_core(admin: Client) -> None:
    named = {one["collection"]: one["links"] for one in admin.get("/v2.0/")["resources"]}
    assert sorted(named) == ["networks", "ports", "subnetpools", "subnets"]
    assert named["ports"] == [{"rel": "self", "href": "http://controller:9696/v2.0/ports"}]


def test_who_balances_load_asks_without_a_token(admin: Client) -> None:
    assert admin.http.options("/").json() == admin.http.get("/").json()
    healthy = admin.http.get("/healthcheck")
    assert (healthy.status_code, healthy.text) == (200, "OK")
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        assert admin.http.request(method, "/").status_code == 405


@pytest.mark.parametrize("path", ["/v2.0/", "/v2.0/networks", "/v2.0/networks/x", "/v2.0/quotas", "/v2.0/networks/"])
@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_only_the_methods_of_an_action_are_taken(admin: Client, method: str, path: str) -> None:
    assert admin.request(method, path).status_code == 405
    assert admin.http.request(method, path).status_code == 401


def test_answers_are_json_or_none(admin: Client) -> None:
    for kind in ("application/json", "*/*", "text/html, application/*;q=0.8", ""):
        assert admin.request("GET", "/v2.0/networks", accept=kind).status_code == 200
    answer = admin.request("POST", "/v2.0/networks", {"network": {}}, accept="text/html")
    assert (answer.status_code, answer.json()["NeutronError"]["type"]) == (406, "HTTPNotAcceptable")
    assert admin.get("/v2.0/networks") == {"networks": []}


def test_what_a_body_is_said_to_be_does_not_matter(admin: Client) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-8"):
        answer = admin.request("POST", "/v2.0/networks", {"network": {}}, content_type=kind)
        assert answer.status_code == 201


def test_who_may_not_change_what_it_sees_by_a_share_is_told_as_neutron_tells(admin: Client, member: Client) -> None:
    """Of these two, Neutron does not look whether they are shared before a change."""
    group = admin.post("/v2.0/address-groups", {"address_group": {"name": "g"}})["address_group"]
    policy = admin.post("/v2.0/qos/policies", {"policy": {"name": "p"}})["policy"]
    for kind, path, thing in (
        ("address_group", "/v2.0/address-groups", group),
        ("qos_policy", "/v2.0/qos/policies", policy),
    ):
        body = {"object_type": kind, "object_id": thing["id"], "target_tenant": PROJECT, "action": "access_as_shared"}
        admin.post("/v2.0/rbac-policies", {"rbac_policy": body})
        one = f"{path}/{thing['id']}"
        (name,) = member.get(one)
        member.refused("PUT", one, {name: {"name": "mine"}}, 404, "HTTPNotFound")
        member.refused("DELETE", one, None, 403, "PolicyNotAuthorized")


def test_a_network_without_subnets_may_have_frames_of_any_length(admin: Client) -> None:
    network = admin.network(mtu=67)
    body = {"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4}
    words = "subnet requires a minimum of 68 bytes"
    admin.refused("POST", "/v2.0/subnets", {"subnet": body}, 409, "NetworkMTUSubnetConflict", words)
    path = f"/v2.0/networks/{network['id']}"
    admin.put(path, {"network": {"mtu": 68}})
    admin.subnet(network, "10.0.0.0/24")
    admin.refused("PUT", path, {"network": {"mtu": 67}}, 409, "NetworkMTUSubnetConflict", words)


def test_a_router_led_to_a_network_without_subnets_gets_its_addresses_later(admin: Client) -> None:
    external = admin.network(**{"router:external": True})
    router = admin.lead_out(admin.router(ha=False), external)
    assert router["external_gateway_info"]["external_fixed_ips"] == []
    inside = admin.subnet(admin.network(), "10.9.0.0/24")
    admin.join(router, inside)
    admin.subnet(external, "10.9.0.0/16", enable_dhcp=False)  # what it has inside is not outside
    first = admin.subnet(external, "198.51.100.0/24", enable_dhcp=False)
    admin.subnet(external, "203.0.113.0/24", enable_dhcp=False)
    second = admin.subnet(external, "2001:db8::/64", ip_version=6, enable_dhcp=False)
    info = admin.get(f"/v2.0/routers/{router['id']}")["router"]["external_gateway_info"]
    assert [one["subnet_id"] for one in info["external_fixed_ips"]] == [first["id"], second["id"]]


def test_an_admin_who_lists_the_groups_of_a_project_finds_its_default_one(admin: Client, member: Client) -> None:
    path = "/v2.0/security-groups?project_id="
    assert [group["name"] for group in admin.get(f"{path}{OTHER_PROJECT}")["security_groups"]] == ["default"]
    assert member.get(f"{path}nobody")["security_groups"] == []
    assert admin.get(f"{path}{'x' * 256}")["security_groups"] == []


def test_the_first_default_rules_say_what_they_are(admin: Client) -> None:
    rules = admin.get("/v2.0/default-security-group-rules")["default_security_group_rules"]
    said = {(rule["direction"], rule["description"]) for rule in rules}
    assert said == {(way, f"Legacy default SG rule for {way} traffic") for way in ("egress", "ingress")}


def test_addresses_are_taken_from_a_group_one_by_one(member: Client) -> None:
    body = {"address_group": {"name": "g", "addresses": ["10.0.0.1/32"]}}
    path = f"/v2.0/address-groups/{member.post('/v2.0/address-groups', body)['address_group']['id']}"
    assert member.put(f"{path}/remove_addresses", {"addresses": ["10.0.0.1"]})["address_group"]["addresses"] == []
    body = {"address_group": {"name": "g", "addresses": ["10.0.0.1"]}}
    member.refused("POST", "/v2.0/address-groups", body, 400, "HTTPBadRequest", "is not a valid IP subnet")


def test_a_floating_ip_for_nothing_in_particular(admin: Client, member: Client) -> None:
    external, network = admin.external(), member.network()
    subnet, router = member.subnet(network, "10.0.0.0/24"), admin.router(ha=False, project_id=PROJECT)
    member.join(member.lead_out(router, external), subnet)
    port, foreign = member.port(network), admin.port(network)
    path = f"/v2.0/floatingips/{member.floating_ip(external, port_id=port['id'])['id']}"
    change = {"floatingip": {"description": "d"}}
    assert member.put(path, change)["floatingip"]["port_id"] == port["id"]
    words = "fixed_ip_address cannot be specified without a port_id"
    alone = {"floatingip": {"fixed_ip_address": "10.0.0.9"}}
    member.refused("PUT", path, alone, 400, "BadRequest", words)
    assert member.put(path, {"floatingip": {}})["floatingip"]["port_id"] is None
    words = f"Port {foreign['id']}, since that port is owned by a different project"
    member.refused("PUT", path, {"floatingip": {"port_id": foreign["id"]}}, 400, "BadRequest", words)


def test_a_page_may_come_after_what_is_not_in_the_list(admin: Client, member: Client) -> None:
    networks = [admin.network(name=name) for name in ("a", "b", "c")]
    by_name = "sort_key=name&sort_dir=asc"
    for more in ("", "&description="):  # cut by the database, and not
        path = f"/v2.0/networks?limit=2&name=a&name=c&{by_name}{more}&marker={networks[1]['id']}"
        assert [network["name"] for network in admin.get(path)["networks"]] == ["c"]
        back = admin.get(f"{path}&page_reverse=True")["networks"]
        assert [network["name"] for network in back] == ["a"]
    foreign = f"/v2.0/networks?limit=1&marker={networks[0]['id']}"
    member.refused("GET", foreign, None, 404, "NetworkNotFound", networks[0]["id"])
    own = member.post("/v2.0/address-scopes", {"address_scope": {"name": "own", "ip_version": 4}})["address_scope"]
    hers = admin.post("/v2.0/address-scopes", {"address_scope": {"name": "hers", "ip_version": 4}})["address_scope"]
    first = member.get(f"/v2.0/address-scopes?limit=1&marker={hers['id']}")["address_scopes"]
    assert [scope["id"] for scope in first] == [own["id"]]


def test_a_policy_for_everybody_is_held_by_its_owner_too(admin: Client) -> None:
    policy = admin.post("/v2.0/qos/policies", {"policy": {"name": "p", "shared": True}})["policy"]
    path, unshared = f"/v2.0/qos/policies/{policy['id']}", {"policy": {"shared": False}}
    network = admin.network(qos_policy_id=policy["id"])
    admin.refused("PUT", path, unshared, 409, "RbacPolicyInUse")
    (access,) = admin.get(f"/v2.0/rbac-policies?object_id={policy['id']}")["rbac_policies"]
    elsewhere = {"rbac_policy": {"target_tenant": PROJECT}}
    admin.refused("PUT", f"/v2.0/rbac-policies/{access['id']}", elsewhere, 409, "RbacPolicyInUse")
    admin.delete(f"/v2.0/networks/{network['id']}")
    assert admin.put(path, unshared)["policy"]["shared"] is False


def test_parts_count_as_changes_of_what_they_are_a_part_of(admin: Client) -> None:
    network = admin.network()
    group = admin.post("/v2.0/security-groups", {"security_group": {"name": "g"}})["security_group"]
    policy = admin.post("/v2.0/qos/policies", {"policy": {"name": "p"}})["policy"]
    router = admin.router(ha=False)

    def revision(path: str) -> int:
        (shown,) = admin.get(path).values()
        return int(shown["revision_number"])

    paths = {
        "network": f"/v2.0/networks/{network['id']}",
        "group": f"/v2.0/security-groups/{group['id']}",
        "policy": f"/v2.0/qos/policies/{policy['id']}",
        "router": f"/v2.0/routers/{router['id']}",
    }
    before = {name: revision(path) for name, path in paths.items()}
    subnet = admin.subnet(network, "10.0.0.0/24")
    admin.join(router, subnet)
    rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    admin.post("/v2.0/security-group-rules", {"security_group_rule": rule})
    admin.post(f"{paths['policy']}/dscp_marking_rules", {"dscp_marking_rule": {"dscp_mark": 8}})
    after = {name: revision(path) for name, path in paths.items()}
    assert after == {name: number + 1 for name, number in before.items()}
    shared = {"object_type": "network", "object_id": network["id"], "target_tenant": "*", "action": "access_as_shared"}
    admin.post("/v2.0/rbac-policies", {"rbac_policy": shared})
    admin.part(router, subnet)
    assert (revision(paths["network"]), revision(paths["router"])) == (after["network"] + 1, after["router"] + 1)
    port = admin.port(network)
    moved = {"port": {"fixed_ips": [{"ip_address": "10.0.0.77"}]}}
    assert admin.put(f"/v2.0/ports/{port['id']}", moved)["port"]["revision_number"] == port["revision_number"] + 1
    stale = admin.request("PUT", paths["network"], {"network": {}}, if_match=f"revision_number={before['network'] - 1}")
    assert stale.status_code == 412


def test_a_rule_for_ipv6_does_not_stand_for_ipv4(member: Client) -> None:
    group = member.post("/v2.0/security-groups", {"security_group": {"name": "g"}})["security_group"]
    for protocol in (58, "41", "ipv6-route", "icmpv6"):
        rule = {"security_group_id": group["id"], "direction": "ingress", "protocol": protocol}
        kind = "SecurityGroupEthertypeConflictWithProtocol"
        member.refused("POST", "/v2.0/security-group-rules", {"security_group_rule": rule}, 400, kind)
