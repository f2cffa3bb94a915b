"""`futago router show|set` beside a running controller, and how the current `openstack` shows what they did."""

from pathlib import Path

import httpx
import pytest

from compat_kit.clients import once_elected, run
from compat_kit.controller import Controller, futago


@pytest.fixture(scope="module")
def router(controller: Controller) -> str:
    """Active on server7, which is the preferred one; its nodes never change their roles."""
    headers = {"X-Auth-Token": controller.token()}
    made = httpx.post(f"{controller.url}/v2.0/routers", json={"router": {"name": "edge"}}, headers=headers)
    return str(made.raise_for_status().json()["router"]["id"])


def verb(controller: Controller, *words: str) -> tuple[int, str]:
    done = futago("router", *words, "--state", str(controller.state))
    return done.returncode, done.stdout + done.stderr


def test_a_router_is_shown_with_its_preferred_node_first(controller: Controller, router: str) -> None:
    status, out = verb(controller, "show", "edge")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == ["node", "server7", "server8"]
    assert [line.split()[2] for line in out.splitlines()[1:]] == ["200", "100"]


def test_a_node_is_disabled_for_one_router_and_openstack_shows_it(
    controller: Controller, openstack: Path, router: str
) -> None:
    assert verb(controller, "set", "edge", "server8", "--disable")[0] == 0
    line = f"network agent list --router {router} --long".split()
    rows = once_elected(lambda: run(openstack, line, controller.cloud())).rows()
    assert {row["Host"]: row["State"] for row in rows} == {"server7": "UP", "server8": "DOWN"}
    assert verb(controller, "set", "edge", "server8", "--enable")[0] == 0
    rows = run(openstack, line, controller.cloud()).rows()
    assert {row["State"] for row in rows} == {"UP"}


def test_a_move_that_does_not_come_true_is_said(controller: Controller, router: str) -> None:
    status, out = verb(controller, "set", "edge", "server8", "--priority", "210", "--wait", "1")
    assert (status, "has not moved within 1 s; it will when the node can take it" in out) == (1, True)
    assert verb(controller, "set", "edge", "server8", "--priority", "100")[0] == 0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["show", "core"], "there is no router core"),
        (["set", "edge", "server8"], "say what to change: --priority N, --enable or --disable"),
        (["set", "edge", "server3", "--disable"], "there is no network node server3"),
        (["set", "edge", "server8", "--priority", "200"], "is that of the L3 Agent on host server7."),
        (["set", "edge", "server8", "--priority", "5"], "'5' is not in range 10 through 254"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(
    controller: Controller, router: str, words: list[str], says: str
) -> None:
    status, out = verb(controller, *words)
    assert (status, says in out) == (2, True), out
