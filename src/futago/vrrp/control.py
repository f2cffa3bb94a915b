"""The control socket: what the agent and the operator say to the engine, and what it answers.

A unix stream socket, mode 0600; one JSON object a line, both ways. A connection carries any number of requests, each
answered by one line in order; after `watch` it carries nothing but statuses, one line for every change.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from futago.config import VRRPD_SOCKET
from futago.lines import Reader, RequestRefused, to_line
from futago.values import IPAddress, Role
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.takeovers import Takeover, Takeovers

MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes in one line; a thousand routers with a hundred addresses each take about ten million."""


class Statistics(msgspec.Struct, frozen=True, kw_only=True, rename="kebab"):
    """Counters as in the model of RFC 8347, under its names."""

    master_transitions: int = 0
    advertisement_rcvd: int = 0
    advertisement_sent: int = 0
    interval_errors: int = 0
    priority_zero_pkts_rcvd: int = 0
    priority_zero_pkts_sent: int = 0
    invalid_type_pkts_rcvd: int = 0
    address_list_errors: int = 0
    packet_length_errors: int = 0
    checksum_errors: int = 0
    version_errors: int = 0
    vrid_errors: int = 0
    ip_ttl_errors: int = 0
    authentication_errors: int = 0
    """Not in the model, which has no authentication."""
    address_owner_errors: int = 0
    """Not in the model: another router says, or is told by us, that it owns the addresses too."""


class RouterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows of one virtual router."""

    name: str
    role: Role
    since: float
    """When it took this role, in seconds since the Unix epoch."""
    cause: str
    """Why it has this role: "active fell silent", "adopted", "higher priority heard"…"""
    transitions: int = 0
    """How often the role has changed since the router was configured."""
    peer: IPAddress | None = None
    """The source of the last advertisement heard from another router."""
    adverts_sent: int = 0
    adverts_received: int = 0
    adverts_lost: int = 0
    """Those of an active that fell out between others that were heard; a backup counts them."""
    dropped: dict[str, int] = {}
    """Received packets that were not used, by reason."""
    dual_active: float = 0.0
    """Seconds in which it was active here and heard that it was active elsewhere, too."""
    takeover: Takeover | None = None
    """The last one to this host."""
    statistics: Statistics = Statistics()
    error: str | None = None
    """What does not work on this host at present; the engine goes on trying."""


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What the BFD session with another host says of it."""

    tunnel: IPAddress
    """Where tunnels to it end."""
    up: bool
    since: float
    """When that began, in seconds since the Unix epoch."""
    losses: int
    """How often the session went down."""
    damped: bool
    """It went down so often lately that it is not believed for a while."""


class Configure(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="configure"):
    """These are all the routers of this host, from now on. Answered by `Done`."""

    routers: tuple[VirtualRouterConfig, ...]


class Change(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="change"):
    """These routers are put, or changed, and those removed; all others stay as they are. Answered as `Configure` is."""

    put: tuple[VirtualRouterConfig, ...] = ()
    remove: tuple[str, ...] = ()
    """Names; unknown ones are fine."""
    total: int
    """How many routers the host has afterwards.

    An engine that comes to another number has lost what it was told before: it does nothing and answers `Refused`.
    """


class Status(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="status"):
    """Answered by `Statuses`."""


class Watch(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="watch"):
    """Answered by `Statuses`, then by `Changed` at every change."""


class Resign(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="resign"):
    """Let another router become active. Answered by `Done` or `Refused`."""

    name: str


class Describe(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="describe"):
    """Answered by `Described` or `Refused`."""

    name: str


class Reload(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="reload"):
    """Read the file of `--config` again. Answered by `Done`, or by `Refused`: then nothing has changed."""


class Release(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="release"):
    """Withdraw every address, tell the peers, forget all routers. Answered by `Done`."""


Request = Configure | Change | Status | Watch | Resign | Describe | Reload | Release


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="done"):
    """The request was carried out, except for the routers named here, each with the reason."""

    errors: dict[str, str] = {}


class Statuses(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="statuses"):
    """All routers, sorted by name."""

    routers: tuple[RouterStatus, ...]
    hosts: tuple[HostStatus, ...] = ()
    """The other hosts that sessions watch, by address."""
    takeovers: Takeovers = Takeovers()


class Described(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="described"):
    """What one router was configured to be, its secrets left out."""

    config: VirtualRouterConfig


class Changed(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="changed"):
    """One router's role or error has changed. A removed router comes last with role `initialize`."""

    router: RouterStatus


class Refused(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="refused"):
    """The request cannot be carried out."""

    message: str


Reply = Done | Statuses | Described | Changed | Refused

PATIENCE: Final = 10.0
"""Seconds for an answer. A thousand routers take less than one; an engine that hangs must not hang its clients."""
R = TypeVar("R", bound=Reply)
read_request: Final[Reader[Request]] = Reader(Request, "request")
read_reply: Final[Reader[Reply]] = Reader(Reply, "reply")


class VrrpdGone(ConnectionError):
    """The engine does not answer on its socket: it is not running, or has just stopped."""


class VrrpdClient:
    """Talks to the engine. Reconnects at the next call after it was away."""

    def __init__(self, path: Path = VRRPD_SOCKET) -> None:
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        """Connect now, rather than at the first call.

        Raises:
            VrrpdGone: nobody listens.

        """
        async with self._lock:
            await self._connected()

    async def close(self) -> None:
        streams, self._streams = self._streams, None
        if streams:
            await _close(streams[1])

    async def configure(self, routers: Sequence[VirtualRouterConfig]) -> dict[str, str]:
        """Make these the routers of this host; the answer has the ones that do not work now, with the reason.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.
            RequestRefused: the list as a whole cannot be used.

        """
        return (await self._ask(Configure(routers=tuple(routers)), Done)).errors

    async def change(self, put: Sequence[VirtualRouterConfig], remove: Collection[str], total: int) -> dict[str, str]:
        """Put or change some routers and remove others, which makes `total`; the answer is that of `configure`.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.
            RequestRefused: the engine has not got what this is a change of; it must be told the whole.

        """
        return (await self._ask(Change(put=tuple(put), remove=tuple(remove), total=total), Done)).errors

    async def status(self) -> tuple[RouterStatus, ...]:
        """All routers, sorted by name; raises what `statuses` does."""
        return (await self.statuses()).routers

    async def statuses(self) -> Statuses:
        """All that the engine tells: its routers, the other hosts, the takeovers.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.

        """
        return await self._ask(Status(), Statuses)

    async def resign(self, name: str) -> None:
        """Let another router become active.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.
            RequestRefused: no such router, or it is not active.

        """
        await self._ask(Resign(name=name), Done)

    async def describe(self, name: str) -> VirtualRouterConfig:
        """What a router was configured to be, its secrets left out.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.
            RequestRefused: no such router, or it was never configured well.

        """
        return (await self._ask(Describe(name=name), Described)).config

    async def reload(self) -> dict[str, str]:
        """Have the engine read its file again; the answer has the routers that do not work now, with the reason.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.
            RequestRefused: the file is bad, or there is none; nothing has changed.

        """
        return (await self._ask(Reload(), Done)).errors

    async def release(self) -> None:
        """Withdraw every address, tell the peers, forget all routers.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped before it answered.

        """
        await self._ask(Release(), Done)

    async def watch(self) -> AsyncIterator[RouterStatus]:
        """Yield every router's status, then each one that changes, at once; on a connection of its own.

        Raises:
            VrrpdGone: nobody listens, or the engine stopped. (Connect again: the first statuses make up for the gap.)

        """
        reader, writer = await _open(self._path)
        try:
            await _send(writer, Watch())
            while True:
                reply = await _receive(reader)
                if isinstance(reply, Statuses):
                    for status in reply.routers:
                        yield status
                elif isinstance(reply, Changed):
                    yield reply.router
        finally:
            await _close(writer)

    async def _ask(self, request: Request, kind: type[R]) -> R:
        async with self._lock:
            reader, writer = await self._connected()
            try:
                async with asyncio.timeout(PATIENCE):
                    await _send(writer, request)
                    reply = await _receive(reader)
            except TimeoutError as error:
                self._streams = None
                writer.close()
                text = f"the VRRP engine on {self._path} does not answer within {PATIENCE:g} s: it is stopped, or hangs"
                raise VrrpdGone(text) from error
            except BaseException:
                # The answer of a request that was given up must not be taken for the answer of the next.
                self._streams = None
                writer.close()
                raise
        if isinstance(reply, kind):
            return reply
        raise RequestRefused(reply.message if isinstance(reply, Refused) else f"unexpected answer: {reply}")

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await _open(self._path)
        return self._streams


async def _open(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_unix_connection(path, limit=MAX_LINE)
    except PermissionError as error:
        raise VrrpdGone(f"only root may speak to the VRRP engine on {path}: use sudo") from error
    except OSError as error:
        raise VrrpdGone(f"no VRRP engine answers on {path} ({error.strerror}): is `futago vrrpd` running?") from error


async def _send(writer: asyncio.StreamWriter, request: Request) -> None:
    try:
        writer.write(to_line(request))
        await writer.drain()
    except OSError as error:
        raise VrrpdGone("the VRRP engine has stopped") from error


async def _receive(reader: asyncio.StreamReader) -> Reply:
    try:
        line = await reader.readuntil()
    except (OSError, asyncio.IncompleteReadError) as error:
        raise VrrpdGone("the VRRP engine has stopped") from error
    reply = read_reply(line)
    if isinstance(reply, Refused):
        raise RequestRefused(reply.message)
    return reply


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
