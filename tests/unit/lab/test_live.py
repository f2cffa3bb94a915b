"""A live router's nodes are reached by commands; here `env` is the command, and the node is this machine."""

import os
from pathlib import Path

import pytest

from futago.lab.api import wait_for
from futago.lab.drill import live
from futago.lab.drill.events import EVENTS
from futago.lab.drill.live import Live
from futago.lab.errors import LabError

STATUS = '{"reply": "statuses", "routers": [{"name": "r", "role": "%s"}, {"name": "other", "role": "active"}]}'


def router(**nodes: tuple[str, ...]) -> Live:
    return Live(router="r", target="203.0.113.7", nodes=nodes)


def node(directory: Path, name: str, answer: str) -> tuple[str, ...]:
    """A command before which `futago` prints `answer`."""
    place = directory / name
    place.mkdir()
    program = place / "futago"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
    program.chmod(0o755)
    return "env", f"PATH={place}:{os.environ['PATH']}"


def test_the_active_node_is_the_one_whose_engine_says_so(tmp_path: Path) -> None:
    nodes = {name: node(tmp_path, name, STATUS % role) for name, role in (("net1", "backup"), ("net2", "active"))}
    assert live.active_of(router(**nodes)) == "net2"


def test_a_router_that_is_active_nowhere_or_twice_is_refused(tmp_path: Path) -> None:
    for role, number in (("backup", 0), ("active", 2)):
        nodes = {name: node(tmp_path, f"{name}{role}", STATUS % role) for name in ("net1", "net2")}
        with pytest.raises(LabError, match=f"active on {number} of these nodes: net1, net2"):
            live.active_of(router(**nodes))


def test_a_node_that_is_not_reached_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="net1 is not reached"):
        live.active_of(router(net1=("/nowhere/ssh",)))
    with pytest.raises(LabError, match=r"net1: `futago vrrp status --json` ended with status 127"):
        live.active_of(router(net1=("env", f"PATH={tmp_path}")))
    with pytest.raises(LabError, match="net1 does not tell its roles: what"):
        live.active_of(router(net1=node(tmp_path, "net1", "what?")))


def test_every_live_event_is_an_event_and_becomes_a_command() -> None:
    asked = Live(router="r", target="t", nodes={}, interface="eth0", seconds=5)
    assert set(live.COMMANDS) <= set(EVENTS)
    for event in live.COMMANDS:
        assert "{" not in live.command(asked, event, "net1")


def test_a_link_comes_back_by_itself() -> None:
    asked = Live(router="r", target="t", nodes={}, interface="eth0", seconds=2.5)
    text = live.command(asked, "underlay", "net1")
    assert text.startswith("setsid sh -c 'ip link set eth0 down; sleep 2.5; ip link set eth0 up'")
    assert text.endswith("&")


def test_every_other_event_is_refused_with_the_reason() -> None:
    assert set(live.COMMANDS) | set(live.REFUSED) == set(EVENTS)
    for event, reason in live.REFUSED.items():
        with pytest.raises(LabError, match=f"{event} is not done to a live router: {reason}"):
            live.command(router(), event, "net1")
    with pytest.raises(LabError, match="--interface"):
        live.command(router(), "external", "net1")


def test_a_command_of_the_operators_own_does_any_event() -> None:
    asked = Live(router="r", target="t", nodes={}, run="bmc {node} off")
    assert live.command(asked, "power", "net1") == "bmc net1 off"
    live.check(asked, "systemctl", "net1")


def test_a_node_without_the_services_is_left_alone(tmp_path: Path) -> None:
    nodes = {"net1": node(tmp_path, "net1", "")}
    asked = router(**nodes)
    for name, status in (("systemctl", 0), ("systemctl", 3)):
        program = tmp_path / "net1" / name
        program.write_text(f"#!/bin/sh\nexit {status}\n")
        program.chmod(0o755)
        if status == 0:
            live.check(asked, live.command(asked, "engine-restart", "net1"), "net1")
    with pytest.raises(LabError, match="net1: futago-vrrpd and futago-node are no running services of systemd"):
        live.check(asked, live.command(asked, "engine-restart", "net1"), "net1")
    live.check(asked, live.command(asked, "move", "net1"), "net1")


def test_what_is_listened_to_ends_with_us(tmp_path: Path) -> None:
    pids = tmp_path / "pid"
    made = live._spawn(["sh", "-c", live._while_heard(f"sh -c 'echo $$ > {pids}; exec sleep 600'")])
    wait_for("it runs", lambda: pids.exists() and pids.read_text().strip(), seconds=20)
    assert made.stdin is not None
    made.stdin.close()
    made.wait(20)
    wait_for("it is gone", lambda: not Path(f"/proc/{pids.read_text().strip()}").exists(), seconds=20)


def test_a_nodes_clock_is_compared_with_ours(tmp_path: Path) -> None:
    """An hour ahead."""
    place = node(tmp_path, "net1", "")
    program = tmp_path / "net1" / "date"
    program.write_text("#!/bin/sh\necho $(($(/bin/date +%s) + 3600)).5\n")
    program.chmod(0o755)
    assert live._clock(router(net1=place), "net1") == pytest.approx(3600, abs=30)


def test_words_are_kept_together_through_ssh_and_without_it() -> None:
    both = router(near=("env",), far=("/usr/bin/ssh", "root@far"), by=("sshpass", "-e", "ssh", "by"))
    assert live._quoted(both, "near", "echo 'a b'; true") == "echo 'a b'; true"
    assert live._quoted(both, "far", "a b") == live._quoted(both, "by", "a b") == "'a b'"
