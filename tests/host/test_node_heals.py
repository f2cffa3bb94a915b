"""Whatever breaks in the switch of a running node heals while the agent goes on, long before it looks at all of it."""

from collections.abc import Iterator

import pytest

from futago.config import NodeConfig
from host.node_kit import GENEROUS_SECONDS, wait_until
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
    vm.run("kill $(cat /run/ping)")
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


def test_a_dhcp_server_that_ended_is_started_again(hosts: Pair) -> None:
    gw, _ = hosts
    read = f"cat /run/futago/dhcp/{INSIDE}/pid"
    old = gw.run(read).strip()
    gw.run(f"kill -9 {old}")
    wait_until(lambda: gw.run(read, check=False).strip() not in {"", old}, "another server runs", seconds=60)
    assert gw.succeeds(f"kill -0 $({read})")
