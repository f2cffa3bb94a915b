"""The engine's end of the control socket."""

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from futago.contract.codec import BadMessage
from futago.lines import to_line
from futago.vrrp.control import (
    MAX_LINE,
    Change,
    Changed,
    Configure,
    Describe,
    Described,
    Done,
    Refused,
    Release,
    Reload,
    Reply,
    Request,
    Resign,
    RouterStatus,
    Status,
    Statuses,
    Watch,
    read_request,
)
from futago.vrrp.daemon import Daemon
from futago.vrrp.file import BadFile

MAX_UNREAD: Final = 16 * 1024 * 1024
"""Bytes that a watcher may leave unread before it is hung up on; it connects again and gets the present."""
FAREWELL: Final = 0.5
"""Seconds for conversations to end; a successor waits for us."""
BACKLOG: Final = 1024
"""Clients that may knock at once."""


class ControlServer:
    """Answers requests on a socket that somebody else has bound."""

    def __init__(self, daemon: Daemon, reload: Callable[[], dict[str, str]]) -> None:
        """`reload` reads the file of routers again; it raises BadFile, and returns what `Daemon.configure` does."""
        self._daemon = daemon
        self._reload = reload
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._conversations: set[asyncio.Task[None]] = set()

    async def start(self, listener: socket.socket) -> None:
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_LINE, backlog=BACKLOG)

    async def close(self) -> None:
        """Hang up on everyone, and see all conversations end: one that is cut off is a noise in the log."""
        if self._server:
            self._server.close()
        for writer in tuple(self._connections):
            writer.close()
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=FAREWELL)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        conversation = asyncio.current_task()
        assert conversation is not None
        self._conversations.add(conversation)
        conversation.add_done_callback(self._conversations.discard)
        try:
            while (line := await reader.readline()).endswith(b"\n"):  # half a message is none
                request = read_request(line)
                if isinstance(request, Watch):
                    await self._watch(reader, writer)
                    return
                writer.write(to_line(self._answered(request)))
                await writer.drain()
        except (BadMessage, ValueError, RecursionError) as error:  # a line longer than the limit, a bottomless one
            writer.write(to_line(Refused(message=str(error))))
        except OSError:
            return  # the client went away in the middle; it knows
        finally:
            self._connections.discard(writer)
            writer.close()

    def _answered(self, request: Request) -> Reply:
        """What the kernel refuses is our trouble, and no reason to hang up on anybody."""
        try:
            return self._answer(request)
        except OSError as error:
            return Refused(message=error.strerror or str(error))

    def _answer(self, request: Request) -> Reply:
        match request:
            case Configure(routers=routers):
                return Done(errors=self._daemon.configure(routers))
            case Change():
                return self._change(request)
            case Release():
                return Done(errors=self._daemon.configure(()))
            case Resign(name=name):
                return Done() if self._daemon.resign(name) else Refused(message=self._no_active(name))
            case Reload():
                return self._reloaded()
            case Describe() | Status() | Watch():
                return self._tell(request)

    def _tell(self, request: Describe | Status | Watch) -> Reply:
        if isinstance(request, Describe):
            config = self._daemon.described(request.name)
            return Described(config=config) if config else Refused(message=self._no_router(request.name))
        return Statuses(routers=self._daemon.statuses(), hosts=self._daemon.hosts(), takeovers=self._daemon.takeovers)

    def _change(self, request: Change) -> Reply:
        removed = set(request.remove)
        known = self._daemon.names()
        if len((known - removed).union(router.name for router in request.put)) != request.total:
            return Refused(message="the engine has not got the routers that this is a change of")
        return Done(errors=self._daemon.change(request.put, removed))

    def _reloaded(self) -> Reply:
        try:
            return Done(errors=self._reload())
        except BadFile as error:
            return Refused(message=str(error))

    def _no_active(self, name: str) -> str:
        if any(status.name == name for status in self._daemon.statuses()):
            return f"router {name!r} is not active here"
        return self._no_router(name)

    def _no_router(self, name: str) -> str:
        there = [status.name for status in self._daemon.statuses()]
        return f"there is no router {name!r}; there are: {', '.join(there) or 'none'}"

    async def _watch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        def tell(status: RouterStatus) -> None:
            if writer.transport.get_write_buffer_size() > MAX_UNREAD:
                writer.transport.abort()
            elif not writer.is_closing():
                writer.write(to_line(Changed(router=status)))

        writer.write(to_line(self._tell(Watch())))
        self._daemon.watch(tell)
        try:
            if await reader.readline():
                raise BadMessage("a watching connection takes no further requests")
        finally:
            self._daemon.unwatch(tell)
