"""An operator's identity commands by the current `openstack`, against a real controller."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compat_kit.clients import Result, run
from compat_kit.controller import Controller

Openstack = Callable[..., Result]


@pytest.fixture(scope="module")
def typed(controller: Controller, openstack: Path) -> Openstack:
    """Runs a line as it would be typed; `as_` says as whom, by the name of a cloud or by an environment."""

    def type_(line: str, as_: str | dict[str, str] = "futago") -> Result:
        done = run(openstack, line.split(), controller.cloud(as_) if isinstance(as_, str) else as_)
        assert done.status == 0, done
        return done

    return type_


def shown(result: Result) -> Any:
    return json.loads(result.out)


def test_a_domain_with_a_group_whose_members_work_in_a_project(typed: Openstack, controller: Controller) -> None:
    typed("domain create lab")
    typed("project create --domain lab green")
    typed("user create --domain lab --password secret bob")
    typed("group create --domain lab staff")
    typed("group add user --group-domain lab --user-domain lab staff bob")
    typed("role add --group staff --group-domain lab --project green --project-domain lab member")
    bob = {
        "OS_AUTH_URL": f"{controller.url}/identity",
        "OS_USERNAME": "bob",
        "OS_PASSWORD": "secret",
        "OS_PROJECT_NAME": "green",
        "OS_USER_DOMAIN_NAME": "lab",
        "OS_PROJECT_DOMAIN_NAME": "lab",
    }
    made = shown(typed("network create greens -f json", bob))
    assert made["project_id"] == shown(typed("project show --domain lab green -f json"))["id"]
    rows = shown(typed("role assignment list --effective --names --project green --project-domain lab -f json"))
    assert {(row["Role"], row["User"]) for row in rows} == {("member", "bob@lab"), ("reader", "bob@lab")}


def test_an_application_credential_is_made_and_used_and_deleted(typed: Openstack, controller: Controller) -> None:
    made = shown(typed("application credential create --role reader ci -f json", "futago-demo"))
    program = {
        "OS_AUTH_URL": f"{controller.url}/identity",
        "OS_AUTH_TYPE": "v3applicationcredential",
        "OS_APPLICATION_CREDENTIAL_ID": made["ID"],
        "OS_APPLICATION_CREDENTIAL_SECRET": made["Secret"],
    }
    token = shown(typed("token issue -f json", program))
    assert token["project_id"] == made["Project ID"]
    typed("application credential delete ci", "futago-demo")
    assert shown(typed("application credential list -f json", "futago-demo")) == []


def test_another_service_is_added_to_the_catalog(typed: Openstack) -> None:
    typed("service create --name glance image")
    typed("endpoint create --region RegionOne image public http://images.example.org")
    found = {row["Type"]: row["Endpoints"] for row in shown(typed("catalog list -f json"))}
    assert [one["url"] for one in found["image"]] == ["http://images.example.org"]
    typed("service delete glance")


def test_a_token_is_revoked(typed: Openstack, controller: Controller, openstack: Path) -> None:
    token = typed("token issue -f value -c id", "futago-demo").out.strip()
    typed(f"token revoke {token}", "futago-demo")
    by_token = {"OS_AUTH_TYPE": "v3token", "OS_AUTH_URL": f"{controller.url}/identity", "OS_TOKEN": token}
    refused = run(
        openstack, ["catalog", "list"], by_token | {"OS_PROJECT_NAME": "demo", "OS_PROJECT_DOMAIN_ID": "default"}
    )
    assert refused.status == 1
    assert "401" in refused.err
