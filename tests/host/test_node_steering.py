"""What becomes of a router's broadcasts in a real switch: they reach the wire, and no other port of the network."""

import sys
from collections.abc import Iterator
from ipaddress import IPv4Interface
from typing import Final

import pytest
from msgspec.structs import replace

from futago.contract.specs import DhcpSpec, Spec
from futago.node.features.routing import leg
from host.node_kit import Hosts, ThrowAwayHost, wait_until
from host.node_specs import HA, NETNS, QG, gateway_node, router

MAC: Final = "fa:16:3e:00:00:02"
PORT: Final = leg("hg-", QG)
FURTHER: Final = 5
OTHERS: Final = FURTHER + 1
"""Ports of the network that want none of it: the other routers', and the bridge's own."""
SAYS: Final = f"arp,dl_src={MAC},dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.80.101,arp_sha={MAC}"


def specs() -> list[Spec]:
    """A router of whose twin nothing is known, and further ones in the same external network."""
    there = [spec for spec in gateway_node(ha=True) if not isinstance(spec, DhcpSpec)]
    return [*there, *(further(number) for number in range(FURTHER))]


def further(number: int) -> Spec:
    one = router(ha=True, floating=())
    assert one.ha is not None
    assert one.gateway is not None
    ids = {"port_id": f"{number}fffffff-0000-4000-8000-00000000000{number}"}
    address = IPv4Interface(f"10.0.80.{120 + number}/24")
    outer = replace(one.gateway.port, mac=f"fa:16:3e:00:01:0{number}", addresses=(address,), **ids)
    ha = replace(one.ha, vrid=number + 2, port_id=f"{number}{HA[1:]}")
    gateway = replace(one.gateway, port=outer)
    return replace(one, router_id=f"{number}{one.router_id[1:]}", ha=ha, interfaces=(), gateway=gateway)


@pytest.fixture
def node() -> Iterator[ThrowAwayHost]:
    with Hosts("gw") as (host,):
        host.add_provider("br-ex1", "outside", "10.0.80.1/24")
        host.write_config(roles='["l3"]', bridge_mappings='{external1 = "br-ex1"}')
        host.start_controller()
        host.give(specs(), revision=1)
        host.start_agent()
        host.wait_for_revision(1)
        yield host


def outputs(node: ThrowAwayHost, frame: str, entry: str = f"br-int in_port={PORT}") -> int:
    """To how many ports of the datapath the switch sends a frame, of the router's outer leg if nothing else is said."""
    trace = node.run(f"ovs-appctl ofproto/trace {entry},{frame}")
    (actions,) = [line for line in trace.splitlines() if line.startswith("Datapath actions: ")]
    return sum(action.strip().isdigit() for action in actions.partition(": ")[2].split(","))


def flooded(node: ThrowAwayHost) -> int:
    """What any other broadcast comes to: every port of the network."""
    return outputs(node, f"ip,dl_src={MAC},dl_dst=ff:ff:ff:ff:ff:ff,nw_proto=17")


def test_a_gratuitous_request_reaches_the_wire_and_no_other_router(node: ThrowAwayHost) -> None:
    assert flooded(node) > OTHERS
    say_so(node)
    assert outputs(node, f"{SAYS},arp_op=1,arp_tpa=10.0.80.101,arp_tha={MAC}") == flooded(node) - OTHERS


def test_a_question_for_the_gateway_reaches_the_wire_and_no_other_router(node: ThrowAwayHost) -> None:
    nobody = "arp_tha=00:00:00:00:00:00"
    say_so(node)
    assert outputs(node, f"{SAYS},arp_op=1,arp_tpa=10.0.80.1,{nobody}") == flooded(node) - OTHERS
    assert outputs(node, f"{SAYS},arp_op=1,arp_tpa=10.0.80.77,{nobody}") == flooded(node)


def test_a_question_from_the_wire_reaches_the_router_whose_address_it_is_alone(node: ThrowAwayHost) -> None:
    mac = node.run("ip netns exec outside cat /sys/class/net/eth0/address").strip()
    node.run("ip netns exec outside ping -c 1 10.0.80.101", check=False)  # no engine runs: nobody answers
    wait_until(lambda: learned(node, mac) == number_of(node, "int-br-ex1"), "the bridge knows who asked")

    def reached(sender: str, target: str) -> int:
        asks = f"arp,dl_src={mac},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_sha={mac},arp_spa={sender},arp_tpa={target}"
        return outputs(node, asks, "br-ex1 in_port=outside")

    nobody_here = reached("10.0.80.99", "10.0.80.1")
    assert reached("10.0.80.99", "10.0.80.101") == nobody_here + 1
    assert reached("10.0.80.99", "10.0.80.110") == nobody_here + 1
    everybody = reached("10.0.80.99", "10.0.80.77")
    assert everybody > nobody_here + FURTHER
    assert reached("10.0.80.1", "10.0.80.1") == everybody
    assert reached("10.0.80.101", "10.0.80.101") == everybody


def test_the_bridge_learns_from_a_gratuitous_request_where_the_router_is(node: ThrowAwayHost) -> None:
    say_so(node)
    node.run(f"ip netns exec outside {sys.executable} -c '{SAY_SO.replace(leg('qg-', QG), 'eth0')}'")
    wait_until(lambda: learned(node) == number_of(node, "int-br-ex1"), "the bridge knows that it has moved")


SAY_SO: Final = f"""
import socket
from ipaddress import IPv4Address
from futago.vrrp.packet import gratuitous_arp
sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
sender.bind(("{leg("qg-", QG)}", 0))
sender.send(gratuitous_arp("{MAC}", IPv4Address("10.0.80.101"))[0])
"""


def learned(node: ThrowAwayHost, mac: str = MAC) -> str:
    """The number of the port behind which the bridge has seen a MAC address last, the router's if none is said."""
    lines = [line.split() for line in node.run("ovs-appctl fdb/show br-int").splitlines()]
    return next((words[0] for words in lines if mac in words), "")


def number_of(node: ThrowAwayHost, port: str) -> str:
    return node.run(f"ovs-vsctl get interface {port} ofport").strip()


def say_so(node: ThrowAwayHost) -> None:
    """A switch that traces learns nothing, and floods what is for a MAC address that it does not know."""
    node.run(f"ip netns exec {NETNS} {sys.executable} -c '{SAY_SO}'")
    wait_until(lambda: learned(node) == number_of(node, PORT), "the bridge knows where the router is")
