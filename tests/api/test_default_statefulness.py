"""Whether new security groups are stateful where a request leaves it open."""

from typing import Any

import pytest

from api_kit import OTHER_PROJECT, PROJECT, Client

pytestmark = pytest.mark.each_database

NAME = "security_groups_default_statefulness"
PATH = "/v2.0/security-groups-default-statefulness"


def setting(client: Client, **attributes: Any) -> Any:
    return client.post(PATH, {NAME: attributes})[NAME]


def new_group(client: Client, name: str, **attributes: Any) -> Any:
    return client.post("/v2.0/security-groups", {"security_group": {"name": name, **attributes}})["security_group"]


def default_of(client: Client) -> Any:
    (group,) = client.get("/v2.0/security-groups?name=default")["security_groups"]
    return group


def test_a_projects_word_counts_before_the_systems_and_that_before_what_always_was(
    admin: Client, member: Client, stranger: Client
) -> None:
    assert new_group(member, "first")["stateful"] is True
    of_system = setting(admin, project_id=None, stateful=False)
    of_project = setting(admin, project_id=PROJECT, stateful=True)
    assert new_group(member, "second")["stateful"] is True
    assert new_group(stranger, "third")["stateful"] is False
    admin.put(f"{PATH}/{of_project['id']}", {NAME: {"stateful": False}})
    assert new_group(member, "fourth")["stateful"] is False
    admin.delete(f"{PATH}/{of_project['id']}")
    admin.put(f"{PATH}/{of_system['id']}", {NAME: {"stateful": True}})
    assert new_group(member, "fifth")["stateful"] is True
    admin.delete(f"{PATH}/{of_system['id']}")
    assert new_group(stranger, "sixth")["stateful"] is True


def test_what_a_request_says_counts_before_all(admin: Client, member: Client) -> None:
    setting(admin, project_id=PROJECT, stateful=False)
    assert new_group(member, "said", stateful=True)["stateful"] is True


def test_the_default_group_of_a_new_project_is_what_the_project_says(
    admin: Client, member: Client, stranger: Client
) -> None:
    assert default_of(stranger)["stateful"] is True
    setting(admin, project_id=None, stateful=False)
    assert default_of(member)["stateful"] is False
    assert default_of(stranger)["stateful"] is True


def test_settings_are_shown_filtered_and_ordered(admin: Client) -> None:
    of_system = setting(admin, project_id=None, stateful=False)
    of_project = setting(admin, tenant_id=PROJECT)
    other = setting(admin, project_id=OTHER_PROJECT, stateful=False)
    assert of_system == {"id": of_system["id"], "tenant_id": None, "project_id": None, "stateful": False}
    assert of_project == {"id": of_project["id"], "tenant_id": PROJECT, "project_id": PROJECT, "stateful": True}
    assert admin.get(f"{PATH}/{other['id']}")[NAME] == other
    assert admin.get(f"{PATH}?project_id={PROJECT}")[NAME] == [of_project]
    assert admin.get(f"{PATH}?stateful=false&sort_key=project_id&sort_dir=asc")[NAME] == [of_system, other]
    assert admin.get(f"{PATH}?sort_key=project_id&sort_dir=asc&limit=2")[NAME] == [of_system, other]
    assert admin.get(f"{PATH}?project_id=")[NAME] == admin.get(f"{PATH}?project_id=&limit=5")[NAME] == []


def test_there_is_one_for_each_project_and_one_for_the_system(admin: Client) -> None:
    of_system = setting(admin, project_id=None)
    setting(admin, project_id=PROJECT)
    kind = "SecurityGroupDefaultStatefulnessAlreadyExists"
    words = "A security group default statefulness setting already exists for project '{}'."
    for project_id, named in ((None, "system-wide"), (PROJECT, PROJECT)):
        admin.refused("POST", PATH, {NAME: {"project_id": project_id}}, 409, kind, words.format(named))
    both = {NAME: [{"project_id": OTHER_PROJECT}, {"project_id": OTHER_PROJECT}]}
    admin.refused("POST", PATH, both, 409, kind)
    assert len(admin.get(PATH)[NAME]) == 2
    words = "Cannot update read-only attribute project_id"
    admin.refused("PUT", f"{PATH}/{of_system['id']}", {NAME: {"project_id": PROJECT}}, 400, "HTTPBadRequest", words)


def test_several_are_made_at_once(admin: Client) -> None:
    body = {NAME: [{"project_id": None, "stateful": False}, {"project_id": PROJECT}]}
    made = admin.post(PATH, body)[NAME]
    assert [one["project_id"] for one in made] == [None, PROJECT]


def test_a_setting_that_names_no_project_is_the_callers(admin: Client, as_: Any) -> None:
    assert setting(as_("manager"), stateful=False)["project_id"] == PROJECT
    assert setting(admin)["project_id"] == "ad" * 16


def test_managers_set_what_their_project_says_and_nothing_else(
    admin: Client, member: Client, stranger: Client, as_: Any
) -> None:
    manager = as_("manager")
    of_system = setting(admin, project_id=None)
    own = setting(manager, stateful=False)
    assert manager.get(PATH)[NAME] == member.get(PATH)[NAME] == as_("reader").get(PATH)[NAME] == [own]
    assert stranger.get(PATH)[NAME] == []
    for project_id in (None, OTHER_PROJECT):
        words = "Specifying 'project_id' other than the authenticated project in request is not allowed"
        manager.refused("POST", PATH, {NAME: {"project_id": project_id}}, 400, "HTTPBadRequest", words)
    kind = "SecurityGroupDefaultStatefulnessNotFound"
    words = f"Security group default statefulness {of_system['id']} could not be found."
    for method, body in (("GET", None), ("PUT", {NAME: {"stateful": False}}), ("DELETE", None)):
        manager.refused(method, f"{PATH}/{of_system['id']}", body, 404, kind, words)
        stranger.refused(method, f"{PATH}/{own['id']}", body, 404, kind)
    member.refused("POST", PATH, {NAME: {}}, 403, "PolicyNotAuthorized", f"create_{NAME}")
    member.refused("PUT", f"{PATH}/{own['id']}", {NAME: {"stateful": True}}, 403, "PolicyNotAuthorized")
    member.refused("DELETE", f"{PATH}/{own['id']}", None, 403, "PolicyNotAuthorized")
    assert manager.put(f"{PATH}/{own['id']}", {NAME: {"stateful": True}})[NAME]["stateful"] is True
    manager.delete(f"{PATH}/{own['id']}")


@pytest.mark.parametrize(
    ("attributes", "kind", "words"),
    [
        ({"stateful": "perhaps"}, "InvalidInput", "'perhaps' cannot be converted to boolean"),
        ({"project_id": ""}, "HTTPBadRequest", "Invalid input for project_id. Reason: '' is not a valid string."),
        ({"project_id": 7}, "HTTPBadRequest", "Invalid input for project_id"),
        ({"project_id": None, "tenant_id": PROJECT}, "HTTPBadRequest", "'project_id' and 'tenant_id' do not match"),
        ({"name": "x"}, "HTTPBadRequest", "Unrecognized attribute(s) 'name'"),
    ],
)
def test_nonsense_is_refused(admin: Client, attributes: dict[str, Any], kind: str, words: str) -> None:
    admin.refused("POST", PATH, {NAME: attributes}, 400, kind, words)
    admin.refused("POST", PATH, {NAME: "x"}, 400, "HTTPBadRequest", "Body contains invalid data")
    assert admin.get(PATH)[NAME] == []
