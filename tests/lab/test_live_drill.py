"""Drills on a live router: its nodes are reached by nothing but ssh, as a cloud's are. Their sshd is a real one.

The lab has no systemd: what asks for it finds a program that answers for the one service that a test needs.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from futago.lab import instances, namespaces
from futago.lab.api import wait_for
from futago.lab.drill import live
from futago.lab.drill.live import Live
from futago.lab.drill.outcome import Outcome
from futago.lab.drill.sightings import What
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from lab_kit.cloud import Cloud

PORT = "2222"
FUTAGO = f'#!/bin/sh\nPYTHONPATH={os.environ.get("PYTHONPATH", "")} exec {sys.executable} -m futago "$@"\n'
SYSTEMCTL = """#!/bin/sh
case "$*" in
"is-active --quiet futago-vrrpd futago-node") exit 0 ;;
"show --property MainPID --value futago-vrrpd") cat /run/pids/vrrpd ;;
*) echo "no systemd here: $*" >&2; exit 1 ;;
esac
"""
INSTALL = """
mkdir -p /run/bin && printf %s "$1" > /run/bin/futago && printf %s "$2" > /run/bin/systemctl && chmod +x /run/bin/*
"""


@pytest.fixture
def asked(healthy: Cloud) -> Iterator[Live]:
    """The walkthrough's router, its nodes by ssh from the controller's host, and a ping from outside."""
    lab = healthy.lab
    nodes = {host: _ssh(lab, host) for host in healthy.nodes}
    for host in healthy.nodes:
        _start_sshd(lab, host)
    try:
        yield Live(
            router=healthy.router_id,
            target=healthy.floating_ip,
            nodes=nodes,
            source=namespaces.inside(lab.process("ext"), []),
        )
    finally:
        for host in healthy.nodes:
            namespaces.stop_daemon(lab.process(host), "sshd")


def _ssh(lab: Lab, host: str) -> list[str]:
    address = lab.plan(host).underlay_address
    assert address is not None
    words = ["ssh", "-F", instances.SSH_CONFIG, "-p", PORT, str(address.ip)]
    return namespaces.inside(lab.process("controller"), words)


def _start_sshd(lab: Lab, host: str) -> None:
    lab.exec(host, ["sh", "-c", INSTALL, "install", FUTAGO, SYSTEMCTL])
    path = f"SetEnv=PATH=/run/bin:{namespaces.environment()['PATH']}"
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", "/run/lab/sshd_config", "-p", PORT, "-o", path]
    namespaces.start_daemon(lab.process(host), "sshd", argv, lab.directory(host) / "log" / "sshd.log")


def drill(asked: Live, event: str, directory: Path) -> Outcome:
    wait_for("the nodes answer", lambda: live.active_of(asked), seconds=30)
    return live.run(asked, event, live.active_of(asked), directory, lambda _: None)


def listeners(cloud: Cloud) -> list[str]:
    """What listens to the router on any of its nodes."""
    argv = ["pgrep", "-fa", "tcpdump -U|futago vrrp watch"]
    return [line for host in cloud.nodes for line in cloud.lab.exec(host, argv, check=False).stdout.splitlines()]


def test_a_live_router_is_moved_and_all_is_seen(asked: Live, healthy: Cloud, tmp_path: Path) -> None:
    found = drill(asked, "move", tmp_path)
    assert found.survivor == healthy.holders()[0] != found.active
    assert [check for check in found.checks() if not check.holds] == []
    for what in (What.ADVERT, What.ANNOUNCEMENT):
        assert found.first(what, found.survivor) is not None
    assert {(change.host, change.held) for change in found.changes} >= {(found.survivor, True), (found.active, False)}
    wait_for("nothing is left on the nodes", lambda: listeners(healthy) == [], seconds=20)


def test_the_process_that_elects_is_killed_on_a_live_node(asked: Live, healthy: Cloud, tmp_path: Path) -> None:
    active = healthy.active()
    workers = f"pgrep -P {healthy.lab.exec(active, ['cat', '/run/pids/vrrpd']).stdout.strip()}"
    before = healthy.lab.exec(active, workers.split()).stdout
    found = drill(asked, "worker-killed", tmp_path)
    assert (found.active, found.survivor) == (active, active)
    assert healthy.lab.exec(active, workers.split()).stdout != before


def test_a_link_that_is_taken_from_a_live_node_comes_back_by_itself(
    asked: Live, healthy: Cloud, tmp_path: Path
) -> None:
    (device,) = [nic.device for nic in healthy.lab.plan("net1").nics if nic.bridge == "br-ex1"]
    found = drill(replace(asked, interface=device, seconds=3.0), "external", tmp_path)
    assert found.survivor != found.active
    links = f"ip -br link show {device}".split()
    wait_for("it is up", lambda: "LOWER_UP" in healthy.lab.exec(found.active, links).stdout, seconds=20)


def test_a_command_of_the_operators_own_is_measured_and_undone(asked: Live, healthy: Cloud, tmp_path: Path) -> None:
    undone = tmp_path / "undone"
    active = healthy.active()
    kill = " ".join(namespaces.inside(healthy.lab.process(active), ["sh", "-c", "'kill -9 $(cat /run/pids/vrrpd)'"]))
    found = drill(replace(asked, run=kill, undo=f"echo {{node}} > {undone}"), "engine-killed", tmp_path)
    assert undone.read_text().strip() == active
    assert found.survivor
    with pytest.raises(LabError, match="nobody could be sure to bring the node back"):
        drill(asked, "power", tmp_path)
