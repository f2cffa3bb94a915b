"""A link to a twin, over a real socket; the twin is played."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress

import pytest

from futago.conntrack import link as link_module
from futago.conntrack import wire
from futago.conntrack.config import Peer, ReplicatedRouter, Replication
from futago.conntrack.entry import Entry
from futago.conntrack.link import Link, new_session
from futago.conntrack.session import Session
from futago.conntrack.table import Table
from futago.conntrack.wire import Checkpoint, Claim, Echo, End, Mark, Message, Put, Resync
from futago.contract.keys import SharedKey
from futago.values import IPv4Address
from unit.conntrack.samples import entry

NAME = "router80"
HERE = IPv4Address("127.0.0.1")
KEY = SharedKey(key_id=1, secret=b"k" * 32)


class PlayedTwin:
    """Takes connections, and echoes while it lives."""

    def __init__(self) -> None:
        self.lives = True
        self.talks: list[tuple[Session, asyncio.StreamWriter]] = []
        self.heard: list[Message] = []
        self._unanswered = 0
        self.config = Replication(node="b", address=HERE, keys=(KEY,), send_key=1)

    async def start(self) -> int:
        self._server = await asyncio.start_server(self._serve, str(HERE), 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def revive(self) -> None:
        """Answer everything, and what was not answered."""
        self.lives = True
        self.say(Echo(self._unanswered))

    def say(self, message: Message) -> None:
        session, writer = self.talks[-1]
        writer.write(session.seal(wire.encode(message)))

    def close(self) -> None:
        self._server.close()
        for _, writer in self.talks:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = new_session(self.config, dialled=False)
        self.talks.append((session, writer))
        writer.write(session.hello())
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                for message in map(wire.decode, session.receive(data)):
                    self._hear(message, session, writer)

    def _hear(self, message: Message, session: Session, writer: asyncio.StreamWriter) -> None:
        if not isinstance(message, Mark):
            self.heard.append(message)
        elif self.lives:
            writer.write(session.seal(wire.encode(Echo(message.number))))
        else:
            self._unanswered = message.number


class PlayedReplica:
    """Active here, with a few connections."""

    router = ReplicatedRouter(name=NAME, namespace="", peers=("b",))
    claim = Claim(NAME, 1)

    def __init__(self, number: int) -> None:
        self.table = Table(routed=False)
        self.table.read([entry(port=port) for port in range(1, number + 1)], 0)

    def snapshot(self) -> Collection[bytes]:
        return self.table.keys()

    def present(self, keys: Collection[bytes]) -> list[Entry]:
        return [found for key in keys if (found := self.table.entry(key, 0)) is not None]

    async def checkpoint(self) -> Checkpoint:
        return Checkpoint(NAME, self.table.digest)


def play(script: Callable[[Link, PlayedTwin], Awaitable[None]], *, number: int = 700) -> None:
    async def both() -> None:
        twin = PlayedTwin()
        config = Replication(node="a", address=HERE, port=await twin.start(), keys=(KEY,), send_key=1)
        replicas = {NAME: PlayedReplica(number)}
        link = Link(Peer(node="b", address=HERE), lambda: config, replicas)  # type: ignore[arg-type]
        task = asyncio.create_task(link.run())
        try:
            await script(link, twin)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            twin.close()

    asyncio.run(both())


async def until(what: str, look: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not look():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


def test_a_twin_that_dials_us_and_has_not_answered_has_a_new_life_and_is_dialled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_module, "PATIENCE_SECONDS", 1000.0)
    monkeypatch.setattr(link_module, "_DUMB_SECONDS", 0.0)

    async def script(link: Link, twin: PlayedTwin) -> None:
        await until("it is connected and has told all", lambda: not link.behind(NAME))
        twin.lives = False
        link.tell_all(NAME)
        await until("an echo is owed", lambda: link._silent_for() > 0)
        twin.lives = True
        link.met()
        await until("it has dialled again", lambda: len(twin.talks) == 2 and link.status().connected)
        assert link.status().snapshots >= 2

    play(script)


def test_a_twin_that_answers_is_not_dialled_anew_because_it_dials_us() -> None:
    async def script(link: Link, twin: PlayedTwin) -> None:
        await until("it has told all", lambda: not link.behind(NAME))
        told = link.status().snapshots
        link.met()
        link.tell_all(NAME)
        await until("it goes on as before", lambda: link.status().snapshots == told + 1)
        assert len(twin.talks) == 1

    play(script)


def test_a_twin_is_behind_until_it_has_written_everything() -> None:
    async def script(link: Link, twin: PlayedTwin) -> None:
        assert link.behind(NAME), "just begun"
        await until("all is told", lambda: not link.behind(NAME))
        assert sum(len(message.entries) for message in twin.heard if isinstance(message, Put)) == 700
        twin.lives = False
        twin.say(Resync(NAME))
        await until("all is told again", lambda: sum(isinstance(one, Checkpoint) for one in twin.heard) == 2)
        assert link.behind(NAME), "nobody knows whether it is written"
        twin.revive()
        await until("it is written", lambda: not link.behind(NAME))
        link.send(NAME, [End(NAME)], None)
        assert link.behind(NAME), "whoever becomes active again tells all"

    play(script)


def test_nobody_is_waited_for_who_has_been_away_for_long_until_he_is_met(monkeypatch: pytest.MonkeyPatch) -> None:
    async def script(link: Link, twin: PlayedTwin) -> None:
        await until("all is told", lambda: not link.behind(NAME))
        monkeypatch.setattr(link_module, "AGAIN_SECONDS", 1000.0)
        twin.close()
        await until("it is away", lambda: not link.status().connected)
        assert link.behind(NAME), "it may be back in a moment"
        link._alive_at -= link_module.GREETING_SECONDS
        assert not link.behind(NAME)
        link.met()
        assert link.behind(NAME)

    play(script)


def test_others_have_their_turns_while_a_twin_is_told_of_very_many() -> None:
    async def script(link: Link, twin: PlayedTwin) -> None:
        turns = 0
        while link.behind(NAME):
            turns += 1
            await asyncio.sleep(0)
        assert turns > sum(isinstance(message, Put) for message in twin.heard) > 100

    play(script, number=30_000)
