"""A drill's figures, its report and its picture, from values made by hand."""

import shutil
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from futago.config import Profile
from futago.lab.drill import events, moments, outcome, report, timeline, watch
from futago.lab.drill.outcome import INWARD, OUTWARD, THROUGH_FLOATING_IP, Outcome, PingOutcome, Silence, TcpOutcome
from futago.lab.drill.sightings import Sighting, What
from futago.lab.drill.watch import Change
from futago.lab.errors import LabError
from futago.lab.measure import Gap, Loss, Reply

BEGAN = 1000.0
WELL = Loss(Gap(0.01, BEGAN + 8), 0, ended=True)


def ping(name: str, seconds: float, lost: int, *, ended: bool = True) -> PingOutcome:
    event = Loss(Gap(seconds, BEGAN), lost, ended)
    replies = (Reply(BEGAN - 0.1, 1), Reply(BEGAN, 2), Reply(BEGAN + seconds, 3 + lost))
    return PingOutcome(name=name, event=event, undoing=WELL, replies=replies)


def tcp(*, deaths: tuple[str, ...] = (), hung: int = 0) -> TcpOutcome:
    silences = (Silence(0, BEGAN, BEGAN + 1.2), Silence(1, BEGAN + 9, BEGAN + 9.3))
    return TcpOutcome(
        name=THROUGH_FLOATING_IP,
        connections=10,
        deaths=deaths,
        hung=hung,
        silences=silences,
        ports=frozenset({40001, 40002}),
    )


def drill(**changes: object) -> Outcome:
    made = Outcome(
        event=events.EVENTS["power"],
        profile=Profile.DEFAULT,
        active="net1",
        survivor="net2",
        began=BEGAN,
        undone=BEGAN + 8,
        ended=BEGAN + 12,
        pings=(ping(INWARD, 0.82, 81), ping(OUTWARD, 0.83, 82)),
        tcp=(tcp(),),
        sightings=(
            Sighting(BEGAN - 0.2, "net1", What.ADVERT, "1001/1"),
            Sighting(BEGAN + 0.8, "net2", What.ADVERT, "1001/1"),
            Sighting(BEGAN + 0.81, "net2", What.ANNOUNCEMENT, "10.0.80.102"),
            Sighting(BEGAN - 0.1, "net1", What.RESET, "10.0.80.102:7778 > 10.0.80.1:40002"),
            Sighting(BEGAN + 1, "net2", What.RESET, "10.0.80.102:7778 > 10.0.80.1:40001"),
            Sighting(BEGAN + 1, "compute1", What.RESET, "192.168.80.5:7778 > 10.0.80.1:40001"),
            Sighting(BEGAN + 1, "net2", What.RESET, "10.0.80.102:22 > 10.0.80.1:50000"),
        ),
        changes=(
            Change(BEGAN - 1, "net1", held=True),
            Change(BEGAN - 1, "net2", held=False),
            Change(BEGAN, "net1", held=False),
            Change(BEGAN + 0.8, "net2", held=True),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def failures(made: Outcome) -> list[str]:
    return [check.what for check in made.checks() if not check.holds]


def test_a_drill_as_it_should_be_passes() -> None:
    assert failures(drill()) == []


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"survivor": "net1"}, ["another node is active"]),
        ({"tcp": (tcp(deaths=("ConnectionResetError",)),)}, [f"{THROUGH_FLOATING_IP}: connections alive"]),
        ({"tcp": (tcp(hung=1),)}, [f"{THROUGH_FLOATING_IP}: connections alive"]),
        ({"pings": (ping(INWARD, 2.5, 250),)}, [f"{INWARD}: longest gap"]),
        (
            {"pings": (ping(OUTWARD, 8.0, 800, ended=False),)},
            [f"{OUTWARD}: longest gap", f"{OUTWARD}: answered before it was undone"],
        ),
        ({"pings": (ping("keepalived", 9.0, 900),)}, []),
    ],
)
def test_what_is_not_as_expected_is_named(change: dict[str, object], failed: list[str]) -> None:
    assert failures(drill(**change)) == failed


def test_the_steps_are_told_in_their_order() -> None:
    down = Sighting(BEGAN + 0.3, "net2", What.BFD_DOWN, "172.31.0.1")
    made = drill(sightings=(down, *drill().sightings, Sighting(BEGAN + 0.4, "net1", What.ADVERT, "1001/1")))
    assert [(round(moment.after, 2), moment.what) for moment in moments.moments(made)] == [
        (0.0, "net1 has the addresses no more"),
        (0.3, "net2 says by BFD that it does not hear 172.31.0.1"),
        (0.8, "net2 has the addresses"),
        (0.8, "net2 sends its first advertisement"),
        (0.81, "net2 sends its first gratuitous ARP"),
        (0.82, "ping, floating IP: the first answer again, 81 were lost"),
        (0.83, "ping, SNAT: the first answer again, 82 were lost"),
    ]


def test_what_a_profile_is_blind_for_is_expected_to_be_dark_until_it_is_undone() -> None:
    dark = (ping(INWARD, 8.0, 800, ended=False),)
    deaf = drill(event=events.EVENTS["underlay-deaf"], pings=dark, survivor="net1")
    assert len(failures(deaf)) == 3
    assert failures(replace(deaf, profile=Profile.SEED)) == []


def test_answers_that_are_late_but_not_lost_are_no_fault() -> None:
    restart = events.EVENTS["engine-restart"]
    late = drill(event=restart, survivor="net1", pings=(ping(INWARD, 0.13, 0), ping(OUTWARD, 0.13, 1)))
    assert failures(late) == [f"{OUTWARD}: longest gap"]


def test_a_profile_that_is_not_named_is_judged_as_the_default_one() -> None:
    assert failures(drill(profile=Profile.FAST)) == []


def test_an_event_that_nobody_should_notice_fails_when_the_router_moves() -> None:
    assert "another node is active" in failures(drill(event=events.EVENTS["agent-restart"]))


def test_resets_of_the_drills_own_connections_and_first_signs_count_from_the_event_on() -> None:
    assert drill().resets == 1
    assert drill().first(What.ADVERT, "net2") == pytest.approx(0.8)
    assert drill().first(What.ADVERT, "net1") is None


def test_the_client_of_tcp_streams_is_read_line_by_line() -> None:
    lines = [
        "open 0 4",
        "open 1 5",
        "open 2 6",
        "gap 1 1000.5 1001.75",
        "dead 2 1003.0 ConnectionResetError",
        "flowing 1 1004.0",
    ]
    found = outcome.tcp_outcome("it", 3, lines, 2000)
    assert (found.alive, found.deaths, found.hung) == (1, ("ConnectionResetError",), 1)
    assert found.ports == {4, 5, 6}
    assert found.longest(1000) == 1.25
    assert found.longest(1001) == 0


def test_of_further_routers_the_last_return_after_the_event_counts() -> None:
    lines = ["heard 0 990.0", "silent 1 1000.2", "heard 0 1001.5", "heard 1 1001.0", "heard 0 1002.5", "heard 1 1020.0"]
    assert outcome.returned(lines, BEGAN, BEGAN + 10) == {0: 2.5, 1: 1.0}


def test_the_report_says_when_a_further_router_never_came_back_by_itself() -> None:
    assert report.last_return(drill(returned={0: 1.5, 1: 2.25})) == "2.25 s"
    assert report.last_return(drill(returned={0: 1.5}, missing=3)).startswith("never: 3")


def test_the_picture_is_a_picture_with_every_lane_and_nothing_unescaped() -> None:
    root = ET.fromstring(timeline.svg(drill()))
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    for lane in ("net1", "net2", INWARD, OUTWARD, THROUGH_FLOATING_IP):
        assert lane in texts
    assert "0.82 s, 81 lost" in texts
    assert "1.20 s, 10 of 10 live on" in texts


def test_the_picture_of_a_drill_that_saw_nothing_is_one_too() -> None:
    empty = drill(sightings=(), changes=(), pings=(), tcp=())
    assert ET.fromstring(timeline.svg(empty)).tag.endswith("svg")


def test_nothing_stands_outside_the_picture() -> None:
    root = ET.fromstring(timeline.svg(drill()))
    for element in root.iter():
        for attribute in ("x", "x1", "x2"):
            assert 0 <= float(element.get(attribute, "0")) <= timeline.WIDTH


def test_an_address_is_held_from_change_to_change_and_to_the_end() -> None:
    changes = [
        Change(1, "a", held=True),
        Change(2, "b", held=True),
        Change(3, "a", held=False),
        Change(5, "a", held=True),
    ]
    assert list(timeline.spans(changes, "a", 9)) == [(1, 3), (5, 9)]
    assert list(timeline.spans(changes, "c", 9)) == []


def test_the_reports_are_written_side_by_side(tmp_path: Path) -> None:
    made = report.write(drill(), tmp_path / "new")
    painted = ["timeline.png"] if shutil.which("rsvg-convert") else []
    assert [path.name for path in made] == ["report.md", "report.html", "timeline.svg", *painted]
    markdown = made[0].read_text()
    assert "| ping, floating IP | 0.820 s | 81 |" in markdown
    assert "| ✘" not in markdown
    assert "<svg" in made[1].read_text()


def test_an_unknown_event_is_refused_with_the_known_ones() -> None:
    assert [event.name for event in events.find("move,power")] == ["move", "power"]
    assert len(events.find("all")) == len(events.EVENTS)
    with pytest.raises(LabError, match="there is no event flood; the events are power, "):
        events.find("power,flood")


def test_the_kernels_own_addresses_are_read_from_its_routing_tables() -> None:
    text = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 10.0.80.0
        /24 link UNICAST
     |-- 10.0.80.102
        /32 host LOCAL
     |-- 10.0.80.255
        /32 link BROADCAST"""
    assert list(watch.local_addresses(text.splitlines())) == ["10.0.80.102"]
