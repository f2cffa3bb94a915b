"""Port forwardings: ports of a floating IP, each range of them another instance's."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from msgspec.structs import replace

from futago.controller.resources import errors, floating_ip, forwarding_rows, lookup, parse, routing_errors
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
from futago.controller.resources.floating_ip import FLOATING_IPS
from futago.controller.resources.port import PORTS
from futago.controller.resources.schema import described
from futago.controller.store.database import View
from futago.controller.store.routing_rows import PortForwarding
from futago.controller.store.rows import FixedIp, FloatingIp, Port
from futago.values import IPv4Address

PROTOCOLS: Final = ("tcp", "udp", "sctp")
"""Those that have ports, and that the kernel translates."""
_LAST_PORT: Final = 65535
_NAME: Final = "port_forwarding"


class Ports(NamedTuple):
    """A range of ports, both ends included."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}:{self.last}"


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[PortForwarding]:
    """Who sees a floating IP sees what of it is forwarded."""
    return lookup.parts(reading, PortForwarding, wanted)


def create(writing: Writing, values: Values) -> PortForwarding:
    """Forward ports of a floating IP that stands for no port as a whole."""
    floating = _floating_ip(writing.txn, values["floatingip_id"])
    inside, outside = _ports(values, "internal"), _ports(values, "external")
    if inside is None or outside is None:
        which = "internal_port or internal_port_range" if inside is None else "external_port or external_port_range"
        raise _bad(f"One of {which} is required")
    port = lookup.one(writing.reading, PORTS, values["internal_port_id"])
    address = _address(writing.txn, port, values["internal_ip_address"])
    row = PortForwarding(
        id=str(uuid.uuid4()),
        floatingip_id=floating.id,
        router_id="",
        internal_port_id=port.id,
        internal_ip_address=address.ip,
        protocol=values["protocol"],
        internal_first=inside.first,
        internal_last=inside.last,
        external_first=outside.first,
        external_last=outside.last,
        description=values["description"],
    )
    _check(writing.txn, row)
    _check_port_is_free(writing.txn, row)
    if floating.port_id is not None:
        raise errors.FloatingIPPortAlreadyAssociated(
            floating_ip_address=floating.floating_ip_address,
            floatingip_id=floating.id,
            port_id=port.id,
            fixed_ip=address.ip,
            network_id=floating.floating_network_id,
        )
    row = replace(row, router_id=_router(writing, floating, address.fixed_ip))
    writing.txn.replace(floating, replace(floating, router_id=row.router_id))
    return writing.txn.add(row)


def update(writing: Writing, row: PortForwarding, values: Values) -> PortForwarding:
    """Forward other ports, or to another address."""
    inside, outside = _ports(values, "internal"), _ports(values, "external")
    changed = replace(
        row,
        protocol=values.get("protocol", row.protocol),
        description=values.get("description", row.description),
        internal_port_id=values.get("internal_port_id", row.internal_port_id),
        **({} if inside is None else {"internal_first": inside.first, "internal_last": inside.last}),
        **({} if outside is None else {"external_first": outside.first, "external_last": outside.last}),
    )
    moves = {"internal_port_id", "internal_ip_address"} & values.keys()
    if moves:
        port = lookup.one(writing.reading, PORTS, changed.internal_port_id)
        address = _address(writing.txn, port, values.get("internal_ip_address", row.internal_ip_address))
        changed = replace(changed, internal_ip_address=address.ip)
        if changed.internal_port_id != row.internal_port_id:
            _check_port_is_free(writing.txn, changed)
        _router(writing, _floating_ip(writing.txn, row.floatingip_id), address.fixed_ip)
    _check(writing.txn, changed)
    return writing.txn.replace(row, changed)


def delete(writing: Writing, row: PortForwarding) -> None:
    """Forward these ports no more."""
    forwarding_rows.end(writing.txn, row)


def render(_reading: Reading, rows: Sequence[PortForwarding]) -> list[Rendered]:
    """Port forwardings as Neutron shows them."""
    return [
        {
            **_shown(row),
            "internal_port_range": str(Ports(row.internal_first, row.internal_last)),
            "external_port_range": str(Ports(row.external_first, row.external_last)),
            "internal_port": _single(row.internal_first, row.internal_last),
            "external_port": _single(row.external_first, row.external_last),
            "description": row.description,
        }
        for row in rows
    ]


class _Inside(NamedTuple):
    """An address of the port inside."""

    fixed_ip: FixedIp
    ip: IPv4Address


def _shown(row: PortForwarding) -> Rendered:
    return {
        "id": row.id,
        "internal_port_id": row.internal_port_id,
        "internal_ip_address": str(row.internal_ip_address),
        "protocol": row.protocol,
    }


def _single(first: int, last: int) -> int | None:
    return first if first == last else None


def _floating_ip(view: View, floating_ip_id: str) -> FloatingIp:
    found = view.get(FloatingIp, id=floating_ip_id)
    assert found is not None, "its parts end before it"
    return found


def _ports(values: Values, side: str) -> Ports | None:
    """The ports that a request names, by one of two attributes or by both alike."""
    single, several = values.get(f"{side}_port"), values.get(f"{side}_port_range")
    if single is not None and several not in {None, Ports(single, single)}:
        raise _bad(f"{side}_port and {side}_port_range do not agree")
    if single is not None:
        return Ports(single, single)
    assert several is None or isinstance(several, Ports), "as parsed"
    return several


def _address(view: View, port: Port, wanted: object) -> _Inside:
    held = [(one, one.ip_address) for one in view.find(FixedIp, port_id=port.id)]
    fitting = [_Inside(one, address) for one, address in held if isinstance(address, IPv4Address)]
    if not fitting:
        raise _bad(f"Requested internal port {port.id} must allocate an IPv4 address at least.")
    found = next((one for one in fitting if one.ip == wanted), None)
    if found is None:
        shown = [{"subnet_id": one.fixed_ip.subnet_id, "ip_address": str(one.ip)} for one in fitting]
        raise _bad(
            f"Requested internal IP address {wanted} is not suitable for internal neutron port {port.id}, "
            f"as its fixed_ips are {shown}"
        )
    return found


def _check_port_is_free(view: View, row: PortForwarding) -> None:
    for other in view.find(FloatingIp, port_id=row.internal_port_id)[:1]:
        raise routing_errors.PortHasBindingFloatingIP(
            floating_ip_address=other.floating_ip_address,
            fip_id=other.id,
            port_id=row.internal_port_id,
            fixed_ip=row.internal_ip_address,
        )


def _check(view: View, row: PortForwarding) -> None:
    """See that ports go to as many or to one, and that no other forwarding has them, outside or inside."""
    inside, outside = Ports(row.internal_first, row.internal_last), Ports(row.external_first, row.external_last)
    if inside.first != inside.last and inside.last - inside.first != outside.last - outside.first:
        raise _bad(
            "Invalid ranges of internal and/or external ports. "
            "The relation between internal and external ports must be N-N or 1-N"
        )
    same = {"protocol": row.protocol}
    target = {"internal_port_id": row.internal_port_id, "internal_ip_address": row.internal_ip_address}
    for other in view.find(PortForwarding, **same, **target):
        if other.id != row.id:
            _check_apart("internal_port_range", Ports(other.internal_first, other.internal_last), inside)
    for other in view.find(PortForwarding, **same, floatingip_id=row.floatingip_id):
        if other.id != row.id:
            _check_apart("external_port_range", Ports(other.external_first, other.external_last), outside)


def _check_apart(key: str, there: Ports, asked: Ports) -> None:
    if asked.first <= there.last and there.first <= asked.last:
        raise _bad(f"There is a port collision with the {key}. The following ranges collide: {there} and {asked}")


def _router(writing: Writing, floating: FloatingIp, inside: FixedIp) -> str:
    """The router that joins the two sides: the one that the floating IP has already, if it has one."""
    try:
        router_id = floating_ip.router_between(writing.txn, floating, inside)
    except errors.ExternalGatewayForFloatingIPNotFound as error:
        raise _bad(
            f"External network {floating.floating_network_id} is not reachable from subnet {inside.subnet_id}. "
            f"Cannot set Port forwarding for port {inside.port_id} with Floating IP {floating.id}"
        ) from error
    if floating.router_id not in {None, router_id}:
        raise _bad(
            f"The Floating IP {floating.id} had been set on router {floating.router_id}, "
            f"the internal Neutron port {inside.port_id} can not reach it"
        )
    return router_id


def _bad(reason: str) -> errors.BadRequest:
    return errors.BadRequest(resource=_NAME, reason=reason)


_NUMBER: Final = "[1-9][0-9]{0,4}"


@described({"type": "string", "pattern": f"^{_NUMBER}(:{_NUMBER})?$"})
def _range(value: Any) -> Ports:
    """`80`, or `80:90`."""
    ends = str(value).split(":")
    if len(ends) > 2 or not all(ends):
        raise parse.Unfit("Port range must be two integers separated by a colon")
    for end in ends:
        if not (end.isascii() and end.isdecimal() and len(end) <= 5):
            raise parse.Unfit(f"Invalid port: {end}")
        if not 1 <= int(end) <= _LAST_PORT:
            raise parse.Unfit(f"Invalid port: {end}, the port must be in the range [1, {_LAST_PORT}]")
    if int(ends[0]) > int(ends[-1]):
        raise parse.Unfit("First port in a port range must be lower than the second port")
    return Ports(int(ends[0]), int(ends[-1]))


_port = parse.nullable(parse.integer(1, _LAST_PORT))

PORT_FORWARDINGS: Final = Resource(
    name=_NAME,
    collection="port_forwardings",
    kind=PortForwarding,
    fields=(
        Field(name="id"),
        Field(name="project_id", parse=parse.text(255), post=True, shown=False, filterable=False, sortable=False),
        Field(name="protocol", parse=parse.one_of(*PROTOCOLS), default=REQUIRED, post=True, put=True),
        Field(name="internal_port_id", parse=parse.identifier, default=REQUIRED, post=True, put=True),
        Field(name="internal_ip_address", parse=parse.address, default=REQUIRED, post=True, put=True),
        Field(name="internal_port", parse=_port, default=None, post=True, put=True),
        Field(name="external_port", parse=_port, default=None, post=True, put=True),
        Field(name="internal_port_range", parse=parse.nullable(_range), default=None, post=True, put=True),
        Field(name="external_port_range", parse=parse.nullable(_range), default=None, post=True, put=True),
        Field(name="description", parse=parse.text(1024), default="", post=True, put=True, sortable=False),
    ),
    not_found=lambda row_id: routing_errors.PortForwardingNotFound(id=row_id),
    columns=("id", "internal_port_id", "protocol"),
    parent=Parent(FLOATING_IPS, "floatingip_id"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)
