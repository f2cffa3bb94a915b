"""To one twin: what this node tells it of connections.

What does not go out at once waits up to a limit; what is beyond it is dropped, and everything is told again.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import Final

import structlog

from futago.conntrack import wire
from futago.conntrack.config import Peer, Replication
from futago.conntrack.control import PeerStatus
from futago.conntrack.replica import Replica
from futago.conntrack.session import NONCE_BYTES, Refused, Session
from futago.conntrack.wire import ENTRIES_A_MESSAGE, BadMessage, Echo, End, Mark, Message, Put, Remove, Resync

ConfigNow = Callable[[], Replication]

MOST_UNSENT: Final = 4 * 1024 * 1024
"""Bytes that may wait for a twin."""
PATIENCE_SECONDS: Final = 15.0
"""How long a twin may be silent."""
GREETING_SECONDS: Final = 5.0
AGAIN_SECONDS: Final = 0.5
"""Until what failed is tried again."""
READ_BYTES: Final = 256 * 1024
_HEARTBEAT_SECONDS: Final = 1.0
_DUMB_SECONDS: Final = 2 * _HEARTBEAT_SECONDS
"""A twin that dials us, and has not answered for so long, has another life than the one that we have connected to."""

_log = structlog.get_logger()


class Link:
    """To one twin: dials it for ever, tells it what is active here."""

    def __init__(self, peer: Peer, config: ConfigNow, replicas: Mapping[str, Replica]) -> None:
        self.peer = peer
        self._config = config
        self._replicas = replicas
        self._session: Session | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._unwritten = b""
        self._claimed: set[str] = set()
        self._told: dict[str, int] = {}
        """The mark after which the twin has everything of a router."""
        self._echoed = 0
        self._due: dict[str, None] = {}
        self._wake = asyncio.Event()
        self._met = asyncio.Event()
        self._alive_at = time.monotonic()
        self._marks: deque[tuple[int, float]] = deque()
        self._number = 0
        self._sent = self._dropped = self._snapshots = 0
        self._lag: float | None = None
        self._worst_lag = 0.0
        self._error: str | None = "not connected yet"

    def status(self) -> PeerStatus:
        return PeerStatus(
            node=self.peer.node,
            address=self.peer.address,
            connected=self._proven,
            lag_ms=None if self._lag is None else round(self._lag * 1000, 1),
            worst_lag_ms=round(self._worst_lag * 1000, 1),
            sent=self._sent,
            dropped=self._dropped,
            snapshots=self._snapshots,
            error=self._error,
        )

    def tell_all(self, router: str) -> None:
        """Tell everything of a router that is active here, soon."""
        self._due[router] = None
        self._wake.set()

    def send(self, router: str, messages: Sequence[Message], since: float | None) -> None:
        """Tell what is new, unless everything will be told anyway."""
        if router not in self._claimed or self._writer is None:
            return
        if self._writer.transport.get_write_buffer_size() > MOST_UNSENT:
            self._dropped += sum(map(_size, messages))
            self._forget(router)
            self.tell_all(router)
            return
        for message in messages:
            self._write(message)
        if isinstance(messages[-1], End):
            self._forget(router)
        self._mark(time.monotonic() if since is None else since)

    def met(self) -> None:
        """The twin has dialled us, so it lives and can be dialled: a connection to its former life is no use.

        That one would hear of its end only when TCP sends again, which it does ever more rarely.
        """
        self._alive_at = time.monotonic()
        self._met.set()

    def behind(self, router: str) -> bool:
        """Whether the twin is about to be told of connections of this router; not if it seems to be dead."""
        if self._proven:
            return router in self._due or self._told.get(router, self._number + 1) > self._echoed
        return time.monotonic() - self._alive_at < GREETING_SECONDS

    def _forget(self, router: str) -> None:
        self._claimed.discard(router)
        self._told.pop(router, None)

    async def run(self) -> None:
        """Connect for ever."""
        while True:
            try:
                await _until_one_ends(self._talk(), self._until_useless())
            except (OSError, Refused, BadMessage, asyncio.IncompleteReadError) as error:
                self._say(str(error) or type(error).__name__)
            finally:
                self._hang_up()
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_SECONDS):
                    await self._met.wait()

    async def _until_useless(self) -> None:
        """Wait until the twin dials us while we reach nobody, or nobody who answers."""
        while True:
            self._met.clear()
            await self._met.wait()
            if not self._proven:
                await asyncio.sleep(AGAIN_SECONDS)  # it may be about to answer
            if not self._proven or self._silent_for() > _DUMB_SECONDS:
                raise ConnectionError("the other side has begun a new life")

    @property
    def _proven(self) -> bool:
        return self._writer is not None and self._session is not None and self._session.proven

    def _silent_for(self) -> float:
        """How long the twin owes an echo, in seconds."""
        return time.monotonic() - self._marks[0][1] if self._marks else 0.0

    async def _talk(self) -> None:
        config = self._config()
        source = (str(config.address), 0)
        async with asyncio.timeout(GREETING_SECONDS):
            reader, writer = await asyncio.open_connection(str(self.peer.address), config.port, local_addr=source)
        self._writer = writer
        self._session = session = new_session(config, dialled=True)
        async with asyncio.timeout(GREETING_SECONDS):
            writer.write(session.hello())
            while not session.greeted:
                await self._read(reader, session)
            if session.peer != self.peer.node:
                raise Refused(f"it calls itself {session.peer!r}")
            self._mark(time.monotonic())
            while not session.proven:
                await self._read(reader, session)
        self._say(None)
        for name in self._replicas:
            self.tell_all(name)
        await _until_one_ends(self._listen(reader, session), self._snapshot_due(writer), self._beat(session))

    async def _read(self, reader: asyncio.StreamReader, session: Session) -> None:
        data = await reader.read(READ_BYTES)
        if not data:
            raise ConnectionError("the other side has hung up")
        for body in session.receive(data):
            self._take(wire.decode(body))

    async def _listen(self, reader: asyncio.StreamReader, session: Session) -> None:
        while True:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._read(reader, session)

    async def _beat(self, session: Session) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_SECONDS)
            if not session.keys <= {key.key_id for key in self._config().keys}:
                raise Refused("its key is not valid any more")
            if self._silent_for() > PATIENCE_SECONDS:
                raise ConnectionError(f"no echo for {PATIENCE_SECONDS:g} s")
            self._mark(time.monotonic())

    def _take(self, message: Message) -> None:
        match message:
            case Echo(number):
                now = time.monotonic()
                self._echoed = max(self._echoed, number)
                while self._marks and self._marks[0][0] <= number:
                    self._lag = now - self._marks.popleft()[1]
                    self._worst_lag = max(self._worst_lag, self._lag)
            case Resync(router):
                self._told.pop(router, None)
                self.tell_all(router)
            case _:
                raise BadMessage(f"{type(message).__name__} is not for whoever dials")

    async def _snapshot_due(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                name = next(iter(self._due))
                del self._due[name]
                replica = self._replicas.get(name)
                if replica is not None and self.peer.node in replica.router.peers:
                    await self._snapshot(writer, replica)

    async def _snapshot(self, writer: asyncio.StreamWriter, replica: Replica) -> None:
        """Everything, in pieces, each as it is at that moment; changes go out in between."""
        claim, name = replica.claim, replica.router.name
        if claim is None:
            return
        await writer.drain()
        self._write(claim)
        self._claimed.add(name)
        keys = list(replica.snapshot())
        for at in range(0, len(keys), ENTRIES_A_MESSAGE):
            self._write(Put(name, tuple(replica.present(keys[at : at + ENTRIES_A_MESSAGE]))))
            await writer.drain()
            await asyncio.sleep(0)  # what has room in a buffer waits for nobody, and would keep others waiting
        checkpoint = await replica.checkpoint()
        if checkpoint is not None and name in self._claimed:
            self._write(checkpoint)
            self._mark(time.monotonic())
            self._told[name] = self._number
            self._snapshots += 1

    def _write(self, message: Message) -> None:
        if self._writer is None or self._session is None:
            return
        self._sent += _size(message)
        if not self._unwritten:
            asyncio.get_running_loop().call_soon(self._flush)
        self._unwritten += self._session.seal(wire.encode(message))

    def _flush(self) -> None:
        """What is said in one go leaves in as few packets as hold it."""
        data, self._unwritten = self._unwritten, b""
        if self._writer is not None and data:
            self._writer.write(data)

    def _mark(self, since: float) -> None:
        self._number += 1
        self._marks.append((self._number, since))
        self._write(Mark(self._number))

    def _hang_up(self) -> None:
        if self._proven:
            self._alive_at = time.monotonic()
        writer, self._writer = self._writer, None
        self._unwritten = b""
        self._claimed.clear()
        self._told.clear()
        self._marks.clear()
        if writer is not None:
            writer.close()

    def _say(self, error: str | None) -> None:
        if (error is None) != (self._error is None):
            _log.info("twin connected" if error is None else "twin away", node=self.peer.node, error=error or "")
        self._error = error


async def _until_one_ends(*work: Coroutine[None, None, None]) -> None:
    """Raise what ends the first of them; the others are cancelled."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def new_session(config: Replication, *, dialled: bool) -> Session:
    """A session with the keys of this node."""
    shared = {key.key_id: key.secret for key in config.keys}
    return Session(config.node, shared, config.send_key, secrets.token_bytes(NONCE_BYTES), dialled=dialled)


def _size(message: Message) -> int:
    """How many connections a message is about."""
    match message:
        case Put(entries=entries):
            return len(entries)
        case Remove(keys=keys):
            return len(keys)
        case _:
            return 0
