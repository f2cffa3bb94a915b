"""Projects, users, roles, domains and the catalog, as administrators keep them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from identity_kit import V3, Cloud, error, new_cloud, project_scope


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with new_cloud(tmp_path / "state") as made:
        yield made


@pytest.fixture
def admin(cloud: Cloud) -> dict[str, str]:
    return cloud.admin()


def test_a_project_is_looked_up_by_name_as_the_openstack_client_does(cloud: Cloud, admin: dict[str, str]) -> None:
    missing = cloud.http.get(f"{V3}/projects/service", headers=admin)
    assert error(missing) == (404, "Not Found")
    assert missing.json()["error"]["message"] == "Could not find project: service."
    found = cloud.http.get(f"{V3}/projects", params={"name": "service"}, headers=admin).json()
    assert found["links"]["next"] is None
    (project,) = found["projects"]
    assert project["description"] == "Service project"
    assert project["domain_id"] == project["parent_id"] == "default"
    assert project["is_domain"] is False
    assert cloud.http.get(f"{V3}/projects/{project['id']}", headers=admin).json() == {"project": project}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({}, 3),
        ({"domain_id": "default"}, 3),
        ({"domain_id": "other"}, 0),
        ({"enabled": "true"}, 3),
        ({"enabled": "False"}, 0),
        ({"is_domain": "True"}, 0),
        ({"name": "demo", "unknown": "x"}, 1),
    ],
)
def test_projects_are_filtered(cloud: Cloud, admin: dict[str, str], query: dict[str, str], count: int) -> None:
    assert len(cloud.http.get(f"{V3}/projects", params=query, headers=admin).json()["projects"]) == count


def test_a_project_lives_from_creation_to_deletion(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.post(f"{V3}/projects", json={"project": {"name": "blue"}}, headers=admin)
    assert made.status_code == 201
    path = f"{V3}/projects/{made.json()['project']['id']}"
    changed = cloud.http.patch(path, json={"project": {"description": "the blue one"}}, headers=admin)
    assert changed.json()["project"] == made.json()["project"] | {"description": "the blue one"}
    assert cloud.http.delete(path, headers=admin).status_code == 204
    assert cloud.http.get(path, headers=admin).status_code == 404
    assert cloud.http.delete(path, headers=admin).status_code == 404


@pytest.mark.parametrize(
    ("project", "status"),
    [
        ({"name": "demo"}, 409),
        ({"name": ""}, 400),
        ({"name": "x" * 65}, 400),
        ({}, 400),
        ({"name": "a", "enabled": "perhaps"}, 400),
        ({"name": "a", "domain_id": "nowhere"}, 404),
        ({"name": "a", "parent_id": "demo"}, 404),
    ],
)
def test_a_bad_project_is_refused_and_nothing_changes(
    cloud: Cloud, admin: dict[str, str], project: dict[str, Any], status: int
) -> None:
    assert cloud.http.post(f"{V3}/projects", json={"project": project}, headers=admin).status_code == status
    assert len(cloud.http.get(f"{V3}/projects", headers=admin).json()["projects"]) == 3


def test_a_new_user_with_a_role_can_work_in_the_project(cloud: Cloud, admin: dict[str, str]) -> None:
    """What a test suite does that makes credentials of its own."""
    made = cloud.http.post(f"{V3}/projects", json={"project": {"name": "p", "domain_id": "default"}}, headers=admin)
    project_id = made.json()["project"]["id"]
    user_id = cloud.new_user("u", admin, email="u@example.org", default_project_id=project_id, domain_id="default")
    assert cloud.log_in("u", "first", project_scope("p")).status_code == 401
    role = f"{V3}/projects/{project_id}/users/{user_id}/roles/{cloud.role_id('member', admin)}"
    assert cloud.http.put(role, headers=admin).status_code == 204
    token = cloud.log_in("u", "first").json()["token"]
    assert token["project"]["name"] == "p"
    assert [role["name"] for role in token["roles"]] == ["member", "reader"]


def test_a_user_document_has_no_password(cloud: Cloud, admin: dict[str, str]) -> None:
    user_id = cloud.new_user("u", admin, description="new")
    user = cloud.http.get(f"{V3}/users/{user_id}", headers=admin).json()["user"]
    assert user["name"] == "u"
    assert user["description"] == "new"
    assert user["enabled"] is True
    assert not {"password", "password_hash"} & user.keys()


def test_an_administrator_can_set_a_password_and_rename(cloud: Cloud, admin: dict[str, str]) -> None:
    user = f"{V3}/users/{cloud.new_user('u', admin)}"
    cloud.http.patch(user, json={"user": {"password": "second", "name": "v"}}, headers=admin)
    assert cloud.log_in("u", "second", "unscoped").status_code == 401
    assert cloud.log_in("v", "first", "unscoped").status_code == 401
    assert cloud.log_in("v", "second", "unscoped").status_code == 201


@pytest.mark.parametrize(
    ("user", "status"),
    [
        ({"name": "demo"}, 409),
        ({"name": "x", "password": ""}, 400),
        ({"name": "x", "password": 7}, 400),
        ({"password": "x"}, 400),
        ({"name": "x", "domain_id": "nowhere"}, 404),
    ],
)
def test_a_bad_user_is_refused_and_nothing_changes(
    cloud: Cloud, admin: dict[str, str], user: dict[str, Any], status: int
) -> None:
    assert cloud.http.post(f"{V3}/users", json={"user": user}, headers=admin).status_code == status
    assert len(cloud.http.get(f"{V3}/users", headers=admin).json()["users"]) == 2


def test_a_member_sees_only_itself(cloud: Cloud, admin: dict[str, str]) -> None:
    demo = cloud.demo()
    me = cloud.identity.caller(demo["X-Auth-Token"])
    assert cloud.http.get(f"{V3}/users/{me.user_id}", headers=demo).status_code == 200
    assert cloud.http.get(f"{V3}/users/{me.user_id}/projects", headers=demo).status_code == 200
    assert cloud.http.get(f"{V3}/projects/{me.project_id}", headers=demo).status_code == 200
    for path in ("users", "projects", "roles", "role_assignments", "services", "endpoints"):
        assert error(cloud.http.get(f"{V3}/{path}", headers=demo)) == (403, "Forbidden")
    other = cloud.project_id("service", admin)
    assert cloud.http.get(f"{V3}/projects/{other}", headers=demo).status_code == 403
    assert cloud.http.post(f"{V3}/users", json={"user": {"name": "x"}}, headers=demo).status_code == 403


def test_roles_can_be_added_but_the_services_own_stay(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.post(f"{V3}/roles", json={"role": {"name": "operator"}}, headers=admin)
    assert made.status_code == 201
    assert cloud.http.post(f"{V3}/roles", json={"role": {"name": "operator"}}, headers=admin).status_code == 409
    assert cloud.http.delete(f"{V3}/roles/{made.json()['role']['id']}", headers=admin).status_code == 204
    assert cloud.http.delete(f"{V3}/roles/{cloud.role_id('admin', admin)}", headers=admin).status_code == 403


def test_the_last_administrator_cannot_delete_itself(cloud: Cloud, admin: dict[str, str]) -> None:
    user_id = cloud.identity.caller(admin["X-Auth-Token"]).user_id
    assert cloud.http.delete(f"{V3}/users/{user_id}", headers=admin).status_code == 403


def test_assignments_are_listed_with_names_and_with_what_they_imply(cloud: Cloud, admin: dict[str, str]) -> None:
    demo = cloud.project_id("demo", admin)
    path = f"{V3}/role_assignments"
    plain = cloud.http.get(path, params={"scope.project.id": demo}, headers=admin).json()["role_assignments"]
    assert len(plain) == 2
    named = cloud.http.get(path, params={"include_names": "True"}, headers=admin).json()["role_assignments"]
    assert {(each["user"]["name"], each["role"]["name"], each["scope"]["project"]["name"]) for each in named} == {
        ("admin", "admin", "admin"),
        ("admin", "admin", "demo"),
        ("demo", "member", "demo"),
    }
    query = {"effective": "", "scope.project.id": demo}
    assert len(cloud.http.get(path, params=query, headers=admin).json()["role_assignments"]) == 6
    assert cloud.http.get(path, params={"group.id": "x"}, headers=admin).json()["role_assignments"] == []


def test_a_domain_is_a_name_space_and_must_be_disabled_before_it_goes(cloud: Cloud, admin: dict[str, str]) -> None:
    made = cloud.http.post(f"{V3}/domains", json={"domain": {"name": "Lab"}}, headers=admin)
    domain = made.json()["domain"]
    path = f"{V3}/domains/{domain['id']}"
    body = {"project": {"name": "demo", "domain_id": domain["id"]}}
    project = cloud.http.post(f"{V3}/projects", json=body, headers=admin)
    assert project.status_code == 201
    assert cloud.http.delete(path, headers=admin).status_code == 403
    cloud.http.patch(path, json={"domain": {"enabled": False}}, headers=admin)
    assert cloud.http.delete(path, headers=admin).status_code == 204
    assert cloud.http.get(f"{V3}/projects/{project.json()['project']['id']}", headers=admin).status_code == 404


def test_the_default_domain_cannot_be_disabled(cloud: Cloud, admin: dict[str, str]) -> None:
    answer = cloud.http.patch(f"{V3}/domains/default", json={"domain": {"enabled": False}}, headers=admin)
    assert answer.status_code == 403


def test_services_endpoints_and_regions_follow_from_the_settings(cloud: Cloud, admin: dict[str, str]) -> None:
    services = cloud.http.get(f"{V3}/services", headers=admin).json()["services"]
    assert {service["type"] for service in services} == {"network", "identity"}
    endpoints = cloud.http.get(f"{V3}/endpoints", headers=admin).json()["endpoints"]
    assert len(endpoints) == 6
    one = cloud.http.get(f"{V3}/endpoints/{endpoints[0]['id']}", headers=admin).json()["endpoint"]
    assert one == endpoints[0]
    assert cloud.http.get(one["links"]["self"], headers=admin).json()["endpoint"] == one
    assert [region["id"] for region in cloud.http.get(f"{V3}/regions", headers=admin).json()["regions"]] == [
        "RegionOne"
    ]
    catalog = cloud.http.get(f"{V3}/auth/catalog", headers=cloud.demo()).json()["catalog"]
    assert {endpoint["id"] for service in catalog for endpoint in service["endpoints"]} == {e["id"] for e in endpoints}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/credentials", 404), ("DELETE", "/users", 405)])
def test_what_is_not_there_is_refused_in_keystones_form(
    cloud: Cloud, admin: dict[str, str], method: str, path: str, status: int
) -> None:
    assert error(cloud.http.request(method, V3 + path, headers=admin))[0] == status


def test_a_huge_body_is_refused(cloud: Cloud, admin: dict[str, str]) -> None:
    answer = cloud.http.post(f"{V3}/projects", content=b'{"project": "' + b"x" * 200_000 + b'"}', headers=admin)
    assert error(answer)[0] == 413


@pytest.mark.parametrize("kind", ["users", "projects", "roles", "domains", "endpoints"])
def test_lists_come_in_pages_for_those_who_ask(cloud: Cloud, admin: dict[str, str], kind: str) -> None:
    for number in range(3):
        cloud.http.post(f"{V3}/domains", json={"domain": {"name": f"lab{number}"}}, headers=admin)
    whole = cloud.http.get(f"{V3}/{kind}", headers=admin).json()
    assert whole["links"]["next"] is None
    found: list[str] = []
    url: str | None = f"{V3}/{kind}?limit=1"
    while url is not None:
        page = cloud.http.get(url, headers=admin).json()
        assert len(page[kind]) == 1
        found.append(page[kind][0]["id"])
        url = page["links"]["next"]
    assert found == sorted(one["id"] for one in whole[kind])
    assert len(found) > 1
    rest = cloud.http.get(f"{V3}/{kind}?marker={found[0]}", headers=admin).json()
    assert [one["id"] for one in rest[kind]] == found[1:]


def test_a_page_keeps_to_its_filters(cloud: Cloud, admin: dict[str, str]) -> None:
    first = cloud.http.get(f"{V3}/projects?domain_id=default&limit=2", headers=admin).json()
    assert "domain_id=default" in first["links"]["next"]
    assert len(first["projects"]) == 2


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [("limit=some", 400, "'some' is not a number"), ("limit=-1", 400, "'-1'"), ("marker=none", 404, "Marker none")],
)
def test_a_bad_page_is_refused(cloud: Cloud, admin: dict[str, str], query: str, status: int, says: str) -> None:
    answer = cloud.http.get(f"{V3}/users?{query}", headers=admin)
    assert answer.status_code == status
    assert says in answer.json()["error"]["message"]


def test_what_this_identity_has_not_is_not_found_by_any_method(cloud: Cloud, admin: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        assert cloud.http.request(method, f"{V3}/credentials", headers=admin).status_code == 404
    assert cloud.http.request("PUT", f"{V3}/users", headers=admin).status_code == 405
