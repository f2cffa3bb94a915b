"""A packet's way, on hosts that say what real ones say."""

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import msgspec
import pytest

from futago.contract.report import NodeFacts
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Node, Port, Replica, Router, Segment, Subnet
from futago.trace.cloud import Cloud, NoTrace
from futago.trace.hosts import Hosts, Packet
from futago.trace.walk import Tracer
from futago.values import Mac, NetworkType
from unit.trace.samples import trace_of

GATEWAY, OUTSIDE, OWN = IPv4Address("192.168.80.1"), IPv4Address("10.0.80.1"), IPv4Address("192.168.80.10")


def port(name: str, owner: str, device: str, host: str, network: str = "blue") -> Port:
    number = {"vm1": 1, "vm2": 2, "inner": 3, "outer": 4}[name]
    return Port(
        id=f"{number:08d}-0000-4000-8000-000000000000",
        project_id="p",
        name=name if name.startswith("vm") else "",
        network_id=network,
        mac_address=Mac(f"fa:16:3e:00:00:0{number}"),
        device_owner=owner,
        device_id=device,
        host_id=host,
    )


VM1 = port("vm1", "compute:nova", "i1", "compute1")
VM2 = port("vm2", "compute:nova", "i2", "compute2")
INNER = port("inner", "network:ha_router_replicated_interface", "r", "")
OUTER = port("outer", "network:router_gateway", "r", "", "ext")


def node(name: str, address: str) -> Node:
    facts = NodeFacts(
        roles=(),
        tunnel_address=IPv4Address(address),
        tunnel_types=("vxlan",),
        bridge_mappings={"external1": "br-ex1"},
        datapath_type="netdev",
        version="0",
    )
    return Node(name=name, credential_hash="", agent_ids={}, facts=facts, created_at="")


def held(which: Port, subnet: str, address: IPv4Address | str) -> FixedIp:
    return FixedIp(subnet_id=subnet, ip_address=IPv4Address(address), network_id=which.network_id, port_id=which.id)


def subnet(network: str, cidr: str, gateway: IPv4Address) -> Subnet:
    return Subnet(id=f"{network}-s", project_id="p", network_id=network, cidr=IPv4Network(cidr), gateway_ip=gateway)


def segment(network: str, kind: NetworkType, physical_network: str, number: int) -> Segment:
    return Segment(
        id=f"segment-{network}",
        project_id="p",
        network_type=kind,
        physical_network=physical_network,
        segmentation_id=number,
        network_id=network,
    )


def cloud() -> Cloud:
    blue = Network(id="blue", project_id="p", name="blue", mtu=1450)
    ext = Network(id="ext", project_id="p", name="ext", mtu=1500)
    subnets = (subnet("blue", "192.168.80.0/24", GATEWAY), subnet("ext", "10.0.80.0/24", OUTSIDE))
    router = Router(id="r", project_id="p", name="router80")
    return Cloud(
        networks={"blue": blue, "ext": ext},
        segments=[
            segment("blue", NetworkType.VXLAN, "", 1000),
            segment("ext", NetworkType.FLAT, "external1", 0),
        ],
        subnets={one.id: one for one in subnets},
        ports={one.id: one for one in (VM1, VM2, INNER, OUTER)},
        fixed_ips=[
            held(VM1, "blue-s", OWN),
            held(VM2, "blue-s", "192.168.80.11"),
            held(INNER, "blue-s", GATEWAY),
            held(OUTER, "ext-s", "10.0.80.101"),
        ],
        routers={"r": router},
        floating_ips=[],
        replicas=[Replica(router_id="r", node=name, priority=100) for name in ("net1", "net2")],
        nodes={
            one.name: one
            for one in (
                node("net1", "192.0.2.1"),
                node("net2", "192.0.2.2"),
                node("compute1", "192.0.2.3"),
                node("compute2", "192.0.2.4"),
            )
        },
    )


class FakeHosts:
    """Answers as the real programs do; `traces` are by node and bridge."""

    def __init__(self, traces: dict[tuple[str, str], str], *, active: str = "net1") -> None:
        self.traces = traces
        self.active = active
        self.routes = {"10.0.80.1": {"dev": f"qg-{OUTER.id[:11]}", "gateway": "10.0.80.1"}}

    def __call__(self, node: str, command: Sequence[str]) -> str:
        match command:
            case ["ovs-vsctl", "--format=json", *_]:
                return json.dumps({"data": self._interfaces(node)})
            case ["ovs-appctl", "ofproto/trace", "--names", bridge, _]:
                return self.traces[node, bridge]
            case ["ip", "-n", _, "-oneline", *_]:
                return " 192.168.80.1/24 " if node == self.active else ""
            case ["ip", "-json", "-n", _, "route", "get", destination, *_]:
                if destination not in self.routes:
                    raise NoTrace("Network is unreachable")
                return json.dumps([{"dst": destination, **self.routes[destination]}])
            case ["ip", "-json", "-n", _, "neighbour", *_]:
                return json.dumps([{"lladdr": "02:00:00:00:00:01"}])
            case ["ip", "netns", "exec", *_]:
                forwarded = "ip daddr . meta l4proto . th dport map { 10.0.80.120 . tcp . 2201 : 192.168.80.11 . 22 }"
                pairs = "snat to ip saddr map { 192.168.80.10 : 10.0.80.110 }"
                return f"dnat ip to {forwarded}\n\t{pairs}\n\tsnat to 10.0.80.101\n"
        raise AssertionError(command)

    @staticmethod
    def _interfaces(node: str) -> list[list[object]]:
        ports = {"compute1": [VM1], "compute2": [VM2], "net1": [INNER, OUTER], "net2": [INNER, OUTER]}[node]
        names = {VM1.id: "tap1", VM2.id: "tap2", INNER.id: f"hr-{INNER.id[:11]}", OUTER.id: f"hg-{OUTER.id[:11]}"}
        rows: list[list[object]] = [
            [names[one.id], number, ["map", [["iface-id", one.id]]], ["map", []]] for number, one in enumerate(ports, 1)
        ]
        remotes = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}
        rows += [
            [f"vxlan-{remote}", number, ["map", []], ["map", [["remote_ip", remote]]]]
            for number, remote in enumerate(sorted(remotes), 20)
        ]
        return rows


HR = f"hr-{INNER.id[:11]}"
OUT = {
    ("compute1", "br-int"): trace_of(tunnel="192.0.2.1"),
    ("net1", "br-tun"): trace_of(ports=(HR,)),
    ("net1", "br-int"): trace_of(ports=("eth1",)),
}


def follow(hosts: FakeHosts, destination: str, known: Cloud | None = None) -> list[str]:
    packet = Packet(source=OWN, destination=IPv4Address(destination), protocol="icmp", port=0)
    return [
        f"{line.node}: {line.text}{' ✔' if line.arrived else ''}"
        for line in Tracer(known or cloud(), Hosts(hosts)).follow(VM1, packet)
    ]


def test_outside_is_reached_through_the_active_router_under_the_floating_ip() -> None:
    said = follow(FakeHosts(OUT), "10.0.80.1")
    assert said[0] == "compute1: vm1 sends it to its gateway 192.168.80.1"
    assert said[2] == "compute1: out through the tunnel to net1"
    assert "192.168.80.10 becomes 10.0.80.110 (floating IP); next hop 10.0.80.1" in said[4]
    assert said[-1].startswith("net1: out by eth1: it leaves the cloud into ext")
    assert said[-1].endswith("✔")


def test_a_neighbour_on_another_host_is_reached_without_a_router() -> None:
    traces = {
        ("compute1", "br-int"): trace_of(tunnel="192.0.2.4"),
        ("compute2", "br-tun"): trace_of(ports=("tap2",)),
    }
    said = follow(FakeHosts(traces), "192.168.80.11")
    assert said[-1] == "compute2: vm2 gets it, as 192.168.80.10 → 192.168.80.11, icmp ✔"


def test_a_port_that_is_forwarded_leads_to_an_instance() -> None:
    traces = OUT | {("net1", "br-int"): trace_of(tunnel="192.0.2.4"), ("compute2", "br-tun"): trace_of(ports=("tap2",))}
    hosts = FakeHosts(traces)
    hosts.routes["192.168.80.11"] = {"dev": f"qr-{INNER.id[:11]}"}
    packet = Packet(source=OWN, destination=IPv4Address("10.0.80.120"), protocol="tcp", port=2201)
    said = [line.text for line in Tracer(cloud(), Hosts(hosts)).follow(VM1, packet)]
    assert "port 2201 of 10.0.80.120 is port 22 of 192.168.80.11" in said[4]
    assert said[-1] == "vm2 gets it, as 192.168.80.10 → 192.168.80.11, tcp port 22"


def test_a_subport_is_reached_on_its_parents_interface() -> None:
    subport = msgspec.structs.replace(
        VM2, id="00000005-0000-4000-8000-000000000000", name="tagged", device_owner="trunk:subport"
    )
    trunked = replace(cloud(), ports={**cloud().ports, subport.id: subport}, parents={subport.id: VM2.id})
    trunked.fixed_ips.append(held(subport, "blue-s", "192.168.80.12"))
    traces = {
        ("compute1", "br-int"): trace_of(tunnel="192.0.2.4"),
        ("compute2", "br-tun"): trace_of(ports=("push_vlan(vid=101,pcp=0)", "tap2")),
    }
    packet = Packet(source=OWN, destination=IPv4Address("192.168.80.12"), protocol="icmp", port=0)
    *_, last = Tracer(trunked, Hosts(FakeHosts(traces))).follow(VM1, packet)
    assert (last.text, last.arrived) == ("tagged gets it, as 192.168.80.10 → 192.168.80.12, icmp", True)


def test_what_a_flow_drops_is_told_with_the_flow() -> None:
    said = follow(FakeHosts({("compute1", "br-int"): trace_of()}), "192.168.80.11")
    assert said[-1] == "compute1: dropped in br-int, table 72 (egress rules), by the flow `priority 0`: drop"


def test_a_frame_that_goes_to_a_standby_does_not_arrive() -> None:
    said = follow(FakeHosts(OUT, active="net2"), "10.0.80.1")
    assert said[-1] == "compute1: it does not go to net2, where router router80 is"


def test_a_host_on_another_segment_is_not_reached() -> None:
    known = cloud()
    further = msgspec.structs.replace(segment("blue", NetworkType.VLAN, "rack2", 5), id="further", position=1)
    there = known.nodes["compute2"]
    assert there.facts is not None
    facts = msgspec.structs.replace(there.facts, tunnel_types=(), bridge_mappings={"rack2": "br-rack2"})
    nodes = {**known.nodes, "compute2": msgspec.structs.replace(there, facts=facts)}
    racks = replace(known, segments=[*known.segments, further], nodes=nodes)
    said = follow(FakeHosts({("compute1", "br-int"): trace_of(tunnel="192.0.2.4")}), "192.168.80.11", racks)
    assert said[-1] == "compute1: it does not go to compute2, where vm2 is"


def test_a_packet_that_no_flow_is_about_is_told_so() -> None:
    text = trace_of().replace("72. priority 0\n", "72. No match.\n")
    said = follow(FakeHosts({("compute1", "br-int"): text}), "192.168.80.11")
    assert said[-1] == "compute1: dropped in br-int, table 72 (egress rules): no flow there is about it"


def test_a_router_that_is_active_nowhere_is_told_with_the_reason() -> None:
    said = follow(FakeHosts({}, active=""), "10.0.80.1")
    assert said[-1] == "compute1: router router80, which has 192.168.80.1, is active on no node"
    known = cloud()
    down = replace(known, routers={"r": msgspec.structs.replace(known.routers["r"], admin_state_up=False)})
    assert follow(FakeHosts({}, active=""), "10.0.80.1", down)[-1].endswith("is down (admin_state_up)")


@pytest.mark.parametrize("router_id", ["r", None])
def test_the_router_answers_for_its_floating_ips_and_nobody_for_one_that_is_free(router_id: str | None) -> None:
    known = cloud()
    port_of_it = msgspec.structs.replace(OUTER, id="floating", device_owner="network:floatingip", device_id="f")
    floating = FloatingIp(
        id="f",
        project_id="p",
        floating_network_id="ext",
        floating_ip_address=IPv4Address("10.0.80.111"),
        floating_port_id="floating",
        router_id=router_id,
    )
    known = replace(
        known,
        ports=known.ports | {"floating": port_of_it},
        fixed_ips=[*known.fixed_ips, held(port_of_it, "ext-s", "10.0.80.111")],
        floating_ips=[floating],
        routers={"r": msgspec.structs.replace(known.routers["r"], gateway_port_id=OUTER.id)},
    )
    assert known.holder("ext", IPv4Address("10.0.80.111")) is (OUTER if router_id else None)


def test_an_instances_own_address_needs_no_switch() -> None:
    assert follow(FakeHosts({}), str(OWN)) == ["compute1: vm1 has it: nothing leaves it ✔"]


@pytest.mark.parametrize("many", ["192.168.80.255", "255.255.255.255", "224.0.0.1"])
def test_what_is_for_many_is_not_followed(many: str) -> None:
    with pytest.raises(NoTrace, match=f"{many} is for many"):
        follow(FakeHosts({}), many)


def test_linux_bridges_before_instances_are_named() -> None:
    class Hybrid(FakeHosts):
        def __call__(self, node: str, command: Sequence[str]) -> str:
            said = super().__call__(node, command)
            return said.replace("tap1", "qvo1").replace("tap2", "qvo2")

    traces = {
        ("compute1", "br-int"): trace_of(tunnel="192.0.2.4"),
        ("compute2", "br-tun"): trace_of(ports=("tap2",)),
    }
    said = follow(Hybrid(traces), "192.168.80.11")
    assert said[0].startswith("compute1: the rules on the Linux bridge qbr1 are not asked")
    assert said[-2].startswith("compute2: the rules on the Linux bridge qbr2 are not asked")


def test_a_router_without_a_route_ends_it() -> None:
    said = follow(FakeHosts(OUT), "203.0.113.7")
    assert said[-1] == "net1: router router80 has no route to 203.0.113.7"


def test_an_address_that_nobody_has_is_not_answered_for() -> None:
    said = follow(FakeHosts({}), "192.168.80.99")
    assert said[-1] == "compute1: nobody in blue has the address 192.168.80.99: nobody answers who asks"


@pytest.mark.parametrize("name", ["vm1", VM1.id, VM1.id[:9], "i1", "192.168.80.10"])
def test_an_instance_is_found_by_what_it_is_called(name: str) -> None:
    assert cloud().find(name) is VM1


def test_an_instance_that_is_not_there_is_said_to_be_so() -> None:
    with pytest.raises(NoTrace, match="there is no instance vm9"):
        cloud().find("vm9")
