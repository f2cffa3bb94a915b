"""HTTP on one connection, by h11: requests in, answers out, and no patience with those who take their time."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import h11

LONGEST_HEADER: Final = 16 * 1024
LONGEST_BODY: Final = 64 * 1024
IDLE_SECONDS: Final = 15.0
"""For the next request, and for the client to take an answer."""
_CHUNK: Final = 16 * 1024
_AUTHORITY: Final = re.compile(r"^[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request."""

    method: str
    target: str
    """The path, with its query; it begins with a slash."""
    headers: tuple[tuple[str, str], ...]
    """Names in lower case."""
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


Answer = Callable[[Question], Awaitable[Reply]]


class _TooLong(Exception):
    pass


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Answer one client until it has no more questions, or falls silent."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LONGEST_HEADER)
    try:
        while (question := await _question(connection, reader)) is not None:
            await _send(connection, writer, await answer(question), head=question.method == "HEAD")
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except _TooLong:
        await _refuse(connection, writer, 413)
    except h11.RemoteProtocolError as error:
        await _refuse(connection, writer, error.error_status_hint)
    except (OSError, TimeoutError):
        pass  # it went away, or takes its time
    finally:
        writer.close()


async def _question(connection: h11.Connection, reader: asyncio.StreamReader) -> Question | None:
    request: h11.Request | None = None
    body = b""
    async with asyncio.timeout(IDLE_SECONDS):
        while True:
            event = connection.next_event()
            match event:
                case h11.NEED_DATA:
                    connection.receive_data(await reader.read(_CHUNK))
                case h11.Request():
                    request = event
                case h11.Data():
                    body += event.data
                    if len(body) > LONGEST_BODY:
                        raise _TooLong
                case h11.EndOfMessage() if request is not None:
                    return _as_question(request, body)
                case _:
                    return None


def _as_question(request: h11.Request, body: bytes) -> Question:
    return Question(
        method=request.method.decode("ascii"),
        target=_origin_form(request.target.decode("latin-1")),
        headers=tuple((name.decode("ascii"), value.decode("latin-1")) for name, value in request.headers),
        body=body,
    )


def _origin_form(target: str) -> str:
    """The path with its query. A server must take a whole URL, too (RFC 9112, 3.2.2); whose it is matters to nobody."""
    return "/" + _AUTHORITY.sub("", target).lstrip("/")


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, reply: Reply, *, head: bool = False) -> None:
    headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(reply.body)))]
    writer.write(connection.send(h11.Response(status_code=reply.status, headers=headers)) or b"")
    if reply.body and not head:
        writer.write(connection.send(h11.Data(data=reply.body)) or b"")
    writer.write(connection.send(h11.EndOfMessage()) or b"")
    async with asyncio.timeout(IDLE_SECONDS):
        await writer.drain()


async def _refuse(connection: h11.Connection, writer: asyncio.StreamWriter, status: int) -> None:
    if connection.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
        try:
            await _send(connection, writer, Reply(status=status))
        except (OSError, TimeoutError, h11.LocalProtocolError):
            return
