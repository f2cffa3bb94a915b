"""Replication: what conntrackd is told, so that the connections of a router are on its twins before they are needed."""

from collections.abc import Collection

from futago.conntrack.config import Peer, ReplicatedRouter, Replication
from futago.contract.specs import NodeSpecs, PeerSpec, ReplicationSpec, RouterSpec
from futago.node.features.routing import namespace_of
from futago.node.host import Place


def replication(specs: NodeSpecs, place: Place) -> Replication:
    """Every router that has a twin on a node with a tunnel; nothing without a tunnel here, or without keys."""
    addresses = {spec.node: spec.tunnel_address for spec in specs.specs.values() if isinstance(spec, PeerSpec)}
    found = [_router(spec, addresses.keys()) for spec in specs.specs.values() if isinstance(spec, RouterSpec)]
    routers = tuple(sorted((one for one in found if one.peers), key=lambda one: one.name))
    shared = specs.specs.get("replication")
    if place.local_ip is None:
        return Replication(node=place.name, off="this node has no tunnel address")
    if not isinstance(shared, ReplicationSpec):
        return Replication(node=place.name, off="the nodes share no key")
    nodes = sorted({node for router in routers for node in router.peers})
    return Replication(
        node=place.name,
        address=place.local_ip,
        port=place.replication_port,
        keys=shared.keys,
        send_key=shared.send_key,
        scope=place.replication_scope,
        peers=tuple(Peer(node=node, address=addresses[node]) for node in nodes),
        routers=routers,
    )


def _router(router: RouterSpec, reachable: Collection[str]) -> ReplicatedRouter:
    twins = () if router.ha is None or not router.admin_state_up else router.ha.peers
    return ReplicatedRouter(
        name=router.router_id,
        namespace=namespace_of(router.router_id),
        peers=tuple(sorted(twin.node for twin in twins if twin.node in reachable)),
    )
