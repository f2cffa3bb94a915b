"""The way outside is lost at one network node or at both; the nodes themselves are well."""

import pytest

from futago.lab.topology import EXTERNAL, UNDERLAY
from futago.lab.traffic import Ping
from lab_kit.cloud import Cloud


@pytest.fixture
def watched(healthy: Cloud) -> Cloud:
    """The cloud, once both nodes know that the gateway answers them."""
    healthy.eventually("both uplinks are up and probed", lambda: states(healthy) == ["up", "up"])
    return healthy


def states(cloud: Cloud) -> list[str]:
    """Each network node's external1, as the API tells it."""
    agents = cloud.lab.api().list("agents", agent_type="L3 agent")
    uplinks = [one for agent in agents for one in agent["configurations"]["uplinks"]]
    return sorted(one["state"] for one in uplinks if one["probed"])


def test_the_twin_takes_over_when_the_active_node_loses_its_external_link(watched: Cloud) -> None:
    """Traffic is back while the link is still away, and nothing moves when it is back."""
    active, standby = watched.active(), watched.standby()
    with Ping(watched.lab, "ext", watched.floating_ip) as ping:
        ping.wait_for_replies(50, seconds=20)
        watched.lab.cut(active, EXTERNAL)
        watched.eventually("the twin alone is active", lambda: watched.settled() and watched.active() == standby)
        ping.wait_for_replies(50, seconds=30)
        assert ping.longest_gap().seconds < 5
        watched.eventually("the API tells of the lost uplink", lambda: states(watched) == ["down", "up"])
        watched.lab.restore(active, EXTERNAL)
        watched.eventually("both uplinks are up", lambda: states(watched) == ["up", "up"])
        ping.wait_for_replies(100, seconds=30)
    assert watched.holders() == (standby,)
    assert watched.settled()


def test_exactly_one_stays_active_while_all_external_links_are_lost(watched: Cloud) -> None:
    """And it is the same one all the time: nobody has a reason to take it away."""
    active = watched.active()
    other = watched.standby()
    watched.lab.cut(other, EXTERNAL)
    watched.eventually("the standby's loss is known", lambda: states(watched) == ["down", "up"])
    watched.lab.cut(active, EXTERNAL)
    watched.eventually("both losses are known", lambda: states(watched) == ["down", "down"])
    assert watched.holders() == (active,)
    watched.lab.restore(other, EXTERNAL)
    watched.eventually("the one with the better uplink is active", lambda: watched.holders() == (other,))
    watched.lab.restore(active, EXTERNAL)
    watched.eventually("both uplinks are up", lambda: states(watched) == ["up", "up"])
    assert watched.holders() == (other,)


def test_the_loss_of_the_switch_is_the_loss_of_the_node(watched: Cloud) -> None:
    """Its kernel still has the addresses; before frames leave it again they are gone."""
    active, standby = watched.active(), watched.standby()
    switch = watched.lab.exec(active, ["cat", "/run/openvswitch/ovs-vswitchd.pid"]).stdout.strip()
    with Ping(watched.lab, "ext", watched.floating_ip) as ping:
        ping.wait_for_replies(50, seconds=20)
        watched.lab.exec(active, ["kill", "-9", switch])
        watched.eventually("the twin alone has the addresses", lambda: watched.holders() == (standby,))
        ping.wait_for_replies(50, seconds=30)
        assert ping.longest_gap().seconds < 5
        start_switch(watched, active)
        watched.eventually("the node has its replica again", watched.settled)
        watched.eventually("both uplinks are up", lambda: states(watched) == ["up", "up"])
        ping.wait_for_replies(100, seconds=30)
    assert watched.holders() == (standby,)


def start_switch(cloud: Cloud, host: str) -> None:
    """Start ovs-vswitchd, and give its new underlay interface the address of the one that went with the last."""
    underlay = cloud.lab.plan(host).nic(UNDERLAY)
    assert underlay is not None
    cloud.lab.exec(host, ["ovs-vswitchd", "--pidfile", "--detach", "--no-chdir", "-vconsole:off", "-vsyslog:off"])
    cloud.lab.exec(host, ["ovs-vsctl", "--timeout=20", "wait-until", "Interface", "br-phy", "ofport>0"])
    for command in (
        "ethtool -K br-phy tx off",
        f"ip addr replace {underlay.address} dev br-phy",
        "ip link set br-phy up",
    ):
        cloud.lab.exec(host, command.split())
