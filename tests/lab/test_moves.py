"""Planned moves by the API, as an operator's own client asks for them: nobody waits for an election."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compat_kit.clients import OPENSTACK
from futago.lab import measure
from futago.lab.drill.scene import FUTAGO
from futago.lab.traffic import Ping
from lab_kit.cloud import Cloud

SILENCE = 30
"""Pings. A hand-over loses one at most, on a busy machine some; who has to notice a silence first loses this many."""
Openstack = Callable[[str], str]


@pytest.fixture(scope="session")
def client() -> Path:
    """The real command, made before anything is to happen in time."""
    return OPENSTACK.install() / "openstack"


@pytest.fixture
def openstack(healthy: Cloud, client: Path) -> Openstack:
    """Runs a line on the controller's host, with the file of its first start."""

    def run(line: str) -> str:
        environment = ["OS_CLIENT_CONFIG_FILE=/var/lib/futago/controller/clouds.yaml", "OS_CLOUD=futago"]
        return healthy.lab.exec("controller", ["env", *environment, str(client), *line.split()], timeout=120).stdout

    return run


@contextmanager
def hands_over(cloud: Cloud) -> Iterator[None]:
    """100 pings a second, from outside to the floating IP, until the other node is active; and a while after."""
    active = cloud.active()
    with Ping(cloud.lab, "ext", cloud.floating_ip, every=0.01) as ping:
        ping.wait_for_replies(100, seconds=20)
        since = time.time()
        yield
        cloud.eventually("the other node holds the gateway", lambda: cloud.holders() not in {(), (active,)})
        ping.wait_for_replies(200, seconds=20)
        assert len(measure.lost(ping.replies(since))) < SILENCE
    assert cloud.holders() != (active,)


def agent(cloud: Cloud, host: str) -> str:
    (found,) = cloud.lab.api().list("agents", host=host, agent_type="L3 agent")
    return str(found["id"])


def test_a_disabled_agent_leaves_its_routers(healthy: Cloud, openstack: Openstack) -> None:
    l3 = agent(healthy, healthy.active())
    try:
        with hands_over(healthy):
            openstack(f"network agent set --disable {l3}")
    finally:
        openstack(f"network agent set --enable {l3}")


def test_a_router_that_is_taken_off_an_agent_goes_to_another_first(healthy: Cloud, openstack: Openstack) -> None:
    l3 = agent(healthy, healthy.active())
    with hands_over(healthy):
        openstack(f"network agent remove router --l3 {l3} {healthy.router_id}")
    openstack(f"network agent add router --l3 {l3} {healthy.router_id}")
    healthy.eventually("both nodes carry it again", healthy.settled)


def test_a_router_goes_to_the_agent_with_the_highest_priority_and_the_wish_outlives_the_controller(
    healthy: Cloud,
) -> None:
    api, was, standby = healthy.lab.api(), healthy.active(), healthy.standby()
    path = f"/v2.0/routers/{healthy.router_id}/l3-agents"
    highest = max(one["priority"] for one in api.list(f"routers/{healthy.router_id}/l3-agents"))
    with hands_over(healthy):
        api.call("PUT", f"{path}/{agent(healthy, standby)}", json={"agent": {"priority": highest + 1}})
        healthy.lab.restart("controller", "controller")
    healthy.eventually("the API says so", lambda: healthy.settled() and healthy.active() == standby)
    with hands_over(healthy):
        api.call("PUT", f"{path}/{agent(healthy, standby)}", json={"agent": {"admin_state_up": False}})
    healthy.eventually("the API says so", lambda: healthy.settled() and healthy.active() == was)
    api.call("PUT", f"{path}/{agent(healthy, standby)}", json={"agent": {"admin_state_up": True}})
    assert healthy.active() == was, "nothing moves by itself"


def test_the_same_by_the_operators_verbs(healthy: Cloud) -> None:
    was, standby = healthy.active(), healthy.standby()
    futago = [*FUTAGO, "router"]
    with hands_over(healthy):
        healthy.lab.exec("controller", [*futago, "set", healthy.router_id, was, "--disable"])
    healthy.lab.exec("controller", [*futago, "set", healthy.router_id, was, "--enable"])
    shown = healthy.lab.exec("controller", [*futago, "show", healthy.router_id]).stdout
    assert was in shown
    assert standby in shown
