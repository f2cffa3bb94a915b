"""Conntrack helpers: which connections through a router are read for the further ones that they agree on."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.controller.resources import errors, lookup, parse, routing_errors
from futago.controller.resources.definition import (
    REQUIRED,
    Field,
    Parent,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
)
from futago.controller.resources.router import ROUTERS
from futago.controller.store.database import View
from futago.controller.store.routing_rows import ConntrackHelper

ALLOWED: Final[Mapping[str, tuple[str, ...]]] = {
    "amanda": ("tcp",),
    "ftp": ("tcp",),
    "h323": ("udp", "tcp"),
    "irc": ("tcp",),
    "netbios-ns": ("udp",),
    "pptp": ("tcp",),
    "sane": ("tcp",),
    "sip": ("udp", "tcp"),
    "snmp": ("udp",),
    "tftp": ("udp",),
}
"""Neutron's `allowed_conntrack_helpers`: what a helper may read."""
_PROTOCOLS: Final = ("dccp", "icmp", "ipv6-icmp", "sctp", "tcp", "udp")


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[ConntrackHelper]:
    """Who sees a router sees its helpers."""
    return lookup.parts(reading, ConntrackHelper, wanted)


def create(writing: Writing, values: Values) -> ConntrackHelper:
    """Have a helper read the connections to a port."""
    row = ConntrackHelper(
        id=str(uuid.uuid4()),
        router_id=values["router_id"],
        protocol=values["protocol"],
        port=values["port"],
        helper=values["helper"],
    )
    _check(writing.txn, row)
    return writing.txn.add(row)


def update(writing: Writing, row: ConntrackHelper, values: Values) -> ConntrackHelper:
    """Have another helper read, or other connections."""
    changed = replace(row, **values)
    _check(writing.txn, changed)
    return writing.txn.replace(row, changed)


def delete(writing: Writing, row: ConntrackHelper) -> None:
    """Read them no more."""
    writing.txn.remove(row)


def render(_reading: Reading, rows: Sequence[ConntrackHelper]) -> list[Rendered]:
    """Helpers as Neutron shows them."""
    return [{"id": row.id, "protocol": row.protocol, "port": row.port, "helper": row.helper} for row in rows]


def _check(view: View, row: ConntrackHelper) -> None:
    if row.helper not in ALLOWED:
        raise routing_errors.ConntrackHelperNotAllowed(helper=row.helper)
    if row.protocol not in ALLOWED[row.helper]:
        raise routing_errors.InvalidProtocolForHelper(
            helper=row.helper, protocol=row.protocol, supported_protocols=", ".join(ALLOWED[row.helper])
        )
    same = {"router_id": row.router_id, "protocol": row.protocol, "port": row.port, "helper": row.helper}
    if any(other.id != row.id for other in view.find(ConntrackHelper, **same)):
        reason = (
            f"A duplicate conntrack helper entry with same attributes already exists, conflicting values are {same}"
        )
        raise errors.BadRequest(resource="conntrack_helper", reason=reason)


CONNTRACK_HELPERS: Final = Resource(
    name="conntrack_helper",
    collection="conntrack_helpers",
    kind=ConntrackHelper,
    fields=(
        Field(name="id"),
        Field(name="project_id", parse=parse.text(255), post=True, shown=False, filterable=False, sortable=False),
        Field(name="protocol", parse=parse.one_of(*_PROTOCOLS), default=REQUIRED, post=True, put=True),
        Field(name="port", parse=parse.integer(1, 65535), default=REQUIRED, post=True, put=True),
        Field(name="helper", parse=parse.text(64), default=REQUIRED, post=True, put=True),
    ),
    not_found=lambda row_id: routing_errors.ConntrackHelperNotFound(id=row_id),
    columns=("id", "protocol", "helper"),
    parent=Parent(ROUTERS, "router_id"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)
