"""Plug a plain process's namespace into the switch, as Nova plugs an instance: `futago port plug`.

What matters to the agent is on the interface's row: `external_ids:iface-id=<port id>`. Until the agent has wired it,
the port has the dead VLAN, so that it hears and says nothing.
"""

from typing import Any

from futago.node.drivers import netlink
from futago.node.drivers.ovsdb import Operations, Ovsdb, optional, to_map
from futago.node.host import DEAD_VLAN, HostRefused
from futago.values import Mac

_SECONDS = 10.0


def outer_name(port_id: str) -> str:
    """The host's end of the pair; as Nova's, so that operators know it."""
    return f"tap{port_id[:11]}"


def _hybrid_names(port_id: str) -> tuple[str, str, str]:
    """The Linux bridge, and the pair from it to the switch; as Nova's."""
    return tuple(f"{prefix}{port_id[:11]}" for prefix in ("qbr", "qvb", "qvo"))  # type: ignore[return-value]


def plug_port(
    connection: str,
    port_id: str,
    *,
    namespace: str,
    interface: str,
    mac: Mac,
    mtu: int,
    bridge: str,
    hybrid: bool = False,
) -> None:
    """Join `interface` in `namespace` to the switch as the port `port_id`; doing it twice changes nothing.

    `hybrid` puts a Linux bridge between them, for a node whose `firewall_driver` wants one.

    Raises:
        HostRefused: the namespace or the bridge does not exist, or the switch does not answer.

    """
    name = outer_name(port_id)
    netlink.plug(namespace, interface, name, mac, mtu)
    if hybrid:
        near, name = _hybrid_names(port_id)[1:]
        netlink.join_bridge(_hybrid_names(port_id)[0], outer_name(port_id), (near, name), mtu)
    ids = to_map({"iface-id": port_id, "attached-mac": mac, "iface-status": "active"})
    ovsdb = _connected(connection)
    try:
        found = [uuid for uuid, row in ovsdb.table("Interface").items() if row["name"] == name]
        if found:
            where = [["_uuid", "==", ["uuid", found[0]]]]
            operations = [{"op": "update", "table": "Interface", "where": where, "row": {"external_ids": ids}}]
        else:
            operations = _new_port(ovsdb, name, bridge, ids)
        ovsdb.commit(operations, _SECONDS)
    finally:
        ovsdb.close()


def unplug_port(connection: str, port_id: str) -> None:
    """Take the port off the switch and remove the pair of interfaces.

    Raises:
        HostRefused: the switch does not answer.

    """
    name = outer_name(port_id)
    linux_bridge, near, far = _hybrid_names(port_id)
    ovsdb = _connected(connection)
    try:
        rows = [uuid for uuid, row in ovsdb.table("Port").items() if row["name"] in {name, far}]
        bridges = ovsdb.table("Bridge").items()
        operations = [_leave(bridge, uuid) for bridge, row in bridges for uuid in rows if uuid in row["ports"]]
        if operations:
            ovsdb.commit(operations, _SECONDS)
    finally:
        ovsdb.close()
    for link in (name, near, linux_bridge):
        netlink.unplug(link)


def _connected(connection: str) -> Ovsdb:
    ovsdb = Ovsdb(connection)
    ovsdb.start()
    if not ovsdb.wait_for(lambda: ovsdb.synced, _SECONDS):
        ovsdb.close()
        raise HostRefused(f"the switch's database does not answer on {connection}")
    return ovsdb


def _new_port(ovsdb: Ovsdb, name: str, bridge: str, ids: list[Any]) -> Operations:
    if bridge not in {row["name"] for row in ovsdb.table("Bridge").values()}:
        raise HostRefused(f"bridge {bridge} does not exist: is `futago node` running?")
    interface = {"name": name, "external_ids": ids}
    port = {"name": name, "interfaces": ["named-uuid", "interface"], "tag": optional(DEAD_VLAN)}
    join = ["ports", "insert", ["set", [["named-uuid", "port"]]]]
    return [
        {"op": "insert", "table": "Interface", "row": interface, "uuid-name": "interface"},
        {"op": "insert", "table": "Port", "row": port, "uuid-name": "port"},
        {"op": "mutate", "table": "Bridge", "where": [["name", "==", bridge]], "mutations": [join]},
    ]


def _leave(bridge: str, port: str) -> dict[str, Any]:
    leave = ["ports", "delete", ["set", [["uuid", port]]]]
    return {"op": "mutate", "table": "Bridge", "where": [["_uuid", "==", ["uuid", bridge]]], "mutations": [leave]}
