"""Uplinks: this node's ways into the external networks, and the place from where their gateways are asked.

A standby transmits nothing on its qg- interfaces, so routers cannot ask: the node does, once for each external network,
from an interface of its own on the provider bridge. It has no address (RFC 5227 asks with the sender 0.0.0.0; over IPv6
the sender is one that no other can have), and it is alone in a namespace where nothing answers what comes in.

    namespace futago-uplinks: up-2222… ── hu-2222… ▶ br-ex1 ── eth1 ── gateway
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from futago.contract.specs import NetworkSpec, NodeSpecs, RouterSpec
from futago.node.features.routing import leg
from futago.node.features.userspace import lateness
from futago.node.host import HOST, Namespace, OvsPort, Owned, Place, Uplink, Veth
from futago.values import IPAddress, Mac, Millis, NetworkType, Vlan, rank

NAMESPACE = "futago-uplinks"
MISSES: Final = 3
"""So many probes in a row must go unanswered until an uplink counts as lost."""
_LATE_A_MISS: Final = Millis(50)
"""One more for each of these by which the switch may be late."""
_UNTAGGED = Vlan(0)
"""On an Open vSwitch port: an access port for frames without a tag, not a trunk."""


def uplinks(specs: NodeSpecs, place: Place) -> tuple[Uplink, ...]:
    """What is to be watched: each flat or VLAN network that HA routers here have their gateway in."""
    gateways: dict[str, set[IPAddress]] = {}
    for spec in specs.specs.values():
        if isinstance(spec, RouterSpec) and spec.ha is not None and spec.gateway is not None:
            gateways.setdefault(spec.gateway.port.network_id, set()).update(spec.gateway.next_hops)
    misses = MISSES + lateness(specs, place) // _LATE_A_MISS
    found = (_uplink(network, gateways[network.network_id], misses, place) for network in _networks(specs, gateways))
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.network_id))


def probes(watched: Iterable[Uplink], specs: NodeSpecs, place: Place) -> list[Owned]:
    """What is needed on the host to ask the gateways."""
    networks = {network.network_id: network for network in _networks(specs, {one.network_id for one in watched})}
    owned: list[Owned] = []
    for uplink in watched:
        if uplink.interface:
            owned += _probe(uplink, networks[uplink.network_id], place)
    return [Owned(HOST, Namespace(name=NAMESPACE, forwarding=False)), *owned] if owned else []


def _networks(specs: NodeSpecs, ids: Iterable[str]) -> list[NetworkSpec]:
    found = (specs.specs.get(f"network/{network_id}") for network_id in ids)
    return [network for network in found if isinstance(network, NetworkSpec)]


def _uplink(network: NetworkSpec, gateways: set[IPAddress], misses: int, place: Place) -> Uplink | None:
    bridge = place.bridge_mappings.get(network.physical_network or "")
    if bridge is None or network.physical_network is None:
        return None
    asked = bool(gateways) and place.probe_uplinks
    return Uplink(
        network_id=network.network_id,
        physical_network=network.physical_network,
        bridge=bridge,
        gateways=tuple(sorted(gateways, key=rank)),
        misses=misses,
        namespace=NAMESPACE if asked else "",
        interface=leg("up-", network.network_id) if asked else "",
    )


def _probe(uplink: Uplink, network: NetworkSpec, place: Place) -> list[Owned]:
    outer = leg("hu-", uplink.network_id)
    tag = Vlan(network.segmentation_id or 0) if network.network_type is NetworkType.VLAN else _UNTAGGED
    veth = Veth(
        namespace=uplink.namespace,
        name=uplink.interface,
        host_name=outer,
        mac=_mac(place.node, uplink.network_id),
        mtu=network.mtu,
        up=True,
    )
    return [Owned(HOST, veth), Owned(HOST, OvsPort(name=outer, bridge=uplink.bridge, tag=tag))]


def _mac(node: str, network_id: str) -> Mac:
    """Locally administered, and the same after every start."""
    digest = hashlib.sha256(f"{node}/{network_id}".encode()).digest()
    return Mac("02:" + ":".join(f"{byte:02x}" for byte in digest[:5]))
