"""Segments: how a network is carried between some hosts, one resource each."""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import (
    dhcp,
    lookup,
    network,
    network_segments,
    parse,
    segment_errors,
    segment_hosts,
    segments,
    subnet_checks,
)
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.store.rows import Segment, Subnet

_HIDDEN: Final = ("tenant_id", "project_id")
"""A segment shows whose network it is of, and no project."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Segment]:
    """All of them; the rules say who sees them."""
    return lookup.parts(reading, Segment, wanted)


def create(writing: Writing, values: Values) -> Segment:
    """Give a network one more segment; its MTU is what all of them carry."""
    parent = lookup.one(writing.reading, network.NETWORKS, values["network_id"])
    held = writing.txn.find(Segment, network_id=parent.id)
    asked = network_segments.asked(values, {name: name for name in segments.Asked._fields})
    found = segments.choose(writing.txn, writing.config, asked, parent.project_id)
    position = max((one.position for one in held), default=-1) + 1
    name, description = values["name"] or "", values["description"]
    row = segments.hold(writing.txn, parent, found, position, name, description)
    most = segments.mtu_of(writing.config, [row])
    if most < parent.mtu:
        for subnet in writing.txn.find(Subnet, network_id=parent.id):
            subnet_checks.check_mtu(most, parent.id, subnet.ip_version)
        writing.txn.replace(parent, replace(parent, mtu=most))
    dhcp.place(writing.txn, writing.config, parent.id)
    return row


def update(writing: Writing, row: Segment, values: Values) -> Segment:
    """Call a segment something else; what it is stays."""
    columns = chosen(values, {name: name for name in ("name", "description")})
    return writing.txn.replace(row, replace(row, **{name: value or "" for name, value in columns.items()}))


def delete(writing: Writing, row: Segment) -> None:
    """Take a segment away on which there are no subnets and no ports but the DHCP servers', which go along."""
    txn = writing.txn
    if subnets := txn.find(Subnet, segment_id=row.id):
        named = ", ".join(subnet.id for subnet in subnets)
        reason = f"The segment is still associated with subnet(s) {named}"
        raise segment_errors.SegmentInUse(segment_id=row.id, reason=reason)
    ports = segment_hosts.bound_to(txn, row)
    servers = [port for port in ports if port.device_owner == device_owners.DHCP]
    if len(servers) < len(ports):
        reason = f"The segment is still bound with {len(ports)} port(s)"
        raise segment_errors.SegmentInUse(segment_id=row.id, reason=reason)
    dhcp.withdraw_from(txn, {port.host_id for port in servers}, row.network_id)
    txn.remove(row)
    dhcp.place(txn, writing.config, row.network_id)


def render(_reading: Reading, rows: Sequence[Segment]) -> list[Rendered]:
    """Segments as Neutron shows them."""
    return [
        {
            **{name: value for name, value in standard(row).items() if name not in _HIDDEN},
            "name": row.name or None,
            "network_id": row.network_id,
            "network_type": row.network_type.value,
            "physical_network": row.physical_network or None,
            "segmentation_id": row.segmentation_id or None,
        }
        for row in rows
    ]


SEGMENTS: Final = Resource(
    name="segment",
    collection="segments",
    kind=Segment,
    fields=(
        *(field for field in STANDARD if field.name not in {"name", *_HIDDEN}),
        Field(name="name", parse=parse.nullable(parse.name), post=True, put=True),
        *(
            Field(name=name, parse=parse.text(255), post=True, shown=False, filterable=False, sortable=False)
            for name in _HIDDEN
        ),
        Field(name="network_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="network_type", parse=parse.text(32), default=REQUIRED, post=True),
        Field(name="physical_network", parse=parse.text(64), post=True),
        Field(name="segmentation_id", parse=parse.whole, post=True, filterable=False),
    ),
    not_found=lambda segment_id: segment_errors.SegmentNotFound(segment_id=segment_id),
    columns=("id", "network_id"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
)
