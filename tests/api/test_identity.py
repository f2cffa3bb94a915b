"""Identity as clients see it: logging in, tokens, what one may do, and what is gone at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from futago.controller.caller import Unauthorized
from futago.controller.identity.app import build_identity
from futago.controller.identity.directory import user_key
from futago.controller.identity.login import PasswordUser
from futago.controller.identity.service import Identity
from identity_kit import TOKENS, Cloud, error, new_cloud, project_scope


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with new_cloud(tmp_path / "state") as made:
        yield made


@pytest.fixture
def identity(cloud: Cloud) -> Identity:
    return cloud.identity


def test_anybody_can_discover_version_3_where_they_found_us(cloud: Cloud) -> None:
    answer = cloud.http.get("/identity")
    assert answer.status_code == 300
    (version,) = answer.json()["versions"]["values"]
    assert version["id"].startswith("v3.")
    assert version["links"] == [{"rel": "self", "href": "http://cloud.example.org:9696/identity/v3/"}]
    assert cloud.http.get("/identity/v3").json() == {"version": version}
    assert cloud.http.get("/identity/v3/").json() == {"version": version}


def test_a_login_gives_a_token_with_project_roles_and_catalog(cloud: Cloud) -> None:
    answer = cloud.log_in("admin", cloud.admin_password, project_scope("admin"))
    assert answer.status_code == 201
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    token = answer.json()["token"]
    assert token["methods"] == ["password"]
    assert token["user"]["name"] == "admin"
    assert token["user"]["domain"] == {"id": "default", "name": "Default"}
    assert token["project"]["name"] == "admin"
    assert [role["name"] for role in token["roles"]] == ["admin", "manager", "member", "reader"]
    network = next(service for service in token["catalog"] if service["type"] == "network")
    assert {endpoint["interface"] for endpoint in network["endpoints"]} == {"public", "internal", "admin"}
    assert {endpoint["url"] for endpoint in network["endpoints"]} == {"http://cloud.example.org:9696"}
    assert {endpoint["region_id"] for endpoint in network["endpoints"]} == {"RegionOne"}


def test_the_api_learns_who_calls_and_what_a_role_implies(cloud: Cloud) -> None:
    answer = cloud.log_in("demo", cloud.demo_password)
    caller = cloud.identity.caller(answer.headers["X-Subject-Token"])
    assert caller.project_id == answer.json()["token"]["project"]["id"]
    assert caller.user_id == answer.json()["token"]["user"]["id"]
    assert caller.roles == {"member", "reader"}
    assert not caller.admin


@pytest.mark.parametrize("password", ["", "wrong", "é" * 10])
def test_a_wrong_password_is_401_in_keystones_form(cloud: Cloud, password: str) -> None:
    answer = cloud.log_in("admin", password)
    assert error(answer) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://cloud.example.org:9696/identity"'


def test_an_unknown_user_is_told_the_same_as_one_with_a_wrong_password(cloud: Cloud) -> None:
    assert cloud.log_in("nobody", "x").json() == cloud.log_in("admin", "x").json()


@pytest.mark.parametrize(
    "scope",
    [project_scope("service"), project_scope("nowhere"), {"domain": {"id": "default"}}, {"system": {"all": True}}],
)
def test_a_scope_where_the_user_has_no_role_is_401(cloud: Cloud, scope: dict[str, Any]) -> None:
    assert error(cloud.log_in("demo", cloud.demo_password, scope)) == (401, "Unauthorized")


def test_an_unscoped_token_is_only_good_for_a_scoped_one(cloud: Cloud, identity: Identity) -> None:
    unscoped = cloud.log_in("demo", cloud.demo_password, "unscoped")
    assert not {"project", "roles", "catalog"} & unscoped.json()["token"].keys()
    text = unscoped.headers["X-Subject-Token"]
    with pytest.raises(Unauthorized):
        identity.caller(text)
    projects = cloud.http.get("/identity/v3/auth/projects", headers={"X-Auth-Token": text}).json()["projects"]
    assert [project["name"] for project in projects] == ["demo"]
    scoped = cloud.by_token(text, project_scope("demo"))
    assert scoped.status_code == 201
    assert identity.caller(scoped.headers["X-Subject-Token"]).project_id == projects[0]["id"]


def test_a_token_from_a_token_lives_no_longer(cloud: Cloud) -> None:
    first = cloud.log_in("demo", cloud.demo_password)
    second = cloud.by_token(first.headers["X-Subject-Token"], project_scope("demo"))
    assert second.json()["token"]["expires_at"] == first.json()["token"]["expires_at"]
    assert second.json()["token"]["audit_ids"][-1] == first.json()["token"]["audit_ids"][0]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"auth": "\xff"}', "not JSON"),
        (b"[]", "'auth'"),
        (b'{"auth": {}}', "identity"),
        (b'{"auth": {"identity": {"methods": ["password"]}}}', "'password'"),
        (b'{"auth": {"identity": {"methods": ["external"]}}}', "'external'"),
        (b'{"auth": {"identity": {"methods": 7}}}', "methods"),
    ],
)
def test_a_malformed_login_is_400_and_says_what_is_wrong(cloud: Cloud, body: bytes, says: str) -> None:
    answer = cloud.http.post(TOKENS, content=body)
    assert error(answer) == (400, "Bad Request")
    assert says in answer.json()["error"]["message"]


def test_what_nobody_has_foreseen_is_500_in_keystones_form_and_logged_once(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_identity: Identity, _request: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Identity, "session", broken)
    with capture_logs() as logs:
        answer = cloud.http.get("/identity/v3/users", headers={"X-Auth-Token": "any"})
    assert error(answer) == (500, "Internal Server Error")
    assert [(entry["event"], entry["log_level"], entry["exc_info"]) for entry in logs] == [
        ("request failed", "error", True)
    ]


@pytest.mark.parametrize("token", [None, "", "gAAAAA", "ü", "x" * 5000])
def test_without_a_good_token_everything_else_is_401(cloud: Cloud, token: str | None) -> None:
    headers = {} if token is None else {"X-Auth-Token": token.encode("latin-1")}
    assert error(cloud.http.get("/identity/v3/projects", headers=headers)) == (401, "Unauthorized")


def test_an_expired_token_is_refused(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    demo = cloud.demo()
    now = cloud.identity._clock()
    monkeypatch.setattr(cloud.identity, "_clock", lambda: now + cloud.config.token_lifetime_seconds + 1)
    assert cloud.http.get("/identity/v3/auth/projects", headers=demo).status_code == 401


def test_a_token_can_be_shown_checked_and_given_back(cloud: Cloud) -> None:
    demo = cloud.demo()
    subject = demo | {"X-Subject-Token": demo["X-Auth-Token"]}
    shown = cloud.http.get(TOKENS, headers=subject)
    assert shown.status_code == 200
    assert shown.headers["X-Subject-Token"] == demo["X-Auth-Token"]
    assert shown.json()["token"]["user"]["name"] == "demo"
    assert cloud.http.head(TOKENS, headers=subject).status_code == 200
    assert "catalog" not in cloud.http.get(TOKENS, headers=subject, params={"nocatalog": ""}).json()["token"]
    assert cloud.http.delete(TOKENS, headers=subject).status_code == 204
    assert cloud.http.get(TOKENS, headers=subject).status_code == 401


def test_only_an_administrator_may_ask_about_others_tokens(cloud: Cloud) -> None:
    admin, demo = cloud.admin(), cloud.demo()
    about_admin = demo | {"X-Subject-Token": admin["X-Auth-Token"]}
    assert error(cloud.http.get(TOKENS, headers=about_admin)) == (403, "Forbidden")
    about_demo = admin | {"X-Subject-Token": demo["X-Auth-Token"]}
    assert cloud.http.delete(TOKENS, headers=about_demo).status_code == 204
    assert error(cloud.http.get(TOKENS, headers=about_demo)) == (404, "Not Found")
    assert cloud.http.get("/identity/v3/auth/projects", headers=demo).status_code == 401


def test_disabling_a_user_ends_its_tokens_and_logins_until_it_is_enabled(cloud: Cloud) -> None:
    admin, demo = cloud.admin(), cloud.demo()
    user = f"/identity/v3/users/{cloud.identity.caller(demo['X-Auth-Token']).user_id}"
    assert cloud.http.patch(user, json={"user": {"enabled": False}}, headers=admin).status_code == 200
    assert cloud.log_in("demo", cloud.demo_password).status_code == 401
    cloud.http.patch(user, json={"user": {"enabled": True}}, headers=admin)
    assert cloud.http.get(user, headers=demo).status_code == 401  # tokens of before do not come back
    assert cloud.log_in("demo", cloud.demo_password).status_code == 201


def test_disabling_a_project_ends_the_tokens_in_it(cloud: Cloud) -> None:
    admin, demo = cloud.admin(), cloud.demo()
    project = f"/identity/v3/projects/{cloud.project_id('demo', admin)}"
    cloud.http.patch(project, json={"project": {"enabled": False}}, headers=admin)
    with pytest.raises(Unauthorized):
        cloud.identity.caller(demo["X-Auth-Token"])
    assert cloud.log_in("demo", cloud.demo_password, project_scope("demo")).status_code == 401


def test_a_new_password_ends_the_tokens_of_the_old_one(cloud: Cloud) -> None:
    demo = cloud.demo()
    path = f"/identity/v3/users/{cloud.identity.caller(demo['X-Auth-Token']).user_id}/password"
    wrong = {"user": {"original_password": "guess", "password": "second"}}
    assert cloud.http.post(path, json=wrong, headers=demo).status_code == 401
    right = {"user": {"original_password": cloud.demo_password, "password": "second"}}
    assert cloud.http.post(path, json=right, headers=demo).status_code == 204
    assert cloud.http.get("/identity/v3/auth/projects", headers=demo).status_code == 401
    assert cloud.log_in("demo", cloud.demo_password).status_code == 401
    assert cloud.log_in("demo", "second").status_code == 201


def test_a_login_that_was_under_way_when_the_password_changed_gives_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old password was still right when it was verified."""
    demo = cloud.demo()
    user_id = cloud.identity.caller(demo["X-Auth-Token"]).user_id
    verify = cloud.identity.check_password

    def verify_then_change(user: PasswordUser) -> str:
        found = verify(user)
        with cloud.database.note() as txn:
            cloud.identity.revoke_all(txn, user_key(user_id))
        return found

    monkeypatch.setattr(cloud.identity, "check_password", verify_then_change)
    late = cloud.log_in("demo", cloud.demo_password)
    with pytest.raises(Unauthorized):
        cloud.identity.caller(late.headers["X-Subject-Token"])


def test_a_role_given_or_taken_counts_at_the_next_request(cloud: Cloud) -> None:
    admin, demo = cloud.admin(), cloud.demo()
    caller = cloud.identity.caller(demo["X-Auth-Token"])
    where = f"/identity/v3/projects/{caller.project_id}/users/{caller.user_id}/roles"
    role = f"{where}/{cloud.role_id('admin', admin)}"
    assert cloud.http.head(role, headers=admin).status_code == 404
    assert cloud.http.put(role, headers=admin).status_code == 204
    assert cloud.http.put(role, headers=admin).status_code == 204
    assert cloud.identity.caller(demo["X-Auth-Token"]).admin
    assert cloud.http.head(role, headers=admin).status_code == 204
    assert len(cloud.http.get(where, headers=admin).json()["roles"]) == 2
    assert cloud.http.delete(role, headers=admin).status_code == 204
    assert not cloud.identity.caller(demo["X-Auth-Token"]).admin


def test_a_deleted_user_is_gone_with_its_tokens_and_assignments(cloud: Cloud) -> None:
    admin, demo = cloud.admin(), cloud.demo()
    user_id = cloud.identity.caller(demo["X-Auth-Token"]).user_id
    assert cloud.http.delete(f"/identity/v3/users/{user_id}", headers=admin).status_code == 204
    with pytest.raises(Unauthorized):
        cloud.identity.caller(demo["X-Auth-Token"])
    answer = cloud.http.get("/identity/v3/role_assignments", params={"user.id": user_id}, headers=admin)
    assert answer.json()["role_assignments"] == []
    assert error(cloud.http.get(f"/identity/v3/users/{user_id}", headers=admin)) == (404, "Not Found")


def test_tokens_outlive_a_restart(cloud: Cloud) -> None:
    demo = cloud.demo()
    again, _ = build_identity(cloud.database, cloud.config)
    assert again.caller(demo["X-Auth-Token"]) == cloud.identity.caller(demo["X-Auth-Token"])
