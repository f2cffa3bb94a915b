"""Drills and a little chaos in a real lab: what they report is what happened."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from futago.lab.api import wait_for
from futago.lab.chaos import judge, session
from futago.lab.chaos.run import Limits
from futago.lab.drill import events, report
from futago.lab.drill.outcome import INWARD, OUTWARD, Outcome
from futago.lab.drill.run import Settings, run
from futago.lab.drill.scene import Scene
from futago.lab.drill.sightings import What
from futago.lab.drill.timeline import spans
from futago.lab.lab import Lab
from futago.lab.measure import SLACK
from futago.lab.topology import UNDERLAY, Direction
from lab_kit.cloud import Cloud


def quiet(_: str) -> None:
    """Nobody watches."""


def drill(cloud: Cloud, event: str, directory: Path) -> Outcome:
    outcome, capture = run(Scene(cloud), events.EVENTS[event], Settings(connections=4), quiet)
    assert {path.name for path in report.write(outcome, directory, capture)} > {"report.md", "report.html"}
    return outcome


def test_a_power_cut_is_seen_by_every_probe_alike(healthy: Cloud, tmp_path: Path) -> None:
    active, standby = healthy.active(), healthy.standby()
    found = drill(healthy, "power", tmp_path)
    assert (found.active, found.survivor) == (active, standby)
    assert all(ping.event.ended and ping.event.lost > 0 for ping in found.pings)
    assert {ping.name for ping in found.pings} == {INWARD, OUTWARD}
    assert [tcp.alive for tcp in found.tcp] == [4, 4]
    advertised, announced = (found.first(what, standby) for what in (What.ADVERT, What.ANNOUNCEMENT))
    assert advertised is not None
    assert announced is not None
    assert found.first(What.ADVERT, active) is None or (found.first(What.ADVERT, active) or 0) < SLACK
    assert {(change.host, change.held) for change in found.changes} >= {(active, False), (standby, True)}
    assert ET.fromstring((tmp_path / "timeline.svg").read_text()).tag.endswith("svg")


def test_a_move_has_the_new_one_announced_and_nobody_says_goodbye(healthy: Cloud, tmp_path: Path) -> None:
    """A goodbye would leave the router without an active one until another is elected."""
    active, standby = healthy.active(), healthy.standby()
    found = drill(healthy, "move", tmp_path)
    assert (found.active, found.survivor) == (active, standby)
    assert found.first(What.ANNOUNCEMENT, standby) is not None
    assert found.first(What.LAST_ADVERT, active) is None
    assert [tcp.alive for tcp in found.tcp] == [4, 4]


def test_a_restarted_agent_is_not_noticed(healthy: Cloud, tmp_path: Path) -> None:
    found = drill(healthy, "agent-restart", tmp_path)
    assert found.survivor == found.active
    assert [ping.event.lost for ping in found.pings] == [0, 0]
    assert [tcp.alive for tcp in found.tcp] == [4, 4]
    assert found.resets == 0


@pytest.mark.parametrize("event", ["underlay", "underlay-mute", "underlay-deaf"])
def test_there_are_never_two_actives_though_the_active_is_cut_off_from_its_peers(
    healthy: Cloud, tmp_path: Path, event: str
) -> None:
    """Not even for as long as they cannot hear each other, which a judge would excuse: who reaches nobody lets go."""
    active, standby = healthy.active(), healthy.standby()
    found = drill(healthy, event, tmp_path)
    most = judge.DETECTION[healthy.lab.profile]
    held = {host: list(spans(found.changes, host, found.ended)) for host in healthy.nodes}
    assert held[active]
    assert held[standby]
    assert [span for *_, span in judge.both(held, []) if span[1] - span[0] > most] == []
    assert found.survivor == standby
    assert all(ping.event.ended for ping in found.pings)


@pytest.mark.parametrize(("direction", "sends"), [(Direction.OUTBOUND, False), (Direction.INBOUND, True)])
def test_a_one_way_cut_loses_one_direction_under_a_live_carrier(
    healthy: Cloud, direction: Direction, *, sends: bool
) -> None:
    lab = healthy.lab
    lab.cut_one_way("net1", UNDERLAY, direction)
    assert lab.one_way_cuts("net1") == ((UNDERLAY, direction),)
    assert lab.cut_cables("net1") == ()
    lab.exec("net1", ["ip", "neigh", "replace", "172.31.0.10", "lladdr", mac_of(lab, "controller"), "dev", "br-phy"])
    before = received(lab, "controller")
    lab.exec("net1", ["ping", "-n", "-q", "-c", "20", "-i", "0.05", "-W", "1", "172.31.0.10"], check=False)
    assert (received(lab, "controller") - before >= 20) is sends
    lab.restore_one_way("net1", UNDERLAY, direction)
    assert lab.one_way_cuts("net1") == ()
    wait_for("net1 is answered again", lambda: answered(lab, "net1", "172.31.0.10"), seconds=20)


def test_a_frozen_host_says_nothing_until_it_goes_on(healthy: Cloud) -> None:
    lab = healthy.lab
    lab.freeze("net2")
    assert not answered(lab, "net1", "172.31.0.12")
    lab.thaw("net2")
    wait_for("net2 answers again", lambda: answered(lab, "net1", "172.31.0.12"), seconds=20)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("controller", [True, False], ids=["with a controller", "without a controller"])
def test_routers_bear_a_little_chaos(healthy: Cloud, tmp_path: Path, *, controller: bool) -> None:
    """No two actives, and nothing left over. How soon a router is served again depends on this machine's load."""
    if not controller:
        healthy.lab.kill("controller", "controller")
    plan = session.Plan(seed=9573, seconds=120, rounds=2, controller=controller)
    limits = Limits(served=20.0, both=judge.DETECTION[healthy.lab.profile] + 1)
    found = session.run(Scene(healthy), plan, limits, quiet, tmp_path)
    assert len(found.rounds) >= 1
    assert [one.complaints for one in found.bad] == []


def answered(lab: Lab, host: str, address: str) -> bool:
    return lab.exec(host, ["ping", "-n", "-c", "1", "-W", "1", address], check=False).returncode == 0


def mac_of(lab: Lab, host: str) -> str:
    return lab.exec(host, ["cat", "/sys/class/net/eth0/address"]).stdout.strip()


def received(lab: Lab, host: str) -> int:
    """How many echo requests the host's kernel has heard (RFC 4293, icmpInEchos)."""
    lines = lab.exec(host, ["cat", "/proc/net/snmp"]).stdout.splitlines()
    names, values = (line.split() for line in lines if line.startswith("Icmp:"))
    return int(values[names.index("InEchos")])
