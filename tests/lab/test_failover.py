"""The active node is lost, or a program on it; what people who use the router notice."""

import time

from futago.lab import measure
from futago.lab.demo import walkthrough
from futago.lab.demo.failover import Failover
from futago.lab.topology import Direction
from futago.lab.traffic import Ping
from futago.vrrp.timing import ANNOUNCE_AGAIN_AFTER
from lab_kit.cloud import Cloud

EXT = "10.0.80.1"
LAST_ANNOUNCEMENT_SECONDS = ANNOUNCE_AGAIN_AFTER[-1] / 1000


def drill(cloud: Cloud) -> Failover:
    return Failover(cloud.lab, cloud.router_id, cloud.floating_ip, walkthrough.GATEWAY)


def quiet(_: str) -> None:
    """Nobody watches."""


def test_ssh_through_the_floating_ip_survives_the_loss_of_the_active_node(healthy: Cloud) -> None:
    """An operator's worst day: the node that forwards dies, and comes back later."""
    with drill(healthy) as failover:
        failover.power_off()
        failover.wait_for_takeover(quiet)
        assert failover.gap() < 5
        assert failover.connections() == 1
        assert failover.power_on(quiet) == 0
        assert failover.connections() == 1
    assert healthy.holders() == (failover.survivor,)


def test_routers_fail_over_while_every_controller_is_down(healthy: Cloud) -> None:
    active, standby = healthy.active(), healthy.standby()
    with Ping(healthy.lab, "ext", healthy.floating_ip) as ping:
        ping.wait_for_replies(50, seconds=20)
        healthy.lab.kill("controller", "controller")
        healthy.lab.power_off(active)
        healthy.eventually("the standby holds the gateway", lambda: healthy.holders() == (standby,), 30)
        ping.wait_for_replies(50, seconds=30)
        assert ping.longest_gap().seconds < 5
    healthy.lab.restart("controller", "controller")


def test_a_restarted_agent_loses_no_packet_and_changes_no_role(healthy: Cloud) -> None:
    active = healthy.active()
    with Ping(healthy.lab, "ext", healthy.floating_ip) as ping:
        ping.wait_for_replies(25, seconds=20)
        since = time.time()
        healthy.lab.restart(active, "node")
        ping.wait_for_replies(250, seconds=30)
        assert measure.lost(ping.replies(since)) == ()
    healthy.eventually("the roles are known again", healthy.settled)
    assert healthy.active() == active


def test_a_restarted_engine_loses_no_packet_and_changes_no_role(healthy: Cloud) -> None:
    active = healthy.active()
    with Ping(healthy.lab, "ext", healthy.floating_ip) as ping:
        ping.wait_for_replies(25, seconds=20)
        since = time.time()
        healthy.lab.restart(active, "vrrpd")
        ping.wait_for_replies(250, seconds=30)
        assert measure.lost(ping.replies(since)) == ()
    healthy.eventually("the roles are known again", healthy.settled)
    assert healthy.active() == active


def test_the_controller_may_be_restarted_and_forgets_nothing(healthy: Cloud) -> None:
    before = [healthy.lab.api().list(kind) for kind in ("networks", "subnets", "routers", "floatingips")]
    healthy.lab.restart("controller", "controller")
    healthy.eventually("the API answers again", lambda: healthy.lab.api().list("networks"), 30)
    assert [healthy.lab.api().list(kind) for kind in ("networks", "subnets", "routers", "floatingips")] == before


def test_a_router_stays_active_where_it_is_when_the_standby_is_lost(healthy: Cloud) -> None:
    active, standby = healthy.active(), healthy.standby()
    with Ping(healthy.lab, "ext", healthy.floating_ip) as ping:
        ping.wait_for_replies(25, seconds=20)
        since = time.time()
        healthy.lab.power_off(standby)
        ping.wait_for_replies(250, seconds=30)
        assert measure.lost(ping.replies(since)) == ()
    assert healthy.holders() == (active,)


def test_an_engine_that_died_for_good_leaves_exactly_one_active(healthy: Cloud) -> None:
    """Its guard withdraws the addresses, the twin takes over, and the API does not repeat its last word."""
    active = healthy.active()
    healthy.lab.kill(active, "vrrpd")
    healthy.eventually("the twin alone is active", lambda: healthy.active() != active)
    healthy.eventually("the twin alone has the addresses", lambda: healthy.holders() == (healthy.active(),))
    states = healthy.lab.agents_of(healthy.router_id)
    assert sorted(states.values()).count("active") == 1, states


def test_a_compute_node_that_did_not_hear_of_a_move_is_told_when_it_hears_again(healthy: Cloud) -> None:
    """Its switch would send what is for the router to the former node, until it forgets after minutes."""
    lab, vm, former = healthy.lab, healthy.vm1, healthy.active()
    shown = lab.exec(vm.host, ["ip", "neigh", "show", walkthrough.GATEWAY], netns=vm.netns).stdout.split()
    # An instance that asks for the address again finds the router by the answer; one that knows it does not ask.
    known = [walkthrough.GATEWAY, "lladdr", shown[shown.index("lladdr") + 1], "dev", "eth0"]
    lab.exec(vm.host, ["ip", "neigh", "replace", *known, "nud", "permanent"], netns=vm.netns)
    lab.cut_one_way(vm.host, "underlay", Direction.INBOUND)
    lab.exec(former, ["futago", "vrrp", "resign", healthy.router_id])
    healthy.eventually("another node has it", lambda: former not in healthy.holders())
    moved = time.time()
    healthy.eventually("it has said so for the last time", lambda: time.time() - moved > 2 * LAST_ANNOUNCEMENT_SECONDS)
    lab.restore_one_way(vm.host, "underlay", Direction.INBOUND)
    ping = ["ping", "-n", "-c", "1", "-W", "1", EXT]
    healthy.eventually(
        "the instance reaches the world", lambda: lab.exec(vm.host, ping, check=False, netns=vm.netns).returncode == 0
    )
    lab.exec(vm.host, ["ip", "neigh", "del", *known[:1], "dev", "eth0"], netns=vm.netns)
