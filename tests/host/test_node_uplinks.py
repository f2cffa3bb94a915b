"""A node's uplinks on a real switch: carrier, the gateway's answers, and what becomes of the routers."""

import json
import sys
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from prometheus_client import Metric

from futago.contract.report import UplinkReport
from futago.contract.specs import RouterSpec, Spec
from futago.values import LINK_LOCAL, IPv6Address, IPv6Interface, Mac, Role, eui64
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import NETNS, OUTSIDE, ROUTER, gateway_node
from metrics_kit import families, value

VRRPD = f"{FUTAGO} vrrpd --socket {{state}}/vrrpd.sock --state /run/vrrpd.json >/dev/null 2>&1 &"
PROBE = f"up-{OUTSIDE[:11]}"


@pytest.fixture
def node() -> Iterator[ThrowAwayHost]:
    """A network node with an active router, whose gateway answers."""
    with Hosts("gw") as (host,):
        host.add_provider("br-ex1", "outside", "10.0.80.1/24")
        host.write_config(roles='["l3", "dhcp"]', bridge_mappings='{external1 = "br-ex1"}', uplink_hold_seconds=1.0)
        host.start_controller()
        host.give(gateway_node(ha=True), revision=1)
        host.start_agent()
        host.wait_for_revision(1)
        host.run(VRRPD.format(state=host.state))
        wait_until(lambda: uplink(host) is not None and uplink(host).probed, "the gateway has answered")
        wait_until(lambda: role(host) is Role.ACTIVE, "the router is active")
        yield host


def uplink(host: ThrowAwayHost) -> UplinkReport:
    (found,) = host.last_report().uplinks or (None,)
    return found  # type: ignore[return-value]


def role(host: ThrowAwayHost) -> Role | None:
    roles = [one.role for one in host.last_report().roles if one.router_id == ROUTER]
    return roles[0] if roles else None


def yields(host: ThrowAwayHost) -> bool:
    """By what its engine was told."""
    routers = json.loads(host.run("cat /run/vrrpd.json"))["routers"]
    return bool(routers) and all(router["priority"] < router["yields_below"] for router in routers)


def test_a_lost_carrier_is_noticed_and_the_router_yields_until_it_is_back(node: ThrowAwayHost) -> None:
    node.run("ip -n outside link set eth0 down")
    wait_until(lambda: not uplink(node).up, "the uplink is down")
    assert uplink(node).cause == "no carrier"
    wait_until(lambda: yields(node), "the router yields")
    node.run("ip -n outside link set eth0 up")
    wait_until(lambda: uplink(node).up, "the uplink is up again")
    wait_until(lambda: not yields(node), "the router yields no more")
    assert uplink(node).falls == 1
    assert role(node) is Role.ACTIVE, "nobody else was there to take it"


def test_a_gateway_that_falls_silent_is_noticed_though_there_is_a_carrier(node: ThrowAwayHost) -> None:
    node.run("ip -n outside link set eth0 arp off")
    wait_until(lambda: not uplink(node).up, "the uplink is down")
    assert uplink(node).cause == "gateway does not answer"
    node.run("ip -n outside link set eth0 arp on")
    wait_until(lambda: uplink(node).up, "the uplink is up again")


def test_a_gateway_that_never_answered_is_left_in_peace(node: ThrowAwayHost) -> None:
    node.stop_agent()
    (node.state / "uplinks.json").unlink()
    node.run("ip -n outside link set eth0 arp off")
    node.start_agent()
    wait_until(lambda: "controller connected" in node.agent_log().rpartition("node stopped")[2], "the agent is back")
    before = asked(node)
    wait_until(lambda: asked(node) > before + 40, "the gateway was asked in vain, for long")
    assert uplink(node).up
    assert not uplink(node).probed


def test_a_new_agent_finds_a_silent_gateway_as_silent_as_the_last_one_did(node: ThrowAwayHost) -> None:
    """Else its start would move routers: those that yield now would not any more."""
    node.run("ip -n outside link set eth0 arp off")
    wait_until(lambda: yields(node), "the router yields")
    node.stop_agent()
    node.start_agent()
    before = asked(node)
    wait_until(lambda: asked(node) > before + 5, "the new agent has asked for long")
    assert yields(node)
    assert node.agent_log().count("uplink up") == 0


def test_the_questions_come_from_nobody_and_disturb_nobody(node: ThrowAwayHost) -> None:
    """No address in them, one interface for all routers, and only the first to everybody."""
    said = node.run("ip netns exec outside timeout 20 tcpdump -c 30 -elnni eth0 arp 2>/dev/null")
    mac = node.run(f"ip netns exec futago-uplinks cat /sys/class/net/{PROBE}/address").strip()
    questions = [line for line in said.splitlines() if line.split()[1] == mac]
    assert len(questions) > 5, said
    assert all("Request who-has 10.0.80.1 " in line and "tell 0.0.0.0," in line for line in questions), said
    assert not any("ff:ff:ff:ff:ff:ff" in line for line in questions), said
    assert node.run("ip -n futago-uplinks -o addr show").count("inet") == node.run(
        "ip -n futago-uplinks -o addr show lo"
    ).count("inet")


def test_a_gateway_of_ipv6_alone_is_asked_and_its_silence_noticed(node: ThrowAwayHost) -> None:
    """From the address that the interface's MAC makes, and after the first answer nobody else is."""
    node.run("ip -n outside addr add fe80::99/64 dev eth0 nodad")
    node.give([only_ipv6(spec) for spec in gateway_node(ha=True)], revision=2)
    node.wait_for_revision(2)
    wait_until(lambda: uplink(node).probed, "the gateway has answered")
    asks = "icmp6 and ip6[40] == 135 and dst host fe80::99"
    said = node.run(f"ip netns exec outside timeout 20 tcpdump -c 10 -elnni eth0 '{asks}' 2>/dev/null")
    mac = node.run(f"ip netns exec futago-uplinks cat /sys/class/net/{PROBE}/address").strip()
    source = str(eui64(LINK_LOCAL, Mac(mac)))
    assert all(line.split()[1] == mac and f" {source} > fe80::99: " in line for line in said.splitlines()), said
    node.run("ip -n outside addr del fe80::99/64 dev eth0")
    wait_until(lambda: not uplink(node).up, "the uplink is down")
    assert uplink(node).cause == "gateway does not answer"
    wait_until(lambda: yields(node), "the router yields")
    node.run("ip -n outside addr add fe80::99/64 dev eth0 nodad")
    wait_until(lambda: uplink(node).up, "the uplink is up again")


def only_ipv6(spec: Spec) -> Spec:
    """A router whose next hop is of that family."""
    if not isinstance(spec, RouterSpec) or spec.gateway is None:
        return spec
    port = replace(spec.gateway.port, addresses=(*spec.gateway.port.addresses, IPv6Interface("2001:db8:80::101/64")))
    return replace(spec, gateway=replace(spec.gateway, port=port, next_hops=(IPv6Address("fe80::99"),)))


def test_the_questions_end_with_the_last_router(node: ThrowAwayHost) -> None:
    node.give([], revision=2)
    node.wait_for_revision(2)
    assert not node.last_report().uplinks
    assert "futago-uplinks" not in node.run("ip netns list")
    assert "hu-" not in node.run("ovs-vsctl show; ip link")


def test_a_router_lets_go_when_the_switch_is_lost_and_joins_again_when_it_is_back(node: ThrowAwayHost) -> None:
    """Nobody hears it meanwhile, so another is active: with its addresses it would be a second one."""
    node.run("kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid)")
    wait_until(lambda: addresses(node) == 0, "the addresses are gone", 40)
    node.start_vswitchd()
    wait_until(lambda: addresses(node) > 0, "the router is active again", 40)
    assert "ovs-vswitchd runs again" in node.agent_log()


def test_a_short_absence_of_the_switch_takes_nothing_away(node: ThrowAwayHost) -> None:
    before = node.last_report().roles
    node.run("kill -9 $(cat /run/openvswitch/ovs-vswitchd.pid)")
    node.start_vswitchd()
    wait_until(lambda: "switch restarted" in node.agent_log(), "the agent has noticed")
    wait_until(lambda: node.run("ovs-ofctl dump-flows br-int").count("0xf7a0") > 2, "the flows are back")
    seen = node.reports()
    wait_until(lambda: node.reports() > seen + 1, "the agent has reported since")
    assert node.last_report().roles == before, "the same role since the same time"


def test_a_router_asks_for_its_neighbours_again_soon(node: ThrowAwayHost) -> None:
    """Whoever takes over knows none of them, and the kernel's pause after a lost question is a second."""
    pauses = "cat /proc/sys/net/ipv4/neigh/q[rg]-*/retrans_time_ms"
    assert node.run(f"ip netns exec {NETNS} sh -c '{pauses}'").split() == ["100", "100"]
    node.stop_agent()
    node.run(
        f"ip netns exec {NETNS} sh -c 'for f in /proc/sys/net/ipv4/neigh/q*/retrans_time_ms; do echo 1000 >$f; done'"
    )
    node.start_agent()
    wait_until(
        lambda: node.run(f"ip netns exec {NETNS} sh -c '{pauses}'").split() == ["100", "100"],
        "a new agent puts it right",
    )
    wait_until(lambda: role(node) is Role.ACTIVE, "the router is active as before")


def addresses(host: ThrowAwayHost) -> int:
    return host.run(f"ip -n qrouter-{ROUTER} -o -4 addr").count(" qg-")


def asked(host: ThrowAwayHost) -> int:
    """How many questions the node has sent."""
    return int(host.run(f"ip netns exec futago-uplinks cat /sys/class/net/{PROBE}/statistics/tx_packets"))


def test_prometheus_is_told_of_the_router_and_its_uplink(node: ThrowAwayHost) -> None:
    told = scrape(node)
    assert value(told, "futago_vrrp_router_role", router=ROUTER, role="active") == 1
    assert value(told, "futago_uplink_up", network=OUTSIDE) == 1
    assert value(told, "futago_switch_up") == 1
    sent = value(told, "futago_vrrp_adverts_sent_total", router=ROUTER)
    wait_until(
        lambda: value(scrape(node), "futago_vrrp_adverts_sent_total", router=ROUTER) > sent,
        "the engine's counters are fresh though no role changes",
    )
    node.run("ip -n outside link set eth0 down")
    wait_until(lambda: value(scrape(node), "futago_uplink_up", network=OUTSIDE) == 0, "the loss is told")
    wait_until(
        lambda: value(scrape(node), "futago_node_give_way_duration_seconds_count") == 1, "the engine was told once"
    )


def scrape(host: ThrowAwayHost) -> dict[str, Metric]:
    code = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9698/metrics').read().decode())"
    return families(host.run(f'{sys.executable} -c "{code}"'))
