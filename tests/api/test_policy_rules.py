"""Rules at work: roles beyond admin and member, and an operator's file."""

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from api_kit import ADMIN, PROJECT, Client, Tokens
from futago.config import ControllerConfig
from futago.controller.api.app import build_api
from futago.controller.policy.rules import load
from futago.controller.store.database import Database

FILE = """\
"create_network": "role:operator"
"update_network:description": "rule:admin_only"
"get_network": "rule:admin_only or role:reader and project_id:%(project_id)s and not field:networks:name=hidden"
"get_network:provider:network_type": "role:reader"
"get_agent": "role:operator or rule:admin_only"
"update_agent": "role:operator"
"context_can_set_project_id": "role:operator"
"context_with_global_access": "role:operator"
"add_router_interface": "!"
"create_subnet:service_types": "role:operator"
"""


@pytest.fixture
def ruled(database: Database, config: ControllerConfig, tmp_path: Path) -> Callable[[str], Client]:
    """Clients of a controller with a file of rules."""
    path = tmp_path / "policy.yaml"
    path.write_text(FILE)
    app = Starlette(routes=build_api(database, config, Tokens(), load(path)))
    http = TestClient(app, raise_server_exceptions=False, base_url="http://controller:9696")
    return lambda who: Client(http, who)


def test_a_service_sees_and_binds_what_is_anybodys(as_: Callable[[str], Client], member: Client) -> None:
    port = member.port(member.network(name="mine"))
    service = as_("service")
    path = f"/v2.0/ports/{port['id']}"
    assert service.get(path)["port"]["binding:vif_type"] == "unbound"
    body = {"port": {"binding:host_id": "net1", "binding:profile": {"a": "b"}}}
    assert service.put(path, body)["port"]["binding:profile"] == {"a": "b"}
    assert [one["id"] for one in service.get("/v2.0/ports?binding:host_id=net1")["ports"]] == [port["id"]]
    (found,) = member.get("/v2.0/ports?binding:host_id=net1")["ports"]  # what is not shown is filtered by all the same
    assert "binding:host_id" not in found
    words = "rule:delete_network is disallowed by policy"
    service.refused("DELETE", f"/v2.0/networks/{port['network_id']}", None, 403, "PolicyNotAuthorized", words)
    made = service.port({"id": port["network_id"]}, project_id=PROJECT)
    assert made["project_id"] == PROJECT


def test_a_manager_does_in_its_project_what_a_member_may_not(
    as_: Callable[[str], Client], admin: Client, member: Client
) -> None:
    external = admin.external()
    body = {"floatingip": {"floating_network_id": external["id"], "floating_ip_address": "10.0.80.150"}}
    words = "(rule:create_floatingip and rule:create_floatingip:floating_ip_address) is disallowed by policy"
    member.refused("POST", "/v2.0/floatingips", body, 403, "PolicyNotAuthorized", words)
    assert as_("manager").post("/v2.0/floatingips", body)["floatingip"]["floating_ip_address"] == "10.0.80.150"


def test_what_is_inside_of_an_attribute_has_rules_of_its_own(member: Client, admin: Client) -> None:
    shared = admin.network(name="shared", shared=True)
    subnet = admin.subnet(shared, "10.0.0.0/24")
    assert member.port(shared, fixed_ips=[{"subnet_id": subnet["id"]}])["project_id"] == PROJECT
    body = {"port": {"network_id": shared["id"], "fixed_ips": [{"ip_address": "10.0.0.9"}]}}
    rules = "(rule:create_port and (rule:create_port:fixed_ips and (rule:create_port:fixed_ips:ip_address)))"
    member.refused("POST", "/v2.0/ports", body, 403, "PolicyNotAuthorized", f"{rules} is disallowed by policy")


def test_who_may_not_see_a_network_is_told_that_there_is_none_or_that_it_may_not(
    admin: Client, member: Client, stranger: Client
) -> None:
    """As Neutron does: the one where the rule looks at whether the network is shared, the other where at its owner."""
    network = member.network(name="mine")
    stranger.refused("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}}, 404, "NetworkNotFound")
    subnet = {"network_id": network["id"], "cidr": "10.0.0.0/24", "ip_version": 4}
    stranger.refused("POST", "/v2.0/subnets", {"subnet": subnet}, 403, "PolicyNotAuthorized", "rule:create_subnet is")
    nobody = {"subnet": subnet | {"network_id": "99999999-9999-4999-8999-999999999999"}}
    stranger.refused("POST", "/v2.0/subnets", nobody, 404, "NetworkNotFound")
    group = member.post("/v2.0/security-groups", {"security_group": {"name": "g"}})["security_group"]
    rule = {"security_group_rule": {"security_group_id": group["id"], "direction": "ingress"}}
    stranger.refused("POST", "/v2.0/security-group-rules", rule, 403, "PolicyNotAuthorized")
    policy = admin.post("/v2.0/qos/policies", {"policy": {"name": "p"}})["policy"]
    path = f"/v2.0/qos/policies/{policy['id']}/dscp_marking_rules"
    member.refused("POST", path, {"dscp_marking_rule": {"dscp_mark": 8}}, 403, "PolicyNotAuthorized")


def test_the_owners_of_a_groups_rules_are_those_of_the_group(admin: Client, member: Client) -> None:
    group = member.post("/v2.0/security-groups", {"security_group": {"name": "g"}})["security_group"]
    body = {"security_group_id": group["id"], "direction": "ingress", "protocol": "tcp"}
    made = admin.post("/v2.0/security-group-rules", {"security_group_rule": body})["security_group_rule"]
    assert made["id"] in {rule["id"] for rule in member.get("/v2.0/security-group-rules")["security_group_rules"]}


def test_what_is_not_shown_can_be_filtered_by(member: Client) -> None:
    network = member.network()
    assert "provider:network_type" not in network
    for limit in ("", "&limit=1"):
        found = member.get(f"/v2.0/networks?provider:network_type=vxlan{limit}")["networks"]
        assert [one["id"] for one in found] == [network["id"]]
        assert "provider:network_type" not in found[0]


def test_a_rule_that_nobody_asks_is_asked_where_the_operator_has_one(
    member: Client, ruled: Callable[[str], Client]
) -> None:
    for client, cidr, status in ((member, "10.0.0.0/24", 201), (ruled("member"), "10.0.1.0/24", 403)):
        subnet = {"network_id": member.network()["id"], "cidr": cidr, "ip_version": 4, "service_types": ["compute:"]}
        client.post("/v2.0/subnets", {"subnet": subnet}, status)


def test_a_file_says_who_makes_networks_and_what_of_them_is_seen(ruled: Callable[[str], Client]) -> None:
    member, operator = ruled("member"), ruled("operator")
    words = "rule:create_network is disallowed by policy"
    member.refused("POST", "/v2.0/networks", {"network": {}}, 403, "PolicyNotAuthorized", words)
    for name in ("open", "hidden"):
        assert operator.network(name=name, project_id=PROJECT)["name"] == name
    (seen,) = member.get("/v2.0/networks")["networks"]
    assert seen["name"] == "open"
    assert seen["provider:network_type"] == "vxlan"
    assert "provider:segmentation_id" not in seen
    hidden = ruled(ADMIN).get("/v2.0/networks?name=hidden")["networks"][0]
    for method, body in (("GET", None), ("PUT", {"network": {"description": "x"}})):
        path = f"/v2.0/networks/{hidden['id']}"
        member.refused(method, path, body, 404, "HTTPNotFound", "The resource could not be found.")
    body = {"network": {"description": "x"}}
    words = "(rule:update_network and rule:update_network:description) is disallowed by policy"
    member.refused("PUT", f"/v2.0/networks/{seen['id']}", body, 403, "PolicyNotAuthorized", words)


def test_a_file_gives_agents_to_others_and_takes_actions_away(
    ruled: Callable[[str], Client], two_network_nodes: tuple[str, str]
) -> None:
    operator, member = ruled("operator"), ruled("member")
    agents = operator.get("/v2.0/agents")["agents"]
    assert {agent["host"] for agent in agents} == set(two_network_nodes)
    path = f"/v2.0/agents/{agents[0]['id']}"
    assert operator.put(path, {"agent": {"description": "rack 7"}})["agent"]["description"] == "rack 7"
    assert operator.get("/v2.0/agents?description=rack 7")["agents"][0]["id"] == agents[0]["id"]
    member.refused("PUT", path, {"agent": {"description": "x"}}, 404, "HTTPNotFound", "could not be found")
    router = member.router(name="r")
    body = {"subnet_id": router["id"]}
    words = "rule:add_router_interface is disallowed by policy"
    path = f"/v2.0/routers/{router['id']}/add_router_interface"
    member.refused("PUT", path, body, 403, "PolicyNotAuthorized", words)


@pytest.mark.each_database
def test_pages_are_full_though_rules_hide_some_of_the_rows(ruled: Callable[[str], Client]) -> None:
    member, operator = ruled("member"), ruled("operator")
    made = [operator.network(name=name, project_id=PROJECT) for name in ("open", "hidden") * 4]
    seen = sorted(one["id"] for one in made if one["name"] == "open")
    order = "sort_key=id&sort_dir=asc&limit=2"
    first = member.get(f"/v2.0/networks?{order}")["networks"]
    second = member.get(f"/v2.0/networks?{order}&marker={first[-1]['id']}")["networks"]
    assert [one["id"] for one in (*first, *second)] == seen
    back = member.get(f"/v2.0/networks?{order}&page_reverse=True&marker={second[0]['id']}")["networks"]
    assert [one["id"] for one in back] == seen[:2]
    hidden = next(one["id"] for one in made if one["name"] == "hidden")
    member.refused("GET", f"/v2.0/networks?limit=2&marker={hidden}", None, 404, "NetworkNotFound")
    assert member.get("/v2.0/networks?name=hidden&limit=5")["networks"] == []
    assert member.get("/v2.0/networks?provider:segmentation_id=1&limit=5")["networks"] == []
