"""Network segment ranges: which segment ids project networks may have, by the configuration and by an admin's word."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller.resources import errors, parse, routing_errors
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Absent,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.segment_pools import configured
from futago.controller.store import lowest_free
from futago.controller.store.database import Transaction, View
from futago.controller.store.routing_rows import SegmentRange
from futago.controller.store.rows import Network, Segment
from futago.segment_ranges import LARGEST
from futago.values import NetworkType

_TYPES: Final = (NetworkType.VLAN, NetworkType.VXLAN, NetworkType.GRE)
_LARGEST_ID: Final = 2**32 - 1
_MOST_SHOWN: Final = 65536
"""Of the ids that are free: a range may have millions."""
_DEFAULTS: Final = uuid.UUID("5e6f7f0a-3f52-4d5c-9f0e-6c1f4f7a3f10")
"""The name space of the ids of the configuration's ranges."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[SegmentRange]:
    """All of them; the rules say who sees them."""
    everything = [*defaults(reading.config), *reading.view.find(SegmentRange)]
    return [row for row in everything if all(getattr(row, name) in values for name, values in wanted.items())]


def defaults(config: ControllerConfig) -> list[SegmentRange]:
    """The configuration's ranges; each has the same id for as long as it is configured."""
    found = []
    for (network_type, physical_network), ranges in configured(config).items():
        for first, last in ranges:
            name = f"{network_type}/{physical_network}/{first}/{last}"
            found.append(
                SegmentRange(
                    id=str(uuid.uuid5(_DEFAULTS, name)),
                    project_id="",
                    network_type=network_type,
                    physical_network=physical_network,
                    minimum=first,
                    maximum=last,
                )
            )
    return found


def create(writing: Writing, values: Values) -> SegmentRange:
    """Add a range, for all projects or for one."""
    network_type = NetworkType(values["network_type"])
    if network_type.value not in writing.config.type_drivers:
        raise routing_errors.NetworkSegmentRangeNetTypeNotSupported(type=network_type.value)
    named = values["physical_network"]
    if network_type is NetworkType.VLAN and (isinstance(named, Absent) or not named):
        reason = "Network type vlan requires 'physical_network' to be specified while creating new range"
        raise errors.BadRequest(resource="network_segment_range", reason=reason)
    row = SegmentRange(
        id=str(uuid.uuid4()),
        project_id="" if values["shared"] else values["project_id"],
        shared=values["shared"],
        network_type=network_type,
        physical_network=named if network_type is NetworkType.VLAN else "",
        minimum=values["minimum"],
        maximum=values["maximum"],
        **chosen(values, {"name": "name", "description": "description"}),
    )
    _check(writing.txn, row)
    _look_again(writing.txn, row)
    return writing.txn.add(row)


def update(writing: Writing, row: SegmentRange, values: Values) -> SegmentRange:
    """Change a range; the ids of it that networks have stay in it."""
    _check_stored(writing.txn, row)
    changed = replace(row, **chosen(values, {name: name for name in ("name", "description", "minimum", "maximum")}))
    used = _used(writing.txn, row)
    if used and not (changed.minimum <= min(used) and max(used) <= changed.maximum):
        raise routing_errors.NetworkSegmentRangeReferencedByProject(range_id=row.id)
    _check(writing.txn, changed)
    _look_again(writing.txn, row)
    return writing.txn.replace(row, changed)


def delete(writing: Writing, row: SegmentRange) -> None:
    """Take a range away of which no network has an id."""
    _check_stored(writing.txn, row)
    if _used(writing.txn, row):
        raise routing_errors.NetworkSegmentRangeReferencedByProject(range_id=row.id)
    _look_again(writing.txn, row)
    writing.txn.remove(row)


def render(reading: Reading, rows: Sequence[SegmentRange]) -> list[Rendered]:
    """Ranges as Neutron shows them."""
    return [_render(row, _used(reading.view, row), default=_is_default(reading.view, row)) for row in rows]


def _render(row: SegmentRange, used: Mapping[int, str], *, default: bool) -> Rendered:
    own = {name: value for name, value in standard(row).items() if name != "tenant_id"}
    return {
        **own,
        "project_id": row.project_id or None,
        "default": default,
        "shared": row.shared,
        "network_type": row.network_type.value,
        "physical_network": row.physical_network or None,
        "minimum": row.minimum,
        "maximum": row.maximum,
        "used": {str(number): project for number, project in used.items()},
        "available": list(_free(row, used)),
    }


def _free(row: SegmentRange, used: Mapping[int, str]) -> Iterable[int]:
    shown = 0
    for number in range(row.minimum, row.maximum + 1):
        if number not in used and shown < _MOST_SHOWN:
            shown += 1
            yield number
        elif shown == _MOST_SHOWN:
            return


def _used(view: View, row: SegmentRange) -> dict[int, str]:
    """The ids of the range that networks have, with whose these are."""
    held = view.find(Segment, network_type=row.network_type, physical_network=row.physical_network)
    within = {one.segmentation_id: one.network_id for one in held if row.minimum <= one.segmentation_id <= row.maximum}
    if not within:
        return {}
    owners = {network.id: network.project_id for network in view.find(Network, id=list(within.values()))}
    return {number: owners[within[number]] for number in sorted(within)}


def _is_default(view: View, row: SegmentRange) -> bool:
    return view.get(SegmentRange, id=row.id) is None


def _check_stored(view: View, row: SegmentRange) -> None:
    if _is_default(view, row):
        raise routing_errors.NetworkSegmentRangeDefaultReadOnly(range_id=row.id)


def _check(view: View, row: SegmentRange) -> None:
    _check_ends(row)
    same = view.find(SegmentRange, network_type=row.network_type, physical_network=row.physical_network)
    overlapping = [
        other.id
        for other in same
        if other.id != row.id and row.minimum <= other.maximum and row.maximum >= other.minimum
    ]
    if overlapping:
        raise routing_errors.NetworkSegmentRangeOverlaps(range_id=", ".join(overlapping))


def _look_again(txn: Transaction, row: SegmentRange) -> None:
    """What was known of the free ids was so of other ranges."""
    lowest_free.forget(txn, lowest_free.segments_of(row.network_type, row.physical_network))


def _check_ends(row: SegmentRange) -> None:
    ends, kind = f"{row.minimum}:{row.maximum}", row.network_type
    for end in (row.minimum, row.maximum):
        if end > LARGEST[kind]:
            if kind is NetworkType.VLAN:
                raise routing_errors.NetworkVlanRangeError(vlan_range=ends, error=f"{end} is not a valid VLAN tag")
            error = f"{end} is not a valid {kind.value} identifier"
            raise routing_errors.NetworkTunnelRangeError(tunnel_range=ends, error=error)
    if row.maximum < row.minimum:
        if kind is NetworkType.VLAN:
            error = "End of VLAN range is less than start of VLAN range"
            raise routing_errors.NetworkVlanRangeError(vlan_range=ends, error=error)
        error = "End of tunnel range is less than start of tunnel range"
        raise routing_errors.NetworkTunnelRangeError(tunnel_range=ends, error=error)


_id = parse.between(1, _LARGEST_ID)

SEGMENT_RANGES: Final = Resource(
    name="network_segment_range",
    collection="network_segment_ranges",
    kind=SegmentRange,
    fields=(
        *(field for field in STANDARD if field.name != "tenant_id"),
        Field(name="default", filterable=False, sortable=False),
        Field(name="shared", parse=parse.boolean, default=True, post=True, filterable=False, sortable=False),
        Field(
            name="network_type",
            parse=parse.one_of(*(kind.value for kind in _TYPES)),
            default=REQUIRED,
            post=True,
            sortable=False,
        ),
        Field(name="physical_network", parse=parse.text(64), post=True, sortable=False),
        *(
            Field(name=name, parse=_id, default=REQUIRED, post=True, put=True, filterable=False, sortable=False)
            for name in ("minimum", "maximum")
        ),
        Field(name="used", filterable=False, sortable=False),
        Field(name="available", filterable=False, sortable=False),
    ),
    not_found=lambda range_id: routing_errors.NetworkSegmentRangeNotFound(range_id=range_id),
    columns=("id",),
    paged=False,
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)
