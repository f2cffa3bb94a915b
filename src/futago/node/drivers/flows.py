"""Flows, as a whole for each bridge: missing ones are added and surplus ones deleted in one bundle.

A flow's cookie is our mark and a hash of its text, so that reading back is comparing cookies. Flows that `br-tun`
learns carry another mark: they age, and only those that lead into another network than their VLAN's are deleted.
Flows without a mark of ours are others' and left alone.
"""

import hashlib
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from futago.node.drivers.ovs import MARK as PORT_MARK
from futago.node.drivers.ovsdb import Ovsdb, Row, only
from futago.node.drivers.run import run
from futago.node.host import FIREWALL, LEARNED_COOKIE, QOS, FlowTable, HostRefused

MARK: Final = 0xF7A0 << 48
FIREWALL_MARK: Final = 0xF7A2 << 48
QOS_MARK: Final = 0xF7A4 << 48
_MARKS: Final = {"": MARK, FIREWALL: FIREWALL_MARK, QOS: QOS_MARK}
"""By the part of the flows; 0xF7A1 is LEARNED_COOKIE's."""
MARK_MASK: Final = 0xFFFF << 48

_PORT_NAME: Final = re.compile(r'"([^"]+)"')
_FOR_ONE: Final = ',clone(load:"{}"->NXM_NX_REG5[],resubmit(,81))'
"""How the firewall hands a frame to one of several ports."""
_COOKIE: Final = re.compile(r"cookie=0x([0-9a-f]+)")
_LEARNED: Final = re.compile(r"vlan_tci=0x([0-9a-f]+)/0x0?fff\b.*load:(?:0x)?([0-9a-f]+)->NXM_NX_TUN_ID\[\]")


def cookie_of(flow: str, mark: int = MARK) -> int:
    """Our mark in the upper 16 bits, a hash of the flow's text in the lower 48."""
    return mark | int.from_bytes(hashlib.sha256(flow.encode()).digest()[:6])


def resolve(flow: str, ports: Mapping[str, int]) -> str:
    """The flow with numbers in place of port names.

    Raises:
        HostRefused: the switch has no such port.

    """

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name not in ports:
            raise HostRefused(f"the switch has no port {name} yet")
        return str(ports[name])

    return _PORT_NAME.sub(number, flow)


def without(flow: str, missing: Collection[str]) -> str | None:
    """The flow for a switch that lacks these ports: with nothing done for them, and None if it is about one."""
    gone = {name for name in _PORT_NAME.findall(flow) if name in missing}
    for name in gone:
        for part in (f',output:"{name}"', _FOR_ONE.format(name)):
            flow = flow.replace(part, "")
    return None if gone.intersection(_PORT_NAME.findall(flow)) else flow


def _forget(vlan: int) -> str:
    return f"delete cookie=0x{LEARNED_COOKIE:x}/-1,vlan_tci=0x{vlan:04x}/0x0fff"


class FlowDriver:
    """Our flows on each bridge."""

    def __init__(self, ovsdb: Ovsdb) -> None:
        self._ovsdb = ovsdb
        self._env = os.environ | {"OVS_RUNDIR": str(ovsdb.run_directory)}

    def read(self, wanted: Collection[FlowTable]) -> dict[str, FlowTable]:
        """Each bridge's wanted flows that are there, and its surplus ones by their cookies; other bridges' if any."""
        bridges = {row["name"]: row for row in self._ovsdb.table("Bridge").values()}
        found = [self._read(table) for table in wanted if table.bridge in bridges]
        ruled = {table.bridge for table in wanted}
        # Where our ports are still on a bridge the flows keep it apart from the others: the ports go first.
        left = [name for name, row in bridges.items() if name not in ruled and not self._has_port_of_ours(row)]
        surplus = (self._read(FlowTable(bridge=name, part=part, flows=())) for name in left for part in _MARKS)
        return {table.key: table for table in (*found, *(table for table in surplus if table.flows))}

    def put(self, tables: Sequence[FlowTable]) -> dict[str, str]:
        bridges = dict.fromkeys(table.bridge for table in tables)
        mine = ([table for table in tables if table.bridge == bridge] for bridge in bridges)
        return {key: message for some in mine for key, message in self._put(some).items()}

    def remove(self, tables: Sequence[FlowTable]) -> dict[str, str]:
        bridges = {row["name"] for row in self._ovsdb.table("Bridge").values()}
        return self.put([_emptied(table) for table in tables if table.bridge in bridges])

    def _read(self, wanted: FlowTable) -> FlowTable:
        try:
            cookies, stale = self._cookies(wanted), self._stale_vlans(wanted)
        except HostRefused:
            return FlowTable(bridge=wanted.bridge, part=wanted.part, flows=())
        flows, problem = self._possible(wanted)
        if not problem and cookies == set(flows) and not stale:
            return wanted
        surplus = tuple(f"cookie=0x{cookie:x}" for cookie in sorted(cookies))
        return FlowTable(bridge=wanted.bridge, part=wanted.part, flows=surplus)

    def _put(self, tables: Sequence[FlowTable]) -> dict[str, str]:
        """A bridge's parts in one bundle, so that no frame meets one without the other; if refused, each by itself."""
        try:
            changes = [self._changes(table) for table in tables]
            lines = [line for found, _ in changes for line in found]
            if lines:
                command = ["ovs-ofctl", "-O", "OpenFlow14", "--bundle", "add-flows", tables[0].bridge, "-"]
                run(command, text="\n".join(lines) + "\n", env=self._env)
        except (HostRefused, OSError) as refused:
            if len(tables) == 1:
                return {tables[0].key: str(refused)}
            return {key: message for table in tables for key, message in self._put([table]).items()}
        return {table.key: problem for table, (_, problem) in zip(tables, changes, strict=True) if problem}

    def _changes(self, wanted: FlowTable) -> tuple[list[str], str]:
        """What is to be told to the switch, and why that is not all; in that case nothing is deleted."""
        flows, problem = self._possible(wanted)
        actual = self._cookies(wanted)
        lines = [f"add cookie=0x{cookie:x},{flow}" for cookie, flow in flows.items() if cookie not in actual]
        if not problem:
            lines += [f"delete cookie=0x{cookie:x}/-1" for cookie in sorted(actual - set(flows))]
        return lines + [_forget(vlan) for vlan in sorted(self._stale_vlans(wanted))], problem

    def _possible(self, wanted: FlowTable) -> tuple[dict[int, str], str]:
        """The flows whose ports are there, and why the others are not possible yet."""
        ports, flows, problem = self._port_numbers(wanted.bridge), {}, ""
        missing, mark = {name for name in wanted.may_lack if name not in ports}, _MARKS[wanted.part]
        for text in (kept for flow in wanted.flows if (kept := without(flow, missing)) is not None):
            try:
                flow = resolve(text, ports)
            except HostRefused as refused:
                problem = str(refused)
                continue
            flows[cookie_of(flow, mark)] = flow
        return flows, problem

    def _cookies(self, table: FlowTable) -> set[int]:
        """The cookies of our flows of this part that are on the bridge."""
        command = ["ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", table.bridge]
        dump = run([*command, f"cookie=0x{_MARKS[table.part]:x}/0x{MARK_MASK:x}"], env=self._env)
        # A flow that teaches another names that one's cookie too, later in its line.
        lines = (_COOKIE.search(line) for line in dump.splitlines())
        return {int(match[1], 16) for match in lines if match is not None}

    def _has_port_of_ours(self, bridge: Row) -> bool:
        ports = self._ovsdb.table("Port")
        return any(ports[uuid]["external_ids"].get(PORT_MARK) == "port" for uuid in bridge["ports"] if uuid in ports)

    def _stale_vlans(self, wanted: FlowTable) -> set[int]:
        """The VLANs of which flows were learned that lead into another network than the one they stand for."""
        if wanted.learned is None:
            return set()
        command = ["ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", wanted.bridge]
        dump = run([*command, f"cookie=0x{LEARNED_COOKIE:x}/-1"], env=self._env)
        found = {(int(vlan, 16), int(key, 16)) for vlan, key in _LEARNED.findall(dump)}
        return {vlan for vlan, _ in found.difference(wanted.learned)}

    def _port_numbers(self, bridge: str) -> dict[str, int]:
        """The switch's numbers of all interfaces, and of those on this bridge by their `iface-id`, too."""
        numbers: dict[str, int] = {}
        here = self._interfaces_on(bridge)
        for uuid, row in self._ovsdb.table("Interface").items():
            number = only(row["ofport"])
            if number is not None and number > 0:
                numbers[row["name"]] = number
                if uuid in here and "iface-id" in row["external_ids"]:
                    numbers[f"port:{row['external_ids']['iface-id']}"] = number
        return numbers

    def _interfaces_on(self, bridge: str) -> set[str]:
        ports = self._ovsdb.table("Port")
        rows = (row for row in self._ovsdb.table("Bridge").values() if row["name"] == bridge)
        return {one for row in rows for port in row["ports"] if port in ports for one in ports[port]["interfaces"]}


def _emptied(table: FlowTable) -> FlowTable:
    return FlowTable(bridge=table.bridge, part=table.part, flows=(), learned=None if table.part else ())
