"""The control socket: what the agent and the operator say to the program, and what it answers.

A unix stream socket, mode 0600; one JSON object a line, both ways, each request answered in order.
"""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from futago.config import CONNTRACKD_SOCKET
from futago.conntrack.config import Replication
from futago.contract.codec import BadMessage
from futago.lines import Reader, RequestRefused, to_line
from futago.values import IPv4Address

MAX_LINE: Final = 16 * 1024 * 1024
"""Bytes in one line; a thousand routers take about half a million."""


class RouterStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connections of one router on this node."""

    name: str
    active: bool
    entries: int
    """Those that are replicated: told by this node while it is active, held for the active one while not."""
    source: str
    """On a standby: the node that tells; "" is nobody at present."""
    behind: tuple[str, ...]
    """While active: the nodes of the twins that live, and have not been told of all connections yet."""
    agreed_seconds_ago: float | None
    """On a standby: since when everything is known to be as on the active node."""
    events_lost: int
    """How often the kernel had more to tell than it could hold; everything was read again then."""
    resyncs: int
    """How often a standby found a difference and was told everything again."""
    not_written: int
    """Connections that a standby's kernel refused."""
    repaired: int
    """Connections that had vanished from a standby's kernel and were written again."""
    ignored: int
    """Messages of nodes whose word did not count at that time."""
    error: str | None = None


class PeerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What this node tells another one."""

    node: str
    address: IPv4Address
    connected: bool
    lag_ms: float | None
    """From the kernel's event here until it stood in the kernel there and was acknowledged, the last time."""
    worst_lag_ms: float
    sent: int
    """Connections, put and removed."""
    dropped: int
    """Changes that were not sent one by one, because the other side was too slow: everything was told again."""
    snapshots: int
    """How often everything of a router was told."""
    error: str | None = None


class Configure(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="configure"):
    """This is all that is to be replicated, from now on. Answered by `Done`."""

    replication: Replication


class Status(msgspec.Struct, frozen=True, kw_only=True, tag_field="request", tag="status"):
    """Answered by `Statuses`."""


Request = Configure | Status


class Done(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="done"):
    """The request was carried out."""


class Statuses(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="statuses"):
    """Everything, sorted by name."""

    off: str
    """Why nothing is replicated; "" if that is not so."""
    routers: tuple[RouterStatus, ...]
    peers: tuple[PeerStatus, ...]
    refused: int
    """Connections of those who have no key, or send what is no message."""
    error: str | None = None
    """What does not work for the node as a whole."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag_field="reply", tag="refused"):
    """The request cannot be carried out."""

    message: str


Reply = Done | Statuses | Refusal

CATCH_UP_SECONDS: Final = 5.0
"""How long a router that is to leave waits for its twins, at most."""
_LOOK_SECONDS: Final = 0.05
PATIENCE: Final = 10.0
"""Seconds for an answer: a program that hangs must not hang its clients."""

read_request: Final[Reader[Request]] = Reader(Request, "request")
read_reply: Final[Reader[Reply]] = Reader(Reply, "reply")


class ConntrackdGone(ConnectionError):
    """The program does not answer on its socket: it is not running, or has just stopped."""


async def ask(request: Request, path: Path = CONNTRACKD_SOCKET, *, seconds: float = PATIENCE) -> Reply:
    """Ask the program of this host, on a connection for this one question.

    Raises:
        ConntrackdGone: nobody listens, it stopped before it answered, or does not answer in time.
        RequestRefused: it says no.

    """
    try:
        async with asyncio.timeout(seconds):
            reply = read_reply(await _answer(request, path))
    except TimeoutError as error:
        text = f"the program on {path} does not answer within {seconds:g} s: it is stopped, or hangs"
        raise ConntrackdGone(text) from error
    if isinstance(reply, Refusal):
        raise RequestRefused(reply.message)
    return reply


async def wait_for_twins(
    routers: Collection[str], path: Path = CONNTRACKD_SOCKET, *, seconds: float = CATCH_UP_SECONDS
) -> None:
    """Wait until the twins have the connections of these routers, which are about to leave this node.

    Nobody waits for a program that does not answer, nor for longer than `seconds`: connections may be lost, a router
    that goes must go.
    """
    with suppress(TimeoutError, ConntrackdGone, RequestRefused, BadMessage):
        async with asyncio.timeout(seconds):
            while routers:
                found = await ask(Status(), path, seconds=seconds)
                if not (isinstance(found, Statuses) and any(r.behind for r in found.routers if r.name in routers)):
                    return
                await asyncio.sleep(_LOOK_SECONDS)


async def _answer(request: Request, path: Path) -> bytes:
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE)
    except OSError as error:
        hint = "is `futago conntrackd` running?"
        raise ConntrackdGone(f"nobody answers on {path} ({error.strerror}): {hint}") from error
    try:
        writer.write(to_line(request))
        await writer.drain()
        return await reader.readuntil()
    except (OSError, asyncio.IncompleteReadError) as error:
        raise ConntrackdGone("the replication of connections has stopped") from error
    finally:
        writer.close()
