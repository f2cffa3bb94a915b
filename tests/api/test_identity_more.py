"""Application credentials, groups, domains and the system as scopes, lockout, implied roles, others' services."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from futago.controller.caller import Unauthorized
from futago.controller.identity.passwords import hash_password
from futago.controller.store.identity_rows import User
from identity_kit import TOKENS, V3, Cloud, error, new_cloud, project_scope


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with new_cloud(tmp_path / "state") as made:
        yield made


@pytest.fixture
def admin(cloud: Cloud) -> dict[str, str]:
    return cloud.admin()


def own(cloud: Cloud, headers: dict[str, str]) -> str:
    """The path of whoever has the token."""
    return f"{V3}/users/{cloud.identity.caller(headers['X-Auth-Token']).user_id}"


def make_credential(cloud: Cloud, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
    path = f"{own(cloud, headers)}/application_credentials"
    answer = cloud.http.post(path, json={"application_credential": {"name": "ci", **fields}}, headers=headers)
    assert answer.status_code == 201, answer.text
    return dict(answer.json()["application_credential"])


def log_in_with(cloud: Cloud, credential: dict[str, Any], **more: Any) -> Any:
    method = {"id": credential["id"], "secret": credential["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": method}
    return cloud.http.post(TOKENS, json={"auth": {"identity": identity, **more}})


def test_an_application_credential_is_its_user_in_its_project_and_shows_its_secret_once(cloud: Cloud) -> None:
    demo = cloud.demo()
    credential = make_credential(cloud, demo)
    answer = log_in_with(cloud, credential)
    assert answer.status_code == 201
    token = answer.json()["token"]
    assert token["methods"] == ["application_credential"]
    assert token["application_credential"] == {"id": credential["id"], "name": "ci", "restricted": True}
    caller = cloud.identity.caller(answer.headers["X-Subject-Token"])
    assert caller == cloud.identity.caller(demo["X-Auth-Token"])
    listed = cloud.http.get(f"{own(cloud, demo)}/application_credentials", headers=demo).json()
    assert [one["id"] for one in listed["application_credentials"]] == [credential["id"]]
    assert "secret" not in listed["application_credentials"][0]


def test_by_its_name_and_its_user_it_is_found_too(cloud: Cloud) -> None:
    credential = make_credential(cloud, cloud.demo())
    user = {"name": "demo", "domain": {"name": "Default"}}
    method = {"name": "ci", "user": user, "secret": credential["secret"]}
    identity = {"methods": ["application_credential"], "application_credential": method}
    assert cloud.http.post(TOKENS, json={"auth": {"identity": identity}}).status_code == 201


def test_it_has_only_the_roles_that_it_was_given(cloud: Cloud) -> None:
    credential = make_credential(cloud, cloud.demo(), roles=[{"name": "reader"}])
    token = log_in_with(cloud, credential).headers["X-Subject-Token"]
    assert cloud.identity.caller(token).roles == {"reader"}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"roles": [{"name": "admin"}]}, 400),
        ({"expires_at": "2001-01-01T00:00:00Z"}, 400),
        ({"expires_at": "soon"}, 400),
        ({"access_rules": [{"path": "/", "method": "GET", "service": "network"}]}, 400),
        ({"name": ""}, 400),
        ({"name": "ci"}, 409),
    ],
)
def test_a_bad_one_is_refused(cloud: Cloud, fields: dict[str, Any], status: int) -> None:
    demo = cloud.demo()
    make_credential(cloud, demo)
    body = {"application_credential": {"name": "other", **fields}}
    answer = cloud.http.post(f"{own(cloud, demo)}/application_credentials", json=body, headers=demo)
    assert error(answer)[0] == status


def test_a_wrong_secret_another_scope_and_a_time_that_is_over_are_refused(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    credential = make_credential(cloud, cloud.demo(), expires_at=ends)
    assert log_in_with(cloud, credential | {"secret": "guess"}).status_code == 401
    assert log_in_with(cloud, credential | {"id": "nowhere"}).status_code == 401
    assert log_in_with(cloud, credential, scope=project_scope("demo")).status_code == 401
    token = log_in_with(cloud, credential).headers["X-Subject-Token"]
    now = cloud.identity._clock()
    monkeypatch.setattr(cloud.identity, "_clock", lambda: now + 3601)
    assert log_in_with(cloud, credential).status_code == 401
    with pytest.raises(Unauthorized):
        cloud.identity.caller(token)


def test_a_restricted_one_makes_no_other_and_no_token_of_another_scope(cloud: Cloud) -> None:
    credential = make_credential(cloud, cloud.demo())
    token = log_in_with(cloud, credential).headers["X-Subject-Token"]
    headers = {"X-Auth-Token": token}
    path = f"{own(cloud, headers)}/application_credentials"
    body = {"application_credential": {"name": "child"}}
    assert error(cloud.http.post(path, json=body, headers=headers)) == (403, "Forbidden")
    assert cloud.http.delete(f"{path}/{credential['id']}", headers=headers).status_code == 403
    assert cloud.by_token(token, project_scope("demo")).status_code == 401


def test_deleting_one_ends_its_tokens(cloud: Cloud) -> None:
    demo = cloud.demo()
    credential = make_credential(cloud, demo)
    token = log_in_with(cloud, credential).headers["X-Subject-Token"]
    path = f"{own(cloud, demo)}/application_credentials/{credential['id']}"
    assert cloud.http.get(path, headers=cloud.admin()).status_code == 200
    assert cloud.http.delete(path, headers=cloud.admin()).status_code == 403
    assert cloud.http.delete(path, headers=demo).status_code == 204
    with pytest.raises(Unauthorized):
        cloud.identity.caller(token)


def test_members_of_a_group_have_its_roles_until_they_leave(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.post(f"{V3}/groups", json={"group": {"name": "ops"}}, headers=admin)
    assert made.status_code == 201
    group = made.json()["group"]["id"]
    service = cloud.project_id("service", admin)
    role = cloud.role_id("member", admin)
    grant = f"{V3}/projects/{service}/groups/{group}/roles/{role}"
    assert cloud.http.put(grant, headers=admin).status_code == 204
    user_id = own(cloud, cloud.demo()).rpartition("/")[2]
    membership = f"{V3}/groups/{group}/users/{user_id}"
    assert cloud.http.put(membership, headers=admin).status_code == 204
    assert cloud.http.head(membership, headers=admin).status_code == 204
    scoped = cloud.log_in("demo", cloud.demo_password, project_scope("service"))
    assert scoped.status_code == 201
    query = {"user.id": user_id, "scope.project.id": service, "effective": "", "include_names": ""}
    found = cloud.http.get(f"{V3}/role_assignments", params=query, headers=admin).json()["role_assignments"]
    assert {one["role"]["name"] for one in found} == {"member", "reader"}
    assert cloud.http.delete(membership, headers=admin).status_code == 204
    with pytest.raises(Unauthorized):
        cloud.identity.caller(scoped.headers["X-Subject-Token"])
    assert cloud.http.delete(f"{V3}/groups/{group}", headers=admin).status_code == 204
    assert cloud.http.get(grant, headers=admin).status_code == 404


@pytest.mark.parametrize(
    ("place", "scope"),
    [("domains/default", {"domain": {"id": "default"}}), ("system", {"system": {"all": True}})],
)
def test_a_role_in_a_domain_or_the_system_gives_a_token_there_that_the_network_does_not_take(
    cloud: Cloud, admin: dict[str, str], place: str, scope: dict[str, Any]
) -> None:
    user_id = own(cloud, cloud.demo()).rpartition("/")[2]
    grant = f"{V3}/{place}/users/{user_id}/roles/{cloud.role_id('reader', admin)}"
    assert cloud.log_in("demo", cloud.demo_password, scope).status_code == 401
    assert cloud.http.put(grant, headers=admin).status_code == 204
    answer = cloud.log_in("demo", cloud.demo_password, scope)
    assert answer.status_code == 201
    (kind,) = scope
    assert kind in answer.json()["token"]
    assert [role["name"] for role in answer.json()["token"]["roles"]] == ["reader"]
    with pytest.raises(Unauthorized):
        cloud.identity.caller(answer.headers["X-Subject-Token"])
    headers = {"X-Auth-Token": answer.headers["X-Subject-Token"]}
    assert (
        len(next(iter(cloud.http.get(f"{V3}/auth/{kind}{'s' * (kind == 'domain')}", headers=headers).json().values())))
        == 1
    )
    assert cloud.http.delete(grant, headers=admin).status_code == 204
    assert cloud.http.get(f"{V3}/auth/catalog", headers=headers).status_code == 401


def test_many_bad_passwords_lock_a_user_out_for_a_while(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    most = cloud.config.lockout_failure_attempts
    credential = make_credential(cloud, cloud.demo())
    for _ in range(most):
        assert cloud.log_in("demo", "guess").status_code == 401
    assert cloud.log_in("demo", cloud.demo_password).status_code == 401
    assert cloud.log_in("admin", cloud.admin_password).status_code == 201
    assert log_in_with(cloud, credential).status_code == 201
    now = cloud.identity._clock()
    monkeypatch.setattr(cloud.identity, "_clock", lambda: now + cloud.config.lockout_duration_seconds)
    assert cloud.log_in("demo", cloud.demo_password).status_code == 201


def test_a_good_password_forgets_the_bad_ones_before_it(cloud: Cloud) -> None:
    for _ in range(2):
        for _ in range(cloud.config.lockout_failure_attempts - 1):
            assert cloud.log_in("demo", "guess").status_code == 401
        assert cloud.log_in("demo", cloud.demo_password).status_code == 201


def test_an_administrator_who_sets_a_password_ends_the_lockout(cloud: Cloud, admin: dict[str, str]) -> None:
    user = own(cloud, cloud.demo())
    for _ in range(cloud.config.lockout_failure_attempts):
        cloud.log_in("demo", "guess")
    cloud.http.patch(user, json={"user": {"password": "second"}}, headers=admin)
    assert cloud.log_in("demo", "second").status_code == 201


def test_what_roles_imply_can_be_changed_but_nothing_implies_admin(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.post(f"{V3}/roles", json={"role": {"name": "operator"}}, headers=admin).json()["role"]["id"]
    service, top = cloud.role_id("service", admin), cloud.role_id("admin", admin)
    path = f"{V3}/roles/{made}/implies"
    assert cloud.http.put(f"{path}/{service}", headers=admin).status_code == 201
    assert error(cloud.http.put(f"{path}/{top}", headers=admin)) == (403, "Forbidden")
    assert cloud.http.head(f"{path}/{service}", headers=admin).status_code == 204
    assert cloud.http.put(f"{path}/{made}", headers=admin).status_code == 400
    inference = cloud.http.get(path, headers=admin).json()["role_inference"]
    assert [role["name"] for role in inference["implies"]] == ["service"]
    assert len(cloud.http.get(f"{V3}/role_inferences", headers=admin).json()["role_inferences"]) == 4
    assert cloud.http.delete(f"{path}/{service}", headers=admin).status_code == 204
    assert cloud.http.get(path, headers=admin).json()["role_inference"]["implies"] == []


def test_others_services_are_in_the_catalog_and_ours_cannot_be_changed(cloud: Cloud, admin: dict[str, str]) -> None:
    body = {"service": {"type": "image", "name": "glance"}}
    service = cloud.http.post(f"{V3}/services", json=body, headers=admin).json()["service"]["id"]
    endpoint = {
        "service_id": service,
        "interface": "public",
        "url": "http://images.example.org",
        "region_id": "RegionOne",
    }
    assert cloud.http.post(f"{V3}/endpoints", json={"endpoint": endpoint}, headers=admin).status_code == 201
    catalog = cloud.demo_token()["catalog"]
    (images,) = [one for one in catalog if one["type"] == "image"]
    assert [one["url"] for one in images["endpoints"]] == ["http://images.example.org"]
    ours = next(one for one in catalog if one["type"] == "network")["id"]
    assert cloud.http.delete(f"{V3}/services/{ours}", headers=admin).status_code == 403
    assert cloud.http.patch(f"{V3}/services/{ours}", json={"service": {}}, headers=admin).status_code == 403
    cloud.http.patch(f"{V3}/services/{service}", json={"service": {"enabled": False}}, headers=admin)
    assert not [one for one in cloud.demo_token()["catalog"] if one["type"] == "image"]
    assert cloud.http.delete(f"{V3}/services/{service}", headers=admin).status_code == 204
    assert len(cloud.http.get(f"{V3}/endpoints", headers=admin).json()["endpoints"]) == 6


def test_a_project_has_children_tags_and_attributes_that_mean_nothing_here(cloud: Cloud, admin: dict[str, str]) -> None:
    body = {"project": {"name": "parent", "tags": ["blue"], "cost_center": "7"}}
    parent = cloud.http.post(f"{V3}/projects", json=body, headers=admin).json()["project"]
    assert (parent["tags"], parent["cost_center"]) == (["blue"], "7")
    child = {"project": {"name": "child", "parent_id": parent["id"]}}
    made = cloud.http.post(f"{V3}/projects", json=child, headers=admin).json()["project"]
    assert made["parent_id"] == parent["id"]
    path = f"{V3}/projects/{parent['id']}"
    assert cloud.http.delete(path, headers=admin).status_code == 403
    assert cloud.http.put(f"{path}/tags/green", headers=admin).status_code == 201
    assert cloud.http.get(f"{path}/tags", headers=admin).json()["tags"] == ["blue", "green"]
    for query, names in (
        ({"tags": "blue,green"}, ["parent"]),
        ({"not-tags-any": "blue"}, ["admin", "child", "demo", "service"]),
    ):
        found = cloud.http.get(f"{V3}/projects", params=query, headers=admin).json()["projects"]
        assert sorted(one["name"] for one in found) == names
    assert cloud.http.delete(f"{path}/tags/blue", headers=admin).status_code == 204
    assert cloud.http.get(f"{path}/tags/blue", headers=admin).status_code == 404


def test_a_list_tells_a_member_nothing_of_others(cloud: Cloud) -> None:
    demo = cloud.demo()
    for query in ({"name": "admin"}, {"name": "nobody"}, {}):
        assert cloud.http.get(f"{V3}/users", params=query, headers=demo).status_code == 403
    assert cloud.http.get(f"{V3}/domains/default", headers=demo).status_code == 200
    assert len(cloud.http.get(f"{V3}/users", params={"name": "demo"}, headers=demo).json()["users"]) == 1


def test_a_user_of_another_domain_is_another_user(cloud: Cloud, admin: dict[str, str]) -> None:
    domain = cloud.http.post(f"{V3}/domains", json={"domain": {"name": "Lab"}}, headers=admin).json()["domain"]["id"]
    with cloud.database.note() as txn:
        txn.add(User(id="u" * 32, domain_id=domain, name="demo", password_hash=hash_password("lab")))
    user = {"name": "demo", "domain": {"name": "Lab"}, "password": "lab"}
    auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
    answer = cloud.http.post(TOKENS, json={"auth": auth})
    assert answer.json()["token"]["user"]["domain"] == {"id": domain, "name": "Lab"}
    assert cloud.log_in("demo", "lab").status_code == 401


def test_a_region_has_the_id_that_a_put_gives_it(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.put(f"{V3}/regions/two", json={"region": {"description": "the other"}}, headers=admin)
    assert (made.status_code, made.json()["region"]["id"]) == (201, "two")
    assert cloud.http.put(f"{V3}/regions/two", json={"region": {}}, headers=admin).status_code == 409
    assert cloud.http.put(f"{V3}/regions/RegionOne", json={"region": {}}, headers=admin).status_code == 403
    assert cloud.http.get(f"{V3}/regions/two", headers=cloud.demo()).status_code == 200


def test_whoever_has_the_old_password_may_change_it(cloud: Cloud, admin: dict[str, str]) -> None:
    path = f"{V3}/users/{cloud.new_user('u', admin)}/password"
    body = {"user": {"original_password": "first", "password": "second"}}
    assert cloud.http.post(path, json=body).status_code == 204
    assert cloud.http.post(path, json=body).status_code == 401
    assert cloud.log_in("u", "second", "unscoped").status_code == 201
