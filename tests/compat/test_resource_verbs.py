"""`futago network create` and its kin, against a real controller."""

import json
from typing import Any

import pytest

from compat_kit.controller import Controller, futago


def ask(controller: Controller, line: str) -> Any:
    """What a verb prints as JSON."""
    done = futago(*line.split(), "--json", **controller.openrc())
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_network_lives_from_creation_to_deletion_by_its_name(controller: Controller) -> None:
    made = ask(controller, "network create verbs --description first --no-port-security-enabled")
    assert (made["description"], made["port_security_enabled"]) == ("first", False)
    subnet = ask(controller, "subnet create verbs4 --network verbs --cidr 192.168.99.0/24 --ip-version 4")
    assert subnet["network_id"] == made["id"]
    assert [one["id"] for one in ask(controller, "subnet list --network verbs")] == [subnet["id"]]
    changed = ask(controller, "network update verbs --description second --admin-state-up")
    assert ask(controller, f"network show {made['id']}") == changed | {"subnets": [subnet["id"]]}
    done = futago("network", "delete", "verbs", **controller.openrc())
    assert done.returncode == 0, done.stderr
    assert ask(controller, "network list --name verbs") == []


def test_routers_have_these_verbs_beside_their_own(controller: Controller) -> None:
    made = ask(controller, "router create beside --no-ha")
    assert made["ha"] is False
    table = futago("router", "list", "-c", "name", **controller.openrc())
    assert "beside" in table.stdout
    assert futago("router", "delete", "beside", **controller.openrc()).returncode == 0
    listed = futago("router", "--help").stdout
    assert all(verb in listed for verb in ("failover", "show", "create", "delete"))


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("network show nowhere", 1, "futago network show: there is no network nowhere"),
        ("network update nowhere", 1, "say what to change"),
        ("subnet create --network nowhere --ip-version 4", 1, "there is no network nowhere"),
        ("port create --network-id x", 2, "No such option"),
        ("network create --mtu 99999", 1, "MTU is too big"),
        ("nothing list", 2, "No such command"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(controller: Controller, line: str, status: int, says: str) -> None:
    done = futago(*line.split(), **controller.openrc())
    assert done.returncode == status
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_credentials_the_cure_is_said() -> None:
    nobody = dict.fromkeys(("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME"), "")
    done = futago("network", "list", **nobody)
    assert (done.returncode, "admin-openrc" in done.stderr) == (2, True)
