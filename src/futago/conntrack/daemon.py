"""`futago conntrackd`: the configuration, the roles by vrrpd's word, the replicas and the channel, joined."""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from futago import lines, program
from futago.conntrack.channel import Channel
from futago.conntrack.config import ReplicatedRouter, Replication
from futago.conntrack.control import (
    MAX_LINE,
    Configure,
    Done,
    Refusal,
    Reply,
    Request,
    RouterStatus,
    Status,
    Statuses,
    read_request,
)
from futago.conntrack.replica import Replica
from futago.conntrack.turns import Turns
from futago.conntrack.wire import Echo, Mark, Message
from futago.contract.codec import BadMessage, decode, encode
from futago.values import Role
from futago.vrrp.control import VrrpdClient, VrrpdGone

_PATIENCE_SECONDS: Final = 5.0
"""How long the last word of an engine that is away stands: a restart takes less, and then its guard has withdrawn."""
_AGAIN_SECONDS: Final = 0.3
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the program is told on its command line."""

    socket: Path
    state: Path
    """Where the last configuration is kept for a restart."""
    vrrpd_socket: Path


def run(settings: Settings) -> None:
    """Replicate until SIGTERM or SIGINT; what stands in the kernels stays there.

    Raises:
        AlreadyRunning: somebody else does.
        OSError: the socket cannot be made.

    """
    program.open_many_files()
    lock = program.claim(settings.state.with_name(f"{settings.state.name}.lock"), "conntrackd")
    try:
        asyncio.run(_run(settings))
    finally:
        os.close(lock)


async def _run(settings: Settings) -> None:
    stop = program.told_to_end()
    daemon = Daemon(settings)
    server = await asyncio.start_unix_server(daemon.serve, sock=lines.bind(settings.socket), limit=MAX_LINE)
    await daemon.restore()
    roles = asyncio.create_task(daemon.follow_roles())
    _log.info("conntrackd started", pid=os.getpid())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([roles, stopped], return_when=asyncio.FIRST_COMPLETED)
    server.close()
    if roles.done():
        roles.result()
    roles.cancel()
    await daemon.close()
    settings.socket.unlink(missing_ok=True)
    _log.info("conntrackd stopped", pid=os.getpid())


class Daemon:
    """All routers of this host."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._config = Replication(off="not configured yet")
        self._replicas: dict[str, Replica] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._roles: dict[str, tuple[bool, float]] = {}
        self._channel = Channel(self._replicas, self._receive)
        self._turns = Turns()
        self._configuring = asyncio.Lock()
        self._error: str | None = None

    async def restore(self) -> None:
        """Go on with the last configuration; one that cannot be read is told again by the agent."""
        try:
            await self._apply(decode(self._settings.state.read_bytes(), Replication))
        except FileNotFoundError:
            pass
        except (OSError, BadMessage) as error:
            _log.warning("last configuration not read", error=str(error))

    async def configure(self, config: Replication) -> None:
        """These are all the routers from now on; what did not change goes on undisturbed."""
        async with self._configuring:
            if config != self._config:
                await self._apply(config)
                self._save(config)

    def status(self) -> Statuses:
        return Statuses(
            off=self._config.off,
            routers=tuple(self._status(self._replicas[name]) for name in sorted(self._replicas)),
            peers=self._channel.statuses(),
            refused=self._channel.refused,
            error=self._error or self._channel.error,
        )

    def _status(self, replica: Replica) -> RouterStatus:
        return replica.status(self._channel.behind(replica.router))

    async def close(self) -> None:
        for name in list(self._replicas):
            await self._remove(name)
        await self._channel.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client of the control socket."""
        try:
            while (line := await reader.readline()).endswith(b"\n"):
                writer.write(lines.to_line(await self._answer(read_request(line))))
                await writer.drain()
        except (BadMessage, ValueError) as error:
            writer.write(lines.to_line(Refusal(message=str(error))))
        except OSError:
            return  # the client went away; it knows
        finally:
            writer.close()

    async def follow_roles(self) -> None:
        """Learn from vrrpd for ever who is active here."""
        away_since: float | None = None
        client = VrrpdClient(self._settings.vrrpd_socket)
        while True:
            try:
                known = {status.name for status in await client.status()}
                away_since, self._error = None, None
                self._forget(set(self._roles) - known)
                async for status in client.watch():
                    self._set_role(status.name, active=status.role is Role.ACTIVE, since=status.since)
            except (VrrpdGone, lines.RequestRefused) as error:
                self._error = str(error)
                away_since = away_since or time.monotonic()
                if time.monotonic() - away_since > _PATIENCE_SECONDS:
                    self._forget(set(self._roles))
            await asyncio.sleep(_AGAIN_SECONDS)

    def _set_role(self, name: str, *, active: bool, since: float) -> None:
        self._roles[name] = (active, since)
        if name in self._replicas:
            self._replicas[name].set_role(active=active, since=since)

    def _forget(self, names: set[str]) -> None:
        """Nobody says that these are active here."""
        for name in names:
            self._set_role(name, active=False, since=0)
            del self._roles[name]

    async def _answer(self, request: Request) -> Reply:
        match request:
            case Configure(replication=replication):
                await self.configure(replication)
                return Done()
            case Status():
                return self.status()

    async def _apply(self, config: Replication) -> None:
        before, self._config = self._config, config
        wanted = {router.name: router for router in config.routers}
        for name, replica in list(self._replicas.items()):
            if wanted.get(name) != replica.router or before.scope != config.scope:
                await self._remove(name)
        await self._channel.configure(config)
        for name, router in wanted.items():
            if name not in self._replicas:
                self._add(router)
        _log.info("replication configured", routers=len(wanted), peers=len(config.peers), off=config.off)

    def _add(self, router: ReplicatedRouter) -> None:
        replica = Replica(router, self._channel, routed=self._config.scope == "all", turns=self._turns)
        active, since = self._roles.get(router.name, (False, 0.0))
        replica.set_role(active=active, since=since)
        self._replicas[router.name] = replica
        self._tasks[router.name] = asyncio.create_task(replica.run())

    async def _remove(self, name: str) -> None:
        task = self._tasks.pop(name)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        del self._replicas[name]

    async def _receive(self, node: str, message: Message) -> None:
        if isinstance(message, Mark | Echo):
            return
        replica = self._replicas.get(message.router)
        if replica is not None and node in replica.router.peers:
            await replica.receive(node, message)

    def _save(self, config: Replication) -> None:
        beside = self._settings.state.with_name(f".{self._settings.state.name}.new")
        try:
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(encode(config))
            beside.replace(self._settings.state)
        except OSError as error:
            _log.warning("configuration not kept for a restart", error=str(error))
