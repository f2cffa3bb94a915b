"""A network's DHCP servers: the nodes that carry them, and a port for each."""

import uuid
from collections.abc import Collection

import structlog

from futago.config import ControllerConfig
from futago.controller import device_owners, schedule
from futago.controller.agent_types import DHCP
from futago.controller.resources import errors, segment_hosts, zones
from futago.controller.resources.ha import living_nodes
from futago.controller.resources.service_ports import add_port, give_address, remove_port
from futago.controller.store.database import Conflict, Transaction
from futago.controller.store.rows import DhcpReplica, FixedIp, Network, Port, Subnet

_log = structlog.get_logger()


def place(txn: Transaction, config: ControllerConfig, network_id: str) -> None:
    """See that the network has its DHCP servers, and each of them an address in every subnet with DHCP.

    A full subnet has as many servers as have found an address; a server that has found none at all goes again. Each
    segment has servers of its own: nobody hears those of another.
    """
    subnets = txn.find(Subnet, network_id=network_id, enable_dhcp=True)
    if not subnets:
        return
    segments = segment_hosts.users(txn, network_id)
    for users in segments.values():
        _place_among(txn, config, network_id, users)
    for replica in txn.find(DhcpReplica, network_id=network_id):
        here = {None, *(one for one, users in segments.items() if users is None or replica.node in users)}
        _give_addresses(txn, replica, *_parted(subnets, here))
        if not txn.count(FixedIp, port_id=replica.port_id):
            remove_replica(txn, replica)


def fill(txn: Transaction, config: ControllerConfig) -> None:
    """Give networks that have too few DHCP servers further ones; a node has just come.

    A network where this fails keeps what it has, and costs neither the node nor the other networks anything.
    """
    for network_id in sorted({subnet.network_id for subnet in txn.find(Subnet, enable_dhcp=True)}):
        try:
            with txn.attempt():
                place(txn, config, network_id)
        except (errors.ApiError, Conflict) as error:
            _log.warning("network not placed", network=network_id, error=str(error))


def add_replica(txn: Transaction, network_id: str, node: str) -> DhcpReplica:
    """Put a DHCP server of the network on `node`."""
    network = txn.get(Network, id=network_id)
    assert network is not None, "the caller has looked the network up"
    device_id = f"dhcp{uuid.uuid5(uuid.NAMESPACE_DNS, node)}-{network_id}"
    port = add_port(
        txn,
        network=network,
        project_id=network.project_id,
        device_owner=device_owners.DHCP,
        device_id=device_id,
        host_id=node,
    )
    return txn.add(DhcpReplica(network_id=network_id, node=node, port_id=port.id))


def withdraw(txn: Transaction, network_id: str) -> None:
    """Take the network's DHCP servers off all nodes."""
    for replica in txn.find(DhcpReplica, network_id=network_id):
        remove_replica(txn, replica)


def withdraw_from(txn: Transaction, nodes: Collection[str], network_id: str) -> None:
    """Take the network's DHCP servers off some nodes."""
    for replica in txn.find(DhcpReplica, network_id=network_id, node=list(nodes)) if nodes else ():
        remove_replica(txn, replica)


def remove_replica(txn: Transaction, replica: DhcpReplica) -> None:
    """Take a network's DHCP server off a node."""
    txn.remove(replica)
    port = txn.get(Port, id=replica.port_id)
    if port is not None:
        remove_port(txn, port)


def _place_among(txn: Transaction, config: ControllerConfig, network_id: str, users: Collection[str] | None) -> None:
    """Find nodes for the servers that are missing on one segment; `users` are the nodes that it may have."""
    everywhere = {replica.node for replica in txn.find(DhcpReplica, network_id=network_id)}
    placed = {node for node in everywhere if users is None or node in users}
    missing = config.dhcp_agents_per_network - len(placed)
    if missing <= 0:
        return
    network = txn.get(Network, id=network_id)
    assert network is not None, "a subnet has its network"
    living = living_nodes(txn, config, DHCP, network.availability_zone_hints)
    nodes = {node: living[node] for node in living if node not in placed and (users is None or node in users)}
    there = zones.of_nodes(txn, placed).values()
    carried: dict[str, int] = {}
    for replica in txn.find(DhcpReplica):
        carried[replica.node] = carried.get(replica.node, 0) + 1
    for node in schedule.choose(schedule.candidates(nodes, carried, {}), missing, there):
        add_replica(txn, network_id, node)


def _parted(subnets: list[Subnet], here: Collection[str | None]) -> tuple[list[Subnet], set[str]]:
    """The subnets on these segments, and the ids of the others."""
    near = [subnet for subnet in subnets if subnet.segment_id in here]
    return near, {subnet.id for subnet in subnets} - {subnet.id for subnet in near}


def _give_addresses(txn: Transaction, replica: DhcpReplica, subnets: list[Subnet], far: set[str]) -> None:
    """Its node may have come to another segment: what is `far` from there it serves no more."""
    port = txn.get(Port, id=replica.port_id)
    assert port is not None, "a DHCP server has its port"
    held = txn.find(FixedIp, port_id=port.id)
    for fixed_ip in held:
        if fixed_ip.subnet_id in far:
            txn.remove(fixed_ip)
    served = {fixed_ip.subnet_id for fixed_ip in held}
    fresh = [subnet for subnet in subnets if subnet.id not in served]
    for position, subnet in enumerate(fresh, start=len(held)):
        try:
            give_address(txn, port, (subnet, None), position)
        except errors.IpAddressGenerationFailure:
            _log.warning("no address for a DHCP server", network=subnet.network_id, subnet=subnet.id, node=replica.node)
