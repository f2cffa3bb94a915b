"""Limits, marks and trunks of instances' ports as flows, meters, queues and patch ports."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from futago.contract.port_features import PacketLimit, QosSpec, RateLimit, TrunkTag
from futago.contract.specs import PortSpec, Spec
from futago.node.features.compose import host_state
from futago.node.host import DEAD_VLAN, FIREWALL, FIRST_METER, METERS, QOS, FlowTable, Meter, OvsPort, Plug, Shaper
from futago.values import NetworkType, Vlan
from host.node_specs import INSIDE, OUTSIDE, VM, network, port
from unit.node.kit import PLACE, VLANS, golden, specs_of

LIMIT, MORE = RateLimit(kbps=1000, burst_kbits=800), RateLimit(kbps=2000, burst_kbits=1600)
NETWORK = network(INSIDE, NetworkType.VXLAN, 1000, "gw")
SUB = "eeeeeee9-0005-4000-8000-000000000005"
SUBPORT = PortSpec(
    port_id=SUB,
    network_id=OUTSIDE,
    mac=port().mac,
    addresses=(),
    admin_state_up=True,
    trunk=TrunkTag(parent_id=VM, vlan=Vlan(101)),
)


def _elements(*specs: Spec) -> dict[str, object]:
    return {key: one.element for key, one in host_state(specs_of(specs), VLANS, PLACE).elements.items()}


def _flows(elements: Mapping[str, object], part: str) -> tuple[str, ...]:
    (table,) = (
        one for one in elements.values() if isinstance(one, FlowTable) and (one.bridge, one.part) == ("br-int", part)
    )
    return table.flows


def _of(elements: Mapping[str, object], *kinds: type) -> list[object]:
    return [one for one in elements.values() if isinstance(one, kinds)]


def _classified(flows: Iterable[str], about: str) -> list[str]:
    return [flow for flow in flows if flow.startswith("table=0,") and about in flow]


def test_a_port_without_a_policy_costs_nothing() -> None:
    elements = _elements(NETWORK, port())
    assert _flows(elements, QOS) == ()
    assert _of(elements, Meter, Shaper) == []


def test_what_is_sent_passes_a_meter_and_what_is_received_waits_in_a_queue() -> None:
    elements = _elements(NETWORK, replace(port(), qos=QosSpec(egress=LIMIT, ingress=MORE, dscp=10)))
    meter, shaper = _of(elements, Meter, Shaper)
    assert isinstance(meter, Meter)
    assert (meter.bridge, meter.unit, meter.rate, meter.burst) == ("br-int", "kbps", 1000, 800)
    assert FIRST_METER <= meter.number < FIRST_METER + METERS
    assert shaper == Shaper(port_id=VM, limit=MORE)
    me = f'in_port="port:{VM}"'
    marked = f"actions=meter:{meter.number},set_field:10->ip_dscp,resubmit(,60)"
    assert _flows(elements, QOS) == (
        f"table=0,priority=7,{me} actions=meter:{meter.number},resubmit(,60)",
        f"table=0,priority=8,ip,{me} {marked}",
        f"table=0,priority=8,ipv6,{me} {marked}",
    )


def test_packets_pass_a_meter_of_their_own_after_that_of_bits() -> None:
    packets = PacketLimit(per_second=3000, burst=2400)
    elements = _elements(NETWORK, replace(port(), qos=QosSpec(egress=LIMIT, egress_packets=packets, dscp=10)))
    meters = {one.unit: one for one in elements.values() if isinstance(one, Meter)}
    assert (meters["pktps"].rate, meters["pktps"].burst) == (3000, 2400)
    flows = _flows(elements, QOS)
    first, second = (f"actions=meter:{meters[unit].number}," for unit in ("kbps", "pktps"))
    assert [first in flow or second in flow for flow in flows] == [True] * 4
    golden("packet_rate.flows", "\n".join(flows) + "\n")


def test_packets_alone_are_limited_up_to_what_openflow_can_say() -> None:
    packets = PacketLimit(per_second=(2**31 - 1) * 1000, burst=5)
    elements = _elements(NETWORK, replace(port(), qos=QosSpec(egress_packets=packets)))
    (meter,) = _of(elements, Meter, Shaper)
    assert isinstance(meter, Meter)
    assert (meter.unit, meter.rate, meter.burst) == ("pktps", 2**32 - 1, 5)
    me = f'in_port="port:{VM}"'
    assert _flows(elements, QOS) == (
        f"table=0,priority=7,{me} actions=resubmit(,59)",
        f"table=59,priority=7,{me} actions=meter:{meter.number},resubmit(,60)",
    )


def test_a_networks_policy_holds_for_ports_that_have_none() -> None:
    limited = replace(NETWORK, qos=QosSpec(egress=LIMIT))
    (meter,) = _of(_elements(limited, port()), Meter)
    assert isinstance(meter, Meter)
    assert meter.rate == LIMIT.kbps
    (own,) = _of(_elements(limited, replace(port(), qos=QosSpec(egress=MORE))), Meter)
    assert own == replace(meter, rate=MORE.kbps, burst=MORE.burst_kbits)
    assert _of(_elements(limited, replace(port(), qos=QosSpec())), Meter) == []


def test_each_port_has_a_meter_of_its_own_whatever_others_there_are() -> None:
    qos = QosSpec(egress=LIMIT)
    ports = [replace(port(), port_id=f"{number:08x}-0000", qos=qos) for number in range(300)]
    numbers = {key: one.number for key, one in _elements(NETWORK, *ports).items() if isinstance(one, Meter)}
    assert len(set(numbers.values())) == len(ports)
    alone = _of(_elements(NETWORK, ports[0]), Meter)
    assert {one.number for one in alone if isinstance(one, Meter)} < set(numbers.values())


def test_a_subport_is_a_patch_port_between_its_tag_and_its_network() -> None:
    elements = _elements(NETWORK, network(OUTSIDE, NetworkType.VXLAN, 1001), port(), SUBPORT)
    near, far = elements["ovs-port/spi-eeeeeee9-00"], elements["ovs-port/spt-eeeeeee9-00"]
    assert isinstance(near, OvsPort)
    assert isinstance(far, OvsPort)
    assert (near.tag, near.network_id, dict(near.iface_ids)["iface-id"]) == (VLANS[OUTSIDE], OUTSIDE, SUB)
    assert (far.tag, far.iface_ids) == (DEAD_VLAN, ())
    assert (dict(near.options)["peer"], dict(far.options)["peer"]) == (far.name, near.name)
    assert f"plug/{SUB}" not in elements
    assert isinstance(elements[f"plug/{VM}"], Plug)
    into, back = _classified(_flows(elements, ""), "spt-")
    assert into == f'table=0,priority=20,in_port="port:{VM}",dl_vlan=101 actions=strip_vlan,output:"{far.name}"'
    tagging = f'push_vlan:0x8100,set_field:4197->vlan_vid,output:"port:{VM}"'
    assert back == f'table=0,priority=20,in_port="{far.name}" actions={tagging}'
    assert any(f'in_port="port:{SUB}"' in flow for flow in _flows(elements, FIREWALL))


def test_a_subport_that_is_down_is_not_wired() -> None:
    down = replace(SUBPORT, admin_state_up=False)
    elements = _elements(NETWORK, network(OUTSIDE, NetworkType.VXLAN, 1001), port(), down)
    assert not any("sp" in key for key in elements if key.startswith("ovs-port/sp"))


def test_meters_limit_a_subport_both_ways() -> None:
    limited = replace(SUBPORT, qos=QosSpec(egress=LIMIT, ingress=MORE))
    elements = _elements(network(OUTSIDE, NetworkType.VXLAN, 1001), limited)
    meters = {one.rate: one.number for one in elements.values() if isinstance(one, Meter)}
    assert _of(elements, Shaper) == []
    into, back = _flows(elements, QOS)
    assert into.startswith('table=0,priority=21,in_port="spt-eeeeeee9-00"')
    assert f"meter:{meters[2000]},push_vlan" in into
    assert back == f'table=0,priority=7,in_port="port:{SUB}" actions=meter:{meters[1000]},resubmit(,60)'


def test_the_firewall_of_a_subport_is_the_switchs_whatever_the_hosts_is() -> None:
    hybrid = replace(PLACE, firewall_driver="iptables_hybrid")
    guarded = replace(SUBPORT, port_security=True)
    state = host_state(specs_of([network(OUTSIDE, NetworkType.VXLAN, 1001), guarded]), VLANS, hybrid)
    elements = {key: one.element for key, one in state.elements.items()}
    assert any("resubmit(,71)" in flow for flow in _flows(elements, FIREWALL))
