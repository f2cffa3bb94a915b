"""One router's connections in the kernel: two sockets, opened inside its namespace and used from outside."""

import asyncio
import errno
import socket
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from futago import netns
from futago.conntrack import ctnetlink
from futago.conntrack.ctnetlink import CLASH, GONE, Event
from futago.conntrack.entry import Entry

_NETFILTER: Final = 12
_SOL_NETLINK, _ADD_MEMBERSHIP, _CAP_ACK = 270, 1, 10
_SO_RCVBUFFORCE: Final = 33
EVENT_BUFFER: Final = 16 * 1024 * 1024
"""Bytes that the kernel may hold for us: about 30,000 events, which is what a busy moment brings while we are away."""
_READ_BYTES: Final = 64 * 1024
_BATCH: Final = 64
"""Requests in one send: their acknowledgements must fit into the socket's buffer."""
_READS: Final = 64
"""Events read in one go, before others have their turn."""
_ANSWER_SECONDS: Final = 5
_SETTINGS: Final = {"events": "1", "tcp_be_liberal": "1"}
"""Tell of all connections, not only of those that began while somebody listened; and do not judge TCP by windows that
were never seen, because another node forwarded meanwhile (nf_conntrack-sysctl.rst)."""


class EventsLost(Exception):
    """The kernel had more to tell than it could hold: only a dump tells what is so."""


@dataclass(slots=True)
class Written:
    """What became of a batch of writes."""

    failed: dict[bytes, int] = field(default_factory=dict)
    """The error number, by the connection's key."""


class Kernel:
    """The connections of one namespace."""

    def __init__(self, namespace: str) -> None:
        """Open the socket for requests.

        Raises:
            OSError: no such namespace, or the kernel refuses.

        """
        self._namespace = namespace
        self._sequence = 0
        self._events: socket.socket | None = None
        self._identity = _identity(namespace)
        self._requests = netns.run_inside(namespace, self._open)

    def close(self) -> None:
        self._requests.close()
        self.stop_listening()

    def check(self) -> None:
        """See that the namespace is still the one for which the sockets were opened.

        Raises:
            OSError: it is gone, or was made anew.

        """
        if _identity(self._namespace) != self._identity:
            raise OSError(errno.ENOENT, f"namespace {self._namespace} has been made anew")

    def listen(self) -> socket.socket:
        """Begin to hear of changes; the socket is readable when there is one.

        Raises:
            OSError: the kernel refuses.

        """
        if self._events is None:
            self._events = netns.run_inside(self._namespace, _open_events)
        return self._events

    def stop_listening(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def events(self) -> list[Event]:
        """What has been told since; some of it, if it is much.

        Raises:
            EventsLost: there was more than fits.

        """
        found: list[Event] = []
        if self._events is None:
            return found
        for _ in range(_READS):
            try:
                data = self._events.recv(_READ_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno == errno.ENOBUFS:
                    raise EventsLost from error
                raise
            found += ctnetlink.read(data).events
        return found

    async def dump(self, take: Callable[[list[Entry]], None]) -> None:
        """Have `take` hear of all connections, some at a time, with breaks for others; on a socket of its own.

        Raises:
            OSError: the namespace is gone, or the kernel does not answer.

        """
        reader = netns.run_inside(self._namespace, _open_unless_empty)
        if reader is None:
            return
        try:
            reader.send(ctnetlink.dump(1))
            done = False
            while not done:
                answers = ctnetlink.read(reader.recv(_READ_BYTES))
                _raise_for(answers.codes)
                take([event.entry for event in answers.events])
                done = answers.done
                await asyncio.sleep(0)
        finally:
            reader.close()

    def write(self, put: Sequence[tuple[Entry, bool]], remove: Sequence[bytes]) -> Written:
        """Make connections be there, or not; those with True are there already, translated in the same way.

        Raises:
            OSError: the kernel does not answer.

        """
        written = Written()
        self._apply([(key, ctnetlink.delete(key)) for key in remove], written, harmless={GONE})
        known = [entry for entry, there in put if there]
        gone = self._apply([(e.key, ctnetlink.update(e)) for e in known], written, again={GONE})
        new = [entry for entry, there in put if not there or entry.key in gone]
        clashes = self._apply([(e.key, ctnetlink.create(e)) for e in new], written, again={CLASH})
        self._replace([entry for entry in new if entry.key in clashes], written)
        return written

    def renew(self, entries: Sequence[Entry]) -> Written:
        """Change what may change of connections; one that is not there any more stays away.

        Raises:
            OSError: the kernel does not answer.

        """
        written = Written()
        self._apply([(entry.key, ctnetlink.update(entry)) for entry in entries], written, harmless={GONE})
        return written

    def _replace(self, entries: Sequence[Entry], written: Written) -> None:
        """Another connection is in the way: one that began as this one, or one that is answered as this one."""
        for way in (
            [(e.key, ctnetlink.delete(e.key)) for e in entries],
            [(e.key, ctnetlink.delete_by_reply(e)) for e in entries],
        ):
            self._apply(way, written, harmless={GONE})
        self._apply([(e.key, ctnetlink.create(e)) for e in entries], written)

    def _apply(
        self,
        requests: Sequence[tuple[bytes, bytes]],
        written: Written,
        *,
        harmless: Collection[int] = (),
        again: Collection[int] = (),
    ) -> set[bytes]:
        """Send requests; those that failed with an error of `again` are returned, others are noted."""
        returned: set[bytes] = set()
        for at in range(0, len(requests), _BATCH):
            batch = requests[at : at + _BATCH]
            for (key, _), code in zip(batch, self._exchange([request for _, request in batch]), strict=True):
                if code in again:
                    returned.add(key)
                elif code and code not in harmless:
                    written.failed[key] = code
        return returned

    def _exchange(self, batch: Sequence[bytes]) -> list[int]:
        first = self._sequence + 1
        self._sequence = first + len(batch)
        numbered = (ctnetlink.numbered(request, first + i) for i, request in enumerate(batch))
        self._requests.send(b"".join(numbered))
        codes: dict[int, int] = {}
        while len(codes) < len(batch):
            answers = ctnetlink.read(self._requests.recv(_READ_BYTES))
            codes.update({number: code for number, code in answers.codes.items() if number >= first})
        return [codes[first + i] for i in range(len(batch))]

    def _open(self) -> socket.socket:
        for name, value in _SETTINGS.items():
            _set(name, value)
        return _open_requests()


def _open_unless_empty() -> socket.socket | None:
    """None if the namespace has no connections.

    To find that out by a dump, the kernel looks at those of the whole host: 10 ms, which hundreds of idle routers would
    cost at each look, and when they are taken over together.
    """
    return None if netns.connections() == 0 else _open_requests()


def _open_requests() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    opened.setsockopt(_SOL_NETLINK, _CAP_ACK, 1)
    opened.settimeout(_ANSWER_SECONDS)
    return opened


def _open_events() -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETFILTER)
    with suppress(OSError):
        opened.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, EVENT_BUFFER)
    opened.bind((0, 0))  # the kernel tells nothing to a socket without an address: it has none itself
    for group in (ctnetlink.GROUP_UPDATE, ctnetlink.GROUP_DESTROY):
        opened.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
    opened.setblocking(False)
    return opened


def _set(name: str, value: str) -> None:
    """Write a setting of the calling thread's namespace, if it differs."""
    path = Path("/proc/sys/net/netfilter") / f"nf_conntrack_{name}"
    if path.read_text().strip() != value:
        path.write_text(value)


def _identity(namespace: str) -> int:
    """A name may be given again, the inode is not."""
    return (netns.DIRECTORY / namespace).stat().st_ino if namespace else 0


def _raise_for(codes: dict[int, int]) -> None:
    for code in codes.values():
        if code:
            raise OSError(code, "the kernel does not list connections")
