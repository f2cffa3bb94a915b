"""Trunks: an instance's port that carries further networks, each under a VLAN tag of the instance's own."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import errors, lookup, parse, schema, trunk_errors, trunk_rows
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Action,
    Field,
    Params,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.port import PORTS
from futago.controller.resources.schema import Schema, described
from futago.controller.store.database import Transaction, View
from futago.controller.store.port_rows import SubPort, Trunk
from futago.controller.store.rows import Network, Port, Segment
from futago.values import NetworkType

_COLUMNS: Final = {"name": "name", "description": "description", "admin_state_up": "admin_state_up"}
_VLAN: Final = "vlan"
_INHERIT: Final = "inherit"
_HIGHEST: Final = 4094
_KEYS: Final = ("port_id", "segmentation_type", "segmentation_id")
_MISSING: Final = (
    "Invalid subport details '{}': missing segmentation information. "
    "Must specify both segmentation_id and segmentation_type"
)

Asked = tuple[dict[str, Any], ...]
"""Subports as a request names them: `port_id`, `segmentation_type` and `segmentation_id`."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Trunk]:
    """A project sees its own trunks."""
    return lookup.rows(reading, Trunk, wanted)


def create(writing: Writing, values: Values) -> Trunk:
    """Make a trunk of a port that no instance is plugged into yet."""
    port = lookup.one(writing.reading, PORTS, values["port_id"])
    _check_unused(writing.txn, port)
    if port.host_id:
        raise trunk_errors.ParentPortInUse(port_id=port.id)
    trunk = writing.txn.add(
        Trunk(id=str(uuid.uuid4()), project_id=values["project_id"], port_id=port.id, **chosen(values, _COLUMNS))
    )
    _add(writing, trunk, port, values["sub_ports"])
    return trunk


def update(writing: Writing, trunk: Trunk, values: Values) -> Trunk:
    """Change a trunk; one that is down carries nothing but its parent's network."""
    changed = writing.txn.replace(trunk, replace(trunk, **chosen(values, _COLUMNS)))
    for row in writing.txn.find(SubPort, trunk_id=trunk.id):
        writing.txn.touch(f"port/{row.port_id}")
    return changed


def delete(writing: Writing, trunk: Trunk) -> None:
    """Delete a trunk that no instance has."""
    _check_up(trunk)
    parent = writing.txn.get(Port, id=trunk.port_id)
    if parent is not None and parent.host_id:
        raise trunk_errors.TrunkInUse(trunk_id=trunk.id)
    _take(writing.txn, writing.txn.find(SubPort, trunk_id=trunk.id))
    writing.txn.remove(trunk)


def render(reading: Reading, trunks: Sequence[Trunk]) -> list[Rendered]:
    """Trunks as Neutron shows them."""
    rows = lookup.among(reading.view, SubPort, "trunk_id", [trunk.id for trunk in trunks])
    tagged = lookup.grouped(rows, "trunk_id")
    ids = {row.port_id for row in rows} | {trunk.port_id for trunk in trunks}
    ports = {port.id: port for port in lookup.among(reading.view, Port, "id", ids)}
    return [
        {
            **standard(trunk),
            "port_id": trunk.port_id,
            "admin_state_up": trunk.admin_state_up,
            "status": _status(ports[trunk.port_id], [ports[row.port_id] for row in tagged.get(trunk.id, [])]),
            "sub_ports": [trunk_rows.shown(row) for row in tagged.get(trunk.id, [])],
        }
        for trunk in trunks
    ]


def show_subports(reading: Reading, params: Params) -> Rendered:
    """What is tagged on a trunk."""
    trunk = lookup.one(reading, TRUNKS, params["id"])
    return {"sub_ports": [trunk_rows.shown(row) for row in reading.view.find(SubPort, trunk_id=trunk.id)]}


def add_subports(writing: Writing, params: Params, body: Any) -> Rendered:
    """Tag further ports on a trunk."""
    trunk = lookup.own(writing, TRUNKS, params["id"], "add_subports")
    asked = _in_body(body)
    parent = writing.txn.get(Port, id=trunk.port_id)
    assert parent is not None, "a trunk has its port"
    _check_up(trunk)
    _add(writing, trunk, parent, asked)
    return _renewed(writing, trunk)


def remove_subports(writing: Writing, params: Params, body: Any) -> Rendered:
    """Take ports off a trunk."""
    trunk = lookup.own(writing, TRUNKS, params["id"], "remove_subports")
    asked = _in_body(body)
    _check_up(trunk)
    there = {row.port_id: row for row in writing.txn.find(SubPort, trunk_id=trunk.id)}
    for one in asked:
        if one["port_id"] not in there:
            raise trunk_errors.SubPortNotFound(port_id=one["port_id"], trunk_id=trunk.id)
    _take(writing.txn, [there[one["port_id"]] for one in asked])
    return _renewed(writing, trunk)


def _renewed(writing: Writing, trunk: Trunk) -> Rendered:
    changed = writing.txn.replace(trunk, replace(trunk, updated_at=""))
    return render(writing.reading, [changed])[0]


def _status(parent: Port, others: Sequence[Port]) -> str:
    """As its node has wired it: the parent, then what is tagged on it."""
    if not parent.up:
        return "DOWN"
    return "ACTIVE" if all(port.up for port in others) else "BUILD"


def _check_up(trunk: Trunk) -> None:
    if not trunk.admin_state_up:
        raise trunk_errors.TrunkDisabled(trunk_id=trunk.id)


def _check_unused(view: View, port: Port) -> None:
    """See that a port is on no trunk, as a parent or otherwise."""
    if view.get(SubPort, port_id=port.id) is not None:
        raise trunk_errors.TrunkPortInUse(port_id=port.id)
    if view.get(Trunk, port_id=port.id) is not None:
        raise trunk_errors.ParentPortInUse(port_id=port.id)


def _add(writing: Writing, trunk: Trunk, parent: Port, asked: Asked) -> None:
    txn = writing.txn
    taken = {row.segmentation_id for row in txn.find(SubPort, trunk_id=trunk.id)}
    most = _mtu(txn, parent)
    for one in asked:
        port = lookup.one(writing.reading, PORTS, one["port_id"])
        if port.id == parent.id:
            raise trunk_errors.ParentPortInUse(port_id=port.id)
        if _mtu(txn, port) > most:
            raise trunk_errors.SubPortMtuGreaterThanTrunkPortMtu(
                port_id=port.id, port_mtu=_mtu(txn, port), trunk_id=trunk.id, trunk_mtu=most
            )
        kind, number = _segmentation(txn, port, one)
        _check_unused(txn, port)
        if port.device_id:
            raise errors.PortInUse(port_id=port.id, network_id=port.network_id, device_id=port.device_id)
        if number in taken:
            raise trunk_errors.DuplicateSubPort(segmentation_type=kind, segmentation_id=number, trunk_id=trunk.id)
        taken.add(number)
        txn.add(SubPort(port_id=port.id, trunk_id=trunk.id, segmentation_type=kind, segmentation_id=number))
        trunk_rows.bind(txn, port, parent.host_id)


def _take(txn: Transaction, rows: Sequence[SubPort]) -> None:
    for row in rows:
        port = txn.get(Port, id=row.port_id)
        txn.remove(row)
        if port is not None:
            trunk_rows.let_go(txn, port)


def _mtu(view: View, port: Port) -> int:
    network = view.get(Network, id=port.network_id)
    assert network is not None, "a port has its network"
    return network.mtu


def _segmentation(view: View, port: Port, asked: Mapping[str, Any]) -> tuple[str, int]:
    """The tag of a subport: the one that is asked for, or the one of its network."""
    kind, number = asked.get("segmentation_type"), asked.get("segmentation_id")
    if kind == _INHERIT:
        kind = number = None
        held = view.find(Segment, network_id=port.network_id)
        if len(held) == 1:
            kind, number = held[0].network_type.value, held[0].segmentation_id or None
    if kind is None or number is None:
        raise errors.InvalidInput(reason=_MISSING.format(dict(asked)))
    try:
        number = parse.integer(-(2**31), 2**31)(number)
    except (errors.InvalidInput, parse.Unfit) as error:
        reason = f"Invalid subport details: segmentation_id '{number}' is not an integer"
        raise errors.InvalidInput(reason=reason) from error
    if kind != NetworkType.VLAN.value:
        raise errors.InvalidInput(reason=f"Unknown segmentation_type '{kind}'")
    if not 0 < number <= _HIGHEST:
        raise errors.InvalidInput(reason=f"Segmentation ID '{number}' is not in range")
    return _VLAN, number


def _in_body(body: Any) -> Asked:
    if not isinstance(body, dict) or "sub_ports" not in body:
        raise errors.HTTPBadRequest(message="Unable to find 'sub_ports' in request body")
    try:
        return _subports(body["sub_ports"])
    except parse.Unfit as unfit:
        raise errors.InvalidInput(reason=str(unfit)) from unfit


_SUBPORT: Final[Schema] = {
    "type": "object",
    "properties": {
        "port_id": schema.UUID,
        "segmentation_type": schema.one_of((_VLAN, _INHERIT)),
        "segmentation_id": schema.number(1, _HIGHEST),
    },
    "required": ["port_id"],
}


@described(schema.array(_SUBPORT))
def _subports(value: Any) -> Asked:
    """What the API takes for a list of subports, whatever becomes of it."""
    if not isinstance(value, list):
        raise parse.Unfit(f"Invalid data format for subports: '{value}' is not a list")
    ports: set[str] = set()
    numbers: set[str] = set()
    for one in value:
        if not isinstance(one, dict):
            raise parse.Unfit(f"Invalid data format for subport: '{one}' is not a dict")
        if "port_id" not in one:
            raise parse.Unfit("A valid port UUID must be specified")
        try:
            port_id = parse.identifier(one["port_id"])
        except parse.Unfit as unfit:
            raise parse.Unfit(f"Invalid UUID for subport: '{one['port_id']}'") from unfit
        if port_id in ports:
            raise parse.Unfit(f"Non unique UUID for subport: '{port_id}'")
        ports.add(port_id)
        kind, number = one.get("segmentation_type"), str(one.get("segmentation_id"))
        if len(one) > 1 and kind != _INHERIT and (not kind or one.get("segmentation_id") is None):
            raise parse.Unfit(_MISSING.format(one))
        if one.get("segmentation_id") is not None and number in numbers:
            raise parse.Unfit(f"Segmentation ID '{number}' for '{port_id}' is not unique")
        numbers.add(number)
    return tuple({key: one[key] for key in _KEYS if key in one} for one in value)


TRUNKS: Final = Resource(
    name="trunk",
    collection="trunks",
    kind=Trunk,
    fields=(
        *STANDARD,
        Field(name="port_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="admin_state_up", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="sub_ports", parse=_subports, default=(), post=True, filterable=False, sortable=False),
        Field(name="status"),
    ),
    not_found=lambda trunk_id: trunk_errors.TrunkNotFound(trunk_id=trunk_id),
    columns=("id", "name", "project_id", "port_id"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
)

_SUBPORTS: Final[Schema] = {
    "type": "object",
    "properties": {"sub_ports": schema.of(_subports)},
    "required": ["sub_ports"],
}

ACTIONS: Final = (
    Action("GET", "/trunks/{id}/get_subports", read=show_subports),
    Action("PUT", "/trunks/{id}/add_subports", write=add_subports, takes=_SUBPORTS),
    Action("PUT", "/trunks/{id}/remove_subports", write=remove_subports, takes=_SUBPORTS),
)
