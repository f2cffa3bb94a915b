"""The hosts of a port: where it is (its active binding), and where it may be one day (live migration).

    POST /v2.0/ports/{port_id}/bindings                    {"binding": {"host": "compute2"}}
    PUT  /v2.0/ports/{port_id}/bindings/{host}/activate    the port is there from now on, and inactive where it was

An inactive binding is wired nowhere: a port has one host at a time, and its frames go to that one.
"""

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import errors, lookup, parse, port_errors, schema, trunk_rows
from futago.controller.resources.definition import Action, Params, Reading, Rendered, Writing
from futago.controller.resources.port import PORTS
from futago.controller.resources.port_addresses import rebind
from futago.controller.store.port_rows import PortBinding
from futago.controller.store.rows import Port

_PARSE: Final[Mapping[str, Any]] = {
    "host": parse.text(255),
    "vnic_type": parse.one_of("normal"),
    "profile": parse.mapping,
    "project_id": parse.text(255),
}
_MOVABLE: Final = ("compute:", "manila:")
"""How the owners of ports begin that can have several bindings."""


def show_all(reading: Reading, params: Params) -> Rendered:
    """All bindings of a port, the active one first."""
    port = _port(reading, params, "get_port_binding")
    inactive = sorted(reading.view.find(PortBinding, port_id=port.id), key=lambda binding: binding.host)
    bindings = [_active(port), *inactive] if port.host_id else inactive
    return {"bindings": [_render(reading, port, binding) for binding in bindings]}


def show(reading: Reading, params: Params) -> Rendered:
    """One of them."""
    port = _port(reading, params, "get_port_binding")
    return {"binding": _render(reading, port, _binding(reading, port, params["host"]))}


def create(writing: Writing, params: Params, body: Any) -> Rendered:
    """Bind a port to one more host; where it has none so far, that is the active one."""
    port = _port(writing.reading, params, "create_port_binding")
    asked = _asked(body)
    host = asked.get("host")
    if not host:
        raise errors.HTTPBadRequest(message="Failed to parse request. Required attribute 'host' not specified")
    if host == port.host_id or writing.txn.get(PortBinding, port_id=port.id, host=host) is not None:
        raise port_errors.PortBindingAlreadyExists(port_id=port.id, host=host)
    binding = PortBinding(port_id=port.id, **asked)
    if port.host_id:
        writing.txn.add(binding)
    else:
        port = _moved(writing, port, binding)
    return {"binding": _render(writing.reading, port, binding)}


def update(writing: Writing, params: Params, body: Any) -> Rendered:
    """Change how a port is to be plugged on one of its hosts."""
    port = _port(writing.reading, params, "update_port_binding")
    binding = _binding(writing.reading, port, params["host"])
    changed = replace(binding, **{name: value for name, value in _asked(body).items() if name != "host"})
    if binding.host == port.host_id:
        fresh = replace(port, vnic_type=changed.vnic_type, profile=changed.profile)
        port = writing.txn.replace(port, fresh)
    else:
        writing.txn.replace(binding, changed)
    return {"binding": _render(writing.reading, port, changed)}


def activate(writing: Writing, params: Params, _body: Any) -> Rendered:
    """Move a port to one of its hosts; it keeps the binding to the one where it was."""
    port = _port(writing.reading, params, "activate_port_binding")
    host = params["host"]
    if host == port.host_id:
        raise port_errors.PortBindingAlreadyActive(port_id=port.id, host=host)
    binding = _binding(writing.reading, port, host)
    writing.txn.remove(binding)
    if port.host_id:
        writing.txn.add(_active(port))
    return _render(writing.reading, _moved(writing, port, binding), binding)


def delete(writing: Writing, params: Params, _body: Any) -> None:
    """Take a port off one of its hosts."""
    port = _port(writing.reading, params, "delete_port_binding")
    binding = _binding(writing.reading, port, params["host"])
    if binding.host == port.host_id:
        _moved(writing, port, replace(binding, host=""))
    else:
        writing.txn.remove(binding)


def _port(reading: Reading, params: Params, action: str) -> Port:
    rule = action if action in reading.policy.texts else "get_port_binding"
    if not reading.policy.allows(rule, reading.caller, {"project_id": reading.caller.project_id}):
        raise errors.PolicyNotAuthorized(rules=f"rule:{action}")
    port = lookup.one(reading, PORTS, params["port_id"])
    if not port.device_owner.startswith(_MOVABLE):
        reason = f"Invalid port {port.id}. Operation only valid on compute and shared filesystem ports"
        raise errors.BadRequest(resource="port", reason=reason)
    return port


def _binding(reading: Reading, port: Port, host: str) -> PortBinding:
    if host == port.host_id:
        return _active(port)
    binding = reading.view.get(PortBinding, port_id=port.id, host=host)
    if binding is None:
        raise port_errors.PortBindingNotFound(port_id=port.id, host=host)
    return binding


def _active(port: Port) -> PortBinding:
    return PortBinding(port_id=port.id, host=port.host_id, vnic_type=port.vnic_type, profile=port.profile)


def _moved(writing: Writing, port: Port, binding: PortBinding) -> Port:
    there = rebind(writing.txn, port, binding.host)
    fresh = replace(there, host_id=binding.host, vnic_type=binding.vnic_type, profile=binding.profile, up=False)
    moved = writing.txn.replace(port, fresh)
    trunk_rows.follow(writing.txn, moved)
    return moved


def _render(reading: Reading, port: Port, binding: PortBinding) -> Rendered:
    """As the port itself would show it, were it there."""
    there = replace(port, host_id=binding.host, vnic_type=binding.vnic_type, profile=binding.profile)
    shown = PORTS.render(reading, [there])[0]
    return {
        "host": binding.host,
        "status": "ACTIVE" if binding.host == port.host_id else "INACTIVE",
        **{name: shown[f"binding:{name}"] for name in ("vif_type", "vif_details", "vnic_type", "profile")},
    }


def _asked(body: Any) -> dict[str, Any]:
    given = body.get("binding") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise errors.HTTPBadRequest(message="Unable to find 'binding' in request body")
    if unknown := [name for name in given if name not in _PARSE]:
        raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    asked = {}
    for name, value in given.items():
        try:
            asked[name] = _PARSE[name](value)
        except parse.Unfit as unfit:
            raise errors.HTTPBadRequest(message=f"Invalid input for {name}. Reason: {unfit}.") from unfit
    asked.pop("project_id", None)
    return asked


_PROPERTIES: Final = {name: schema.of(read) for name, read in _PARSE.items()}
_NEW: Final = schema.enveloped("binding", schema.keyed(_PROPERTIES, ("host",)))
_CHANGE: Final = schema.enveloped("binding", schema.keyed(_PROPERTIES))
_ONE: Final = "/ports/{port_id}/bindings/{host}"
ACTIONS: Final = (
    Action("GET", "/ports/{port_id}/bindings", read=show_all),
    Action(
        "POST",
        "/ports/{port_id}/bindings",
        write=create,
        status=201,
        takes=_NEW,
    ),
    Action("GET", _ONE, read=show),
    Action("PUT", _ONE, write=update, takes=_CHANGE),
    Action("PUT", f"{_ONE}/activate", write=activate),
    Action("DELETE", _ONE, write=delete, status=204),
)
