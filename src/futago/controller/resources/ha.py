"""A router's replicas: its HA network, VRID, the nodes that carry it, and a port for each of them.

Everything happens in the caller's transaction, so eight routers created at once give one HA network and eight VRIDs.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import structlog
from msgspec.structs import replace
from sqlalchemy import Select, and_, case, func, select

from futago.config import ControllerConfig
from futago.controller import allocate, device_owners, schedule
from futago.controller.agent_types import L3, ROLES
from futago.controller.resources import errors, segments, zones
from futago.controller.resources.agent import alive
from futago.controller.resources.service_ports import add_port, remove_port
from futago.controller.store.database import Conflict, Transaction, View
from futago.controller.store.rows import HaNetwork, Network, Node, Port, Replica, Router, Segment, Subnet
from futago.controller.store.tables import TABLES
from futago.values import Role

_log = structlog.get_logger()


def _loads() -> Select[Any]:
    """Of a router's replicas the first one leads: the one that became active last, or that will."""
    replica = TABLES[Replica].c
    active = case((and_(replica.role == Role.ACTIVE.value, replica.yielding.is_(False)), 1), else_=0)
    since = case((active == 1, replica.role_since), else_=0)
    preferred = case((replica.yielding, 0), else_=replica.priority)
    order = (active.desc(), since.desc(), preferred.desc())
    rank = func.row_number().over(partition_by=replica.router_id, order_by=order)
    ranked = select(replica.node, rank.label("place")).subquery().c
    leads = func.sum(case((ranked.place == 1, 1), else_=0))
    return select(ranked.node, func.count().label("carried"), leads.label("leads")).group_by(ranked.node)


_LOADS: Final = _loads()
"""Counted by the database: there may be thousands of replicas, and each router that is placed asks."""


def place(txn: Transaction, config: ControllerConfig, router: Router) -> Router:
    """Give `router` its HA network and VRID and put it on nodes; returns the row as it now stands.

    Raises:
        errors.HaNotEnoughAvailableAgents: too few living nodes for an HA router.

    """
    if router.ha and router.vrid is None:
        ha_network, vrid = _ha_network(txn, config, router.project_id)
        router = txn.replace(router, replace(router, ha_network_id=ha_network.network_id, vrid=vrid))
    wanted = config.max_l3_agents_per_router if router.ha else 1
    nodes = living_nodes(txn, config, L3, router.availability_zone_hints)
    if router.ha:
        _check_enough(txn, config, nodes)
    placed = {replica.node for replica in txn.find(Replica, router_id=router.id)}
    for rank, node in enumerate(_chosen(txn, placed, nodes, wanted)):
        # The first one is to have it, whichever is ready first: a move that `moves.settle` ends.
        add_replica(txn, router, node, yielding=router.ha and not placed and rank > 0)
    return router


def fill(txn: Transaction, config: ControllerConfig, node: str) -> None:
    """Put routers that have fewer replicas than they should on `node`, which has just come.

    A router where this fails stays as it is, and costs neither the node nor the other routers anything.
    """
    zone = zones.of_nodes(txn, [node])
    for router in txn.find(Router):
        if not zones.fits(config, router.availability_zone_hints, zone.get(node, "")):
            continue
        placed = txn.find(Replica, router_id=router.id)
        wanted = config.max_l3_agents_per_router if router.ha else 1
        carried = any(replica.node == node for replica in placed)
        if carried or 0 < wanted <= len(placed):
            continue
        try:
            with txn.attempt():
                add_replica(txn, router, node)
        except (errors.ApiError, Conflict) as error:
            _log.warning("router not placed", router=router.id, node=node, error=str(error))


def add_replica(txn: Transaction, router: Router, node: str, *, yielding: bool = False) -> Replica:
    """Put `router` on `node` too, at the lowest free rank."""
    taken = {replica.priority for replica in txn.find(Replica, router_id=router.id)}
    replica = Replica(
        router_id=router.id,
        node=node,
        ha_port_id=_add_ha_port(txn, router, node).id if router.ha else None,
        priority=schedule.free_priority(taken),
        yielding=yielding,
    )
    return txn.add(replica)


def remove_replica(txn: Transaction, replica: Replica) -> None:
    """Take a router off a node."""
    txn.remove(replica)
    if replica.ha_port_id is not None:
        port = txn.get(Port, id=replica.ha_port_id)
        if port is not None:
            remove_port(txn, port)


def withdraw(txn: Transaction, router: Router) -> None:
    """Take `router` off all nodes; the last of a project's routers takes its HA networks along."""
    for replica in txn.find(Replica, router_id=router.id):
        remove_replica(txn, replica)
    if router.ha_network_id is None:
        return
    txn.replace(router, replace(router, ha_network_id=None, vrid=None))
    if txn.count(Router, ha_network_id=router.ha_network_id) == 0:
        _remove_ha_network(txn, router.ha_network_id)


def living_nodes(
    txn: Transaction, config: ControllerConfig, agent_type: str, hints: Collection[str] = ()
) -> dict[str, str]:
    """The nodes, with their zones, that show as such an agent, report, are not disabled, and fit the `hints`."""
    return {
        node.name: node.facts.availability_zone
        for node in txn.find(Node)
        if node.facts is not None
        and ROLES[agent_type] in node.facts.roles
        and alive(config, node)
        and node.admin_state_up.get(agent_type, True)
        and zones.fits(config, hints, node.facts.availability_zone)
    }


def out_of_date(replica: Replica, heard_at: float, among: Sequence[Replica]) -> bool:
    """Whether a replica is no longer the active one that its node, heard last at `heard_at`, said it was.

    A node that died as the active one said so last. When another has become active since, and this one has not been
    heard after that, its word is out of date before it counts as dead.
    """
    later = max((one.role_since for one in among if one.role is Role.ACTIVE and one.node != replica.node), default=0.0)
    return replica.role is Role.ACTIVE and later > max(heard_at, replica.role_since)


def _check_enough(txn: Transaction, config: ControllerConfig, nodes: Collection[str]) -> None:
    """A cloud without any network node yet may create routers: they are placed when nodes come."""
    known = any(node.facts is not None and "l3" in node.facts.roles for node in txn.find(Node))
    if known and len(nodes) < config.min_l3_agents_per_router:
        raise errors.HaNotEnoughAvailableAgents(min_agents=config.min_l3_agents_per_router, num_agents=len(nodes))


def _chosen(txn: Transaction, placed: Collection[str], nodes: Mapping[str, str], wanted: int) -> tuple[str, ...]:
    free = {node: zone for node, zone in nodes.items() if node not in placed}
    there = zones.of_nodes(txn, placed).values()
    return schedule.choose(schedule.candidates(free, *_load(txn)), wanted, there)


def _load(view: View) -> tuple[dict[str, int], dict[str, int]]:
    """How many routers each node carries, and of how many it is the active one, or will be."""
    loads = view.execute(_LOADS)
    return {one["node"]: int(one["carried"]) for one in loads}, {one["node"]: int(one["leads"]) for one in loads}


def _add_ha_port(txn: Transaction, router: Router, node: str) -> Port:
    ha_network = txn.get(HaNetwork, network_id=router.ha_network_id)
    assert ha_network is not None, "an HA router has its HA network before its replicas"
    network = txn.get(Network, id=ha_network.network_id)
    subnet = txn.get(Subnet, id=ha_network.subnet_id)
    assert network is not None
    assert subnet is not None
    return add_port(
        txn,
        network=network,
        project_id="",
        device_owner=device_owners.HA,
        device_id=router.id,
        host_id=node,
        name=f"HA port project {router.project_id}",
        addresses=[(subnet, None)],
    )


def _ha_network(txn: Transaction, config: ControllerConfig, project_id: str) -> tuple[HaNetwork, int]:
    """The project's first HA network with a VRID to spare, and that VRID; a new network when there is none."""
    existing = sorted(txn.find(HaNetwork, project_id=project_id), key=lambda ha_network: ha_network.ordinal)
    for ha_network in existing:
        taken = txn.values(Router, "vrid", ha_network_id=ha_network.network_id)
        vrid = allocate.vrid({number for number in taken if number is not None})
        if vrid is not None:
            return ha_network, vrid
    ordinal = existing[-1].ordinal + 1 if existing else 0
    return _add_ha_network(txn, config, project_id, ordinal), 1


def _add_ha_network(txn: Transaction, config: ControllerConfig, project_id: str, ordinal: int) -> HaNetwork:
    segment = segments.choose_for_ha(txn, config)
    network = txn.add(
        Network(
            id=str(uuid.uuid4()),
            project_id="",
            name=f"HA network project {project_id}",
            mtu=segments.mtu_of(config, [segment]),
        )
    )
    segments.hold(txn, network, segment)
    subnet = txn.add(
        Subnet(
            id=str(uuid.uuid4()),
            project_id="",
            name=f"HA subnet project {project_id}",
            network_id=network.id,
            cidr=config.l3_ha_net_cidr,
            enable_dhcp=False,
            allocation_pools=allocate.default_pools(config.l3_ha_net_cidr, None),
        )
    )
    return txn.add(HaNetwork(project_id=project_id, ordinal=ordinal, network_id=network.id, subnet_id=subnet.id))


def _remove_ha_network(txn: Transaction, network_id: str) -> None:
    for kind in (HaNetwork, Segment, Subnet):
        for row in txn.find(kind, network_id=network_id):
            txn.remove(row)
    network = txn.get(Network, id=network_id)
    if network is not None:
        txn.remove(network)
