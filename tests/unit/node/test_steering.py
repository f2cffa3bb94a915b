"""Where the switch sends advertisements."""

from msgspec.structs import replace

from futago.contract.specs import HaPeer, RouterSpec, Spec
from futago.node.drivers.flows import without
from futago.node.features.compose import host_state
from futago.node.features.routing import leg
from futago.node.host import FlowTable, Place
from futago.values import IPv4Address, IPv6Interface, NetworkType
from host.node_specs import HA, HA_NET, QG, gateway_node, network, port
from unit.node.kit import PLACE, VLANS, specs_of

TWINS = tuple(HaPeer(node=f"gw{n}", address=IPv4Address(f"169.254.192.{n}"), priority=50) for n in (2, 3))
PORT = leg("hh-", HA)
OUTER_IPV6 = IPv6Interface("2001:db8:80::1234/64")


def with_twins() -> list[Spec]:
    return [
        replace(spec, ha=replace(spec.ha, peers=TWINS)) if isinstance(spec, RouterSpec) and spec.ha else spec
        for spec in gateway_node(ha=True)
    ]


def integration_flows(specs: list[Spec], place: Place = PLACE) -> FlowTable:
    table = host_state(specs_of(specs), VLANS, place).elements["flows/br-int"].element
    assert isinstance(table, FlowTable)
    return table


def adverts(table: FlowTable) -> list[str]:
    return [flow for flow in table.flows if "nw_proto=112" in flow]


def test_a_replicas_advertisements_go_into_the_tunnels_and_to_no_other_router_here() -> None:
    assert adverts(integration_flows(with_twins()))[0] == (
        f'table=0,priority=5,in_port="{PORT}",ip,nw_proto=112,nw_dst=224.0.0.18 '
        'actions=push_vlan:0x8100,set_field:4099->vlan_vid,output:"patch-tun"'
    )


def test_the_twins_advertisements_come_to_the_replica_alone() -> None:
    assert adverts(integration_flows(with_twins()))[1:] == [
        f'table=0,priority=5,in_port="patch-tun",dl_vlan=3,ip,nw_proto=112,nw_dst=224.0.0.18,nw_src={twin.address} '
        f'actions=strip_vlan,output:"{PORT}"'
        for twin in TWINS
    ]


def test_an_ha_network_without_tunnels_is_flooded_as_ever() -> None:
    flat = [
        spec if spec.key != f"network/{HA_NET}" else network(HA_NET, NetworkType.FLAT, None) for spec in with_twins()
    ]
    assert adverts(integration_flows(flat)) == []
    assert adverts(integration_flows(with_twins(), replace(PLACE, local_ip=None))) == []
    assert adverts(integration_flows(with_twins(), replace(PLACE, tunnel_types=("gre",)))) == []


def test_a_gratuitous_request_goes_to_the_wire_and_the_bridge_learns_from_it() -> None:
    table = integration_flows(with_twins())
    mac = "fa:16:3e:00:00:02"
    said = f"arp,arp_tha={mac}"
    out = 'push_vlan:0x8100,set_field:4098->vlan_vid,output:"int-br-ex1",strip_vlan'
    learn = f"set_field:{mac}->eth_dst,resubmit(,94)"
    assert {flow for flow in table.flows if said in flow} == {
        f'table=0,priority=5,in_port="{leg("hg-", QG)}",{said} actions={out},{learn}',
        f'table=60,priority=6,in_port="int-br-ex1",dl_src={mac},{said} actions={learn}',
    }


def test_a_question_from_the_wire_comes_to_the_router_whose_address_it_is_and_to_no_other() -> None:
    flows = integration_flows(with_twins()).flows
    asked = 'table=60,priority=4,in_port="int-br-ex1",dl_vlan=2,arp,arp_op=1,dl_dst=ff:ff:ff:ff:ff:ff,arp_tpa'
    learn = "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],resubmit(,94)"
    to_leg = f'{learn},set_field:ff:ff:ff:ff:ff:ff->eth_dst,strip_vlan,output:"{leg("hg-", QG)}"'
    assert {flow for flow in flows if asked in flow} == {
        f"{asked}=10.0.80.1 actions={learn}",
        f"{asked}=10.0.80.101 actions={to_leg}",
        f"{asked}=10.0.80.110 actions={to_leg}",
    }


def test_who_announces_an_address_from_the_wire_is_heard_by_all_routers() -> None:
    announced = 'table=60,priority=5,in_port="int-br-ex1",dl_vlan=2,arp,arp_spa=10.0.80.1,arp_tpa=10.0.80.1'
    assert f"{announced} actions=resubmit(,94)" in integration_flows(with_twins()).flows


def test_a_question_over_ipv6_comes_to_the_router_whose_address_it_is() -> None:
    specs = [
        replace(spec, gateway=replace(spec.gateway, port=replace(spec.gateway.port, addresses=(OUTER_IPV6,))))
        if isinstance(spec, RouterSpec) and spec.gateway
        else spec
        for spec in with_twins()
    ]
    (flow,) = [flow for flow in integration_flows(specs).flows if "nd_target" in flow]
    assert "dl_dst=33:33:ff:00:12:34,icmp6,icmp_type=135,nd_target=2001:db8:80::1234 " in flow
    assert flow.endswith(f'set_field:33:33:ff:00:12:34->eth_dst,strip_vlan,output:"{leg("hg-", QG)}"')


def test_a_question_for_the_next_hop_goes_to_the_wire_unless_the_next_hop_is_here() -> None:
    specs = with_twins()
    assert [flow for flow in integration_flows(specs).flows if "arp_tpa=10.0.80.1 " in flow]
    neighbour = replace(port(), addresses=(IPv4Address("10.0.80.1"),))
    assert not [flow for flow in integration_flows([*specs, neighbour]).flows if "arp_tpa=10.0.80.1 " in flow]


def test_a_port_that_the_switch_refuses_holds_up_no_other_flow() -> None:
    table = integration_flows(with_twins())
    assert PORT in table.may_lack
    kept = [without(flow, [PORT]) for flow in table.flows]
    assert not [flow for flow in kept if flow and PORT in flow]
