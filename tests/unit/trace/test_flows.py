"""What Open vSwitch says that it would do."""

from futago.trace.flows import Step, parse
from unit.trace.samples import FLOODED, TRACKED, TUNNELLED_BY_THE_KERNEL


def test_a_flood_goes_to_ports_and_tunnels_and_not_to_the_bridges_themselves() -> None:
    walk = parse(FLOODED)
    assert walk.ports == {"eth1", "tap2", "0-odd"}
    assert walk.tunnels == {"192.0.2.1"}
    assert not walk.dropped


def test_every_flow_that_the_packet_met_is_a_step_of_its_bridge() -> None:
    walk = parse(FLOODED)
    assert walk.steps[1] == Step("br-int", 60, "priority 3", ("NORMAL",))
    assert walk.steps[4].actions == ("pop_vlan", "set_field:0x3e8->tun_id", 'output:"vxlan-c0000201"')
    assert walk.tables() == "br-int tables 0, 60; br-tun tables 0, 2, 22; br-under table 0"


def test_what_the_connection_tracking_gives_back_is_the_same_packet() -> None:
    walk = parse(TRACKED)
    assert walk.dropped
    assert walk.steps[-1] == Step("br-int", 72, "ct_state=+new,ip, priority 10", ("drop",))
    assert walk.tables() == "br-int tables 0, 72"


def test_a_tunnel_of_the_kernels_datapath() -> None:
    walk = parse(TUNNELLED_BY_THE_KERNEL)
    assert walk.tunnels == {"192.0.2.1"}


def test_nothing_is_nothing() -> None:
    assert parse("").dropped


def test_the_port_that_a_tunnel_leaves_by_is_not_one_of_the_packets() -> None:
    text = "Datapath actions: push_vlan(vid=1,pcp=0),tnl_push(tnl_port(4),header(ipv4(dst=192.0.2.1))),eth0\n"
    walk = parse(text)
    assert (walk.ports, walk.tunnels) == (frozenset(), frozenset({"192.0.2.1"}))
