"""Plug a plain process's namespace, or a virtual machine's tap, into the switch, as Nova plugs an instance.

What matters to the agent is on the interface's row: `external_ids:iface-id=<port id>`. Until the agent has wired it,
the port has the dead VLAN, so that it hears and says nothing.
"""

import os
import signal
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from futago.node.drivers import netlink
from futago.node.drivers.ovsdb import Operations, Ovsdb, optional, to_map
from futago.node.drivers.run import run
from futago.node.host import DEAD_VLAN, HostRefused
from futago.values import IPAddress, IPInterface, IPNetwork, Mac

_SECONDS: Final = 10.0
_MADE_BY_US: Final = "futago-plug"
"""What the instance has is behind the interface of this name."""
_CLIENTS: Final = Path("/run/futago/plug")
"""The pid files of the DHCP clients that we have started, by port."""

_DHCP_SCRIPT: Final = """#!/bin/sh
# Called by udhcpc(8), which passes the lease in the environment.
case $1 in
deconfig) ip link set "$interface" up; ip -4 address flush dev "$interface" ;;
bound | renew)
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    ip -4 address replace "$ip/$mask" dev "$interface"
    [ -n "$staticroutes" ] || staticroutes=${router:+0.0.0.0/0 ${router%% *}}
    set -- $staticroutes
    while [ $# -ge 2 ]; do
        way="via $2 onlink"
        [ "$2" != 0.0.0.0 ] || way=
        ip -4 route replace "$1" dev "$interface" $way
        shift 2
    done ;;
esac
"""


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace, by its name (ip-netns(8)) or its file, and what the interface is called in it."""

    namespace: str
    interface: str


class Tap(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the host that a virtual machine opens."""

    name: str


Place = Inside | Tap


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A port of this host, as its interface is to be."""

    port_id: str
    mac: Mac
    mtu: int
    addresses: tuple[IPInterface, ...] = ()
    routes: tuple[tuple[IPNetwork, IPAddress], ...] = ()


def outer_name(port_id: str) -> str:
    """The host's end of the pair; as Nova's, so that operators know it."""
    return f"tap{port_id[:11]}"


def _hybrid_names(port_id: str) -> tuple[str, str, str]:
    """The Linux bridge, and the pair from it to the switch; as Nova's."""
    rest = port_id[:11]
    return f"qbr{rest}", f"qvb{rest}", f"qvo{rest}"


def plug_port(connection: str, port: Bound, place: Place, *, bridge: str, hybrid: bool = False) -> None:
    """Join `place` to the switch as the port; doing it twice changes nothing.

    `hybrid` puts a Linux bridge between them, for a node whose `firewall_driver` wants one.

    Raises:
        HostRefused: the namespace or the bridge does not exist, the port is plugged elsewhere, or the switch does not
            answer.

    """
    outer = place.name if isinstance(place, Tap) else outer_name(port.port_id)
    between, near, far = _hybrid_names(port.port_id)
    name = far if hybrid else outer
    ovsdb = _connected(connection)
    try:
        _check_free(ovsdb, port.port_id, name, bridge)
        if not netlink.exists(name):
            # Of a port that is left over from another interface of this name, a switch in userspace would hear nothing.
            _take_off(ovsdb, {name})
        if isinstance(place, Tap):
            netlink.make_tap(outer, port.mtu)
        else:
            netlink.plug(place.namespace, place.interface, outer, port.mac, port.mtu)
        if hybrid:
            netlink.join_bridge(between, outer, (near, far), port.mtu)
        about = {"iface-id": port.port_id, "attached-mac": port.mac, "iface-status": "active", _MADE_BY_US: outer}
        ids = to_map(about)
        found = [uuid for uuid, row in ovsdb.table("Interface").items() if row["name"] == name]
        if found:
            where = [["_uuid", "==", ["uuid", found[0]]]]
            operations = [{"op": "update", "table": "Interface", "where": where, "row": {"external_ids": ids}}]
        else:
            operations = _new_port(name, bridge, ids)
        ovsdb.commit(operations, _SECONDS)
    finally:
        ovsdb.close()


def unplug_port(connection: str, port_id: str) -> None:
    """Take the port off the switch, and remove the interface that was made for it; somebody else's stays.

    Raises:
        HostRefused: the switch does not answer.

    """
    _stop_dhcp(port_id)
    names = {outer_name(port_id)}
    ovsdb = _connected(connection)
    try:
        ours = [row for row in _plugged(ovsdb, port_id) if _MADE_BY_US in row["external_ids"]]
        names |= {name for row in ours for name in (row["name"], row["external_ids"][_MADE_BY_US])}
        _take_off(ovsdb, names)
    finally:
        ovsdb.close()
    for name in sorted(names.union(_hybrid_names(port_id))):
        netlink.unplug(name)


def set_addresses(place: Inside, port: Bound) -> None:
    """Give the interface the port's addresses and routes; others that it has stay.

    Raises:
        HostRefused: the kernel refuses one.

    """
    netlink.address(place.namespace, place.interface, port.addresses, port.routes)


def start_dhcp(place: Inside, port: Bound) -> None:
    """Have a DHCP client look after the interface, until the port is unplugged; one that does is left alone.

    It sets addresses and routes, and no DNS: which file says that is the namespace's own business.

    Raises:
        HostRefused: it does not start.

    """
    pid_file = _pid_file(port.port_id)
    if _alive(pid_file):
        return
    _CLIENTS.mkdir(parents=True, exist_ok=True)
    script = _CLIENTS / "udhcpc.sh"
    script.write_text(_DHCP_SCRIPT)
    script.chmod(0o755)
    client = ["udhcpc", "-b", "-S", "-R", "-i", place.interface, "-p", str(pid_file), "-s", str(script)]
    run([*client, "-O", "mtu", "-O", "staticroutes", "-t", "3", "-T", "1"], namespace=place.namespace)


def _check_free(ovsdb: Ovsdb, port_id: str, name: str, bridge: str) -> None:
    if bridge not in {row["name"] for row in ovsdb.table("Bridge").values()}:
        raise HostRefused(f"bridge {bridge} does not exist: is `futago node` running?")
    others = sorted(row["name"] for row in _plugged(ovsdb, port_id) if row["name"] != name)
    if others:
        raise HostRefused(f"port {port_id} is plugged as {others[0]} already; `futago port unplug` takes it off")


def _plugged(ovsdb: Ovsdb, port_id: str) -> list[Any]:
    return [row for row in ovsdb.table("Interface").values() if row["external_ids"].get("iface-id") == port_id]


def _take_off(ovsdb: Ovsdb, names: Collection[str]) -> None:
    """Take the ports of these names off their bridges."""
    rows = [uuid for uuid, row in ovsdb.table("Port").items() if row["name"] in names]
    bridges = ovsdb.table("Bridge").items()
    operations = [_leave(bridge, uuid) for bridge, row in bridges for uuid in rows if uuid in row["ports"]]
    if operations:
        ovsdb.commit(operations, _SECONDS)


def _stop_dhcp(port_id: str) -> None:
    pid_file = _pid_file(port_id)
    if _alive(pid_file):
        os.kill(int(pid_file.read_text()), signal.SIGTERM)
    pid_file.unlink(missing_ok=True)


def _alive(pid_file: Path) -> bool:
    """Whether the client of a pid file runs, and is one."""
    with suppress(OSError, ValueError):
        command = Path(f"/proc/{int(pid_file.read_text())}/cmdline").read_bytes().split(b"\0")
        return str(pid_file).encode() in command
    return False


def _pid_file(port_id: str) -> Path:
    return _CLIENTS / f"{port_id}.pid"


def _connected(connection: str) -> Ovsdb:
    ovsdb = Ovsdb(connection)
    ovsdb.start()
    if not ovsdb.wait_for(lambda: ovsdb.synced, _SECONDS):
        ovsdb.close()
        raise HostRefused(f"the switch's database does not answer on {connection}")
    return ovsdb


def _new_port(name: str, bridge: str, ids: list[Any]) -> Operations:
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
