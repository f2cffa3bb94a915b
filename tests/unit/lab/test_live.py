"""A live router's nodes are reached by commands; here `env` is the command, and the node is this machine."""

import os
from pathlib import Path

import pytest

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
        assert "{" not in live.command(asked, event)


def test_a_link_comes_back_by_itself() -> None:
    asked = Live(router="r", target="t", nodes={}, interface="eth0", seconds=2.5)
    text = live.command(asked, "underlay")
    assert text.startswith("setsid sh -c 'ip link set eth0 down; sleep 2.5; ip link set eth0 up'")
    assert text.endswith("&")


def test_what_is_only_for_labs_and_a_link_without_a_name_are_refused() -> None:
    with pytest.raises(LabError, match="power is for labs; on a live router: worker-killed, "):
        live.command(router(), "power")
    with pytest.raises(LabError, match="--interface"):
        live.command(router(), "external")


def test_words_are_kept_together_through_ssh_and_without_it() -> None:
    both = router(near=("env",), far=("/usr/bin/ssh", "root@far"))
    assert live._quoted(both, "near", "echo 'a b'; true") == "echo 'a b'; true"
    assert live._quoted(both, "far", "a b") == "'a b'"
