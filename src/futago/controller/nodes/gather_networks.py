"""Gathers what concerns networks: of those that nobody serves only where their members are, however many these are."""

from collections.abc import Iterable

from futago.config import NodeRole
from futago.contract.report import NodeFacts
from futago.contract.specs import Spec
from futago.controller import device_owners, reach
from futago.controller.nodes import gather_ports
from futago.controller.plan.network import plan_network
from futago.controller.plan.population import populated
from futago.controller.plan.views import NetworkView, Settings
from futago.controller.store.database import FILLED, View
from futago.controller.store.rows import (
    DhcpReplica,
    FixedIp,
    InstanceData,
    Network,
    Node,
    Port,
    Replica,
    Segment,
    Subnet,
)

_Found = tuple[list[Port], list[FixedIp]]


def network(view: View, network_id: str, wanted: Settings) -> dict[str, tuple[Spec, ...]]:
    """The plan of one network."""
    row = view.get(Network, id=network_id)
    if row is None:
        return {}
    dhcp_replicas = view.find(DhcpReplica, network_id=network_id)
    routed = _routed(view, network_id)
    carriers = routed | {replica.node for replica in dhcp_replicas}
    metadata_nodes = frozenset(able(view.find(Node, name=carriers), NodeRole.METADATA)) if carriers else frozenset()
    served = bool(dhcp_replicas or metadata_nodes)
    segments = reach.ordered(view.find(Segment, network_id=network_id))
    told = any(populated(segment, wanted) for segment in segments)
    ports, fixed_ips = _all(view, network_id) if served else _wired(view, network_id) if told else ([], [])
    qos_rules = gather_ports.rules(view, row.qos_policy_id)
    return plan_network(
        NetworkView(
            network=row,
            segments=segments,
            facts=_facts(view) if len(segments) > 1 else {},
            subnets=tuple(view.find(Subnet, network_id=network_id)) if served or len(segments) > 1 else (),
            members=routed | set(view.values(Port, "host_id", network_id=network_id, host_id=FILLED)),
            ports=tuple(ports),
            fixed_ips=tuple(fixed_ips),
            dhcp_replicas=tuple(dhcp_replicas),
            router_nodes=_router_nodes(view, ports),
            instance_data={one.port_id: one for one in view.find(InstanceData, network_id=network_id)}
            if served
            else {},
            metadata_nodes=metadata_nodes,
            qos_rules=None if qos_rules is None else tuple(qos_rules),
        ),
        wanted,
    )


def able(nodes: Iterable[Node], role: NodeRole) -> list[str]:
    """Those that may do something, whether they do now or not."""
    return [node.name for node in nodes if node.facts is not None and role in node.facts.roles]


def _facts(view: View) -> dict[str, NodeFacts]:
    return {node.name: node.facts for node in view.find(Node) if node.facts is not None}


def _routed(view: View, network_id: str) -> frozenset[str]:
    """The nodes with routers that have a leg in the network."""
    router_ids = view.values(Port, "device_id", network_id=network_id, device_owner=device_owners.ROUTERS)
    return frozenset(view.values(Replica, "node", router_id=router_ids))


def _all(view: View, network_id: str) -> _Found:
    """For who serves DHCP or metadata: a lease or a document for each."""
    return view.find(Port, network_id=network_id), view.find(FixedIp, network_id=network_id)


def _wired(view: View, network_id: str) -> _Found:
    """For who is told where the others are: the ports that are somewhere. Who only switches need not know of any."""
    legs = view.find(Port, network_id=network_id, device_owner=device_owners.ROUTERS)
    bound = view.find(Port, network_id=network_id, host_id=FILLED)
    ports = {port.id: port for port in (*bound, *legs)}
    return list(ports.values()), view.find(FixedIp, port_id=list(ports)) if ports else []


def _router_nodes(view: View, ports: Iterable[Port]) -> dict[str, tuple[str, ...]]:
    router_ids = {port.device_id for port in ports if port.device_owner in device_owners.ROUTERS}
    nodes: dict[str, tuple[str, ...]] = {}
    for replica in view.find(Replica, router_id=router_ids) if router_ids else []:
        nodes[replica.router_id] = (*nodes.get(replica.router_id, ()), replica.node)
    return nodes
