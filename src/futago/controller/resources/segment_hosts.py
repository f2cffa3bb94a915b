"""Which hosts use a segment, and from which subnets a port on a host may have its addresses."""

from collections.abc import Collection, Sequence
from typing import Any

from futago.contract.report import NodeFacts
from futago.controller import device_owners, reach
from futago.controller.resources import segment_errors
from futago.controller.resources.definition import Absent
from futago.controller.store.database import View
from futago.controller.store.rows import Node, Port, Replica, Segment, Subnet


def users(view: View, network_id: str) -> dict[str, frozenset[str] | None]:
    """Segment → the nodes that use it, for each that is of use to the network; None is all, where there is one only."""
    held = segments_of(view, network_id)
    if len(held) == 1:
        return {held[0].id: None}
    subnets = view.find(Subnet, network_id=network_id)
    found: dict[str, set[str]] = {segment.id: set() for segment in reach.serving(held, subnets)}
    for node in view.find(Node) if held else ():
        if there := reach.connected(node.facts, held, subnets):
            found[there[0].id].add(node.name)
    return {segment_id: frozenset(nodes) for segment_id, nodes in found.items()}


def segments_of(view: View, network_id: str) -> tuple[Segment, ...]:
    """A network's segments in their order."""
    return reach.ordered(view.find(Segment, network_id=network_id))


def bound_to(view: View, segment: Segment) -> list[Port]:
    """The ports that are on a segment: they are on hosts, or their routers are, which use it."""
    held = segments_of(view, segment.network_id)
    ports = view.find(Port, network_id=segment.network_id)
    routers = {port.device_id for port in ports if port.device_owner in device_owners.LEGS}
    carriers: dict[str, set[str]] = {}
    for replica in view.find(Replica, router_id=routers) if routers else ():
        carriers.setdefault(replica.router_id, set()).add(replica.node)
    hosts = {port.id: {port.host_id} - {""} | carriers.get(port.device_id, set()) for port in ports}
    subnets = view.find(Subnet, network_id=segment.network_id) if len(held) > 1 else []
    facts = _facts(view, {host for of_one in hosts.values() for host in of_one})
    here = {host for host in facts if reach.used(facts[host], held, subnets) == segment}
    return [port for port in ports if hosts[port.id] & here]


def nearby(view: View, subnet: Subnet) -> frozenset[str] | None:
    """The ports of its network that can use a subnet; None is all."""
    segment = None if subnet.segment_id is None else view.get(Segment, id=subnet.segment_id)
    return None if segment is None else frozenset(port.id for port in bound_to(view, segment))


def candidates(
    view: View, subnets: Sequence[Subnet], asked: Sequence[dict[str, Any]] | Absent, host: str
) -> Sequence[Subnet]:
    """Those of a network's subnets from which a port may have addresses: on a routed network, of one segment.

    Raises:
        segment_errors.HostNotConnectedToAnySegment: its host is on none that has subnets.
        segment_errors.HostConnectedToMultipleSegments: its host is on several.
        segment_errors.FixedIpsSubnetsNotOnSameSegment: the addresses that are asked for are.

    """
    if not any(subnet.segment_id for subnet in subnets):
        return subnets
    if host:
        there = _segment_of_host(view, subnets, host)
        return [subnet for subnet in subnets if subnet.segment_id == there]
    if isinstance(asked, Absent):
        return [subnet for subnet in subnets if subnet.segment_id is None]
    named = {subnet.segment_id for wish in asked if (subnet := _named(subnets, wish)) is not None}
    if len(named) > 1:
        raise segment_errors.FixedIpsSubnetsNotOnSameSegment
    return [subnet for subnet in subnets if subnet.segment_id in named] if named else subnets


def _segment_of_host(view: View, subnets: Sequence[Subnet], host: str) -> str:
    network_id = subnets[0].network_id
    found = reach.connected(_facts(view, {host})[host], segments_of(view, network_id), subnets)
    if not found:
        raise segment_errors.HostNotConnectedToAnySegment(host=host, network_id=network_id)
    if len(found) > 1:
        raise segment_errors.HostConnectedToMultipleSegments(host=host, network_id=network_id)
    return found[0].id


def _named(subnets: Sequence[Subnet], wish: dict[str, Any]) -> Subnet | None:
    if "subnet_id" in wish:
        return next((subnet for subnet in subnets if subnet.id == wish["subnet_id"]), None)
    address = wish.get("ip_address")
    return next((subnet for subnet in subnets if address is not None and address in subnet.cidr), None)


def _facts(view: View, hosts: Collection[str]) -> dict[str, NodeFacts | None]:
    """What the hosts say of themselves; nothing, if they are no nodes."""
    known = {node.name: node.facts for node in view.find(Node, name=list(hosts))} if hosts else {}
    return {host: known.get(host) for host in hosts}
