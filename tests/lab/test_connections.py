"""TCP through SNAT and floating IPs, from an instance to the outside, while its router moves between nodes."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from futago.lab import replication
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.talks import Count, End
from futago.lab.traffic import Recording
from lab_kit.cloud import Cloud

SERVER = "10.0.80.1"
NUMBER = 50
"""Connections of each kind."""


@dataclass(frozen=True)
class Kind:
    """Connections of one instance to a server outside."""

    server: End
    client: End


@contextmanager
def talks(cloud: Cloud) -> Iterator[list[Kind]]:
    """Through SNAT and through a floating IP; the standby has all of them."""
    with ExitStack() as stack:
        kinds = []
        for port, vm in ((7000, cloud.vm2), (7001, cloud.vm1)):
            server = stack.enter_context(End.serve(cloud.lab, "ext", "", SERVER, port))
            client = stack.enter_context(End.dial(cloud.lab, vm.host, vm.netns, SERVER, port, NUMBER))
            kinds.append(Kind(server, client))
        wait_for_twin(cloud)
        yield kinds


def wait_for_twin(cloud: Cloud, standby: str = "") -> None:
    """Wait until the standby (by default, the one that the API names) has the connections of all talks."""
    standby = standby or cloud.standby()
    wait_for(
        f"{standby} has the connections",
        lambda: replication.entries(cloud.lab, standby, cloud.router_id) >= 2 * NUMBER,
        seconds=60,
        state=lambda: f": {replication.status(cloud.lab, standby)}",
    )


def all_alive(kinds: list[Kind], number: int) -> bool:
    """Ask on every connection, in both directions at once; wait until all have answered."""
    ends = [end for kind in kinds for end in (kind.server, kind.client)]
    for end in ends:
        end.push(number)
    found = [end.settled(number, NUMBER, 60) for end in ends]
    assert found == [Count(answered=NUMBER, wrong=0, ended=0, why="-")] * len(ends)
    return True


@contextmanager
def resets(lab: Lab) -> Iterator[Recording]:
    """The TCP resets that are seen outside, on the ports of the talks."""
    what = "tcp[tcpflags] & tcp-rst != 0 and portrange 7000-7001"
    with Recording(lab.spawn("ext", ["tcpdump", "-lni", "eth1", what]), "tcpdump") as recording:
        recording.wait_for_lines(2, seconds=20, since=0)  # "listening on…"
        yield recording


def only_the_greeting(recording: Recording) -> bool:
    return all("10.0.80" not in line.text for line in recording.lines())


def test_connections_live_through_a_power_cut_whoever_speaks(healthy: Cloud) -> None:
    with talks(healthy) as kinds, resets(healthy.lab) as seen:
        lost, survivor = healthy.active(), healthy.standby()
        healthy.lab.power_off(lost)
        healthy.eventually("the survivor holds the gateway", lambda: healthy.holders() == (survivor,), 30)
        assert all_alive(kinds, 1)
        assert only_the_greeting(seen)


def test_connections_live_through_planned_moves_there_and_back(healthy: Cloud) -> None:
    with talks(healthy) as kinds, resets(healthy.lab) as seen:
        for number in (1, 2):
            before, after = healthy.active(), healthy.standby()
            healthy.lab.exec(before, ["futago", "vrrp", "resign", healthy.router_id])
            healthy.eventually("the other one is active", lambda after=after: healthy.holders() == (after,), 30)
            assert all_alive(kinds, number)
            healthy.eventually("one active and one standby", healthy.settled)
            wait_for_twin(healthy)
        assert only_the_greeting(seen)


def test_connections_live_though_agent_controller_and_replication_were_killed(healthy: Cloud) -> None:
    """What stands in the kernel needs nobody; what is needed to bring it there restarts by itself."""
    with talks(healthy) as kinds:
        active, standby = healthy.active(), healthy.standby()
        healthy.lab.kill("controller", "controller")
        for host in (active, standby):
            healthy.lab.kill(host, "node")
            healthy.lab.kill(host, "conntrackd")
            healthy.lab.restart(host, "conntrackd")
        wait_for_twin(healthy, standby)
        healthy.lab.power_off(active)
        healthy.eventually("the survivor holds the gateway", lambda: healthy.holders() == (standby,), 30)
        assert all_alive(kinds, 1)


def test_a_node_that_returns_has_the_connections_before_it_is_needed(healthy: Cloud) -> None:
    with talks(healthy) as kinds:
        lost, survivor = healthy.active(), healthy.standby()
        healthy.lab.power_off(lost)
        healthy.eventually("the survivor holds the gateway", lambda: healthy.holders() == (survivor,), 30)
        healthy.heal()
        wait_for_twin(healthy)
        healthy.lab.power_off(survivor)
        healthy.eventually("the first one is active again", lambda: healthy.holders() == (lost,), 30)
        assert all_alive(kinds, 1)


def test_a_router_is_moved_to_a_node_that_has_just_come_back_with_its_connections(healthy: Cloud) -> None:
    """Nobody but the agent sees to it that they are there before the router."""
    with talks(healthy) as kinds, resets(healthy.lab) as seen:
        lost, survivor = healthy.active(), healthy.standby()
        healthy.lab.power_off(lost)
        healthy.eventually("the survivor holds the gateway", lambda: healthy.holders() == (survivor,), 30)
        healthy.heal()
        healthy.lab.exec("controller", ["futago", "router", "failover", healthy.router_id, "--to", lost])
        healthy.eventually("the first one is active again", lambda: healthy.holders() == (lost,), 30)
        assert all_alive(kinds, 1)
        assert only_the_greeting(seen)
