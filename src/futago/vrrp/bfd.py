"""The BFD sessions that Open vSwitch runs in its tunnels (RFC 5880), by its database: `bfd_status` of each interface.

ovs-vswitchd's own thread sends and hears BFD; when a session fails it says so in the database, and the database tells
everyone who watches, within milliseconds. So this works without the agent and without any controller. The library's
replica blocks, so a thread of its own follows it.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final

import structlog
from ovs.db.idl import Idl, SchemaHelper
from ovs.poller import POLLIN, Poller

from futago.values import IPAddress

_MAP: Final = {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}
_SCHEMA: Final[dict[str, Any]] = {
    "name": "Open_vSwitch",
    "version": "1.0.0",
    "tables": {"Interface": {"columns": {"options": _MAP, "bfd_status": _MAP}}},
}
"""The part of ovs-vswitchd.conf.db(5) that we read."""
_TICK_MILLIS: Final = 1000

log = structlog.get_logger()


class BfdWatch:
    """Calls `on_states` in its own thread, with all sessions by the far end's address, whenever one has changed."""

    def __init__(self, database: str, on_states: Callable[[Mapping[IPAddress, bool]], object]) -> None:
        self._database = database
        self._on_states = on_states
        self._bell, self._rung = socket.socketpair()
        self._closing = False
        self._thread = threading.Thread(target=self._follow, name="bfd", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._rung.send(b"x")
        self._thread.join(timeout=5)
        self._bell.close()
        self._rung.close()

    def _follow(self) -> None:
        while not self._closing:
            try:
                self._follow_one_connection()
            except Exception:  # whatever the library stumbles over: nothing is known then, and we begin anew
                log.exception("bfd sessions not known for a moment")
                self._on_states({})
                time.sleep(_TICK_MILLIS / 1000)

    def _follow_one_connection(self) -> None:
        schema = SchemaHelper(schema_json=_SCHEMA)
        schema.register_all()
        idl = Idl(self._database, schema)
        seen, told = -1, None
        with contextlib.closing(idl):
            while not self._closing:
                with contextlib.suppress(OSError):
                    idl.run()
                if idl.change_seqno != seen and idl.has_ever_connected():
                    seen = idl.change_seqno
                    states = sessions(idl.tables["Interface"].rows.values())
                    if states != told:
                        told = states
                        self._on_states(states)
                self._wait(idl)

    def _wait(self, idl: Idl) -> None:
        poller = Poller()
        idl.wait(poller)
        poller.fd_wait(self._bell, POLLIN)
        poller.timer_wait(_TICK_MILLIS)
        poller.block()


def sessions(interfaces: Any) -> dict[IPAddress, bool]:
    """Far end → whether a session with it is up; tunnels of two kinds to one far end need but one."""
    states: dict[IPAddress, bool] = {}
    for interface in interfaces:
        state, remote = interface.bfd_status.get("state"), interface.options.get("remote_ip")
        if state is None or remote is None:
            continue
        with contextlib.suppress(ValueError):
            address = ip_address(remote)
            states[address] = states.get(address, False) or state == "up"
    return states
