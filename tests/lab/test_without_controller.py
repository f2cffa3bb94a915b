"""Hosts whose disks hold their last specs, and no controller: the data plane comes up and fails over by itself."""

from collections.abc import Iterator

import pytest

from futago.contract.codec import encode
from futago.contract.specs import NodeSpecs
from futago.lab import instances, programs
from futago.lab import lab as labs
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.traffic import Ping, connections, ssh_session
from lab_kit import saved_specs
from lab_kit.saved_specs import FLOATING_IP, GATEWAY, HOSTS, INSTANCE, NETNS, ROUTER

NAME = "tests-alone"


@pytest.fixture(scope="module")
def alone() -> Iterator[Lab]:
    labs.down(NAME)
    try:
        lab = labs.up(NAME, futago=False)
        token = lab.directory("controller") / "disk" / programs.CREDENTIALS / "join-token"
        token.parent.mkdir(parents=True)
        token.write_text("never used")
        for host in HOSTS:
            directory = lab.directory(host) / "disk" / "var-lib-futago" / "node"
            directory.mkdir(parents=True)
            wanted = NodeSpecs(revision=7, specs={spec.key: spec for spec in saved_specs.of(host)})
            (directory / "specs.json").write_bytes(encode(wanted))
            lab.start_programs(host)
        wait_for("one holds the gateway", lambda: len(lab.holders(ROUTER, GATEWAY)) == 1, seconds=30)
        instances.start(lab, INSTANCE)
        yield lab
    finally:
        labs.down(NAME)


def test_the_router_fails_over_and_the_lost_node_returns_as_the_standby(alone: Lab) -> None:
    (active,) = alone.holders(ROUTER, GATEWAY)
    (standby,) = {"net1", "net2"} - {active}
    with Ping(alone, "ext", FLOATING_IP) as ping, ssh_session(alone, "ext", FLOATING_IP) as ssh:
        ping.wait_for_replies(50, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        alone.power_off(active)
        wait_for("the standby holds the gateway", lambda: alone.holders(ROUTER, GATEWAY) == (standby,), seconds=30)
        ping.wait_for_replies(50, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        assert ping.longest_gap().seconds < 5
        alone.power_on(active)
        wait_for("the lost node has its replica", lambda: has_replica(alone, active), seconds=30)
        ping.wait_for_replies(200, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        assert len(connections(ssh.lines())) == 1
    assert alone.holders(ROUTER, GATEWAY) == (standby,)


def has_replica(lab: Lab, host: str) -> bool:
    done = lab.exec(host, ["ip", "-o", "link"], netns=NETNS, check=False)
    return all(f" {prefix}-" in done.stdout for prefix in ("ha", "qr", "qg"))
