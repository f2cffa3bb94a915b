"""Where routers are active: evenly from the start, where they were after a node has returned, and evenly again."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from futago.config import Profile
from futago.lab import lab as labs
from futago.lab import topology
from futago.lab.api import wait_for
from futago.lab.drill.scene import FUTAGO
from futago.lab.errors import CommandFailed
from futago.lab.lab import Lab
from futago.lab.topology import HostPlan, Kind

NAME = "tests-spread"
ROUTERS = 22


def with_network_nodes(number: int) -> tuple[HostPlan, ...]:
    """The standard lab's hosts, with so many network nodes."""
    plans = topology.standard()
    (second,) = [plan for plan in plans if plan.name == "net2"]
    more = [
        topology.network_node(f"net{count}", topology.FIRST_NETWORK_NODE + count - 1) for count in range(3, number + 1)
    ]
    place = plans.index(second) + 1
    return (*plans[:place], *more, *plans[place:])


@pytest.fixture(params=[(2, Profile.SEED), (3, Profile.DEFAULT)], ids=["2-seed", "3-default"])
def lab(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    nodes, profile = request.param
    plans = with_network_nodes(nodes)
    monkeypatch.setattr(topology, "standard", lambda: plans)
    labs.down(NAME)
    try:
        yield labs.up(NAME, profile)
    finally:
        labs.down(NAME)


def nodes_of(lab: Lab) -> list[str]:
    return [name for name in lab.powered if lab.plan(name).kind is Kind.NETWORK]


def actives(lab: Lab) -> dict[str, list[str]]:
    """Node → the routers that it is active for, as the engines tell."""
    return {host: active_on(lab, host) for host in nodes_of(lab)}


def active_on(lab: Lab, host: str) -> list[str]:
    try:
        out = lab.exec(host, [*FUTAGO, "vrrp", "status", "--json"]).stdout
    except CommandFailed:  # it has just been powered on
        return []
    return [router["name"] for router in json.loads(out)["routers"] if router["role"] == "active"]


def settled(lab: Lab, wanted: int) -> bool:
    """Every router has one active node, in truth and in the API, and no move is under way."""
    held = sorted(router for routers in actives(lab).values() for router in routers)
    ids = sorted(router["id"] for router in lab.api().list("routers"))
    if held != ids or len(ids) != wanted:
        return False
    states = [sorted(lab.agents_of(router).values()) for router in ids]
    return states == [["active", *["standby"] * (len(nodes_of(lab)) - 1)]] * wanted


def counts(lab: Lab) -> list[int]:
    return sorted(len(routers) for routers in actives(lab).values())


def wait_until_settled(lab: Lab) -> None:
    wait_for("every router has one active node", lambda: settled(lab, ROUTERS), seconds=180)


def test_actives_are_spread_evenly_and_nothing_moves_by_itself(lab: Lab) -> None:
    api = lab.api()
    api.update("quotas", api.project_id("admin"), router=-1, port=-1)
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda number: api.create("routers", name=f"r{number}"), range(ROUTERS)))
    wait_until_settled(lab)
    wait_for("new routers have gone to their preferred nodes", lambda: even(lab), seconds=60)

    lab.power_off("net1")
    wait_for("others have all", lambda: sum(counts(lab)) == ROUTERS, seconds=60)
    lab.power_on("net1")
    wait_until_settled(lab)
    assert active_on(lab, "net1") == []

    lab.exec("controller", [*FUTAGO, "rebalance"], timeout=120)
    wait_until_settled(lab)
    assert even(lab)


def even(lab: Lab) -> bool:
    held = counts(lab)
    return held[-1] - held[0] <= 1
