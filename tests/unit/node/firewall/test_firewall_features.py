"""The firewall's flows, as text; tests/host has them on a switch, with frames."""

import re
from ipaddress import ip_network

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from futago.contract.firewall import AddressSetSpec, FirewallRule
from futago.contract.specs import NodeSpecs, PortSpec, Spec
from futago.node.features.compose import host_state
from futago.node.features.firewall.compose import bridge_firewall, firewall
from futago.node.features.firewall.guard import link_local
from futago.node.features.firewall.rules import service_matches
from futago.node.features.firewall.tables import DELIVER, EGRESS, INGRESS
from futago.node.host import FIREWALL, BridgeFirewall, OvsPort, Place
from futago.values import IPv4Address, Mac, NetworkType
from host.firewall_kit import GROUP, IDS, egress, group, ingress, members, pair, port
from host.node_specs import INSIDE, OUTSIDE, network
from unit.node.kit import PLACE, VLANS, golden, specs_of

TCP = 6
HYBRID = replace(PLACE, firewall_driver="iptables_hybrid")
OWN = f"group/{GROUP}"
NETWORK = network(INSIDE, NetworkType.VXLAN, 1000)


def flows(*specs: Spec, place: Place = PLACE) -> tuple[str, ...]:
    return firewall(specs_of([NETWORK, *specs]), VLANS, place).flows


def many(count: int) -> list[PortSpec]:
    return [
        replace(
            port("one"),
            port_id=f"{number:08x}-0000-4000-8000-000000000000",
            mac=Mac(f"fa:16:3e:01:{number >> 8:02x}:{number & 255:02x}"),
            addresses=(IPv4Address(f"10.0.{number >> 8}.{number & 255}"),),
        )
        for number in range(count)
    ]


def rules(count: int) -> list[FirewallRule]:
    return [ingress(TCP, 1000 + number, 1000 + number, remote_set=OWN) for number in range(count)]


def remote(count: int) -> AddressSetSpec:
    return AddressSetSpec(set_id=OWN, addresses=tuple(ip_network(f"10.1.{n >> 8}.{n & 255}") for n in range(count)))


def in_rules(found: tuple[str, ...]) -> int:
    return sum(",priority=70," in flow for flow in found if flow.startswith((f"table={EGRESS},", f"table={INGRESS},")))


def test_the_flows_of_a_guarded_port() -> None:
    one = replace(port("one"), address_pairs=(pair("00:00:5e:00:01:07", "192.168.80.100/32"),))
    found = flows(one, port("open"), group(egress(), ingress(TCP, 80, 88, remote_set=OWN)), members(OWN, "10.0.0.1/32"))
    golden("guarded_port.flows", "\n".join(found) + "\n")


def test_ten_rules_about_a_hundred_members_cost_their_sum() -> None:
    found = flows(*many(5), group(*rules(10)), remote(100))
    assert in_rules(found) == 5 + 100 + 10 + 1


@given(st.integers(1, 20), st.integers(0, 50), st.integers(1, 8))
def test_the_flows_of_rules_grow_with_ports_and_members_and_rules_each_by_itself(p: int, m: int, r: int) -> None:
    assert in_rules(flows(*many(p), group(*rules(r)), remote(m))) == p + m + r + 1


def test_a_member_more_is_a_flow_more_and_changes_no_other() -> None:
    specs: list[Spec] = [*many(3), group(*rules(4))]
    before, after = set(flows(*specs, remote(9))), set(flows(*specs, remote(10)))
    assert (len(after - before), len(before - after)) == (1, 0)


def test_a_port_more_changes_no_other_ports_flows() -> None:
    specs: list[Spec] = [group(egress(), *rules(4)), remote(9)]
    before, after = (alone(flows(*many(count), *specs)) for count in (3, 4))
    assert before < after


def alone(found: tuple[str, ...]) -> set[str]:
    """The flows without those that hand what is for all to each."""
    return {flow for flow in found if "dl_dst=01:00:00:00:00:00" not in flow}


def test_a_broadcast_meets_the_rules_of_each_guarded_port_and_goes_where_it_always_went() -> None:
    leg = OvsPort(name="hr-1", bridge="br-int", tag=VLANS[INSIDE])
    other = OvsPort(name="hr-2", bridge="br-int", tag=VLANS[OUTSIDE])
    specs = specs_of([NETWORK, port("one"), port("two"), port("open"), group()])
    found = firewall(specs, VLANS, PLACE, [leg, other]).flows
    from_here, from_others = (
        next(flow for flow in found if f"table={table},priority=80" in flow and ",ip," in flow) for table in (61, 60)
    )
    for flow in (from_here, from_others):
        assert [f'load:"port:{IDS[name]}"->NXM_NX_REG5[],resubmit(,81)' in flow for name in ("one", "two")] == [
            True
        ] * 2
        assert f'output:"hr-1",output:"port:{IDS["open"]}"' in flow
        assert "hr-2" not in flow
    assert from_here.endswith('output:"patch-tun"')
    assert "patch-tun" not in from_others


def test_a_network_without_guarded_ports_floods_by_itself() -> None:
    assert alone(flows(port("open"))) == set(flows(port("open")))


def test_a_rule_more_leaves_the_flows_of_the_others_alone() -> None:
    specs: list[Spec] = [*many(3), remote(9)]
    before = set(flows(*specs, group(*rules(4))))
    after = set(flows(*specs, group(*rules(5))))
    assert (len(after - before), len(before - after)) == (1, 0)


def test_groups_that_name_the_same_addresses_share_their_flows() -> None:
    other = "99999999-0002-4000-8000-000000000009"
    ports = [replace(one, security_groups=(GROUP, other)) for one in many(2)]
    found = flows(*ports, group(*rules(3)), group(*rules(3), group_id=other), remote(50))
    assert in_rules(found) == 2 + 50 + 3 + 2


def test_no_two_flows_have_one_match() -> None:
    found = flows(*many(4), group(egress(), egress(6), *rules(3), ingress(TCP), ingress(TCP, 1, 65535)), remote(9))
    matches = [flow.partition(" actions=")[0] for flow in found]
    assert len(set(matches)) == len(matches)


def test_services_as_the_switch_matches_them() -> None:
    assert service_matches(ingress()) == ("ip",)
    assert service_matches(ingress(TCP, 22, 22)) == ("tcp,tp_dst=0x0016",)
    assert service_matches(ingress(17, 53, 53, version=6)) == ("udp6,tp_dst=0x0035",)
    assert service_matches(ingress(132, 1, 1)) == ("sctp,tp_dst=0x0001",)
    assert service_matches(ingress(TCP)) == service_matches(ingress(TCP, 0, 65535)) == ("ip,nw_proto=6",)
    assert service_matches(ingress(1, 8)) == ("icmp,icmp_type=8",)
    assert service_matches(ingress(1, 3, 4)) == ("icmp,icmp_type=3,icmp_code=4",)
    assert service_matches(ingress(58, 128, version=6)) == ("icmp6,icmp_type=128",)
    assert service_matches(ingress(47)) == ("ip,nw_proto=47",)


def test_a_rule_about_ports_that_the_switch_cannot_read_lets_nothing_through() -> None:
    assert service_matches(ingress(33, 5, 5)) == ()
    assert service_matches(ingress(33)) == ("ip,nw_proto=33",)


def test_a_prefix_of_everything_is_anybody() -> None:
    anybody = ingress(TCP, 22, 22, remote=ip_network("0.0.0.0/0"))
    assert set(flows(port("one"), group(anybody))) == set(flows(port("one"), group(ingress(TCP, 22, 22))))


def test_an_empty_set_lets_nobody_in() -> None:
    found = flows(port("one"), group(ingress(remote_set=OWN)), members(OWN))
    assert not [flow for flow in found if "nw_src" in flow and flow.startswith(f"table={INGRESS},")]
    assert sum(f"resubmit(,{DELIVER})" in flow for flow in found if "conj_id" in flow) == 1


def test_a_port_that_is_down_has_no_flows() -> None:
    assert not [flow for flow in flows(replace(port("one"), admin_state_up=False)) if IDS["one"] in flow]


def test_without_port_security_a_port_is_treated_as_the_services_own() -> None:
    (only,) = flows(replace(port("one"), port_security=False))
    assert "actions=load:0x1->NXM_NX_REG6[],resubmit(,61)" in only


def test_a_node_without_guarded_ports_has_no_firewall() -> None:
    assert flows() == ()


def test_no_firewall_driver_filters_by_flows_but_openvswitch() -> None:

    assert flows(port("one"), group(egress()), place=HYBRID) == flows(replace(port("one"), port_security=False))


def test_one_mac_of_two_ports_reaches_both_past_no_rule() -> None:
    shared = (pair("00:00:5e:00:01:07", "192.168.80.100/32"),)
    both = [replace(port(name), address_pairs=shared) for name in ("one", "two")]
    (here,) = [flow for flow in flows(*both) if flow.startswith("table=61") and "00:00:5e:00:01:07" in flow]
    assert [IDS[name] in here for name in ("one", "two")] == [True, True]
    assert here.count("clone(") == 2
    assert here.endswith('output:"patch-tun"')


def test_only_ports_with_address_pairs_speak_vrrp() -> None:
    paired = replace(port("two"), address_pairs=(pair(port("two").mac, "192.168.80.100/32"),))
    open_for = [flow for flow in flows(port("one"), paired) if "nw_proto=112" in flow and "drop" not in flow]
    assert {re.findall(r'reg5="port:([^"]+)"', flow)[0] for flow in open_for} == {IDS["two"]}


def test_the_address_that_a_host_makes_of_its_mac() -> None:
    assert str(link_local(Mac("fa:16:3e:25:05:d7"))) == "fe80::f816:3eff:fe25:5d7/128"


def test_every_port_is_named_by_what_the_driver_may_lack() -> None:
    table = firewall(specs_of([NETWORK, port("one"), port("open"), group(egress())]), VLANS, PLACE)
    named = set(re.findall(r'"(port:[^"]+)"', "\n".join(table.flows)))
    assert named == set(table.may_lack)
    assert table.part == FIREWALL


def test_the_firewall_is_an_element_of_its_own() -> None:
    state = host_state(NodeSpecs(), VLANS, PLACE)
    assert "flows/br-int" in state.elements
    assert "flows/br-int/firewall" in state.elements


def test_the_hybrid_firewall_of_a_guarded_port() -> None:
    one = replace(port("one"), address_pairs=(pair("00:00:5e:00:01:07", "192.168.80.100/32"),))
    allowing = group(egress(), ingress(TCP, 80, 88, remote_set=OWN), ingress(1, 8), ingress(132, 1, 1))
    found = bridge_firewall(
        specs_of([NETWORK, one, port("open"), allowing, members(OWN, "10.0.0.1/32")]), VLANS, HYBRID
    )
    (element,) = [one.element for one in found]
    assert isinstance(element, BridgeFirewall)
    golden("guarded_port.nft", f"# bridge\n{element.bridge}# inet\n{element.inet}")


def test_in_the_hybrid_firewall_a_member_more_is_an_element_of_a_set_and_nothing_else() -> None:
    def text(count: int) -> str:
        (one,) = bridge_firewall(specs_of([NETWORK, *many(3), group(*rules(4)), remote(count)]), VLANS, HYBRID)
        assert isinstance(one.element, BridgeFirewall)
        return one.element.bridge + one.element.inet

    assert text(10).replace(", 10.1.0.9/32", "") == text(9)


def test_only_a_hybrid_node_has_a_hybrid_firewall() -> None:
    assert bridge_firewall(specs_of([NETWORK, port("one"), group(egress())]), VLANS, PLACE) == []
