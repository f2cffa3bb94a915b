"""What the nodes know of a router's connections: the active one's table, a standby's mirror of it. Pure.

Both count what they hold into a digest, so that a few bytes tell whether they agree.
"""

import hashlib
import struct
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final, NamedTuple

from futago.conntrack.ctnetlink import Event
from futago.conntrack.entry import REPLY_BYTES, TCP, Entry, Status, TcpState, matters

GRACE_SECONDS: Final = 60
"""How much longer than the active node a standby keeps a connection that it hears nothing new of."""
RENEW_SECONDS: Final = 60
"""With less than this left on the standby, a connection that lives on is sent again."""
STRAY_SECONDS: Final = 300
"""How long a standby still keeps what the active node does not know: it may be wrong."""

_VALUE: Final = struct.Struct("!12sBBI")
_EXPIRES_BYTES: Final = 5
_DIGEST_MASK: Final = (1 << 64) - 1


class Kept(bytes):
    """A connection in a table: its value, and when the standby forgets it. As bytes, since there may be very many."""

    __slots__ = ()

    @classmethod
    def of(cls, value: bytes, expires: int) -> "Kept":
        """`expires` is a second by the clock of whoever keeps the table."""
        return cls(value + expires.to_bytes(_EXPIRES_BYTES))

    @property
    def value(self) -> bytes:
        """What both sides must agree on: the reply, the status, the state, the mark."""
        return self[: _VALUE.size]

    @property
    def expires(self) -> int:
        return int.from_bytes(self[_VALUE.size :])


class Changes(NamedTuple):
    """What a standby must be told."""

    put: list[Entry]
    remove: list[bytes]


class Compared(NamedTuple):
    """How a standby's kernel differs from its mirror."""

    missing: list[Entry]
    strays: list[Entry]
    """What it has beside it, and would keep for long."""


class Digest(NamedTuple):
    """All that a table holds, in a few bytes; when a connection expires is not part of it."""

    entries: int
    total: int


def value_of(entry: Entry) -> bytes:
    return _VALUE.pack(entry.reply, entry.status, entry.tcp_state, entry.mark)


def entry_of(key: bytes, value: bytes, timeout: int) -> Entry:
    reply, status, state, mark = _VALUE.unpack(value)
    return Entry(key, reply, status, state, mark, max(timeout, 1))


class _Held:
    """Connections by key, and their digest.

    The kernel is read bit by bit, and things change meanwhile: what has `changed` since the reading began counts more
    than what was read.
    """

    def __init__(self) -> None:
        self._held: dict[bytes, Kept] = {}
        self._total = 0
        self._unread: set[bytes] = set()
        self._changed: set[bytes] | None = None

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, key: object) -> bool:
        return key in self._held

    @property
    def digest(self) -> Digest:
        return Digest(len(self._held), self._total)

    def keys(self) -> list[bytes]:
        return list(self._held)

    def entry(self, key: bytes, now: int) -> Entry | None:
        """The connection, with the seconds that it has left."""
        kept = self._held.get(key)
        return None if kept is None else entry_of(key, kept.value, kept.expires - now)

    def begin_reading(self) -> None:
        """The kernel is about to tell of all connections, by `read`, until `end_reading`."""
        self._unread, self._changed = set(self._held), set()

    def _not_read(self) -> list[bytes]:
        """The reading has ended: what is held and was not told of."""
        unread, self._unread = self._unread, set()
        changed, self._changed = self._changed or set(), None
        return [key for key in unread if key in self._held and key not in changed]

    def _note(self, key: bytes) -> None:
        if self._changed is not None:
            self._changed.add(key)

    def _reads(self, key: bytes) -> bool:
        """Whether what the kernel tells of this connection is news."""
        self._unread.discard(key)
        return self._changed is None or key not in self._changed

    def _set(self, key: bytes, value: bytes, expires: int) -> None:
        before = self._held.get(key)
        if before is None or before.value != value:
            self._count(key, None if before is None else before.value, value)
        self._held[key] = Kept.of(value, expires)

    def _drop(self, key: bytes) -> bool:
        before = self._held.pop(key, None)
        if before is not None:
            self._count(key, before.value, None)
        return before is not None

    def _count(self, key: bytes, before: bytes | None, after: bytes | None) -> None:
        change = (_hash(key, after) if after else 0) - (_hash(key, before) if before else 0)
        self._total = (self._total + change) & _DIGEST_MASK


class Table(_Held):
    """The active node's: what its kernel has, as far as it matters, and what of it was not sent yet."""

    def __init__(self, *, routed: bool) -> None:
        super().__init__()
        self._routed = routed
        self._unsent: dict[bytes, None] = {}

    @property
    def unsent(self) -> int:
        return len(self._unsent)

    def learn(self, event: Event, now: int) -> None:
        """The kernel tells of one connection that has changed."""
        self._note(event.entry.key)
        self._learn(event.entry, now, destroyed=event.destroyed)

    def read(self, present: Iterable[Entry], now: int) -> None:
        """The kernel tells of some connections that it has."""
        for entry in present:
            if self._reads(entry.key):
                self._learn(entry, now, destroyed=False)

    def end_reading(self) -> None:
        """The kernel has no others."""
        for key in self._not_read():
            self._drop(key)
            self._unsent[key] = None

    def _learn(self, entry: Entry, now: int, *, destroyed: bool) -> None:
        entry = self._with_state(entry)
        if destroyed or not matters(entry, routed=self._routed):
            if self._drop(entry.key):
                self._unsent[entry.key] = None
            return
        kept = self._held.get(entry.key)
        value = value_of(entry)
        if kept is None or kept.value != value or _runs_out(kept, entry, now):
            self._set(entry.key, value, now + entry.timeout + GRACE_SECONDS)
            self._unsent[entry.key] = None

    def take_changes(self, now: int, most: int = sys.maxsize) -> Changes:
        """What was not sent yet, `most` connections of it; that counts as sent from now on."""
        taken = list(islice(self._unsent, most))
        for key in taken:
            del self._unsent[key]
        found = {key: self.entry(key, now) for key in taken}
        return Changes([one for one in found.values() if one], [key for key, one in found.items() if one is None])

    def _with_state(self, entry: Entry) -> Entry:
        """Not each message about a TCP connection tells its state."""
        if entry.key[0] != TCP or entry.tcp_state:
            return entry
        kept = self._held.get(entry.key)
        if kept is not None:
            return entry._replace(tcp_state=entry_of(entry.key, kept.value, 0).tcp_state)
        assured = entry.status & Status.ASSURED
        return entry._replace(tcp_state=TcpState.ESTABLISHED if assured else TcpState.NONE)


class Mirror(_Held):
    """A standby's: what the active node has told, which is what this node's kernel is to have."""

    def __init__(self) -> None:
        super().__init__()
        self._awaited: set[bytes] | None = None
        self._strays: list[Entry] = []

    def adopt(self, present: Iterable[Entry], now: int) -> None:
        """The kernel has these already, of whatever origin."""
        for entry in present:
            self._set(entry.key, value_of(entry), now + entry.timeout)

    def begin(self) -> None:
        """Everything is told from the start: what is not mentioned until `finish` is not there."""
        self._awaited = set(self._held)

    def finish(self, now: int) -> list[Entry]:
        """Everything was told; returns what the active node does not know, which is not held any more."""
        strays = [self.entry(key, now) for key in self._awaited or ()]
        self._awaited = None
        for stray in strays:
            if stray is not None:
                self._drop(stray.key)
        return [stray for stray in strays if stray is not None]

    def reply_of(self, key: bytes) -> bytes | None:
        kept = self._held.get(key)
        return None if kept is None else kept[:REPLY_BYTES]

    def put(self, entry: Entry, now: int) -> None:
        self._note(entry.key)
        self._set(entry.key, value_of(entry), now + entry.timeout)
        if self._awaited is not None:
            self._awaited.discard(entry.key)

    def remove(self, key: bytes) -> bool:
        self._note(key)
        if self._awaited is not None:
            self._awaited.discard(key)
        return self._drop(key)

    def begin_reading(self) -> None:
        super().begin_reading()
        self._strays = []

    def read(self, present: Iterable[Entry]) -> None:
        """The kernel tells of some connections that it has."""
        for entry in present:
            if self._reads(entry.key) and entry.key not in self._held and entry.timeout > STRAY_SECONDS:
                self._strays.append(entry)

    def end_reading(self, now: int) -> Compared:
        """The kernel has no others."""
        changed = self._changed or set()
        strays, self._strays = [one for one in self._strays if one.key not in changed], []
        missing = (self.entry(key, now) for key in self._not_read())
        return Compared([entry for entry in missing if entry is not None], strays)

    def expire(self, now: int) -> None:
        """Forget what the kernel has forgotten by itself."""
        for key in [key for key, kept in self._held.items() if kept.expires <= now]:
            self._drop(key)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._held)


def _runs_out(kept: Kept, entry: Entry, now: int) -> bool:
    """Whether the standby would forget soon what has been prolonged here."""
    return kept.expires - now < RENEW_SECONDS and now + entry.timeout + GRACE_SECONDS > kept.expires


def _hash(key: bytes, value: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(key + value, digest_size=8).digest())
