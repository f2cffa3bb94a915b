"""The process that runs the engine, from its birth to its stop; the warden is its parent."""

import asyncio
import os
import signal
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from futago import program
from futago.values import Millis
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.daemon import Daemon
from futago.vrrp.file import BadFile, read
from futago.vrrp.hosts import Hosts
from futago.vrrp.pulse import Pulse
from futago.vrrp.server import ControlServer
from futago.vrrp.sockets import prefer_this_process

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What `futago vrrpd` is told on its command line."""

    socket: Path
    state: Path
    hold_seconds: float
    """How long addresses stay without an engine, for a new one to take them over."""
    routers: tuple[VirtualRouterConfig, ...] | None = None
    """For use without an agent: the routers of this host."""
    ovsdb: str = ""
    """The switch's database, whose BFD sessions tell which hosts live; "" is none."""
    file: Path | None = None
    """Where `routers` came from; it is read again at SIGHUP and at the request `reload`."""

    @property
    def lock(self) -> Path:
        """Whoever holds it runs the routers of `state`."""
        return self.state.with_name(f"{self.state.name}.lock")


def work(settings: Settings, listener: socket.socket, warden_lives: int, pulse: Pulse, *, first: bool) -> bool:
    """Run the engine until told to stop; True if the warden has died and somebody must watch over the addresses.

    `warden_lives` is the reading end of a pipe that ends with the warden. `first` is false when a former worker of the
    same warden has died: then the state is newer than the command line.
    """
    program.open_many_files()
    for refused in prefer_this_process():
        log.info("running without an advantage", refused=refused)
    routers = settings.routers if first or not settings.state.exists() else None
    return asyncio.run(_run(settings, listener, warden_lives, pulse, routers))


async def _run(
    settings: Settings,
    listener: socket.socket,
    warden_lives: int,
    pulse: Pulse,
    routers: Sequence[VirtualRouterConfig] | None,
) -> bool:
    loop = asyncio.get_running_loop()
    stopping: asyncio.Future[bool] = loop.create_future()

    def stop(orphaned: bool) -> None:  # noqa: FBT001 - called by the loop, which passes no keywords
        if not stopping.done():
            stopping.set_result(orphaned)

    loop.add_signal_handler(signal.SIGTERM, stop, False)
    loop.add_reader(warden_lives, stop, True)
    daemon = Daemon(settings.state, pulse, Hosts(settings.ovsdb))
    daemon.restore()
    if routers is not None:
        daemon.configure(routers)
    server = ControlServer(daemon, lambda: _reload(daemon, settings.file))
    loop.add_signal_handler(signal.SIGHUP, _try_to_reload, daemon, settings.file)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    await server.start(listener)
    orphaned = await stopping
    loop.remove_reader(warden_lives)
    daemon.hold(Millis(int(settings.hold_seconds * 1000)))
    await server.close()
    log.info("vrrp engine stopped", pid=os.getpid(), orphaned=orphaned)
    return orphaned


def _try_to_reload(daemon: Daemon, file: Path | None) -> None:
    """At SIGHUP, when nobody waits for an answer."""
    try:
        _reload(daemon, file)
    except BadFile as error:
        log.error("file refused, going on as before", faults="; ".join(error.faults))  # noqa: TRY400 - not our fault


def _reload(daemon: Daemon, file: Path | None) -> dict[str, str]:
    """Make the routers of the file those of this host; a bad file changes nothing.

    Raises:
        BadFile: it cannot be used, or there is none.

    """
    if file is None:
        raise BadFile(Path("--config"), ["not given; the agent of this host says which routers there are"])
    routers = read(file)
    problems = daemon.configure(routers)
    log.info("file read again", file=str(file), routers=len(routers), problems=len(problems))
    return problems
