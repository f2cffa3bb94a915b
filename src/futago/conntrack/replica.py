"""One router's connections on this node: told to the twins while it is active here, kept in the kernel while not."""

import asyncio
import os
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

import structlog

from futago.conntrack.claims import Claims
from futago.conntrack.config import ReplicatedRouter
from futago.conntrack.control import RouterStatus
from futago.conntrack.entry import Entry
from futago.conntrack.kernel import EventsLost, Kernel, Written
from futago.conntrack.table import STRAY_SECONDS, Mirror, Table
from futago.conntrack.turns import Turns
from futago.conntrack.wire import ENTRIES_A_MESSAGE, Checkpoint, Claim, End, Message, Put, Remove, Resync, puts, removes

COALESCE_SECONDS: Final = 0.005
"""Changes that come together are sent together."""
TOLD_AT_ONCE: Final = 2000
"""Changes, at most; others wait until somebody else had a turn."""
CHECKPOINT_SECONDS: Final = 15.0
"""How often what was sent is compared with what the kernel of the active node has."""
CHECK_SECONDS: Final = 60.0
"""How often what was written is compared with what the kernel of a standby has."""
LOOK_SECONDS: Final = 1.0
"""How often it is seen that the namespace is the same; how soon something that failed is tried again."""
RESYNC_SECONDS: Final = 5.0
"""A twin is not asked for everything again before this time has passed."""

_log = structlog.get_logger()


class Twins(Protocol):
    """The nodes of the other replicas (`channel.Channel`)."""

    def claim(self, replica: "Replica") -> None:
        """Tell all twins everything."""

    def send(self, nodes: Collection[str], router: str, messages: Sequence[Message], since: float | None) -> None:
        """Tell those that know of the claim; `since` is when the oldest of it came, by the monotonic clock."""

    def ask(self, node: str, message: Message) -> None:
        """Say something to a node that has dialled us."""


class Replica:
    """Belongs to one task, `run`, and hears of the rest by its methods."""

    def __init__(self, router: ReplicatedRouter, twins: Twins, *, routed: bool, turns: Turns) -> None:
        self.router = router
        self._twins = twins
        self._turns = turns
        self._routed = routed
        self._active = False
        self._since = 0
        self._changed = asyncio.Event()
        self._kernel: Kernel | None = None
        self._claims = Claims()
        self._table: Table | None = None
        self._oldest: float | None = None
        self._flush: asyncio.TimerHandle | None = None
        self._mirror: Mirror | None = None
        self._source = ""
        self._resync_at = 0.0
        self._agreed_at: float | None = None
        self._counts = dict.fromkeys(("events_lost", "resyncs", "not_written", "ignored", "repaired"), 0)
        self._error: str | None = None

    @property
    def claim(self) -> Claim | None:
        """What the twins are told, while the router is active here and its connections are known."""
        return Claim(self.router.name, self._since) if self._table is not None else None

    def status(self, behind: tuple[str, ...] = ()) -> RouterStatus:
        """What the operator sees; `behind` are the twins that would lack connections."""
        held = self._mirror if self._table is None else self._table
        agreed = None if self._agreed_at is None else time.monotonic() - self._agreed_at
        return RouterStatus(
            name=self.router.name,
            active=self._active,
            behind=behind if self._active else (),
            entries=0 if held is None else len(held),
            source=self._source,
            agreed_seconds_ago=None if agreed is None else round(agreed, 1),
            error=self._error,
            **self._counts,
        )

    def set_role(self, *, active: bool, since: float) -> None:
        """By vrrpd's word."""
        microseconds = int(since * 1_000_000)
        if (active, microseconds) != (self._active, self._since):
            self._active, self._since = active, microseconds
            self._changed.set()

    async def run(self) -> None:
        """Do for ever what the role asks for."""
        while True:
            try:
                self._kernel = Kernel(self.router.namespace)
                self._changed.clear()
                await (self._lead(self._kernel) if self._active else self._follow(self._kernel))
                self._say(None)
            except OSError as error:
                self._say(f"{error.strerror or error}: {self.router.namespace}")
                await asyncio.sleep(LOOK_SECONDS)
            finally:
                if self._kernel is not None:
                    self._kernel.close()
                    self._kernel = None

    # Active here

    async def _lead(self, kernel: Kernel) -> None:
        loop, role = asyncio.get_running_loop(), self._role
        table = Table(routed=self._routed)
        listener = kernel.listen()
        loop.add_reader(listener, self._hear, kernel, table)
        try:
            async with self._turns.turn():
                await self._read(kernel, table)
            table.take_changes(_now())
            self._table = table
            self._say(None)
            _log.info("connections followed", router=self.router.name, entries=len(table))
            self._twins.claim(self)
            while not await self._pause(role, CHECKPOINT_SECONDS):
                kernel.check()
                async with self._turns.turn_to_check():
                    await self._read(kernel, table)
                checkpoint = await self.checkpoint()
                if checkpoint is not None:
                    self._send([checkpoint])
        finally:
            loop.remove_reader(listener)
            if self._table is not None:
                while table.unsent:
                    self._tell(table)
                self._table = None
                self._send([End(self.router.name)])
            if self._flush is not None:
                self._flush.cancel()
                self._flush = None

    async def _read(self, kernel: Kernel, table: Table) -> None:
        table.begin_reading()
        await kernel.dump(lambda entries: table.read(entries, _now()))
        table.end_reading()

    def _hear(self, kernel: Kernel, table: Table) -> None:
        """The kernel has events."""
        try:
            events = kernel.events()
        except EventsLost:
            self._counts["events_lost"] += 1
            self._changed.set()
            return
        except OSError as error:
            self._say(str(error))
            self._changed.set()
            return
        now = _now()
        for event in events:
            table.learn(event, now)
        if table.unsent and self._flush is None and self._table is not None:
            self._oldest = time.monotonic()
            self._flush = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._tell, table)

    def _tell(self, table: Table) -> None:
        """Send what is new, or a part of it, and the rest a little later."""
        changes = table.take_changes(_now(), TOLD_AT_ONCE)
        name, oldest = self.router.name, self._oldest
        self._send([*removes(name, changes.remove), *puts(name, changes.put)])
        if self._flush is not None:
            self._flush.cancel()
            self._flush = None
        if table.unsent:
            self._oldest = oldest
            self._flush = asyncio.get_running_loop().call_later(COALESCE_SECONDS, self._tell, table)

    def snapshot(self) -> Collection[bytes]:
        """The keys of all connections, for a twin that is told everything."""
        return () if self._table is None else self._table.keys()

    def present(self, keys: Collection[bytes]) -> list[Entry]:
        """Of these connections, those that are still there, as they are now."""
        if self._table is None:
            return []
        now = _now()
        found = (self._table.entry(key, now) for key in keys)
        return [entry for entry in found if entry is not None]

    async def checkpoint(self) -> Checkpoint | None:
        """The digest of everything; what was not sent yet is sent before. None while the router is not active here."""
        while self._table is not None:
            self._tell(self._table)
            if not self._table.unsent:
                return Checkpoint(self.router.name, self._table.digest)
            await asyncio.sleep(0)
        return None

    def _send(self, messages: Sequence[Message]) -> None:
        if messages:
            self._twins.send(self.router.peers, self.router.name, messages, self._oldest)
        self._oldest = None

    # Standby here

    async def _follow(self, kernel: Kernel) -> None:
        role = self._role
        self._mirror, self._source = None, ""
        self._ask_owner()
        checked_at = time.monotonic()
        try:
            while not await self._pause(role, LOOK_SECONDS):
                kernel.check()
                if time.monotonic() - checked_at > CHECK_SECONDS:
                    checked_at = time.monotonic()
                    await self._check(kernel)
        finally:
            self._mirror, self._source, self._agreed_at = None, "", None

    async def receive(self, node: str, message: Message) -> None:
        """A twin says something of this router."""
        match message:
            case Claim(since=since):
                self._claims.claim(node, since)
                if self._claims.owner == node:
                    await self._begin(node)
            case End():
                self.lost(node)
            case Put(entries=entries) if self._obeys(node):
                self._put(entries)
            case Remove(keys=keys) if self._obeys(node):
                self._remove(keys)
            case Checkpoint() if self._obeys(node):
                await self._agree(node, message)
            case _:
                self._counts["ignored"] += 1

    def lost(self, node: str) -> None:
        """A twin is not active any more, or not there: what it has told stays in the kernel."""
        self._claims.withdraw(node)
        if self._source == node:
            self._mirror, self._source, self._agreed_at = None, "", None
            self._ask_owner()

    async def _begin(self, node: str) -> None:
        kernel = self._kernel
        if kernel is None or self._active:
            return
        mirror = Mirror()
        try:
            await kernel.dump(lambda entries: mirror.adopt(entries, _now()))
        except OSError as error:
            self._say(str(error))
            return
        if self._kernel is kernel and not self._active and self._claims.owner == node:
            self._mirror, self._source = mirror, node
            mirror.begin()

    def _obeys(self, node: str) -> bool:
        return self._mirror is not None and self._source == node and not self._active

    def _put(self, entries: Sequence[Entry]) -> None:
        assert self._mirror is not None
        self._write([(entry, self._mirror.reply_of(entry.key) == entry.reply) for entry in entries], ())
        now = _now()
        for entry in entries:
            self._mirror.put(entry, now)

    def _remove(self, keys: Sequence[bytes]) -> None:
        assert self._mirror is not None
        self._write((), keys)
        for key in keys:
            self._mirror.remove(key)

    async def _agree(self, node: str, checkpoint: Checkpoint) -> None:
        assert self._mirror is not None
        await self._shorten(self._mirror.finish(_now()))
        if not self._obeys(node):
            return
        if self._mirror.digest == checkpoint.digest:
            self._agreed_at = time.monotonic()
            self._say(None)
            return
        if time.monotonic() >= self._resync_at:
            self._resync_at = time.monotonic() + RESYNC_SECONDS
            self._counts["resyncs"] += 1
            _log.warning("connections differ from the active node's", router=self.router.name, active=node)
            self._twins.ask(node, Resync(self.router.name))

    async def _check(self, kernel: Kernel) -> None:
        """See that the kernel has what it was given; a flush by somebody is repaired."""
        mirror = self._mirror
        if mirror is None:
            return
        async with self._turns.turn_to_check():
            mirror.begin_reading()
            await kernel.dump(mirror.read)
        if self._mirror is not mirror:
            return
        now = _now()
        missing, strays = mirror.end_reading(now)
        mirror.expire(now)
        missing = [entry for entry in missing if entry.key in mirror]
        self._counts["repaired"] += len(missing)
        for some in _slices(missing):
            self._write([(entry, False) for entry in some if entry.key in mirror], ())
            await asyncio.sleep(0)
            if self._mirror is not mirror:
                return
        await self._shorten(strays)

    async def _shorten(self, strays: Sequence[Entry]) -> None:
        """Let the kernel forget soon what the active node does not know."""
        long = [entry._replace(timeout=STRAY_SECONDS) for entry in strays if entry.timeout > STRAY_SECONDS]
        for some in _slices(long):
            still = [entry for entry in some if self._mirror is None or entry.key not in self._mirror]
            self._do(partial(_renew, still))
            await asyncio.sleep(0)

    def _write(self, put: Sequence[tuple[Entry, bool]], remove: Sequence[bytes]) -> None:
        self._do(lambda kernel: kernel.write(put, remove))

    def _do(self, work: Callable[[Kernel], Written]) -> None:
        if self._kernel is None:
            return
        try:
            failed = work(self._kernel).failed
        except OSError as error:
            self._say(f"the kernel does not answer: {error}")
            self._changed.set()
            return
        self._counts["not_written"] += len(failed)
        if failed:
            self._say(f"{len(failed)} connections not written: {os.strerror(next(iter(failed.values())))}")

    def _ask_owner(self) -> None:
        if self._claims.owner is not None:
            self._twins.ask(self._claims.owner, Resync(self.router.name))

    # Either

    @property
    def _role(self) -> tuple[bool, int]:
        return self._active, self._since

    async def _pause(self, role: tuple[bool, int], seconds: float) -> bool:
        """Wait; True if the role is another one than this by then, so that something else is to be done."""
        with suppress(TimeoutError):
            async with asyncio.timeout(0 if role != self._role else seconds):
                await self._changed.wait()
        self._changed.clear()
        return role != self._role

    def _say(self, error: str | None) -> None:
        if error != self._error:
            self._error = error
            if error is not None:
                _log.warning("connections not replicated", router=self.router.name, error=error)


def _now() -> int:
    return int(time.monotonic())


def _renew(entries: Sequence[Entry], kernel: Kernel) -> Written:
    return kernel.renew(entries)


def _slices(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    """As many as can be written without keeping others waiting."""
    return (entries[at : at + ENTRIES_A_MESSAGE] for at in range(0, len(entries), ENTRIES_A_MESSAGE))
