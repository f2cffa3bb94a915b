"""From the twins: what they tell this node of connections."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Final

import structlog

from futago.conntrack import wire
from futago.conntrack.link import AGAIN_SECONDS, GREETING_SECONDS, PATIENCE_SECONDS, READ_BYTES, ConfigNow, new_session
from futago.conntrack.session import Refused, Session
from futago.conntrack.wire import BadMessage, Echo, Mark, Message

Receive = Callable[[str, Message], Awaitable[None]]
"""What becomes of a message of a node."""

MOST_STRANGERS: Final = 64
"""Connections that have not proven anything yet, each for a few seconds."""

_log = structlog.get_logger()


class Listener:
    """Hears the twins that dial this node."""

    def __init__(
        self, config: ConfigNow, receive: Receive, met: Callable[[str], None], lost: Callable[[str], None]
    ) -> None:
        self._config = config
        self._receive = receive
        self._met = met
        self._lost = lost
        self._server: asyncio.Server | None = None
        self._heard: dict[str, tuple[Session, asyncio.StreamWriter]] = {}
        self._open: set[asyncio.StreamWriter] = set()
        self.refused = 0
        """Connections of those who have no key of ours, or send what is no message."""
        self.error: str | None = None

    @property
    def heard(self) -> Collection[str]:
        """The twins that are connected to us."""
        return self._heard.keys()

    async def run(self) -> None:
        """Listen as soon as the address is there."""
        while self._server is None:
            config = self._config()
            try:
                self._server = await asyncio.start_server(self._serve, str(config.address), config.port)
                self.error = None
            except OSError as error:
                self.error = f"cannot listen on {config.address}: {error.strerror}"
                await asyncio.sleep(AGAIN_SECONDS)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in tuple(self._open):
            writer.close()

    def check(self) -> None:
        """Hang up on those who have a key that is not valid any more, or share no router with this node."""
        valid = {key.key_id for key in self._config().keys}
        peers = {peer.node for peer in self._config().peers}
        for node, (session, writer) in list(self._heard.items()):
            if node not in peers or not session.keys <= valid:
                writer.close()

    def ask(self, node: str, message: Message) -> None:
        """Say something to a twin that has dialled us; one that has not will tell everything when it does."""
        if node in self._heard:
            session, writer = self._heard[node]
            writer.write(session.seal(wire.encode(message)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._open) - len(self._heard) >= MOST_STRANGERS:
            self.refused += 1
            writer.close()
            return
        session = new_session(self._config(), dialled=False)
        self._open.add(writer)
        try:
            writer.write(session.hello())
            async with asyncio.timeout(GREETING_SECONDS):
                while not session.proven:
                    await self._read(reader, writer, session)
            while True:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await self._read(reader, writer, session)
        except (Refused, BadMessage) as error:
            self.refused += 1
            _log.debug("connection refused", error=str(error))
        except (OSError, TimeoutError):
            self.refused += not session.proven
        finally:
            self._open.discard(writer)
            writer.close()
            if self._heard.get(session.peer) == (session, writer):
                del self._heard[session.peer]
                self._lost(session.peer)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, session: Session) -> None:
        data = await reader.read(READ_BYTES)
        if not data:
            raise ConnectionError("the other side has hung up")
        for body in session.receive(data):
            self._greet(session, writer)
            message = wire.decode(body)
            if isinstance(message, Mark):
                writer.write(session.seal(wire.encode(Echo(message.number))))
            else:
                await self._receive(session.peer, message)
                await asyncio.sleep(0)  # to write as many connections as were read would keep others waiting

    def _greet(self, session: Session, writer: asyncio.StreamWriter) -> None:
        """The other end has proven itself: its older connection, if there is one, is dead."""
        known = self._heard.get(session.peer)
        if known is not None and known[0] is session:
            return
        if session.peer not in {peer.node for peer in self._config().peers}:
            raise Refused(f"{session.peer!r} has no replicas of routers of this node")
        self._heard[session.peer] = (session, writer)
        if known is not None:
            known[1].close()
            self._lost(session.peer)
        self._met(session.peer)
