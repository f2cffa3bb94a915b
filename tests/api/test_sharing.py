"""Policies of access: what a project may use that another one has."""

from typing import Any

import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client

POLICIES = "/v2.0/rbac-policies"


def share(client: Client, kind: str, thing: dict[str, Any], target: str, action: str = "shared") -> dict[str, Any]:
    body = {"object_type": kind, "object_id": thing["id"], "target_tenant": target, "action": f"access_as_{action}"}
    return client.post(POLICIES, {"rbac_policy": body})["rbac_policy"]


@pytest.fixture
def things(member: Client) -> dict[str, tuple[str, dict[str, Any]]]:
    """One of each that can be shared, by object type: where it is, and what."""
    pool = {"name": "pool", "prefixes": ["10.0.0.0/16"], "default_prefixlen": 24}
    scope = {"name": "scope", "ip_version": 4}
    group = member.post("/v2.0/security-groups", {"security_group": {"name": "mine"}})["security_group"]
    addresses = {"address_group": {"name": "mine", "addresses": ["192.0.2.0/24"]}}
    return {
        "network": ("networks", member.network(name="mine")),
        "subnetpool": ("subnetpools", member.post("/v2.0/subnetpools", {"subnetpool": pool})["subnetpool"]),
        "address_scope": (
            "address-scopes",
            member.post("/v2.0/address-scopes", {"address_scope": scope})["address_scope"],
        ),
        "security_group": ("security-groups", group),
        "address_group": ("address-groups", member.post("/v2.0/address-groups", addresses)["address_group"]),
    }


def test_a_shared_thing_is_seen_and_not_changed(
    member: Client, stranger: Client, things: dict[str, tuple[str, dict[str, Any]]]
) -> None:
    for kind, (collection, thing) in things.items():
        path = f"/v2.0/{collection}/{thing['id']}"
        stranger.get(path, 404)
        policy = share(member, kind, thing, OTHER_PROJECT)
        assert (policy["project_id"], policy["target_tenant"]) == (PROJECT, OTHER_PROJECT)
        (seen,) = stranger.get(path).values()
        (own,) = member.get(path).values()
        if kind != "address_group":  # the API does not show it of these
            assert (seen["shared"], own["shared"]) == (True, False), kind
        stranger.refused("DELETE", path, None, 403, "PolicyNotAuthorized")
        member.delete(f"{POLICIES}/{policy['id']}")
        stranger.get(path, 404)


def test_policies_are_their_makers(member: Client, stranger: Client, things: dict[str, Any]) -> None:
    policy = share(member, "network", things["network"][1], OTHER_PROJECT)
    path = f"{POLICIES}/{policy['id']}"
    assert member.get(path)["rbac_policy"] == policy
    assert member.get(f"{POLICIES}?object_type=network")["rbac_policies"] == [policy]
    assert stranger.get(POLICIES)["rbac_policies"] == []
    stranger.refused("GET", path, None, 404, "RbacPolicyNotFound", f"with ID {policy['id']} not found")
    body = {"rbac_policy": {key: policy[key] for key in ("object_type", "object_id", "target_tenant", "action")}}
    member.refused("POST", POLICIES, body, 409, "DuplicateRbacPolicy", "already exists with those values")
    other = share(member, "network", things["network"][1], PROJECT)
    back = {"rbac_policy": {"target_tenant": OTHER_PROJECT}}
    member.refused("PUT", f"{POLICIES}/{other['id']}", back, 409, "DuplicateRbacPolicy")


@pytest.mark.parametrize(
    ("attributes", "status", "kind", "words"),
    [
        ({"object_type": "router"}, 400, "InvalidInput", "'router' is not a valid RBAC object type"),
        ({"action": "access_as_owner"}, 400, "InvalidActionForType", "Valid actions: ('access_as_shared', 'access_as"),
        ({"target_tenant": "x"}, 400, "InvalidInput", "expected a UUID or '*'"),
        ({"target_tenant": "*"}, 403, "PolicyNotAuthorized", "rule:create_rbac_policy:target_tenant"),
        ({"object_id": "00000000-0000-4000-8000-000000000000"}, 404, "NetworkNotFound", "could not be found"),
    ],
)
def test_what_is_no_policy_is_refused(
    member: Client, things: dict[str, Any], attributes: dict[str, Any], status: int, kind: str, words: str
) -> None:
    network = things["network"][1]
    policy = {"object_type": "network", "object_id": network["id"], "target_tenant": OTHER_PROJECT}
    body = {"rbac_policy": {**policy, "action": "access_as_shared", **attributes}}
    member.refused("POST", POLICIES, body, status, kind, words)
    assert member.get(POLICIES)["rbac_policies"] == []


def test_only_owners_share(admin: Client, member: Client) -> None:
    network = admin.network(shared=True)
    body = {"object_type": "network", "object_id": network["id"], "target_tenant": OTHER_PROJECT}
    body["action"] = "access_as_shared"
    words = "Only admins can manipulate policies on networks they do not own"
    member.refused("POST", POLICIES, {"rbac_policy": body}, 400, "InvalidInput", words)


def test_what_is_shared_with_everybody_has_a_policy_that_says_so(admin: Client, member: Client) -> None:
    network = admin.network(shared=True)
    assert member.get(f"/v2.0/networks/{network['id']}")["network"]["shared"] is True
    (policy,) = admin.get(f"{POLICIES}?object_id={network['id']}")["rbac_policies"]
    assert (policy["target_tenant"], policy["action"]) == ("*", "access_as_shared")
    admin.delete(f"{POLICIES}/{policy['id']}")
    assert admin.get(f"/v2.0/networks/{network['id']}")["network"]["shared"] is False
    member.get(f"/v2.0/networks/{network['id']}", 404)
    admin.put(f"/v2.0/networks/{network['id']}", {"network": {"shared": True}})
    member.port(network)
    (policy,) = admin.get(f"{POLICIES}?object_id={network['id']}")["rbac_policies"]
    kind, words = "InvalidSharedSetting", "Multiple projects are using it"
    admin.refused("DELETE", f"{POLICIES}/{policy['id']}", None, 409, kind, words)
    unshared = {"network": {"shared": False}}
    admin.refused("PUT", f"/v2.0/networks/{network['id']}", unshared, 409, kind, words)
    share(admin, "network", network, PROJECT)
    admin.put(f"/v2.0/networks/{network['id']}", unshared)
    assert member.get(f"/v2.0/networks/{network['id']}")["network"]["shared"] is True


def test_a_shared_network_can_be_plugged_into_until_its_policy_would_go(
    member: Client, stranger: Client, things: dict[str, Any]
) -> None:
    network = things["network"][1]
    subnet = member.subnet(network, "10.1.0.0/24")
    policy = share(member, "network", network, OTHER_PROJECT)
    assert stranger.get(f"/v2.0/subnets/{subnet['id']}")["subnet"]["id"] == subnet["id"]
    port = stranger.port(network)
    path = f"{POLICIES}/{policy['id']}"
    member.refused("DELETE", path, None, 409, "InvalidSharedSetting")
    elsewhere = {"rbac_policy": {"target_tenant": PROJECT}}
    member.refused("PUT", path, elsewhere, 409, "InvalidSharedSetting")
    stranger.delete(f"/v2.0/ports/{port['id']}")
    assert member.put(path, elsewhere)["rbac_policy"]["target_tenant"] == PROJECT
    stranger.get(f"/v2.0/networks/{network['id']}", 404)


def test_an_external_network_leads_out_and_takes_no_ports(admin: Client, member: Client) -> None:
    external = admin.external()
    body = {"port": {"network_id": external["id"]}}
    member.refused("POST", "/v2.0/ports", body, 403, "PolicyNotAuthorized", "rule:create_port is disallowed by policy")
    assert member.get(f"/v2.0/networks/{external['id']}")["network"]["shared"] is False


def test_a_network_becomes_external_for_one_project(admin: Client, member: Client, stranger: Client) -> None:
    network = admin.network()
    admin.subnet(network, "198.51.100.0/24", enable_dhcp=False)
    policy = share(admin, "network", network, PROJECT, "external")
    assert member.get(f"/v2.0/networks/{network['id']}")["network"]["router:external"] is True
    stranger.get(f"/v2.0/networks/{network['id']}", 404)
    router = member.router()
    member.lead_out(router, network)
    path, kind = f"{POLICIES}/{policy['id']}", "RbacPolicyInUse"
    admin.refused("DELETE", path, None, 409, kind, "There are routers attached to this network")
    member.put(f"/v2.0/routers/{router['id']}", {"router": {"external_gateway_info": {}}})
    admin.delete(path)
    assert admin.get(f"/v2.0/networks/{network['id']}")["network"]["router:external"] is False


def test_policies_of_an_external_network_stay_while_routers_need_them(admin: Client, member: Client) -> None:
    external = admin.external()
    (policy,) = admin.get(f"{POLICIES}?object_id={external['id']}")["rbac_policies"]
    assert (policy["target_tenant"], policy["action"]) == ("*", "access_as_external")
    member.lead_out(member.router(), external)
    admin.refused("DELETE", f"{POLICIES}/{policy['id']}", None, 409, "RbacPolicyInUse", "depend on this policy")
    share(admin, "network", external, PROJECT, "external")
    admin.delete(f"{POLICIES}/{policy['id']}")
    assert admin.get(f"/v2.0/networks/{external['id']}")["network"]["router:external"] is True


def test_a_shared_group_is_used_and_then_stays(member: Client, stranger: Client, things: dict[str, Any]) -> None:
    group = things["security_group"][1]
    rule = {"security_group_id": group["id"], "direction": "ingress"}
    rules = "/v2.0/security-group-rules"
    stranger.refused("POST", rules, {"security_group_rule": rule}, 403, "PolicyNotAuthorized")
    policy = share(member, "security_group", group, OTHER_PROJECT)
    stranger.refused("POST", rules, {"security_group_rule": rule}, 403, "PolicyNotAuthorized")
    seen = stranger.get("/v2.0/security-groups?shared=True")["security_groups"]
    assert [one["id"] for one in seen] == [group["id"]]
    port = stranger.port(stranger.network(), security_groups=[group["id"]])
    assert port["security_groups"] == [group["id"]]
    words = f"RBAC policy on object {group['id']} cannot be removed because other objects depend on it."
    member.refused("DELETE", f"{POLICIES}/{policy['id']}", None, 409, "RbacPolicyInUse", words)
    stranger.delete(f"/v2.0/ports/{port['id']}")
    member.delete(f"{POLICIES}/{policy['id']}")


def test_a_shared_address_group_is_named_in_rules(member: Client, stranger: Client, things: dict[str, Any]) -> None:
    addresses = things["address_group"][1]
    policy = share(member, "address_group", addresses, OTHER_PROJECT)
    (own,) = stranger.get("/v2.0/security-groups")["security_groups"]
    rule = {"security_group_id": own["id"], "direction": "ingress", "remote_address_group_id": addresses["id"]}
    stranger.post("/v2.0/security-group-rules", {"security_group_rule": rule})
    member.refused("DELETE", f"{POLICIES}/{policy['id']}", None, 409, "RbacPolicyInUse")
    path = f"/v2.0/address-groups/{addresses['id']}/add_addresses"
    stranger.refused("PUT", path, {"addresses": ["192.0.2.0/28"]}, 403, "PolicyNotAuthorized")


def test_a_pool_goes_to_who_has_its_scope(admin: Client, member: Client, things: dict[str, Any]) -> None:
    scope, pool = things["address_scope"][1], things["subnetpool"][1]
    member.put(f"/v2.0/subnetpools/{pool['id']}", {"subnetpool": {"address_scope_id": scope["id"]}})
    body = {"object_type": "subnetpool", "object_id": pool["id"], "target_tenant": OTHER_PROJECT}
    body["action"] = "access_as_shared"
    words = "target project doesn't have access to associated address scope"
    member.refused("POST", POLICIES, {"rbac_policy": body}, 400, "RbacPolicyInitError", words)
    share(member, "address_scope", scope, OTHER_PROJECT)
    member.post(POLICIES, {"rbac_policy": body})


def test_policies_go_with_what_they_are_about(admin: Client, member: Client, things: dict[str, Any]) -> None:
    for kind, (collection, thing) in things.items():
        share(member, kind, thing, OTHER_PROJECT)
        member.delete(f"/v2.0/{collection}/{thing['id']}")
    assert admin.get(POLICIES)["rbac_policies"] == []


def test_policies_are_bounded_by_a_quota(admin: Client, member: Client, things: dict[str, Any]) -> None:
    admin.put(f"/v2.0/quotas/{PROJECT}", {"quota": {"rbac_policy": 1}})
    share(member, "network", things["network"][1], OTHER_PROJECT)
    body = {"object_type": "network", "object_id": things["network"][1]["id"], "target_tenant": PROJECT}
    body["action"] = "access_as_shared"
    member.refused("POST", POLICIES, {"rbac_policy": body}, 409, "OverQuota", "['rbac_policy']")
