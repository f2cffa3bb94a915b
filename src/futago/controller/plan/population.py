"""L2 population: where the MAC addresses of a network are, for the nodes that have members of it.

A port that is bound to a node is there. A router's leg has one MAC address on all of the router's nodes, and an
address that several ports are allowed to use may be at any of theirs: traffic tells.
"""

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from futago.contract.specs import NeighbourSpec
from futago.controller import device_owners
from futago.controller.plan.views import NetworkView, Settings
from futago.controller.store.rows import Port, Segment
from futago.values import IPv4Address, Mac, NetworkType

_TUNNELLED: Final = frozenset({NetworkType.GRE, NetworkType.VXLAN})
"""The types whose frames go to one node each; a physical network finds its way by itself."""


def populated(segment: Segment, settings: Settings) -> bool:
    """Whether the nodes on it are told, instead of finding out by flooding."""
    return settings.l2_population and segment.network_type in _TUNNELLED


def plan_population(view: NetworkView, members: frozenset[str]) -> dict[str, tuple[NeighbourSpec, ...]]:
    """Node → what it is told of the network's MAC addresses on other nodes."""
    nodes: dict[Mac, set[str]] = {}
    for mac, where in _sightings(view):
        nodes.setdefault(mac, set()).update(where & members)
    addresses = _addresses(view)
    return {
        member: tuple(
            _neighbour(view.network.id, mac, nodes[mac], addresses.get(mac, ()), member)
            for mac in sorted(nodes)
            if nodes[mac] - {member}
        )
        for member in members
    }


def lawless_nodes(view: NetworkView) -> frozenset[str]:
    """The nodes with ports that nobody binds to their MAC address."""
    return frozenset(port.host_id for port in view.ports if port.host_id and not port.port_security_enabled)


def _sightings(view: NetworkView) -> Iterator[tuple[Mac, set[str]]]:
    for port in view.ports:
        where = _nodes_of(view, port)
        if where:
            yield port.mac_address, where
            for pair in port.allowed_address_pairs:
                yield Mac(pair.get("mac_address") or port.mac_address), where


def _nodes_of(view: NetworkView, port: Port) -> set[str]:
    if port.device_owner in device_owners.LEGS:
        return set(view.router_nodes.get(port.device_id, ()))
    return {port.host_id} - {""}


def _addresses(view: NetworkView) -> dict[Mac, tuple[IPv4Address, ...]]:
    """Whose MAC address is the answer to ARP for which addresses; pairs' addresses wander from port to port."""
    macs = {port.id: port.mac_address for port in view.ports}
    wired = [port for port in view.ports if port.allowed_address_pairs and _nodes_of(view, port)]
    pairs = {pair["ip_address"] for port in wired for pair in port.allowed_address_pairs}
    wandering = [ip_network(text, strict=False) for text in sorted(pairs)]
    found: dict[Mac, tuple[IPv4Address, ...]] = {}
    for fixed_ip in sorted(view.fixed_ips, key=lambda fixed_ip: (fixed_ip.port_id, fixed_ip.position)):
        mac, address = macs.get(fixed_ip.port_id), fixed_ip.ip_address
        if not isinstance(address, IPv4Address) or mac is None:
            continue  # IPv6 asks by multicast, which is flooded
        if not any(address in prefix for prefix in wandering):
            found[mac] = (*found.get(mac, ()), address)
    return found


def _neighbour(
    network_id: str, mac: Mac, nodes: set[str], addresses: tuple[IPv4Address, ...], member: str
) -> NeighbourSpec:
    return NeighbourSpec(
        network_id=network_id,
        mac=mac,
        nodes=tuple(sorted(nodes - {member})),
        here=member in nodes,
        addresses=addresses,
    )
