"""Follow one packet from an instance: through its switch, tunnels, routers and NAT, until it ends, hop by hop.

At each switch the switch itself is asked what it would do (`ofproto/trace`), at each router its kernel; the cloud's
rows only say where to look. Nothing is sent, and nothing is changed.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from futago.contract.report import NodeFacts
from futago.controller import device_owners
from futago.controller.store.rows import Network, Port
from futago.node.features.pipeline import TABLES
from futago.node.features.routing import leg, namespace_of
from futago.trace.cloud import Cloud, NoTrace, label
from futago.trace.flows import Walk
from futago.trace.hosts import Hosts, Interface, Packet
from futago.values import IPAddress, Mac, NetworkType

MOST_ROUTERS = 8
_UNKNOWN = Mac("02:00:00:00:00:00")
"""Nobody's: a switch does with it what it does with all that it has not learned."""
_NO_MATCH = "No match"
_OUTER = {"qr-": "hr-", "qg-": "hg-"}


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence of the report."""

    node: str
    text: str
    end: bool = False
    """The packet goes no further."""
    arrived: bool = False
    """It is where it was to go, or has left the cloud on its way there."""
    left: bool = False
    """It has left the cloud: whether it arrives is the outside's business."""


@dataclass(frozen=True, slots=True)
class _At:
    """A packet on an interface of a switch, about to be carried to `mac`."""

    node: str
    interface: str
    network: Network
    source_mac: Mac
    mac: Mac | None
    next_hop: IPAddress
    packet: Packet


class Tracer:
    """One cloud, and its hosts."""

    def __init__(
        self, cloud: Cloud, hosts: Hosts, integration_bridge: str = "br-int", tunnel_bridge: str = "br-tun"
    ) -> None:
        self._cloud = cloud
        self._hosts = hosts
        self._integration, self._tunnels = integration_bridge, tunnel_bridge

    def follow(self, port: Port, packet: Packet) -> Iterator[Line]:
        """The packet's way, a line for each thing that happens to it; the last one says where it ended."""
        if not port.host_id:
            yield Line(node="", text=f"{label(port)} is bound to no host", end=True)
            return
        if packet.destination in {fixed_ip.ip_address for fixed_ip in self._cloud.addresses(port)}:
            yield Line(node=port.host_id, text=f"{label(port)} has it: nothing leaves it", end=True, arrived=True)
            return
        next_hop = self._cloud.next_hop(port, packet.destination)
        if next_hop != packet.destination:
            yield Line(node=port.host_id, text=f"{label(port)} sends it to its gateway {next_hop}")
        interface = self._interface(port.host_id, port.id)
        if interface is None:
            yield Line(node=port.host_id, text=f"no interface of the switch has the id of {label(port)}", end=True)
            return
        yield from self._bridged(port.host_id, interface)
        network = self._cloud.networks[port.network_id]
        at = _At(port.host_id, interface.name, network, port.mac_address, None, next_hop, packet)
        for _ in range(MOST_ROUTERS):
            onwards: list[_At] = []
            yield from self._carry(at, onwards)
            if not onwards:
                return
            at = onwards[0]
        yield Line(node=at.node, text=f"more than {MOST_ROUTERS} routers: it goes round in circles", end=True)

    def _carry(self, at: _At, onwards: list[_At]) -> Iterator[Line]:
        """Through one network, to whoever has the next hop's address there, and through that if it is a router."""
        holder = self._cloud.holder(at.network.id, at.next_hop)
        mac = at.mac or (None if holder is None else holder.mac_address)
        if mac is None and self._cloud.segment(at.network, at.node).physical_network:
            yield Line(node=at.node, text=f"whose {at.next_hop} is, it would have to ask first")
            mac = _UNKNOWN
        if mac is None:
            nobody = f"nobody in {_called(at.network)} has the address {at.next_hop}: nobody answers who asks"
            yield self._end(at.node, nobody)
            return
        target = None if holder is None else self._node_of(holder)
        if holder is not None and not target:
            why = self._cloud.why_nowhere(holder)
            yield self._end(at.node, f"{self._cloud.called(holder)}, which has {at.next_hop}, {why}")
            return
        yield from self._switched(at, mac, holder, target or "", onwards)

    def _switched(self, at: _At, mac: Mac, holder: Port | None, target: str, onwards: list[_At]) -> Iterator[Line]:
        entry = next((one for one in self._hosts.interfaces(at.node) if one.name == at.interface), None)
        if entry is None:
            yield self._end(at.node, f"{at.interface} is not on the switch")
            return
        walk = self._hosts.trace(at.node, self._integration, entry.number, at.packet.flow(at.source_mac, mac))
        yield Line(node=at.node, text=f"in by {at.interface}: {walk.tables()}")
        if walk.dropped:
            yield self._dropped(at.node, walk)
            return
        if holder is None:
            yield self._left(at, walk)
            return
        if target != at.node:
            yield Line(node=at.node, text=f"out {self._said(walk)}")
            if not self._reaches(at, walk, target):
                yield self._end(at.node, f"it does not go to {target}, where {self._cloud.called(holder)} is")
                return
            walk = self._arrive(at, target, at.packet.flow(at.source_mac, mac))
            yield Line(node=target, text=f"in from {at.node}: {walk.tables()}")
        there = self._interface(target, self._cloud.parents.get(holder.id, holder.id))
        if there is None or there.name not in walk.ports:
            yield (
                self._dropped(target, walk)
                if walk.dropped
                else self._end(target, f"it goes {self._said(walk)}, and not to {self._cloud.called(holder)}")
            )
            return
        yield from self._bridged(target, there)
        yield from self._received(at, holder, target, onwards)

    def _bridged(self, node: str, interface: Interface) -> Iterator[Line]:
        """Before an instance with a Linux bridge no switch can be asked."""
        if interface.name.startswith("qvo"):
            said = f"the rules on the Linux bridge qbr{interface.name[3:]} are not asked (nft list table inet futago)"
            yield Line(node=node, text=said)

    def _received(self, at: _At, holder: Port, node: str, onwards: list[_At]) -> Iterator[Line]:
        if holder.device_owner in device_owners.LEGS:
            yield from self._routed(at, holder, node, onwards)
            return
        text = f"{self._cloud.called(holder)} gets it, as {at.packet.said()}"
        yield Line(node=node, text=text, end=True, arrived=at.packet.destination == at.next_hop)

    def _routed(self, at: _At, came_by: Port, node: str, onwards: list[_At]) -> Iterator[Line]:
        router = self._cloud.routers[came_by.device_id]
        namespace, inner = namespace_of(router.id), _inner(came_by)
        nat = self._hosts.nat(node, namespace)
        packet, changes = nat.coming(at.packet)
        way = self._hosts.way(node, namespace, packet, inner)
        if way is None:
            yield self._end(node, f"router {router.name or router.id} has no route to {packet.destination}")
            return
        if way.local:
            text = f"router {router.name or router.id} itself has {packet.destination}, and answers"
            yield Line(node=node, text=text, end=True, arrived=True)
            return
        out = self._leg_of(router.id, way.interface)
        if out is None:
            yield self._end(
                node, f"router {router.name or router.id} sends it to {way.interface}, which is no leg of it"
            )
            return
        if out.device_owner == device_owners.GATEWAY:
            packet, more = nat.going(packet)
            changes = [*changes, *more] or ["nothing is translated"]
        packet = msgspec.structs.replace(packet, ttl=packet.ttl - 1)
        said = f"router {router.name or router.id}, active here: " + "; ".join([*changes, f"next hop {way.next_hop}"])
        yield Line(node=node, text=said)
        network = self._cloud.networks[out.network_id]
        mac = self._hosts.neighbour(node, namespace, way.next_hop)
        onwards.append(_At(node, _outer(out), network, out.mac_address, mac, way.next_hop, packet))

    def _left(self, at: _At, walk: Walk) -> Line:
        text = f"out {self._said(walk)}: it leaves the cloud into {_called(at.network)}, to {at.next_hop}"
        return Line(node=at.node, text=f"{text}, as {at.packet.said()}", end=True, arrived=True, left=True)

    def _reaches(self, at: _At, walk: Walk, target: str) -> bool:
        """A tunnel leads to a node; a wire leads to all that are on it."""
        segment = self._cloud.segment(at.network, at.node)
        if segment != self._cloud.segment(at.network, target):
            return False
        if segment.physical_network:
            return bool(walk.ports)
        return target in {self._cloud.node_at(remote) for remote in walk.tunnels}

    def _arrive(self, at: _At, target: str, flow: str) -> Walk:
        """What the switch of another node does with what comes out of the tunnel, or from the wire."""
        segment = self._cloud.segment(at.network, target)
        facts = self._facts(target)
        if not segment.physical_network:
            here = str(self._facts(at.node).tunnel_address)
            kind = segment.network_type.value
            ends = [one for one in self._hosts.interfaces(target) if one.remote == here and one.name.startswith(kind)]
            if not ends:
                raise NoTrace(f"{target} has no {kind} tunnel to {at.node}")
            tunnel = f"tun_id=0x{segment.segmentation_id:x},tun_src={here},tun_dst={facts.tunnel_address}"
            return self._hosts.trace(target, self._tunnels, ends[0].number, f"{tunnel},{flow}")
        bridge = facts.bridge_mappings.get(segment.physical_network)
        if bridge is None:
            raise NoTrace(f"{target} has no bridge to {segment.physical_network}")
        names = [name for name in self._hosts.bridge_ports(target, bridge) if name != f"phy-{bridge}"]
        wires = [one for one in self._hosts.interfaces(target) if one.name in names]
        if not wires:
            raise NoTrace(f"{bridge} of {target} has no port to a wire")
        tag = f"dl_vlan={segment.segmentation_id}," if segment.network_type is NetworkType.VLAN else ""
        return self._hosts.trace(target, bridge, wires[0].number, f"{tag}{flow}")

    def _facts(self, node: str) -> NodeFacts:
        facts = self._cloud.nodes[node].facts if node in self._cloud.nodes else None
        if facts is None:
            raise NoTrace(f"node {node} has not said what it is")
        return facts

    def _node_of(self, port: Port) -> str:
        """Where what is sent to a port is received: for a router, where it is active by the kernels' word."""
        if port.device_owner not in device_owners.LEGS:
            return port.host_id
        address = str(self._cloud.addresses(port)[0].ip_address)
        nodes = self._cloud.carriers(port.device_id)
        active = [node for node in nodes if self._hosts.holds(node, namespace_of(port.device_id), address)]
        return active[0] if active else ""

    def _interface(self, node: str, port_id: str) -> Interface | None:
        return next((one for one in self._hosts.interfaces(node) if one.port_id == port_id), None)

    def _leg_of(self, router_id: str, name: str) -> Port | None:
        legs = (port for port in self._cloud.ports.values() if port.device_id == router_id)
        return next((port for port in legs if port.device_owner in device_owners.LEGS and _inner(port) == name), None)

    def _said(self, walk: Walk) -> str:
        """Where a packet goes from a switch."""
        nodes = sorted(self._cloud.node_at(remote) for remote in walk.tunnels)
        ways = [f"through the tunnel to {node}" for node in nodes] + [f"by {name}" for name in sorted(walk.ports)]
        return " and ".join(ways) or "nowhere"

    def _dropped(self, node: str, walk: Walk) -> Line:
        if not walk.steps:
            return self._end(node, "dropped: no flow takes it")
        last = walk.steps[-1]
        bridges = {"br-int": self._integration, "br-tun": self._tunnels}
        names = [one.name for one in TABLES if (bridges.get(one.bridge), one.number) == (last.bridge, last.table)]
        where = f"dropped in {last.bridge}, table {last.table}" + "".join(f" ({name})" for name in names)
        if last.rule.startswith(_NO_MATCH):
            return self._end(node, f"{where}: no flow there is about it")
        why = "; ".join(last.actions) or "nothing"
        return self._end(node, f"{where}, by the flow `{last.rule}`: {why}")

    def _end(self, node: str, text: str) -> Line:
        return Line(node=node, text=text, end=True)


def _inner(port: Port) -> str:
    return leg("qg-" if port.device_owner == device_owners.GATEWAY else "qr-", port.id)


def _outer(port: Port) -> str:
    name = _inner(port)
    return _OUTER[name[:3]] + name[3:]


def _called(network: Network) -> str:
    return network.name or f"network {network.id}"
