"""Segments: how a network's frames are told from others' between hosts, and how large they may be.

What tells them apart is unique among the rows, so two networks never have the same segment; it comes free with the row.
"""

import uuid
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, assert_never

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller import allocate
from futago.controller.resources import errors
from futago.controller.resources.segment_pools import Pool, pools
from futago.controller.store import lowest_free
from futago.controller.store.database import Transaction
from futago.controller.store.rows import Network, Segment
from futago.segment_ranges import LARGEST, vlan_ranges
from futago.values import NetworkType

OVERHEAD: Final = {NetworkType.GRE: 42, NetworkType.VXLAN: 50}
"""What a tunnel adds to a packet, in bytes: the inner Ethernet header (14), then GRE with a key (8) or VXLAN and UDP
(8 + 8), and IPv4 (20)."""


_NOBODY: Final = ""
"""The owner of a network for advertisements: it gets nothing of what is set apart for a project."""


class Asked(NamedTuple):
    """The provider attributes of a request; None where it says nothing."""

    network_type: str | None
    physical_network: str | None
    segmentation_id: int | None


_OPEN: Final = Asked(None, None, None)


class Chosen(NamedTuple):
    """A segment that is free."""

    network_type: NetworkType
    physical_network: str | None
    segmentation_id: int | None


def choose(txn: Transaction, config: ControllerConfig, asked: Asked, project_id: str) -> Chosen:
    """The segment that a request asks for, or one out of the ranges for projects.

    Raises:
        errors.InvalidInput: what it asks for is no segment here.
        errors.InUse: another network has it, or all are used up.

    """
    if asked.network_type is None:
        if asked.physical_network is not None or asked.segmentation_id is not None:
            raise errors.InvalidInput(reason="network_type required")
        return _for_project(txn, config, config.tenant_network_types, project_id)
    if asked.network_type not in config.type_drivers:
        known = ", ".join(config.type_drivers)
        raise errors.InvalidInput(reason=f"network type '{asked.network_type}' is not supported; there are: {known}")
    match network_type := NetworkType(asked.network_type):
        case NetworkType.FLAT:
            return _flat(txn, config, asked)
        case NetworkType.VLAN:
            return _vlan(txn, config, asked, project_id)
        case NetworkType.GRE | NetworkType.VXLAN:
            return _tunnel(txn, config, network_type, asked, project_id)
        case _:
            assert_never(network_type)


def choose_for_ha(txn: Transaction, config: ControllerConfig) -> Chosen:
    """A segment for a project's advertisements."""
    if config.l3_ha_network_type:
        return _for_project(txn, config, (config.l3_ha_network_type,), _NOBODY)
    tunnels = [kind for kind in (NetworkType.VXLAN, NetworkType.GRE) if kind in config.tenant_network_types]
    return _for_project(txn, config, (*tunnels, *config.tenant_network_types), _NOBODY)


def move(txn: Transaction, segments: Sequence[Segment], asked: Asked) -> None:
    """Let a network's one segment be what a request names: a VLAN may have another id.

    Raises:
        errors.InvalidInput: it asks for more than that, or there are several.
        errors.InUse: another network has the VLAN.

    """
    if asked == _OPEN:
        return
    if len(segments) != 1:
        reason = "Provider network attributes can be updated only in provider networks with a single segment"
        raise errors.InvalidInput(reason=reason)
    (segment,) = segments
    have = (segment.network_type.value, segment.physical_network or None)
    for wanted, name in zip(asked[:2], have, strict=True):
        if wanted not in {None, name}:
            names = "provider:network_type, provider:physical_network"
            reason = f"Plugin does not support updating the following provider network attributes: {names}"
            raise errors.InvalidInput(reason=reason)
    vlan = asked.segmentation_id
    if not vlan or vlan == segment.segmentation_id:
        return
    if segment.network_type is not NetworkType.VLAN:
        raise errors.InvalidInput(reason="Only VLAN type networks can be updated")
    _check_id(NetworkType.VLAN, vlan)
    if _taken(txn, NetworkType.VLAN, segment.physical_network, vlan):
        raise errors.VlanIdInUse(vlan_id=vlan, physical_network=segment.physical_network)
    txn.replace(segment, replace(segment, segmentation_id=vlan))
    lowest_free.given_back(txn, segment)


def hold(
    txn: Transaction, network: Network, chosen: Chosen, position: int = 0, name: str = "", description: str = ""
) -> Segment:
    """Give a network a segment, and keep others off it until the row that is added here is removed."""
    return txn.add(
        Segment(
            id=str(uuid.uuid4()),
            project_id=network.project_id,
            network_type=chosen.network_type,
            physical_network=chosen.physical_network or "",
            segmentation_id=chosen.segmentation_id or 0,
            network_id=network.id,
            position=position,
            name=name,
            description=description,
        )
    )


def mtu_of(config: ControllerConfig, segments: Iterable[Chosen | Segment]) -> int:
    """The largest packet that all of a network's segments carry."""
    return min(
        (largest_mtu(config, one.network_type, one.physical_network) for one in segments),
        default=config.global_physnet_mtu,
    )


def largest_mtu(config: ControllerConfig, network_type: NetworkType, physical_network: str | None) -> int:
    """The MTU that a segment carries, in bytes: what a network has unless a request wants less."""
    if network_type in OVERHEAD:
        return min(config.global_physnet_mtu, config.path_mtu or config.global_physnet_mtu) - OVERHEAD[network_type]
    return min(config.global_physnet_mtu, config.physical_network_mtus.get(physical_network or "", 1 << 16))


def _for_project(txn: Transaction, config: ControllerConfig, types: tuple[str, ...], project_id: str) -> Chosen:
    for kind in types:
        network_type = NetworkType(kind)
        for pool in pools(txn, config, network_type, project_id):
            found = _free(txn, network_type, pool)
            if found is not None:
                return Chosen(network_type, pool.physical_network or None, found)
    raise errors.NoNetworkAvailable


def _flat(txn: Transaction, config: ControllerConfig, asked: Asked) -> Chosen:
    name, known = asked.physical_network, config.flat_networks
    if name is None:
        raise errors.InvalidInput(reason="physical_network required for flat provider network")
    if asked.segmentation_id is not None:
        raise errors.InvalidInput(reason="segmentation_id prohibited for flat provider network")
    if "*" not in known and name not in known:
        raise errors.InvalidInput(reason=f"physical_network '{name}' unknown for flat provider network")
    if txn.count(Segment, network_type=NetworkType.FLAT, physical_network=name):
        raise errors.FlatNetworkInUse(physical_network=name)
    return Chosen(NetworkType.FLAT, name, None)


def _vlan(txn: Transaction, config: ControllerConfig, asked: Asked, project_id: str) -> Chosen:
    name, vlan = asked.physical_network, asked.segmentation_id
    if name is None:
        if vlan is not None:
            raise errors.InvalidInput(reason="segmentation_id requires physical_network for VLAN provider network")
        return _for_project(txn, config, (NetworkType.VLAN,), project_id)
    on_it = [pool for pool in pools(txn, config, NetworkType.VLAN, project_id) if pool.physical_network == name]
    if not on_it and name not in vlan_ranges(config.network_vlan_ranges):
        raise errors.InvalidInput(reason=f"physical_network '{name}' unknown for VLAN provider network")
    if vlan is None:
        if not on_it:
            raise errors.InvalidInput(
                reason=f"Physical network {name} requires segmentation_id to be specified when creating a "
                "provider network"
            )
        free = (_free(txn, NetworkType.VLAN, pool) for pool in on_it)
        vlan = next((one for one in free if one is not None), None)
        if vlan is None:
            raise errors.NoNetworkAvailable
        return Chosen(NetworkType.VLAN, name, vlan)
    _check_id(NetworkType.VLAN, vlan)
    if _taken(txn, NetworkType.VLAN, name, vlan):
        raise errors.VlanIdInUse(vlan_id=vlan, physical_network=name)
    return Chosen(NetworkType.VLAN, name, vlan)


def _tunnel(
    txn: Transaction, config: ControllerConfig, network_type: NetworkType, asked: Asked, project_id: str
) -> Chosen:
    if asked.physical_network is not None:
        raise errors.InvalidInput(reason=f"provider:physical_network specified for {network_type} network")
    key = asked.segmentation_id
    if key is None:
        return _for_project(txn, config, (network_type,), project_id)
    _check_id(network_type, key)
    if _taken(txn, network_type, "", key):
        raise errors.TunnelIdInUse(tunnel_id=key)
    return Chosen(network_type, None, key)


def _check_id(network_type: NetworkType, asked: int) -> None:
    if not 0 < asked <= LARGEST[network_type]:
        raise errors.InvalidInput(
            reason=f"segmentation_id {asked} is out of range for {network_type} (1 through {LARGEST[network_type]})"
        )


def _free(txn: Transaction, network_type: NetworkType, pool: Pool) -> int | None:
    """The first free id; where every project has the same pool, not all that are taken are looked at."""
    known = lowest_free.known(txn, lowest_free.segments_of(network_type, pool.physical_network))
    start = lowest_free.bound(known) if pool.alike else 0
    where = {"network_type": network_type, "physical_network": pool.physical_network}

    def taken(window: Sequence[int]) -> set[int]:
        return {segment.segmentation_id for segment in txn.find(Segment, **where, segmentation_id=window)}

    found = allocate.first_free(allocate.segmentation_ids(pool.ranges, start), taken)
    if found is not None and pool.alike and list(pool.ranges) == sorted(pool.ranges):
        lowest_free.taken(txn, known, max(start, pool.ranges[0][0]), found)
    return found


def _taken(txn: Transaction, network_type: NetworkType, physical_network: str, wanted: int) -> bool:
    return bool(
        txn.count(Segment, network_type=network_type, physical_network=physical_network, segmentation_id=wanted)
    )
