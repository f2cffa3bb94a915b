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


def test_a_router_is_joined_to_networks_by_names(controller: Controller) -> None:
    """What is more than an attribute has a verb; objects are written as KEY=VALUE."""
    outside = "--router-external --provider-network-type flat --provider-physical-network external1"
    ask(controller, f"network create outside {outside}")
    ask(controller, "subnet create outside4 --network outside --cidr 10.0.90.0/24 --ip-version 4 --no-enable-dhcp")
    ask(controller, "network create inside")
    pool = "start=192.168.98.10,end=192.168.98.20"
    subnet = ask(
        controller,
        f"subnet create inside4 --network inside --cidr 192.168.98.0/24 --ip-version 4 --allocation-pools {pool}",
    )
    assert subnet["allocation_pools"] == [{"start": "192.168.98.10", "end": "192.168.98.20"}]
    ask(controller, "router create joined --external-gateway-info network_id=outside")
    added = ask(controller, "router add-router-interface joined --subnet inside4")
    assert added["subnet_id"] == subnet["id"]
    assert {agent["host"] for agent in ask(controller, "router l3-agents joined")} == {"server7", "server8"}
    assert ask(controller, "router set-tags joined blue green") == {"tags": ["blue", "green"]}
    ask(controller, "router remove-router-interface joined --subnet inside4")
    assert ask(controller, "router update joined --external-gateway-info null")["external_gateway_info"] is None


def test_the_systems_new_security_groups_are_made_stateless(controller: Controller) -> None:
    noun = "security-groups-default-statefulness"
    made = ask(controller, f"{noun} create --project-id null --no-stateful")
    try:
        assert (made["project_id"], made["stateful"]) == (None, False)
        assert ask(controller, f"{noun} list") == [made]
        assert ask(controller, "security-group create quick")["stateful"] is False
        assert ask(controller, f"{noun} update {made['id']} --stateful") == made | {"stateful": True}
    finally:
        done = futago(noun, "delete", made["id"], **controller.openrc())
    assert done.returncode == 0, done.stderr
    assert futago("security-group", "delete", "quick", **controller.openrc()).returncode == 0


def test_quotas_are_shown_and_set_by_a_projects_name(controller: Controller) -> None:
    ask(controller, "quota set demo network=7 port=-1")
    shown = {one["resource"]: one["limit"] for one in ask(controller, "quota show demo")}
    assert (shown["network"], shown["port"]) == (7, -1)
    assert futago("quota", "reset", "demo", **controller.openrc()).returncode == 0
    assert {one["resource"]: one["limit"] for one in ask(controller, "quota show demo")}["network"] == 100
    assert "router" in futago("quota", "show", **controller.openrc()).stdout


@pytest.mark.parametrize(
    ("line", "status", "says"),
    [
        ("network show nowhere", 1, "futago network show: there is no network nowhere"),
        ("network update nowhere", 1, "say what to change"),
        ("subnet create --network nowhere --ip-version 4", 1, "there is no network nowhere"),
        ("port create --network-id x", 2, "No such option"),
        ("network create --mtu 99999", 1, "MTU is too big"),
        ("nothing list", 2, "No such command"),
        ("quota show nobody", 1, "Could not find project: nobody."),
        ("quota set demo network", 1, "network: expected RESOURCE=LIMIT"),
        ("quota set demo nothing=1", 1, "Unrecognized attribute(s) 'nothing'"),
        ("router add-router-interface beside2", 1, "there is no router beside2"),
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
