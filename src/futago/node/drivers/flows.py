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
from futago.node.drivers.run import each, run
from futago.node.host import LEARNED_COOKIE, FlowTable, HostRefused

MARK: Final = 0xF7A0 << 48
MARK_MASK: Final = 0xFFFF << 48

_PORT_NAME: Final = re.compile(r'"([^"]+)"')
_COOKIE: Final = re.compile(r"cookie=0x([0-9a-f]+)")


_LEARNED: Final = re.compile(r"vlan_tci=0x([0-9a-f]+)/0x0?fff\b.*load:(?:0x)?([0-9a-f]+)->NXM_NX_TUN_ID\[\]")


def cookie_of(flow: str) -> int:
    """Our mark in the upper 16 bits, a hash of the flow's text in the lower 48."""
    return MARK | int.from_bytes(hashlib.sha256(flow.encode()).digest()[:6])


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
    """The flow for a switch that lacks these ports: with no output to them, and None if it is of frames from one."""
    for name in missing:
        if f'in_port="{name}"' in flow:
            return None
        flow = flow.replace(f',output:"{name}"', "")
    return flow


def _forget(vlan: int) -> str:
    return f"delete cookie=0x{LEARNED_COOKIE:x}/-1,vlan_tci=0x{vlan:04x}/0x0fff"


class FlowDriver:
    """Our flows on each bridge."""

    def __init__(self, ovsdb: Ovsdb) -> None:
        self._ovsdb = ovsdb
        self._env = os.environ | {"OVS_RUNDIR": str(ovsdb.run_directory)}

    def read(self, wanted: Collection[FlowTable]) -> dict[str, FlowTable]:
        """Each bridge's wanted flows that are there, and its surplus ones by their cookies; other bridges' if any."""
        tables = {table.bridge: table for table in wanted}
        bridges = self._ovsdb.table("Bridge").values()
        found = {row["name"]: self._read(tables[row["name"]]) for row in bridges if row["name"] in tables}
        # Where our ports are still on a bridge the flows keep it apart from the others: the ports go first.
        left = [row["name"] for row in bridges if row["name"] not in tables and not self._has_port_of_ours(row)]
        found |= {name: table for name in left if (table := self._read(FlowTable(bridge=name, flows=()))).flows}
        return {table.key: table for table in found.values()}

    def put(self, tables: Sequence[FlowTable]) -> dict[str, str]:
        return each(tables, self._put)

    def remove(self, tables: Sequence[FlowTable]) -> dict[str, str]:
        bridges = {row["name"] for row in self._ovsdb.table("Bridge").values()}
        there = [table for table in tables if table.bridge in bridges]
        return each(there, lambda table: self._put(FlowTable(bridge=table.bridge, flows=(), learned=())))

    def _read(self, wanted: FlowTable) -> FlowTable:
        try:
            cookies, stale = self._cookies(wanted.bridge), self._stale_vlans(wanted)
        except HostRefused:
            return FlowTable(bridge=wanted.bridge, flows=())
        flows, problem = self._possible(wanted)
        if not problem and cookies == set(flows) and not stale:
            return wanted
        return FlowTable(bridge=wanted.bridge, flows=tuple(f"cookie=0x{cookie:x}" for cookie in sorted(cookies)))

    def _put(self, wanted: FlowTable) -> None:
        flows, problem = self._possible(wanted)
        actual = self._cookies(wanted.bridge)
        lines = [f"add cookie=0x{cookie:x},{flow}" for cookie, flow in flows.items() if cookie not in actual]
        if not problem:
            lines += [f"delete cookie=0x{cookie:x}/-1" for cookie in sorted(actual - set(flows))]
        lines += [_forget(vlan) for vlan in sorted(self._stale_vlans(wanted))]
        if lines:
            command = ["ovs-ofctl", "-O", "OpenFlow14", "--bundle", "add-flows", wanted.bridge, "-"]
            run(command, text="\n".join(lines) + "\n", env=self._env)
        if problem:
            raise HostRefused(problem)

    def _possible(self, wanted: FlowTable) -> tuple[dict[int, str], str]:
        """The flows whose ports are there, and why the others are not possible yet."""
        ports, flows, problem = self._port_numbers(), {}, ""
        missing = [name for name in wanted.may_lack if name not in ports]
        for text in (kept for flow in wanted.flows if (kept := without(flow, missing)) is not None):
            try:
                flow = resolve(text, ports)
            except HostRefused as refused:
                problem = str(refused)
                continue
            flows[cookie_of(flow)] = flow
        return flows, problem

    def _cookies(self, bridge: str) -> set[int]:
        """The cookies of our flows that are on the bridge."""
        command = ["ovs-ofctl", "-O", "OpenFlow14", "--no-stats", "dump-flows", bridge]
        dump = run([*command, f"cookie=0x{MARK:x}/0x{MARK_MASK:x}"], env=self._env)
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

    def _port_numbers(self) -> dict[str, int]:
        rows = self._ovsdb.table("Interface").values()
        return {row["name"]: number for row in rows if (number := only(row["ofport"])) is not None and number > 0}
