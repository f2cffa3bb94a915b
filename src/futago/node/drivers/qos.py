"""Limits of rates: meters on a bridge, by OpenFlow, and queues of interfaces, by the switch's database.

A meter has no cookie: those with our numbers are ours, on a bridge that is ours. A queue of ours carries the mark
`futago` and the port's id; it stays with the interface of that `iface-id`, and goes with it.
"""

import os
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from futago.contract.port_features import RateLimit
from futago.node.drivers.ovs import MARK, WAITING
from futago.node.drivers.ovsdb import Operations, Ovsdb, Row, only, optional, to_map
from futago.node.drivers.run import each, run
from futago.node.host import FIRST_METER, METERS, HostRefused, Meter, Shaper

_PORT: Final = "futago-port"
_KIND: Final = "linux-htb"
_COMMIT_SECONDS: Final = 5.0
_METER: Final = re.compile(r"meter=(\d+) (kbps|pktps) burst[^\n]*bands=\s*type=drop rate=(\d+) burst_size=(\d+)")
_ANY_METER: Final = re.compile(r"meter=(\d+) ")
_BITS: Final = 1000


class QosDriver:
    """Meters and queues."""

    def __init__(self, ovsdb: Ovsdb) -> None:
        self._ovsdb = ovsdb
        self._env = os.environ | {"OVS_RUNDIR": str(ovsdb.run_directory)}
        self._bridges: set[str] = set()

    def read(self, wanted: Collection[Meter | Shaper]) -> dict[str, Meter | Shaper]:
        """Our meters on the bridges that have, or had, some, and the queues that are at work."""
        self._bridges |= {one.bridge for one in wanted if isinstance(one, Meter)}
        there = {row["name"] for row in self._ovsdb.table("Bridge").values()}
        found: list[Meter | Shaper] = [*self._shapers()]
        for bridge in sorted(self._bridges & there):
            found += self._meters(bridge)
        return {element.key: element for element in found}

    def put(self, elements: Sequence[Meter | Shaper]) -> dict[str, str]:
        return each(elements, lambda one: self._put_meter(one) if isinstance(one, Meter) else self._shape(one))

    def remove(self, elements: Sequence[Meter | Shaper]) -> dict[str, str]:
        return each(elements, lambda one: self._remove_meter(one) if isinstance(one, Meter) else self._release(one))

    def _meters(self, bridge: str) -> Iterator[Meter]:
        dump = self._ofctl("dump-meters", bridge)
        for number, unit, rate, burst in _METER.findall(dump):
            if _ours(int(number)):
                yield Meter(bridge=bridge, number=int(number), unit=unit, rate=int(rate), burst=int(burst))

    def _put_meter(self, meter: Meter) -> None:
        numbers = {int(number) for number in _ANY_METER.findall(self._ofctl("dump-meters", meter.bridge))}
        verb = "mod-meter" if meter.number in numbers else "add-meter"
        band = f"type=drop,rate={meter.rate},burst_size={meter.burst}"
        self._ofctl(verb, meter.bridge, f"meter={meter.number},{meter.unit},burst,band={band}")

    def _remove_meter(self, meter: Meter) -> None:
        self._ofctl("del-meter", meter.bridge, f"meter={meter.number}")

    def _ofctl(self, verb: str, bridge: str, *what: str) -> str:
        return run(["ovs-ofctl", "-O", "OpenFlow14", verb, bridge, *what], env=self._env)

    def _shapers(self) -> Iterator[Shaper]:
        queues, at_work = self._ovsdb.table("Queue"), self._at_work()
        for uuid, row in self._ours().items():
            port_id = row["external_ids"][_PORT]
            found = [queues[one]["other_config"] for one in row["queues"].values() if one in queues]
            rate, burst = (int(found[0].get(name, 0)) // _BITS for name in ("max-rate", "burst")) if found else (0, 0)
            # A queue that no interface has any more is surplus, whatever is wanted for the port.
            limit = RateLimit(kbps=rate if at_work.get(uuid) == port_id else 0, burst_kbits=burst)
            yield Shaper(port_id=port_id, limit=limit)

    def _shape(self, shaper: Shaper) -> None:
        ports = self._ports(shaper.port_id)
        if not ports:
            raise HostRefused(WAITING)
        rate = str(shaper.limit.kbps * _BITS)
        settings = to_map({"max-rate": rate, "burst": str(shaper.limit.burst_kbits * _BITS)})
        row = {
            "type": _KIND,
            "other_config": to_map({"max-rate": rate}),
            "queues": ["map", [[0, ["named-uuid", "queue"]]]],
            "external_ids": to_map({MARK: "qos", _PORT: shaper.port_id}),
        }
        operations: Operations = [
            *self._without(shaper.port_id),
            {"op": "insert", "table": "Queue", "row": {"other_config": settings}, "uuid-name": "queue"},
            {"op": "insert", "table": "QoS", "row": row, "uuid-name": "qos"},
        ]
        operations += [_set_qos(uuid, ["set", [["named-uuid", "qos"]]]) for uuid in ports]
        self._ovsdb.commit(operations, _COMMIT_SECONDS)

    def _release(self, shaper: Shaper) -> None:
        self._ovsdb.commit(self._without(shaper.port_id), _COMMIT_SECONDS)

    def _without(self, port_id: str) -> Operations:
        """Take our queues off a port."""
        operations: Operations = []
        gone = {uuid: row for uuid, row in self._ours().items() if row["external_ids"][_PORT] == port_id}
        for uuid, row in self._ovsdb.table("Port").items():
            if only(row["qos"]) in gone:
                operations.append(_set_qos(uuid, optional(None)))
        for uuid, row in gone.items():
            operations.append(_delete("QoS", uuid))
            operations += [_delete("Queue", queue) for queue in row["queues"].values()]
        return operations

    def _ours(self) -> dict[str, Row]:
        rows = self._ovsdb.table("QoS").items()
        return {
            uuid: row for uuid, row in rows if row["external_ids"].get(MARK) == "qos" and _PORT in row["external_ids"]
        }

    def _at_work(self) -> dict[str, str]:
        """QoS row → the port whose interface has it."""
        rows = (row for row in self._ovsdb.table("Port").values() if row["qos"])
        return {only(row["qos"]): next(iter(self._ids(row)), "") for row in rows}

    def _ports(self, port_id: str) -> list[str]:
        return [uuid for uuid, row in self._ovsdb.table("Port").items() if port_id in self._ids(row)]

    def _ids(self, port: Row) -> list[str]:
        """The `iface-id` of a port that is not ours."""
        interfaces = self._ovsdb.table("Interface")
        members = [interfaces[uuid] for uuid in port["interfaces"] if uuid in interfaces]
        return [one["external_ids"].get("iface-id", "") for one in members] if MARK not in port["external_ids"] else []


def _ours(number: int) -> bool:
    return FIRST_METER <= number < FIRST_METER + METERS


def _set_qos(port: str, value: list[Any]) -> dict[str, Any]:
    return {"op": "update", "table": "Port", "where": [["_uuid", "==", ["uuid", port]]], "row": {"qos": value}}


def _delete(table: str, uuid: str) -> dict[str, Any]:
    return {"op": "delete", "table": table, "where": [["_uuid", "==", ["uuid", uuid]]]}
