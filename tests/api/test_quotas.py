"""Quotas: what is bounded, what is used, and what a change of limits must respect."""

from starlette.applications import Starlette
from starlette.testclient import TestClient

from api_kit import ADMIN, PROJECT, Client, Tokens
from futago.config import ControllerConfig
from futago.controller.api.app import build_api
from futago.controller.store.database import Database

PATH = f"/v2.0/quotas/{PROJECT}"
DEFAULTS = {
    "network": 100,
    "subnet": 100,
    "subnetpool": -1,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "rbac_policy": 10,
    "security_group": 10,
    "security_group_rule": 100,
}


def test_the_limits_are_neutrons(member: Client) -> None:
    assert DEFAULTS.items() <= member.get(PATH)["quota"].items()
    assert DEFAULTS.items() <= member.get(f"{PATH}/default")["quota"].items()
    assert member.get("/v2.0/quotas/tenant") == {"tenant": {"tenant_id": PROJECT}}
    assert member.get("/v2.0/quotas/project") == {"project": {"project_id": PROJECT}}


def test_a_limit_below_what_is_used_is_set_by_force_only(admin: Client, member: Client) -> None:
    for _ in range(3):
        member.network()
    body = {"quota": {"network": 2}}
    words = "Quota limit 2 for network must be greater than or equal to already used 3"
    admin.refused("PUT", PATH, body, 400, "HTTPBadRequest", words)
    admin.refused("PUT", PATH, {"quota": {"network": 2, "check_limit": True}}, 400, "HTTPBadRequest", words)
    assert admin.put(PATH, {"quota": {"network": 2, "force": True}})["quota"]["network"] == 2
    assert member.get(f"{PATH}/details")["quota"]["network"] == {"limit": 2, "used": 3, "reserved": 0}
    assert admin.put(PATH, {"quota": {"network": -1}})["quota"]["network"] == -1
    member.network()


def test_who_has_no_limits_of_its_own_has_none_to_lose(admin: Client, member: Client) -> None:
    kind = "TenantQuotaNotFound"
    admin.refused("DELETE", PATH, None, 404, kind, f"Quota for project {PROJECT} could not be found.")
    admin.put(PATH, {"quota": {"subnetpool": 1}})
    admin.delete(PATH)
    assert member.get(PATH)["quota"]["subnetpool"] == -1


def test_pools_and_the_rules_of_new_groups_are_bounded(admin: Client, member: Client) -> None:
    member.get("/v2.0/security-groups")
    admin.put(PATH, {"quota": {"subnetpool": 0, "security_group_rule": 5}})
    pool = {"subnetpool": {"name": "pool", "prefixes": ["10.0.0.0/16"]}}
    member.refused("POST", "/v2.0/subnetpools", pool, 409, "OverQuota", "['subnetpool']")
    group = {"security_group": {"name": "group"}}
    member.refused("POST", "/v2.0/security-groups", group, 409, "OverQuota", "['security_group_rule']")
    assert len(member.get("/v2.0/security-groups")["security_groups"]) == 1


def test_the_operator_sets_the_limits_of_who_has_none_of_its_own(database: Database) -> None:
    app = Starlette(routes=build_api(database, ControllerConfig(quotas={"network": 1, "port": -1}), Tokens()))
    member = Client(TestClient(app, base_url="http://controller:9696"), "member")
    admin = Client(member.http, ADMIN)
    limits = member.get(f"/v2.0/quotas/{PROJECT}")["quota"]
    assert (limits["network"], limits["port"], limits["router"]) == (1, -1, 10)
    assert member.get(f"/v2.0/quotas/{PROJECT}/default")["quota"] == limits
    member.network()
    member.refused("POST", "/v2.0/networks", {"network": {}}, 409, "OverQuota")
    admin.put(f"/v2.0/quotas/{PROJECT}", {"quota": {"network": 2}})
    member.network()
