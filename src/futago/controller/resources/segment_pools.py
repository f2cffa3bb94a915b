"""The ids that a project's networks may have: by the configuration's ranges, and by those that an admin has added.

A project that has ranges of its own takes from these first; nobody else gets what is in them.
"""

from collections.abc import Iterable
from typing import NamedTuple

from futago.config import ControllerConfig
from futago.controller.store.database import View
from futago.controller.store.routing_rows import SegmentRange
from futago.segment_ranges import IdRange, id_ranges, vlan_ranges
from futago.values import NetworkType


class Pool(NamedTuple):
    """Ids on one physical network, or in tunnels."""

    physical_network: str
    ranges: tuple[IdRange, ...]
    alike: bool
    """It is so for every project."""


def configured(config: ControllerConfig) -> dict[tuple[NetworkType, str], tuple[IdRange, ...]]:
    """By type and physical network, "" for tunnels; without the networks that have no range."""
    vlans = {(NetworkType.VLAN, name): ranges for name, ranges in vlan_ranges(config.network_vlan_ranges).items()}
    tunnels = {
        (NetworkType.GRE, ""): id_ranges(config.tunnel_id_ranges, NetworkType.GRE),
        (NetworkType.VXLAN, ""): id_ranges(config.vni_ranges, NetworkType.VXLAN),
    }
    return {key: ranges for key, ranges in (vlans | tunnels).items() if ranges and key[0] in config.type_drivers}


def pools(view: View, config: ControllerConfig, network_type: NetworkType, project_id: str) -> list[Pool]:
    """Where a network of the project gets its id from, the first pool with a free one before the others."""
    added = view.find(SegmentRange, network_type=network_type)
    own = [row for row in added if not row.shared and row.project_id == project_id]
    others = [row for row in added if not row.shared and row.project_id != project_id]
    common: dict[str, list[IdRange]] = {
        name: list(ranges) for (kind, name), ranges in configured(config).items() if kind is network_type
    }
    for row in added:
        if row.shared:
            common.setdefault(row.physical_network, []).append(_range(row))
    found = [Pool(row.physical_network, (_range(row),), alike=False) for row in own]
    for name, ranges in common.items():
        taken = [_range(row) for row in others if row.physical_network == name]
        left = tuple(part for one in ranges for part in _without(one, taken))
        found.append(Pool(name, left, alike=not taken and not any(row.physical_network == name for row in own)))
    return found


def _range(row: SegmentRange) -> IdRange:
    return IdRange(row.minimum, row.maximum)


def _without(whole: IdRange, taken: Iterable[IdRange]) -> list[IdRange]:
    """What of a range is in none of the others."""
    parts = [whole]
    for first, last in taken:
        cut = [
            (IdRange(part.first, min(part.last, first - 1)), IdRange(max(part.first, last + 1), part.last))
            for part in parts
        ]
        parts = [part for pair in cut for part in pair if part.first <= part.last]
    return parts
