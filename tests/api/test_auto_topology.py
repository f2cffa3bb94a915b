"""A project that asks for it gets a network that leads outside."""

from typing import Any

import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client

PATH = f"/v2.0/auto-allocated-topology/{PROJECT}"


@pytest.fixture
def prepared(admin: Client) -> dict[str, Any]:
    """An external network and a pool of each family by default."""
    external = admin.external()
    admin.put(f"/v2.0/networks/{external['id']}", {"network": {"is_default": True}})
    for prefix, length in (("10.0.0.0/16", 24), ("2001:db8::/48", 64)):
        pool = {"name": "p", "prefixes": [prefix], "default_prefixlen": length, "is_default": True, "shared": True}
        admin.post("/v2.0/subnetpools", {"subnetpool": pool})
    return external


def test_what_is_missing_is_said_beforehand(admin: Client, member: Client) -> None:
    dry, kind = f"{PATH}?fields=dry-run", "AutoAllocationFailure"
    member.refused("GET", dry, None, 409, kind, "Deployment error: No default router:external network.")
    external = admin.external()
    admin.put(f"/v2.0/networks/{external['id']}", {"network": {"is_default": True}})
    member.refused("GET", dry, None, 409, kind, "No default subnetpools defined")
    member.refused("GET", PATH, None, 409, kind, "Unable to provide project private network")
    assert [network["id"] for network in member.get("/v2.0/networks")["networks"]] == [external["id"]]


def test_a_topology_is_made_once_and_taken_away(member: Client, prepared: dict[str, Any]) -> None:
    dry = member.get(f"{PATH}?fields=dry-run")["auto_allocated_topology"]
    assert (dry["id"], dry["tenant_id"]) == ("dry-run=pass", PROJECT)
    made = member.get(PATH)["auto_allocated_topology"]
    assert member.get("/v2.0/auto-allocated-topology/None")["auto_allocated_topology"] == made
    network = member.get(f"/v2.0/networks/{made['id']}")["network"]
    assert (network["name"], network["project_id"]) == ("auto_allocated_network", PROJECT)
    subnets = member.get(f"/v2.0/subnets?network_id={made['id']}")["subnets"]
    assert {subnet["name"]: subnet["cidr"] for subnet in subnets} == {
        "auto_allocated_subnet_v4": "10.0.0.0/24",
        "auto_allocated_subnet_v6": "2001:db8::/64",
    }
    (router,) = member.get("/v2.0/routers")["routers"]
    assert (router["name"], router["project_id"]) == ("auto_allocated_router", PROJECT)
    assert router["external_gateway_info"]["network_id"] == prepared["id"]
    member.delete(PATH)
    assert member.get("/v2.0/routers")["routers"] == []
    member.get(f"/v2.0/networks/{made['id']}", 404)
    member.delete(PATH)


def test_only_the_project_itself_asks_for_it(admin: Client, stranger: Client, prepared: dict[str, Any]) -> None:
    stranger.refused("GET", PATH, None, 403, "PolicyNotAuthorized", "get_auto_allocated_topology")
    stranger.refused("DELETE", PATH, None, 403, "PolicyNotAuthorized", "delete_auto_allocated_topology")
    stranger.refused("GET", f"/v2.0/auto-allocated-topology/{OTHER_PROJECT}?fields=x", None, 400, "BadRequest")
    made = admin.get(PATH)["auto_allocated_topology"]
    assert admin.get(f"/v2.0/networks/{made['id']}")["network"]["project_id"] == PROJECT


def test_what_somebody_deletes_by_hand_is_made_again(member: Client, prepared: dict[str, Any]) -> None:
    first = member.get(PATH)["auto_allocated_topology"]["id"]
    (router,) = member.get("/v2.0/routers")["routers"]
    for subnet in member.get(f"/v2.0/subnets?network_id={first}")["subnets"]:
        member.part(router, subnet)
    member.delete(f"/v2.0/routers/{router['id']}")
    assert member.get(PATH)["auto_allocated_topology"]["id"] == first
    member.delete(f"/v2.0/networks/{first}")
    assert member.get(PATH)["auto_allocated_topology"]["id"] != first


def test_one_external_network_is_the_default(admin: Client, prepared: dict[str, Any]) -> None:
    second = admin.external("external2", "10.0.81.0/24")
    path, body = f"/v2.0/networks/{second['id']}", {"network": {"is_default": True}}
    words = f"A default external network already exists: {prepared['id']}."
    admin.refused("PUT", path, body, 409, "DefaultExternalNetworkExists", words)
    (policy,) = admin.get(f"/v2.0/rbac-policies?object_id={prepared['id']}")["rbac_policies"]
    refusal = "Default external networks must be shared to everyone."
    admin.refused("DELETE", f"/v2.0/rbac-policies/{policy['id']}", None, 409, "RbacPolicyInUse", refusal)
