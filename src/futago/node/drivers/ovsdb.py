"""The switch's database (RFC 7047), by the `ovs` library: the tables that we watch, mirrored, and transactions on them.

The library's replica is not for use by several threads, so one thread owns it: it follows the connection, hands
transactions in, and keeps a mirror of plain values for all others. A change of a row replaces its value in the
mirror, so that a reader's copy stays whole.
"""

import contextlib
import json
import queue
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import structlog
from ovs.db.idl import Idl, SchemaHelper, Transaction
from ovs.poller import POLLIN, Poller

from futago.node.host import HostRefused

Row = Mapping[str, Any]
"""A row's columns: sets and optional values are lists, references the UUIDs of the rows."""
Operations = list[dict[str, Any]]
"""As RFC 7047, 5.2, writes them."""

DATABASE: Final = "Open_vSwitch"
ROOT: Final = "Open_vSwitch"
"""The table of one row that refers to the bridges and counts configurations."""

_STRING: Final = {"type": "string"}
_OPTIONAL_STRING: Final = {"type": {"key": "string", "min": 0, "max": 1}}
_OPTIONAL_INTEGER: Final = {"type": {"key": "integer", "min": 0, "max": 1}}
_REFERENCES: Final = {"type": {"key": "uuid", "min": 0, "max": "unlimited"}}
_OPTIONAL_REFERENCE: Final = {"type": {"key": "uuid", "min": 0, "max": 1}}
_NUMBERED_REFERENCES: Final = {"type": {"key": "integer", "value": "uuid", "min": 0, "max": "unlimited"}}
_MAP: Final = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}
_WATCHED: Final[dict[str, dict[str, Any]]] = {
    ROOT: {"cur_cfg": {"type": "integer"}},
    "Bridge": {
        "name": _STRING,
        "ports": _REFERENCES,
        "datapath_type": _STRING,
        "fail_mode": _OPTIONAL_STRING,
        "external_ids": _MAP,
    },
    "Port": {
        "name": _STRING,
        "tag": _OPTIONAL_INTEGER,
        "interfaces": _REFERENCES,
        "qos": _OPTIONAL_REFERENCE,
        "external_ids": _MAP,
    },
    "QoS": {"queues": _NUMBERED_REFERENCES, "external_ids": _MAP},
    "Queue": {"other_config": _MAP},
    "Interface": {
        "name": _STRING,
        "type": _STRING,
        "options": _MAP,
        "bfd": _MAP,
        "external_ids": _MAP,
        "ofport": _OPTIONAL_INTEGER,
        "error": _OPTIONAL_STRING,
        "link_state": _OPTIONAL_STRING,
        "admin_state": _OPTIONAL_STRING,
    },
}
"""The part of ovs-vswitchd.conf.db(5) that we read; nothing else is replicated."""
_STATUS: Final = frozenset({"link_state", "admin_state"})
"""Columns that only tell how a port is: there is nothing to put right when they change."""

_REPLY_SECONDS: Final = 10.0
_RECONNECT_MILLIS: Final = 1000
_TICK_MILLIS: Final = 1000
_log = structlog.get_logger()


class Ovsdb:
    """A mirror of the switch's database, and the way to change it.

    `on_change` is called from the connection's thread when a bridge, a port or an interface has changed, and when the
    database or the switch was started anew, so that everything must be looked at again.
    """

    def __init__(self, connection: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._on_change = on_change
        self._mirror: dict[str, dict[str, Row]] | None = None
        self._news = threading.Condition(threading.RLock())
        self._asked: queue.SimpleQueue[tuple[Operations, Future[int]]] = queue.SimpleQueue()
        self._under_way: list[tuple[Any, Future[int]]] = []
        self._bell, self._rung = socket.socketpair()
        self._closing = False
        self._switch_pid = ""
        self._thread = threading.Thread(target=self._serve, name="ovsdb", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join(timeout=_REPLY_SECONDS)

    @property
    def run_directory(self) -> Path:
        """Where the switch's own sockets are: beside its database's."""
        kind, _, where = self._connection.partition(":")
        return Path(where).parent if kind == "unix" else Path("/run/openvswitch")

    @property
    def synced(self) -> bool:
        """Whether the mirror holds the whole database, and follows it."""
        return self._mirror is not None

    def table(self, name: str) -> dict[str, Row]:
        """The rows of a table by their UUIDs, as of now.

        Raises:
            HostRefused: the database has not been read since it was connected to.

        """
        with self._news:
            if self._mirror is None:
                raise self._away()
            return dict(self._mirror[name])

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds of the mirror; False if it does not in time."""
        with self._news:
            return self._news.wait_for(condition, seconds)

    def commit(self, operations: Operations, seconds: float) -> None:
        """Carry out `operations`, all or none, and wait until ovs-vswitchd has done its part.

        The mirror has their effect when this returns.

        Raises:
            HostRefused: the database is away or refuses (the text is its own), or ovs-vswitchd does not follow in time.

        """
        future: Future[int] = Future()
        self._asked.put((operations, future))
        self._ring()
        try:
            target = future.result(_REPLY_SECONDS)
        except FutureTimeoutError as error:
            raise self._away() from error

        def followed() -> bool:
            return self._mirror is not None and any(row["cur_cfg"] >= target for row in self._mirror[ROOT].values())

        if not self.wait_for(followed, seconds):
            raise HostRefused("ovs-vswitchd does not follow its database: is it running?")

    def _away(self) -> HostRefused:
        return HostRefused(f"the switch's database does not answer on {self._connection}")

    def _ring(self) -> None:
        """Wake the thread; a bell that cannot be rung any more has been heard, or nobody is there to hear it."""
        with contextlib.suppress(OSError):
            self._bell.send(b"!", socket.MSG_DONTWAIT)

    def _serve(self) -> None:
        replica = _Replica(self._connection)
        try:
            while not self._closing:
                replica.run()
                self._follow(replica)
                self._settle(replica)
                self._begin(replica)
                self._watch_switch()
                self._sleep(replica)
        finally:
            replica.close()
            with self._news:
                self._mirror = None
                self._news.notify_all()
            self._settle(replica)
            self._bell.close()
            self._rung.close()

    def _sleep(self, replica: "_Replica") -> None:
        poller = Poller()
        replica.wait(poller)
        poller.fd_wait(self._rung, POLLIN)
        poller.timer_wait(_TICK_MILLIS)
        poller.block()
        with contextlib.suppress(BlockingIOError):
            self._rung.recv(4096, socket.MSG_DONTWAIT)

    def _follow(self, replica: "_Replica") -> None:
        """Bring the mirror up to the replica."""
        changed = replica.take_changed()
        was_synced = self.synced
        with self._news:
            if not replica.synced:
                self._mirror = None
                touched = set()
            elif self._mirror is None:
                self._mirror = {name: {} for name in _WATCHED}
                touched = _mirror_rows(replica, self._mirror, None) | {"Bridge"}
            else:
                touched = _mirror_rows(replica, self._mirror, changed)
            self._news.notify_all()
        if was_synced != replica.synced:
            _log.info("switch database connected" if replica.synced else "switch database lost", at=self._connection)
        # The root only counts configurations: to call each count a change would make a loop of failing ports.
        if touched - {ROOT}:
            self._on_change()

    def _begin(self, replica: "_Replica") -> None:
        """Send the transactions that were asked for; what they end with is `_settle`'s."""
        with contextlib.suppress(queue.Empty):
            while True:
                operations, future = self._asked.get_nowait()
                transaction = Transaction(replica)
                for operation in operations:
                    transaction.add_op(operation)
                for row in replica.tables[ROOT].rows.values():
                    row.increment("next_cfg")
                transaction.commit()
                self._under_way.append((transaction, future))

    def _settle(self, replica: "_Replica") -> None:
        """Tell of the transactions that have ended."""
        left = []
        for transaction, future in self._under_way:
            status = transaction.commit()
            if status == Transaction.SUCCESS:
                future.set_result(transaction.get_increment_new_value() or 0)
            elif status == Transaction.ERROR:
                future.set_exception(HostRefused(f"ovsdb: {_reason(transaction.get_error())}"))
            elif status == Transaction.INCOMPLETE and replica.synced:
                left.append((transaction, future))
            else:
                future.set_exception(self._away())
        self._under_way = left

    def _watch_switch(self) -> None:
        """Notice a new ovs-vswitchd: its flows are gone, and nothing in the database says so."""
        try:
            pid = (self.run_directory / "ovs-vswitchd.pid").read_text().strip()
        except OSError:
            return
        if pid and pid != self._switch_pid:
            known, self._switch_pid = self._switch_pid, pid
            if known:
                _log.info("switch restarted", pid=pid)
                self._on_change()


class _Replica(Idl):  # type: ignore[misc] # the library has no types
    """The library's replica; it remembers which rows have changed."""

    def __init__(self, connection: str) -> None:
        tables = {name: {"columns": columns} for name, columns in _WATCHED.items()}
        schema = SchemaHelper(schema_json={"name": DATABASE, "tables": tables})
        schema.register_all()
        super().__init__(connection, schema)
        # Longer pauses are of no use to a server on the same host: a node without its switch is to heal at once.
        self._session.reconnect.set_backoff(_RECONNECT_MILLIS, _RECONNECT_MILLIS)
        self._changed: set[UUID] = set()

    @property
    def synced(self) -> bool:
        return self.state == Idl.IDL_S_MONITORING and bool(self._session.is_connected())

    def notify(self, _event: str, row: Any, _updates: Any = None) -> None:
        self._changed.add(row.uuid)

    def take_changed(self) -> set[UUID]:
        """The rows that came, changed or went since this was last called."""
        changed, self._changed = self._changed, set()
        return changed


def _mirror_rows(replica: _Replica, mirror: dict[str, dict[str, Row]], changed: set[UUID] | None) -> set[str]:
    """Copy the changed rows, or all; returns the names of the tables that have changed, but for how ports are."""
    touched = set()
    for name, table in replica.tables.items():
        for uuid in list(table.rows) if changed is None else changed:
            row = table.rows.get(uuid)
            if row is not None:
                new = {column: _plain(getattr(row, column)) for column in table.columns}
                old, mirror[name][str(uuid)] = mirror[name].get(str(uuid)), new
                if old is None or any(old[column] != new[column] for column in new.keys() - _STATUS):
                    touched.add(name)
            elif mirror[name].pop(str(uuid), None) is not None:
                touched.add(name)
    return touched


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, UUID) else value


def _reason(said: str) -> str:
    """The server's own words in an error object (RFC 7047, 3.1); the library passes it on as text."""
    try:
        error = json.loads(said)
    except ValueError:
        return said
    return f"{error.get('error')}: {error.get('details', '')}" if isinstance(error, dict) else said


def to_map(pairs: Mapping[str, str]) -> list[Any]:
    """A map as RFC 7047 writes it."""
    return ["map", [[key, value] for key, value in sorted(pairs.items())]]


def optional(value: Any) -> list[Any]:
    """An optional value as RFC 7047 writes it: a set of none or one."""
    return ["set", [] if value is None else [value]]


def only(values: list[Any]) -> Any:
    """The one value of an optional column, or None."""
    return values[0] if values else None
