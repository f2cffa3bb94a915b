"""Who may see and do what."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client

ADMIN_ONLY = {"provider:network_type", "provider:physical_network", "provider:segmentation_id"}


@pytest.fixture
def things(member: Client) -> dict[str, dict[str, Any]]:
    """One of each in the member's project, by collection."""
    network = member.network(name="mine")
    group = member.get("/v2.0/security-groups")["security_groups"][0]
    return {
        "networks": network,
        "subnets": member.subnet(network, "10.0.0.0/24"),
        "ports": member.port(network),
        "routers": member.router(name="mine"),
        "security-groups": group,
        "security-group-rules": group["security_group_rules"][0],
    }


def test_other_projects_see_nothing_of_it(stranger: Client, things: dict[str, dict[str, Any]]) -> None:
    for collection, thing in things.items():
        own = stranger.get(f"/v2.0/{collection}?id={thing['id']}")
        assert list(own.values()) == [[]]
        stranger.get(f"/v2.0/{collection}/{thing['id']}", 404)
        stranger.delete(f"/v2.0/{collection}/{thing['id']}", 404)


def test_an_admin_sees_everything(admin: Client, things: dict[str, dict[str, Any]]) -> None:
    for collection, thing in things.items():
        (shown,) = admin.get(f"/v2.0/{collection}/{thing['id']}").values()
        assert shown["project_id"] == PROJECT


def test_a_reader_looks_and_changes_nothing(as_: Callable[[str], Client], things: dict[str, dict[str, Any]]) -> None:
    reader = as_("reader")
    for collection, thing in things.items():
        reader.get(f"/v2.0/{collection}/{thing['id']}")
        kind = "PolicyNotAuthorized"
        reader.refused("DELETE", f"/v2.0/{collection}/{thing['id']}", None, 403, kind, "is disallowed by policy")
    network = {"network": {"name": "n"}}
    reader.refused("POST", "/v2.0/networks", network, 403, "PolicyNotAuthorized", "rule:create_network")
    path = f"/v2.0/routers/{things['routers']['id']}/add_router_interface"
    body = {"subnet_id": things["subnets"]["id"]}
    reader.refused("PUT", path, body, 403, "PolicyNotAuthorized", "rule:add_router_interface")


def test_a_member_does_not_see_how_things_are_carried(
    member: Client, admin: Client, things: dict[str, dict[str, Any]]
) -> None:
    assert not ADMIN_ONLY & set(things["networks"])
    assert not {"ha", "distributed"} & set(things["routers"])
    assert not {"binding:host_id", "binding:profile", "binding:vif_type", "binding:vif_details"} & set(things["ports"])
    assert things["ports"]["binding:vnic_type"] == "normal"
    assert set(admin.get(f"/v2.0/networks/{things['networks']['id']}")["network"]) >= ADMIN_ONLY
    assert admin.get(f"/v2.0/routers/{things['routers']['id']}")["router"]["ha"] is True


@pytest.mark.parametrize(
    ("collection", "name", "attributes"),
    [
        ("routers", "router", {"ha": True}),
        ("routers", "router", {"distributed": False}),
        ("networks", "network", {"provider:network_type": "vxlan"}),
        ("networks", "network", {"router:external": True}),
        ("networks", "network", {"shared": True}),
    ],
)
def test_a_member_does_not_decide_how_things_are_carried(
    member: Client, collection: str, name: str, attributes: dict[str, Any]
) -> None:
    (attribute,) = attributes
    words = f"(rule:create_{name} and rule:create_{name}:{attribute}) is disallowed by policy"
    member.refused("POST", f"/v2.0/{collection}", {name: attributes}, 403, "PolicyNotAuthorized", words)


def test_a_member_may_say_what_is_so_anyway(member: Client) -> None:
    assert member.network(shared=False, **{"router:external": "False"})["shared"] is False


def test_external_and_shared_networks_are_seen_by_all_and_changed_by_their_owner(admin: Client, member: Client) -> None:
    external = admin.external()
    path = f"/v2.0/networks/{external['id']}"
    assert member.get(path)["network"]["router:external"] is True
    assert member.get("/v2.0/networks?router:external=True&fields=name")["networks"]
    member.refused("DELETE", path, None, 403, "PolicyNotAuthorized", "rule:delete_network is disallowed by policy")
    member.refused("PUT", path, {"network": {"name": "x"}}, 403, "PolicyNotAuthorized", "rule:update_network")
    body = {"subnet": {"network_id": external["id"], "cidr": "10.9.0.0/24", "ip_version": 4}}
    member.refused("POST", "/v2.0/subnets", body, 403, "PolicyNotAuthorized", "rule:create_subnet")
    assert [subnet["id"] for subnet in member.get("/v2.0/subnets")["subnets"]] == external["subnets"]


def test_on_a_shared_network_a_member_gets_a_port_but_not_the_address_or_mac_of_its_choice(
    admin: Client, member: Client
) -> None:
    shared = admin.network(name="shared", shared=True)
    admin.subnet(shared, "10.0.0.0/24")
    assert member.port(shared)["project_id"] == PROJECT
    for wish in ({"mac_address": "fa:16:3e:00:00:01"}, {"fixed_ips": [{"ip_address": "10.0.0.77"}]}):
        body = {"port": {"network_id": shared["id"], **wish}}
        member.refused("POST", "/v2.0/ports", body, 403, "PolicyNotAuthorized", "rule:create_port:")
    admin.refused("PUT", f"/v2.0/networks/{shared['id']}", {"network": {"shared": False}}, 409, "InvalidSharedSetting")


def test_a_member_builds_a_router_to_the_outside_world(admin: Client, member: Client) -> None:
    external = admin.external()
    network = member.network(name="mine")
    router = member.router(name="mine")
    member.join(router, member.subnet(network, "10.0.0.0/24"))
    member.lead_out(router, external)
    floating_ip = member.floating_ip(external, port_id=member.port(network)["id"])
    assert floating_ip["router_id"] == router["id"]
    info = {"network_id": external["id"], "enable_snat": False}
    body = {"router": {"external_gateway_info": info}}
    member.refused("PUT", f"/v2.0/routers/{router['id']}", body, 403, "PolicyNotAuthorized", "enable_snat")


def test_agents_are_an_admins_business(
    member: Client, things: dict[str, dict[str, Any]], two_network_nodes: tuple[str, str]
) -> None:
    assert member.get("/v2.0/agents") == {"agents": []}
    words = "rule:get_l3-agents is disallowed by policy"
    path = f"/v2.0/routers/{things['routers']['id']}/l3-agents"
    member.refused("GET", path, None, 403, "PolicyNotAuthorized", words)


def test_a_port_of_a_stranger_gets_no_floating_ip(admin: Client, stranger: Client, things: dict[str, Any]) -> None:
    external = admin.external()
    body = {"floatingip": {"floating_network_id": external["id"], "port_id": things["ports"]["id"]}}
    stranger.refused("POST", "/v2.0/floatingips", body, 404, "PortNotFound")


def test_quotas_bound_what_a_project_has(admin: Client, member: Client) -> None:
    assert member.get(f"/v2.0/quotas/{PROJECT}")["quota"]["router"] == 10
    assert admin.put(f"/v2.0/quotas/{PROJECT}", {"quota": {"router": "2"}})["quota"]["router"] == 2
    for _ in range(2):
        member.router()
    words = "Quota exceeded for resources: ['router']."
    member.refused("POST", "/v2.0/routers", {"router": {}}, 409, "OverQuota", words)
    details = member.get(f"/v2.0/quotas/{PROJECT}/details")["quota"]["router"]
    assert details == {"limit": 2, "used": 2, "reserved": 0}
    assert member.get(f"/v2.0/quotas/{PROJECT}/default")["quota"]["router"] == 10
    assert [quota["project_id"] for quota in admin.get("/v2.0/quotas")["quotas"]] == [PROJECT]
    admin.delete(f"/v2.0/quotas/{PROJECT}")
    member.router()


def test_quotas_are_set_by_an_admin_and_shown_to_their_project(admin: Client, member: Client) -> None:
    body = {"quota": {"router": 99}}
    member.refused("PUT", f"/v2.0/quotas/{PROJECT}", body, 403, "PolicyNotAuthorized", "rule:update_quota")
    member.refused("GET", f"/v2.0/quotas/{OTHER_PROJECT}", None, 403, "PolicyNotAuthorized", "rule:get_quota")
    body = {"quota": {"rooter": 99}}
    admin.refused("PUT", f"/v2.0/quotas/{PROJECT}", body, 400, "HTTPBadRequest", "Unrecognized attribute(s) 'rooter'")
    assert member.get("/v2.0/quotas/tenant")["tenant"]["tenant_id"] == PROJECT
