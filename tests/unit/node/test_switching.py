import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from futago.contract.specs import NeighbourSpec, NetworkSpec
from futago.node.features.compose import host_state
from futago.node.features.local_vlans import REST_SECONDS, allocate_vlans
from futago.node.features.switching import switching
from futago.node.features.tunnels import bfd_interval
from futago.node.host import DEAD_VLAN, LEARNED_SECONDS, QOS, FlowTable, HostState, LocalVlans, OvsPort, Plug
from futago.values import IPv4Address, Mac, Millis, NetworkType, Vlan
from host.node_specs import HA_NET, INSIDE, OUTSIDE, PEER_VM, VM, compute_node, gateway_node, network, port, router
from unit.node.kit import PLACE, VLANS, golden, specs_of

names = st.sets(st.text("abc", min_size=1, max_size=3))


def flows_of(state: HostState) -> str:
    tables = [table.element for table in state.elements.values() if isinstance(table.element, FlowTable)]
    tables = [table for table in tables if table.part != QOS]  # those of `test_port_features`
    return "\n".join("\n".join([f"# {table.bridge} {table.part}".rstrip(), *table.flows]) for table in tables) + "\n"


def test_the_flows_of_a_network_node() -> None:
    golden("network_node.flows", flows_of(host_state(specs_of(gateway_node(ha=True)), VLANS, PLACE)))


def test_the_flows_of_a_compute_node() -> None:
    here = replace(PLACE, bridge_mappings={}, local_ip=IPv4Address("192.0.2.2"))
    golden("compute_node.flows", flows_of(host_state(specs_of(compute_node()), VLANS, here)))


def test_vlan_and_gre_networks_have_their_own_marks_outside() -> None:
    gre = network(INSIDE, NetworkType.GRE, 5, "vm")
    vlan = replace(network(OUTSIDE, NetworkType.VLAN, 1234), physical_network="external1")
    here = replace(PLACE, tunnel_types=("gre", "vxlan"))
    golden("gre_and_vlan.flows", flows_of(host_state(specs_of([PEER_VM, gre, vlan]), VLANS, here)))


def test_a_populated_network_floods_nothing_that_is_known() -> None:
    peers = [PEER_VM, replace(PEER_VM, node="gw2", tunnel_address=IPv4Address("192.0.2.3"))]
    inside = replace(network(INSIDE, NetworkType.VXLAN, 1000, "gw2", "vm"), populated=True)
    lawless = replace(network(HA_NET, NetworkType.VXLAN, 1001, "gw2", "vm"), populated=True, lawless=("gw2",))
    instance = neighbour("fa:16:3e:00:00:05", "192.168.80.10", "vm")
    leg = neighbour("fa:16:3e:00:00:01", "192.168.80.1", "gw2", "vm")
    own_leg = replace(neighbour("fa:16:3e:00:00:11", "192.168.80.2", "vm"), here=True)
    specs = specs_of([*peers, inside, lawless, instance, leg, own_leg])
    golden("populated.flows", flows_of(host_state(specs, VLANS, PLACE)))


def neighbour(mac: str, address: str, *nodes: str) -> NeighbourSpec:
    return NeighbourSpec(network_id=INSIDE, mac=Mac(mac), nodes=nodes, addresses=(IPv4Address(address),))


def test_two_physical_networks_on_one_bridge_share_its_table() -> None:
    here = replace(PLACE, bridge_mappings={"external1": "br-ex1", "external2": "br-ex1"})
    first = replace(network(INSIDE, NetworkType.VLAN, 5), physical_network="external1")
    second = replace(network(OUTSIDE, NetworkType.VLAN, 6), physical_network="external2")
    flows = flows_of(host_state(specs_of([first, second]), VLANS, here))
    assert flows.count("# br-ex1\n") == 1
    assert {f"dl_vlan={VLANS[one]}" for one in (INSIDE, OUTSIDE)} <= set(re.findall("dl_vlan=[0-9]", flows))
    assert flows.count('in_port="phy-br-ex1" actions=drop') == 1


def test_a_node_without_tunnels_has_no_tunnel_bridge() -> None:
    state = host_state(specs_of(gateway_node()), VLANS, replace(PLACE, local_ip=None))
    assert "bridge/br-tun" not in state.elements
    assert "flows/br-tun" not in state.elements
    assert not [key for key in state.elements if key.startswith("ovs-port/vxlan-")]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (network(INSIDE, NetworkType.VXLAN, 5), None),
        (network(INSIDE, NetworkType.GRE, 5), "this node has no gre tunnels: add it to tunnel_types"),
        (network(INSIDE, NetworkType.FLAT, None), None),
        (
            replace(network(INSIDE, NetworkType.VLAN, 5), physical_network="vlan"),
            "no bridge leads to vlan here: add it to bridge_mappings",
        ),
    ],
)
def test_a_network_that_cannot_leave_the_node_is_told_of(one: NetworkSpec, reason: str | None) -> None:
    assert host_state(specs_of([one]), VLANS, PLACE).problems.get(one.key) == reason


def test_a_flood_goes_to_the_networks_members_only() -> None:
    specs = specs_of([PEER_VM, network(HA_NET, NetworkType.VXLAN, 1001)])
    assert "dl_vlan" not in flows_of(host_state(specs, VLANS, PLACE))


def test_a_port_that_is_administratively_down_gets_the_dead_vlan() -> None:
    down = replace(port(), admin_state_up=False)
    (plug,) = [
        one.element
        for one in switching(specs_of([network(INSIDE, NetworkType.VXLAN, 1000), down]), VLANS, PLACE)
        if isinstance(one.element, Plug)
    ]
    assert plug == Plug(port_id=VM, tag=DEAD_VLAN, network_id=INSIDE)


def test_a_tunnel_to_oneself_is_not_made() -> None:
    own = replace(PEER_VM, tunnel_address=IPv4Address("192.0.2.1"))
    assert not [
        o for o in switching(specs_of([own]), VLANS, PLACE) if isinstance(o.element, OvsPort) and o.owner == own.key
    ]


def test_tunnels_are_kept_warm_and_nothing_else_is() -> None:
    """A far end that is not known costs the first frame: a new active's announcement."""
    here = replace(PLACE, tunnel_types=("gre", "vxlan"))
    ports = [o.element for o in switching(specs_of(gateway_node()), VLANS, here) if isinstance(o.element, OvsPort)]
    warm = {port.name: dict(port.bfd) for port in ports if port.bfd}
    assert warm.keys() == {"gre-c0000202", "vxlan-c0000202"}
    assert all(bfd == {"enable": "true", "min_rx": "1000", "min_tx": "1000"} for bfd in warm.values())


def test_bfd_is_no_faster_than_a_userspace_switch_with_many_ports_can_answer() -> None:
    peer = replace(PEER_VM, bfd_interval=Millis(100))
    one = router(ha=True)
    many = specs_of([peer, *(replace(one, router_id=f"{number:08}{one.router_id[8:]}") for number in range(167))])
    slow = replace(PLACE, datapath_type="netdev")
    assert bfd_interval(peer, specs_of([peer, one]), slow) == 100
    assert bfd_interval(peer, many, slow) == 300
    assert bfd_interval(peer, many, replace(PLACE, datapath_type="system")) == 100


@given(names, names)
def test_a_network_keeps_its_vlan_as_long_as_it_lives(first: set[str], second: set[str]) -> None:
    before = allocate_vlans(LocalVlans(), first, 0.0)
    after = allocate_vlans(before, second, 0.0)
    assert after.vlans.keys() == second
    assert len(set(after.vlans.values())) == len(second)
    assert all(after.vlans[name] == before.vlans[name] for name in first & second)


@given(st.lists(st.tuples(names, st.floats(0, REST_SECONDS / 2), st.sets(st.integers(1, 9).map(Vlan))), max_size=8))
def test_a_vlan_goes_to_another_network_only_after_what_was_learned_of_the_old_one_has_aged(
    path: list[tuple[set[str], float, set[Vlan]]],
) -> None:
    known, now = LocalVlans(), 0.0
    last_seen: dict[Vlan, tuple[str, float]] = {}
    for wanted, seconds, in_use in path:
        now += seconds
        before, known = known, allocate_vlans(known, wanted, now, in_use)
        last_seen |= {vlan: (name, now) for name, vlan in before.vlans.items()}
        for vlan in in_use & last_seen.keys() - set(known.vlans.values()):
            last_seen[vlan] = (last_seen[vlan][0], now)
        for name, vlan in known.vlans.items():
            owner, since = last_seen.get(vlan, (name, now))
            assert owner == name or now - since >= LEARNED_SECONDS


def test_a_vlan_rests_while_something_of_its_network_is_there_and_then_comes_free() -> None:
    known = allocate_vlans(LocalVlans(), ["a"], 0.0)
    for minute in range(1, 20):
        known = allocate_vlans(known, [], 60.0 * minute, {Vlan(1)})
    assert allocate_vlans(known, ["b"], 60.0 * 20).vlans == {"b": 2}
    assert allocate_vlans(known, ["b"], 60.0 * 20 + REST_SECONDS).vlans == {"b": 1}


def test_a_clock_that_was_set_back_lets_a_vlan_come_free_all_the_same() -> None:
    known = allocate_vlans(LocalVlans(freed=((Vlan(1), 1e9),)), [], 0.0)
    assert allocate_vlans(known, ["b"], REST_SECONDS).vlans == {"b": 1}


def test_two_networks_that_claim_one_vlan_get_two() -> None:
    known = LocalVlans(vlans={"a": Vlan(1), "b": Vlan(1)})
    assert sorted(allocate_vlans(known, ["a", "b"], 0.0).vlans.values()) == [1, 2]


def test_there_are_4094_local_vlans() -> None:
    vlans = allocate_vlans(LocalVlans(), (f"{n:05}" for n in range(5000)), 0.0).vlans
    assert len(vlans) == 4094
    assert max(vlans.values()) == 4094
