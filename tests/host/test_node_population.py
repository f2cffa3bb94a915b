"""L2 population on two real switches: what is told is not asked for, and what is not known is not flooded."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from futago.contract.specs import NeighbourSpec, NetworkSpec, Spec
from futago.values import IPv4Address, Mac
from host.node_kit import ThrowAwayHost, wait_until
from host.node_specs import DHCP as DHCP_PORT
from host.node_specs import INSIDE, VM, VM_MAC, compute_node, gateway_node
from host.node_specs import QR as LEG_PORT
from host.two_hosts import GATEWAY, OUTSIDE_HOST, Pair, online

LEG_MAC, DHCP_MAC, GHOST_MAC, STRANGER_MAC = (f"fa:16:3e:00:00:{end}" for end in ("01", "04", "77", "99"))
GHOST = "192.168.80.77"
"""Told of, though it is nowhere: an answer to ARP for it was made up on the spot."""


def told(mac: str, address: str, *nodes: str, here: bool = False) -> NeighbourSpec:
    return NeighbourSpec(network_id=INSIDE, mac=Mac(mac), nodes=nodes, here=here, addresses=(IPv4Address(address),))


def populated(specs: list[Spec]) -> list[Spec]:
    return [
        replace(one, populated=True) if isinstance(one, NetworkSpec) and one.network_id == INSIDE else one
        for one in specs
    ]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Pair]:
    """The router has another replica, on a node that nobody has ever seen."""
    gateway = [
        *populated(gateway_node()),
        told(VM_MAC, "192.168.80.10", "vm"),
        told(LEG_MAC, GATEWAY, "gone", here=True),
    ]
    compute = [
        *populated(compute_node()),
        told(LEG_MAC, GATEWAY, "gone", "gw"),
        told(DHCP_MAC, "192.168.80.2", "gw"),
        told(GHOST_MAC, GHOST, "gw"),
    ]
    with online(gateway, compute) as pair:
        yield pair


def neighbour(vm: ThrowAwayHost, address: str) -> str:
    return vm.run(f"ip -n vm1 neigh show {address}")


def trace(vm: ThrowAwayHost, packet: str) -> str:
    number = vm.run("ovs-vsctl get interface patch-int ofport").strip()
    tag = vm.run(f"ovs-vsctl get port tap{VM[:11]} tag").strip()
    return vm.run(f"ovs-appctl ofproto/trace br-tun in_port={number},dl_vlan={tag},dl_src={VM_MAC},{packet}")


def test_who_is_told_of_is_answered_for_on_the_spot(hosts: Pair) -> None:
    _, vm = hosts
    assert not vm.succeeds(f"ip netns exec vm1 ping -c 1 -W 1 {GHOST}")
    assert GHOST_MAC in neighbour(vm, GHOST)


def test_who_is_not_told_of_is_asked_for_everywhere(hosts: Pair) -> None:
    gw, vm = hosts
    gw.run(f"ip -n qdhcp-{INSIDE} addr add 192.168.80.78/24 dev tap{DHCP_PORT[:11]}")
    wait_until(lambda: vm.succeeds("ip netns exec vm1 ping -c 1 -W 1 192.168.80.78"), "the stranger answers")
    gw.run(f"ip -n qdhcp-{INSIDE} addr del 192.168.80.78/24 dev tap{DHCP_PORT[:11]}")


def test_a_frame_for_an_unknown_address_goes_nowhere(hosts: Pair) -> None:
    _, vm = hosts
    assert "native tunnel" not in trace(vm, f"dl_dst={STRANGER_MAC}")
    assert "native tunnel" in trace(vm, f"dl_dst={DHCP_MAC}")


def test_a_leg_is_found_without_ever_having_been_heard(hosts: Pair) -> None:
    _, vm = hosts
    vm.run("ovs-ofctl -O OpenFlow14 del-flows br-tun cookie=0xf7a1000000000000/-1")
    assert "native tunnel" in trace(vm, f"dl_dst={LEG_MAC}")
    assert vm.succeeds(f"ip netns exec vm1 ping -c 3 -i 0.2 -W 1 {OUTSIDE_HOST}")


def test_where_a_leg_was_heard_is_where_it_is(hosts: Pair) -> None:
    _, vm = hosts
    learned = "ovs-ofctl -O OpenFlow14 --no-stats dump-flows br-tun cookie=0xf7a1000000000000/-1"

    def heard() -> bool:
        return vm.succeeds(f"ip netns exec vm1 ping -c 1 -W 1 {GATEWAY}") and LEG_MAC in vm.run(learned)

    wait_until(heard, "the switch has learned where the leg is")
    assert "priority 1" in trace(vm, f"dl_dst={LEG_MAC}").split("\n20. ", 1)[1].splitlines()[0]


def test_a_routers_announcement_is_not_answered_but_carried(hosts: Pair) -> None:
    """By the answer its twin's switch would never learn that the router has moved."""
    gw, _ = hosts
    gratuitous = f"arp,arp_op=1,dl_src={LEG_MAC},dl_dst=ff:ff:ff:ff:ff:ff,arp_spa={GATEWAY},arp_tpa={GATEWAY}"
    number = gw.run("ovs-vsctl get interface patch-int ofport").strip()
    tag = gw.run(f"ovs-vsctl get port hr-{LEG_PORT[:11]} tag").strip()
    said = gw.run(f"ovs-appctl ofproto/trace br-tun in_port={number},dl_vlan={tag},{gratuitous}")
    assert "native tunnel" in said
    assert "move:" not in said
