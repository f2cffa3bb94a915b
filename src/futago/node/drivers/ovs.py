"""The switch's bridges and ports, by OVSDB: all that is to change in one transaction.

Our bridges and ports carry the mark `futago` in their `external_ids`. An interface that somebody else plugged is
known by its `iface-id`; of it we set the port's tag, and nothing else but our mark.
"""

from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Any, Final

from futago.node.drivers.ovsdb import Operations, Ovsdb, Row, only, optional, to_map
from futago.node.host import DEAD_VLAN, Bridge, HostRefused, OvsPort, Plug
from futago.values import Vlan

MARK: Final = "futago"
NETWORK: Final = "futago-network"
WAITING: Final = ""
"""Not a failure: the interface has not been plugged yet."""

SwitchElement = Bridge | OvsPort | Plug

_COMMIT_SECONDS: Final = 5.0


class _Port:
    """A row of Port with the row of its one interface and the bridge that it is on."""

    __slots__ = ("bridge", "interface", "interface_id", "row", "uuid")

    def __init__(self, uuid: str, row: Row, bridge: str, interface: tuple[str, Row]) -> None:
        self.uuid, self.row, self.bridge = uuid, row, bridge
        self.interface_id, self.interface = interface

    @property
    def ours(self) -> bool:
        return MARK in self.row["external_ids"] and self.row["external_ids"][MARK] == "port"

    @property
    def tag(self) -> Vlan | None:
        tag: Vlan | None = only(self.row["tag"])
        return tag

    @property
    def ofport(self) -> int:
        return only(self.interface["ofport"]) or -1


class SwitchDriver:
    """Bridges, our ports, and the wiring of others' ports."""

    def __init__(self, ovsdb: Ovsdb, integration_bridge: str) -> None:
        self._ovsdb = ovsdb
        self._integration = integration_bridge
        self._names = count()

    def read(self, wanted: Collection[SwitchElement]) -> dict[str, SwitchElement]:
        """Our bridges that are there, our ports, and every port on the integration bridge that has an `iface-id`."""
        bridges = {element.name for element in wanted if isinstance(element, Bridge)}
        found: list[SwitchElement] = [
            Bridge(name=row["name"], datapath_type=row["datapath_type"])
            for row in self._ovsdb.table("Bridge").values()
            if row["name"] in bridges and only(row["fail_mode"]) == "secure" and MARK in row["external_ids"]
        ]
        for port in self._ports().values():
            element = _our_port(port) if port.ours else self._plugged(port)
            if element is not None:
                found.append(element)
        return {element.key: element for element in found}

    def vlans(self) -> set[tuple[str, Vlan]]:
        """The networks and local VLANs that the ports' tags tell of."""
        return {
            (port.row["external_ids"][NETWORK], port.tag)
            for port in self._ports().values()
            if NETWORK in port.row["external_ids"] and port.tag is not None and port.tag != DEAD_VLAN
        }

    def put(self, elements: Sequence[SwitchElement]) -> dict[str, str]:
        return self._together(elements, self._put_operations, self._check)

    def remove(self, elements: Sequence[SwitchElement]) -> dict[str, str]:
        return self._together(elements, self._remove_operations, lambda *_: None)

    def let_go(self, names: Collection[str]) -> None:
        """Take the ports of these names off their bridges, if the switch has opened their interfaces.

        A switch in userspace keeps the interface that it opened, and hears nothing from another of the same name.

        Raises:
            HostRefused: the database or the switch does not answer.

        """
        opened = [port for name, port in self._ports().items() if name in names and port.ofport > 0]
        if opened:
            self._ovsdb.commit([_detach(port) for port in opened], _COMMIT_SECONDS)

    def _together(self, elements: Sequence[SwitchElement], plan: Any, check: Any) -> dict[str, str]:
        """Do all in one transaction; if it is refused, one by one, so that each failure finds its own."""
        failures: dict[str, str] = {}
        planned: list[tuple[SwitchElement, Operations]] = []
        coming = {element.name for element in elements if isinstance(element, Bridge)}
        ports = self._ports()
        # A bridge comes first: a port joins one by its name, in the same transaction.
        for element in sorted(elements, key=lambda one: not isinstance(one, Bridge)):
            try:
                planned.append((element, plan(element, ports, coming)))
            except HostRefused as refused:
                failures[element.key] = str(refused)
        failures.update(self._commit(planned, check))
        return failures

    def _commit(self, planned: list[tuple[SwitchElement, Operations]], check: Any) -> dict[str, str]:
        if not planned:
            return {}
        try:
            operations = [one for _, some in planned for one in some]
            if operations:
                self._ovsdb.commit(operations, _COMMIT_SECONDS)
        except HostRefused as refused:
            if len(planned) == 1:
                return {planned[0][0].key: str(refused)}
            failures: dict[str, str] = {}
            for one in planned:
                failures.update(self._commit([one], check))
            return failures
        ports = self._ports()
        return {element.key: message for element, _ in planned if (message := check(element, ports)) is not None}

    def _put_operations(self, element: SwitchElement, ports: Mapping[str, _Port], coming: set[str]) -> Operations:
        match element:
            case Bridge():
                return self._put_bridge(element)
            case OvsPort():
                return self._put_port(element, ports.get(element.name), coming)
            case Plug():
                return _wire(_with_iface_id(ports, element.port_id), element.tag, element.network_id)

    def _remove_operations(self, element: SwitchElement, ports: Mapping[str, _Port], _coming: set[str]) -> Operations:
        match element:
            case Bridge():
                return []
            case OvsPort():
                port = ports.get(element.name)
                return [] if port is None else [_detach(port)]
            case Plug():
                return _wire(_with_iface_id(ports, element.port_id), DEAD_VLAN, "")

    def _check(self, element: SwitchElement, ports: Mapping[str, _Port]) -> str | None:
        match element:
            case Bridge():
                return None
            case OvsPort():
                port = ports.get(element.name)
                if port is None or port.ofport <= 0:
                    reason = None if port is None else only(port.interface["error"])
                    return f"{element.name} is not in the switch: {reason or 'no reason given'}"
                return None
            case Plug():
                plugged = _with_iface_id(ports, element.port_id)
                return None if any(port.ofport > 0 for port in plugged) else WAITING

    def _put_bridge(self, bridge: Bridge) -> Operations:
        row = {
            "datapath_type": bridge.datapath_type,
            "fail_mode": "secure",
        }
        for found in self._ovsdb.table("Bridge").values():
            if found["name"] == bridge.name:
                mark = ["external_ids", "insert", to_map({MARK: "bridge"})]
                where = _named(bridge.name)
                return [
                    {"op": "update", "table": "Bridge", "where": where, "row": row},
                    {"op": "mutate", "table": "Bridge", "where": where, "mutations": [mark]},
                ]
        interface, port, name = self._name(), self._name(), self._name()
        ports = ["named-uuid", port]
        row |= {"name": bridge.name, "external_ids": to_map({MARK: "bridge"}), "ports": ports}  # type: ignore[dict-item]
        own = {"name": bridge.name}
        join = ["bridges", "insert", ["set", [["named-uuid", name]]]]
        return [
            _insert("Interface", interface, own | {"type": "internal"}),
            _insert("Port", port, own | {"interfaces": ["named-uuid", interface]}),
            _insert("Bridge", name, row),
            {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [join]},
        ]

    def _put_port(self, wanted: OvsPort, found: _Port | None, coming: set[str]) -> Operations:
        known = {row["name"] for row in self._ovsdb.table("Bridge").values()}
        if wanted.bridge not in known | coming:
            raise HostRefused(f"bridge {wanted.bridge} does not exist: make it, or take it out of bridge_mappings")
        interface_row = {
            "type": wanted.kind,
            "options": to_map(dict(wanted.options)),
            "bfd": to_map(dict(wanted.bfd)),
            "external_ids": to_map(dict(wanted.iface_ids) | ({"iface-status": "active"} if wanted.iface_ids else {})),
        }
        marks = {MARK: "port"} | ({NETWORK: wanted.network_id} if wanted.network_id else {})
        port_row: dict[str, Any] = {"tag": optional(wanted.tag), "external_ids": to_map(marks)}
        if found is not None and found.bridge == wanted.bridge:
            return [
                {"op": "update", "table": "Interface", "where": _row(found.interface_id), "row": interface_row},
                {"op": "update", "table": "Port", "where": _row(found.uuid), "row": port_row},
            ]
        moved = [] if found is None else [_detach(found)]
        interface, port = self._name(), self._name()
        join = ["ports", "insert", ["set", [["named-uuid", port]]]]
        own = {"name": wanted.name}
        return [
            *moved,
            _insert("Interface", interface, own | interface_row),
            _insert("Port", port, own | port_row | {"interfaces": ["named-uuid", interface]}),
            {"op": "mutate", "table": "Bridge", "where": _named(wanted.bridge), "mutations": [join]},
        ]

    def _plugged(self, port: _Port) -> Plug | None:
        port_id = port.interface["external_ids"].get("iface-id")
        if port_id is None or port.bridge != self._integration or port.ofport <= 0:
            return None
        network_id = port.row["external_ids"].get(NETWORK, "")
        if port.tag == DEAD_VLAN and not network_id:
            return None
        # Without a tag a port is a trunk that sees every network: whoever is not wanted here is given the dead VLAN.
        return Plug(port_id=port_id, tag=port.tag or Vlan(0), network_id=network_id)

    def _ports(self) -> dict[str, _Port]:
        """Every port with one interface, by its name."""
        interfaces, ports = self._ovsdb.table("Interface"), self._ovsdb.table("Port")
        found: dict[str, _Port] = {}
        for bridge in self._ovsdb.table("Bridge").values():
            for uuid in bridge["ports"]:
                row = ports.get(uuid)
                members = [] if row is None else row["interfaces"]
                if row is not None and len(members) == 1 and members[0] in interfaces:
                    found[row["name"]] = _Port(uuid, row, bridge["name"], (members[0], interfaces[members[0]]))
        return found

    def _name(self) -> str:
        """A name for a new row, for use within its transaction."""
        return f"row{next(self._names)}"


def _our_port(port: _Port) -> OvsPort | None:
    if port.ofport <= 0:
        # As if it were another port: it is put again, or removed if it is not wanted.
        return OvsPort(name=port.row["name"], bridge="")
    ids = {key: value for key, value in port.interface["external_ids"].items() if key in {"attached-mac", "iface-id"}}
    return OvsPort(
        name=port.row["name"],
        bridge=port.bridge,
        kind=port.interface["type"],
        options=tuple(sorted(port.interface["options"].items())),
        bfd=tuple(sorted(port.interface["bfd"].items())),
        tag=port.tag,
        iface_ids=tuple(sorted(ids.items())),
        network_id=port.row["external_ids"].get(NETWORK, ""),
    )


def _with_iface_id(ports: Mapping[str, _Port], port_id: str) -> list[_Port]:
    return [
        port for port in ports.values() if not port.ours and port.interface["external_ids"].get("iface-id") == port_id
    ]


def _wire(ports: list[_Port], tag: Vlan, network_id: str) -> Operations:
    operations: Operations = []
    for port in ports:
        marks = [["external_ids", "delete", ["set", [NETWORK]]]]
        if network_id:
            marks.append(["external_ids", "insert", to_map({NETWORK: network_id})])
        where = _row(port.uuid)
        operations.append({"op": "update", "table": "Port", "where": where, "row": {"tag": optional(tag)}})
        operations.append({"op": "mutate", "table": "Port", "where": where, "mutations": marks})
    return operations


def _detach(port: _Port) -> dict[str, Any]:
    """Take a port off its bridge; the database forgets rows that nobody refers to."""
    leave = ["ports", "delete", ["set", [["uuid", port.uuid]]]]
    return {"op": "mutate", "table": "Bridge", "where": _named(port.bridge), "mutations": [leave]}


def _insert(table: str, name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    return {"op": "insert", "table": table, "row": dict(row), "uuid-name": name}


def _row(uuid: str) -> list[Any]:
    return [["_uuid", "==", ["uuid", uuid]]]


def _named(name: str) -> list[Any]:
    return [["name", "==", name]]
