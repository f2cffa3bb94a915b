"""A client of ovsdb-server (RFC 7047): the tables that we watch, mirrored, and transactions on them.

One thread owns the connection: it mirrors every update at once, answers the server's probes, connects again when the
server comes back, and says so. Rows are values: an update replaces a row, so that a reader's copy stays whole.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from pathlib import Path
from typing import Any, Final

import structlog

from futago.node.host import HostRefused

Row = Mapping[str, Any]
"""A row's columns, with sets, maps and references as plain lists, dicts and strings."""

DATABASE: Final = "Open_vSwitch"
WATCHED: Final = {
    "Open_vSwitch": ("cur_cfg", "ovs_version"),
    "Bridge": ("name", "ports", "datapath_type", "fail_mode", "external_ids"),
    "Port": ("name", "tag", "interfaces", "external_ids"),
    "Interface": ("name", "type", "options", "external_ids", "ofport", "error"),
}

_REPLY_SECONDS: Final = 10.0
_RECONNECT_SECONDS: Final = 0.2
_TICK_SECONDS: Final = 1.0
_MONITOR: Final = "monitor"
_log = structlog.get_logger()


class Ovsdb:
    """A mirror of the switch's database, and the way to change it.

    `on_change` is called from the connection's thread when a bridge, a port or an interface has changed, and when the
    database or the switch was started anew, so that everything must be looked at again.
    """

    def __init__(self, connection: str, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._connection = connection
        self._on_change = on_change
        self._tables: dict[str, dict[str, Row]] = {}
        self._synced = False
        self._news = threading.Condition(threading.RLock())
        self._sending = threading.Lock()
        self._waiting: dict[int, Future[Any]] = {}
        self._next_id = 0
        self._socket: socket.socket | None = None
        self._closing = False
        self._switch_pid = ""
        self._thread = threading.Thread(target=self._serve, name="ovsdb", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=2 * _TICK_SECONDS)

    @property
    def run_directory(self) -> Path:
        """Where the switch's own sockets are: beside its database's."""
        kind, _, where = self._connection.partition(":")
        return Path(where).parent if kind == "unix" else Path("/run/openvswitch")

    @property
    def synced(self) -> bool:
        """Whether the mirror holds the whole database."""
        return self._synced

    def table(self, name: str) -> dict[str, Row]:
        """The rows of a table by their UUIDs, as of now.

        Raises:
            HostRefused: the database has not been read since it was connected to.

        """
        with self._news:
            if not self._synced:
                raise HostRefused(f"the switch's database does not answer on {self._connection}")
            return dict(self._tables.get(name, {}))

    def wait_for(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until `condition` holds of the mirror; False if it does not in time."""
        with self._news:
            return self._news.wait_for(condition, seconds)

    def transact(self, operations: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Carry out `operations` (RFC 7047, 5.2) all or none; the mirror has their effect when this returns.

        Raises:
            HostRefused: the database is away, or refuses; the text is its own.

        """
        results: list[dict[str, Any]] = self._call("transact", [DATABASE, *operations])
        for result in results:
            if result and "error" in result:
                raise HostRefused(f"ovsdb: {result['error']}: {result.get('details', '')}")
        return results

    def commit(self, operations: list[dict[str, Any]], seconds: float) -> None:
        """Transact, then wait until ovs-vswitchd has done its part.

        Raises:
            HostRefused: as `transact`, or ovs-vswitchd does not follow in time.

        """
        count = {"op": "mutate", "table": "Open_vSwitch", "where": [], "mutations": [["next_cfg", "+=", 1]]}
        read = {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["next_cfg"]}
        target = self.transact([*operations, count, read])[-1]["rows"][0]["next_cfg"]

        def followed() -> bool:
            return any(row["cur_cfg"] >= target for row in self._tables.get("Open_vSwitch", {}).values())

        if not self.wait_for(followed, seconds):
            raise HostRefused("ovs-vswitchd does not follow its database: is it running?")

    def _call(self, method: str, params: list[Any]) -> Any:
        future: Future[Any] = Future()
        with self._sending:
            self._next_id += 1
            number = self._next_id
            self._waiting[number] = future
            self._send({"method": method, "params": params, "id": number})
        try:
            return future.result(_REPLY_SECONDS)
        except FutureTimeoutError as error:
            raise HostRefused(f"the switch's database does not answer on {self._connection}") from error
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: dict[str, Any]) -> None:
        try:
            if self._socket is None:
                raise HostRefused(f"the switch's database does not answer on {self._connection}")
            self._socket.sendall(json.dumps(message).encode())
        except OSError as error:
            raise HostRefused(f"ovsdb: {error}") from error

    def _serve(self) -> None:
        """Stay connected, until closed."""
        while not self._closing:
            try:
                with _connect(self._connection) as sock:
                    self._socket = sock
                    self._converse(sock)
            except OSError as error:
                if self._synced:
                    _log.warning("switch database lost", connection=self._connection, error=str(error))
            finally:
                self._forget()
            if not self._closing:
                time.sleep(_RECONNECT_SECONDS)

    def _forget(self) -> None:
        self._socket = None
        with self._news:
            self._synced = False
            self._tables = {}
        for future in list(self._waiting.values()):
            if not future.done():
                future.set_exception(HostRefused("the switch's database went away"))

    def _converse(self, sock: socket.socket) -> None:
        requests = {table: {"columns": list(columns)} for table, columns in WATCHED.items()}
        with self._sending:
            self._send({"method": "monitor", "params": [DATABASE, None, requests], "id": _MONITOR})
        sock.settimeout(_TICK_SECONDS)
        decoder, pending = json.JSONDecoder(), ""
        while True:
            self._watch_switch()
            try:
                data = sock.recv(1 << 18)
            except TimeoutError:
                continue
            if not data:
                raise ConnectionResetError("closed by the server")
            pending += data.decode()
            while pending:
                try:
                    message, end = decoder.raw_decode(pending)
                except json.JSONDecodeError:
                    break
                pending = pending[end:].lstrip()
                self._handle(message)

    def _handle(self, message: dict[str, Any]) -> None:
        if message.get("method") == "echo":
            with self._sending:
                self._send({"result": message["params"], "error": None, "id": message["id"]})
        elif message.get("method") == "update":
            self._mirror(message["params"][1])
        elif message.get("id") == _MONITOR:
            self._mirror(message["result"])
            _log.info("switch database connected", connection=self._connection)
        else:
            future = self._waiting.get(message["id"])
            if future is not None and not future.done():
                if message.get("error"):
                    future.set_exception(HostRefused(f"ovsdb: {message['error']}"))
                else:
                    future.set_result(message["result"])

    def _mirror(self, updates: dict[str, Any]) -> None:
        with self._news:
            for table, rows in updates.items():
                mirrored = self._tables.setdefault(table, {})
                for uuid, update in rows.items():
                    if "new" in update:
                        mirrored[uuid] = {column: _plain(value) for column, value in update["new"].items()}
                    else:
                        mirrored.pop(uuid, None)
            self._synced = True
            self._news.notify_all()
        if updates.keys() != {"Open_vSwitch"}:
            # That table only counts configurations: to call each count a change would make a loop of failing ports.
            self._on_change()

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


def to_map(pairs: Mapping[str, str]) -> list[Any]:
    """A map as RFC 7047 writes it."""
    return ["map", [[key, value] for key, value in sorted(pairs.items())]]


def optional(value: Any) -> list[Any]:
    """An optional value as RFC 7047 writes it: a set of none or one."""
    return ["set", [] if value is None else [value]]


def only(values: Any) -> Any:
    """The one value of an optional column, or None; on the wire a set of one looks like the value."""
    if isinstance(values, list):
        return values[0] if values else None
    return values


def as_list(values: Any) -> list[Any]:
    """The values of a set column, whatever their number."""
    return values if isinstance(values, list) else [values]


def _plain(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 2:
        kind, content = value
        if kind == "set":
            return [_plain(one) for one in content]
        if kind == "map":
            return {key: _plain(one) for key, one in content}
        if kind in {"uuid", "named-uuid"}:
            return content
    return value


def _connect(connection: str) -> socket.socket:
    kind, _, where = connection.partition(":")
    if kind == "unix":
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(where)
        except OSError:
            sock.close()
            raise
        return sock
    host, _, port = where.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=_REPLY_SECONDS)
