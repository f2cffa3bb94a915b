"""Whatever breaks in the switch of a running node heals while the agent goes on, long before it looks at all of it."""

import re
from collections.abc import Iterator

import pytest

from futago.config import NodeConfig
from host.node_kit import GENEROUS_SECONDS, ThrowAwayHost, wait_until
from host.node_specs import INSIDE
from host.two_hosts import OUTSIDE_HOST, Pair, online, plug

DATABASE, SWITCH = "ovsdb-server", "ovs-vswitchd"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Pair]:
    assert NodeConfig(controller_urls=("x",)).resync_seconds > GENEROUS_SECONDS, "what heals later heals by that"
    with online() as pair:
        yield pair


@pytest.fixture(autouse=True)
def under_traffic(hosts: Pair) -> Iterator[None]:
    """The instance talks all the time; in the end it is online, and each agent is the one that it was."""
    _, vm = hosts
    agents = [host.agent_pid() for host in hosts]
    ping = vm.popen(f"echo $$ > /run/ping; exec ip netns exec vm1 ping -i 0.05 -W 1 {OUTSIDE_HOST}")
    yield
    wait_until(
        lambda: vm.succeeds(f"ip netns exec vm1 ping -c 3 -i 0.2 -W 1 {OUTSIDE_HOST}"), "the instance is online again"
    )
    vm.run("kill $(cat /run/ping)", check=False)
    ping.communicate()
    assert [host.agent_pid() for host in hosts] == agents


@pytest.mark.parametrize("bridges", [["br-int"], ["br-tun"], ["br-ex1"], ["br-int", "br-tun", "br-ex1"]])
def test_flows_that_somebody_wipes_come_back(hosts: Pair, bridges: list[str]) -> None:
    gw, _ = hosts
    for bridge in bridges:
        gw.run(f"ovs-ofctl del-flows {bridge}")


def test_one_flow_that_somebody_deletes_comes_back(hosts: Pair) -> None:
    gw, _ = hosts
    gw.run("ovs-ofctl del-flows br-int 'table=60' && ovs-ofctl del-flows br-tun 'table=4'")


@pytest.mark.parametrize("port", ["patch-tun", "patch-int", "int-br-ex1", "phy-br-ex1", "vxlan-c0000202"])
def test_a_port_of_ours_that_somebody_deletes_comes_back(hosts: Pair, port: str) -> None:
    gw, _ = hosts
    gw.run(f"ovs-vsctl del-port {port}")


def test_the_tunnel_bridge_comes_back(hosts: Pair) -> None:
    gw, vm = hosts
    gw.run("ovs-vsctl del-br br-tun")
    vm.run("ovs-vsctl del-br br-tun")


def test_the_integration_bridge_comes_back_with_all_ports_of_ours(hosts: Pair) -> None:
    gw, _ = hosts
    gw.run("ovs-vsctl del-br br-int")


def test_an_instance_that_is_plugged_into_a_new_bridge_is_wired(hosts: Pair) -> None:
    """Its interface was put there by others: it is theirs to put there again."""
    _, vm = hosts
    vm.run("ovs-vsctl del-br br-int")
    wait_until(lambda: vm.succeeds("ovs-vsctl br-exists br-int"), "the bridge is there again")
    plug(vm)


def test_an_instance_that_is_plugged_again_after_its_namespace_is_gone_is_heard(hosts: Pair) -> None:
    _, vm = hosts
    vm.run("kill $(cat /run/ping); ip netns del vm1")
    wait_until(lambda: not vm.succeeds("ip link show type veth | grep -q tap"), "its interface is gone")
    plug(vm)


@pytest.mark.parametrize("stopped", [[SWITCH], [DATABASE], [DATABASE, SWITCH], [SWITCH, DATABASE]])
@pytest.mark.parametrize("started", [[DATABASE, SWITCH], [SWITCH, DATABASE]])
def test_programs_of_the_switch_may_end_and_come_in_any_order(
    hosts: Pair, stopped: list[str], started: list[str]
) -> None:
    gw, _ = hosts
    for program in stopped:
        gw.kill_switch(program)
    start = {DATABASE: gw.start_database, SWITCH: gw.begin_vswitchd}
    for program in (one for one in started if one in stopped):
        start[program]()
    wait_until(lambda: gw.succeeds("ip link show br-under"), "the switch has its interfaces")
    gw.configure_underlay()


@pytest.mark.parametrize("kind", ["qrouter", "qdhcp"])
def test_a_namespace_that_somebody_deletes_comes_back_with_ports_that_the_switch_hears(hosts: Pair, kind: str) -> None:
    gw, _ = hosts
    delete_namespaces(gw, kind)


def test_an_end_at_the_switch_is_up_before_the_switch_can_see_it(hosts: Pair) -> None:
    """A switch writes back the flags that it has read, and so takes down what comes up meanwhile."""
    gw, _ = hosts
    monitor = gw.popen("echo $$ > /run/monitor; exec ip -o monitor link")
    before = router_ends(gw)
    delete_namespaces(gw, "qrouter")
    wait_until(lambda: router_ends(gw).keys() == before.keys(), "the router has its interfaces again")
    after = router_ends(gw)
    assert set(after.values()).isdisjoint(before.values())
    gw.run("kill $(cat /run/monitor)")
    told, _ = monitor.communicate()
    for name, index in after.items():
        first = re.search(rf"^{index}: {name}\S* <(\S*)>", told, re.MULTILINE)
        assert first is not None, told
        assert "UP" in first[1].split(","), told


def test_a_dhcp_server_that_ended_is_started_again(hosts: Pair) -> None:
    gw, _ = hosts
    read = f"cat /run/futago/dhcp/{INSIDE}/pid"
    old = gw.run(read).strip()
    gw.run(f"kill -9 {old}")
    wait_until(lambda: gw.run(read, check=False).strip() not in {"", old}, "another server runs", seconds=60)
    assert gw.succeeds(f"kill -0 $({read})")


def router_ends(host: ThrowAwayHost) -> dict[str, int]:
    """The ends at the switch of the router's interfaces, with their indexes."""
    links = re.findall(r"^(\d+): (h[rgh]-[0-9a-f-]+)@", host.run("ip -o link"), re.MULTILINE)
    return {name: int(index) for index, name in links}


def delete_namespaces(host: ThrowAwayHost, kind: str) -> None:
    """All of a kind; returns when they are there again."""
    names = host.run(f"ls /run/netns | grep {kind}").split()
    for name in names:
        host.run(f"ip netns del {name}")
    wait_until(lambda: all(host.succeeds(f"ip netns exec {name} true") for name in names), f"{names} are there again")
