"""`futago metadata`: one process for all networks of a host, with a socket in each place where instances ask.

Who asks is known by the socket, which is a router's or a network's, and by the address that the question comes from.
"""

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from futago import lines, program
from futago.config import BadConfig, NodeConfig
from futago.contract.codec import BadMessage, decode
from futago.contract.specs import InstanceSpec
from futago.metadata import documents, http, sockets
from futago.metadata.config import Listener, Nova, instance_path
from futago.metadata.control import Listening, answer_line, is_look
from futago.metadata.http import Question, Reply

if TYPE_CHECKING:
    from futago.metadata.nova import NovaService

T = TypeVar("T")

LOOK_EVERY_SECONDS: Final = 30.0
"""How often the files are looked at though nobody has said that they are new."""
MOST_CONNECTIONS: Final = 16
"""Of one instance at a time: none takes all of what there is for all."""
_SEED_BYTES: Final = 512
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the program is told at its start."""

    socket: Path
    directory: Path
    nova: Nova | None


def settings_of(config: NodeConfig, directory: Path) -> Settings:
    """What the node's settings say of it; the agent writes to `directory`.

    Raises:
        BadConfig: Nova is to be asked, and what it has in common with us is not said.

    """
    nova = None
    if config.nova_metadata_host:
        if not config.metadata_proxy_shared_secret:
            raise BadConfig("nova_metadata_host needs metadata_proxy_shared_secret, which Nova has too")
        nova = Nova(
            url=f"{config.nova_metadata_protocol}://{config.nova_metadata_host}:{config.nova_metadata_port}",
            secret=config.metadata_proxy_shared_secret,
            insecure=config.nova_metadata_insecure,
        )
    return Settings(socket=config.metadata_socket, directory=directory, nova=nova)


@dataclass(frozen=True, slots=True)
class _Open:
    listener: Listener
    place: tuple[int, int]
    server: asyncio.Server


def run(settings: Settings) -> None:
    """Answer until SIGTERM or SIGINT.

    Raises:
        program.AlreadyRunning: somebody else does.
        OSError: the control socket cannot be made.

    """
    program.open_many_files()
    lock = program.claim(settings.socket.with_name(f"{settings.socket.name}.lock"), "`futago metadata`")
    try:
        asyncio.run(_run(settings))
    finally:
        os.close(lock)


async def _run(settings: Settings) -> None:
    stop = program.told_to_end()
    daemon = Daemon(settings)
    await daemon.look()
    control = await asyncio.start_unix_server(daemon.control, sock=lines.bind(settings.socket))
    _log.info("metadata started", pid=os.getpid(), nova=settings.nova.url if settings.nova else "")
    while not stop.is_set():
        try:
            async with asyncio.timeout(LOOK_EVERY_SECONDS):
                await stop.wait()
        except TimeoutError:
            await daemon.look()
    control.close()
    await daemon.close()
    settings.socket.unlink(missing_ok=True)
    _log.info("metadata stopped", pid=os.getpid())


class Daemon:
    """All places of this host where instances ask."""

    def __init__(self, settings: Settings) -> None:
        self._directory = settings.directory
        self._nova = None if settings.nova is None else _nova(settings.nova)
        self._open: dict[str, _Open] = {}
        self._failures: dict[str, str] = {}
        self._talking: Counter[tuple[str, str]] = Counter()
        self._looking = asyncio.Lock()

    async def look(self) -> Listening:
        """Listen where the files say, and nowhere else; what did not change goes on undisturbed."""
        async with self._looking:
            wanted = {listener.name: listener for listener in self._listeners()}
            for name, there in list(self._open.items()):
                now = await asyncio.to_thread(sockets.place_now, there.listener)
                if wanted.get(name) != there.listener or now != there.place:
                    self._open.pop(name).server.close()
            failures = {name: await self._listen(wanted[name]) for name in wanted.keys() - self._open.keys()}
            self._note({name: text for name, text in failures.items() if text})
        return Listening(names=tuple(sorted(self._open)), failures=self._failures)

    async def control(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client of the control socket."""
        try:
            while is_look(await reader.readline()):
                writer.write(answer_line(await self.look()))
                await writer.drain()
        except (OSError, ValueError):
            pass  # it went away, or says something else
        finally:
            writer.close()

    async def close(self) -> None:
        for there in self._open.values():
            there.server.close()
        if self._nova is not None:
            await self._nova.close()

    async def answer(self, listener: Listener, address: str, question: Question) -> Reply:
        """What the instance with `address` is told by the one place where it asks."""
        spec = self._instance(listener, address)
        if spec is None:
            return Reply(status=404, body=b"No instance with this address is known here.")
        if self._nova is not None:
            return await self._nova.answer(spec, address, question)
        if question.method not in {"GET", "HEAD"}:
            return Reply(status=405)
        found = documents.document(spec, question.path, os.urandom(_SEED_BYTES))
        if found is None:
            return Reply(status=404, body=b"There is nothing of this name.")
        kind = "application/json" if question.path.endswith(".json") else "text/plain; charset=utf-8"
        return Reply(status=200, body=found, content_type=kind)

    async def _listen(self, listener: Listener) -> str:
        """Why not, or "" if it does."""
        try:
            place = await asyncio.to_thread(sockets.place_now, listener)
            opened = await asyncio.to_thread(sockets.listen, listener)
            server = await asyncio.start_server(partial(self._converse, listener), sock=opened)
        except OSError as error:
            return str(error)
        self._open[listener.name] = _Open(listener, place, server)
        return ""

    async def _converse(self, listener: Listener, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = str(writer.get_extra_info("peername")[0]).partition("%")[0]
        who = (listener.name, address)
        if self._talking[who] >= MOST_CONNECTIONS:
            writer.close()
            return
        self._talking[who] += 1
        try:
            await http.converse(reader, writer, partial(self.answer, listener, address))
        finally:
            self._talking[who] -= 1
            if not self._talking[who]:
                del self._talking[who]

    def _instance(self, listener: Listener, address: str) -> InstanceSpec | None:
        for network_id in listener.networks:
            found = _read(self._directory / instance_path(network_id, address), InstanceSpec)
            if found is not None:
                return found
        return None

    def _listeners(self) -> list[Listener]:
        paths = sorted((self._directory / "listeners").glob("*.json"))
        return [listener for path in paths if (listener := _read(path, Listener)) is not None]

    def _note(self, failures: dict[str, str]) -> None:
        """A place where we cannot listen is logged when it comes and when it goes."""
        for name in failures.keys() - self._failures.keys():
            _log.warning("not listening", name=name, error=failures[name])
        for name in self._failures.keys() - failures.keys():
            _log.info("listening again, or not wanted any more", name=name)
        self._failures = failures


def _nova(nova: Nova) -> "NovaService":
    """An HTTP client is half of what this program weighs: only those who pass questions on have one."""
    from futago.metadata.nova import NovaService

    return NovaService(nova)


def _read(path: Path, kind: type[T]) -> T | None:
    """What a file says; nothing if it is not there, or is no such thing."""
    try:
        return decode(path.read_bytes(), kind)
    except FileNotFoundError:
        return None
    except (OSError, BadMessage) as error:
        _log.warning("file not read", path=str(path), error=str(error))
        return None
