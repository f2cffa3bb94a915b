"""As much of OpenFlow 1.4 as it takes to ask a bridge how many flows it has, and whether its switch goes round.

Each bridge of Open vSwitch has a socket for that, `<bridge>.mgmt`.
"""

import asyncio
import struct
from pathlib import Path
from typing import Final

from futago.node.host import HostRefused

_VERSION: Final = 5
_HELLO, _ECHO_REQUEST, _ECHO_REPLY, _MULTIPART_REQUEST, _MULTIPART_REPLY = 0, 2, 3, 18, 19
_HEADER: Final = struct.Struct("!BBHI")  # version, type, length, xid
_AGGREGATE: Final = 2
_ANY: Final = 0xFFFFFFFF
_EVERY_TABLE: Final = 0xFF
_ANSWER_SECONDS: Final = 5.0


class OpenFlow:
    """A connection to one bridge."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._xid = 0

    @classmethod
    async def connect(cls, socket: Path) -> "OpenFlow":
        """Connect and agree on a version.

        Raises:
            HostRefused: there is no such bridge, or its switch does not answer.

        """
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                connection = cls(*await asyncio.open_unix_connection(socket))
                connection._send(_HELLO, b"")
                await connection._receive(_HELLO)
                return connection
        except (OSError, TimeoutError, EOFError) as error:
            raise HostRefused(f"{socket} does not answer: {error or 'in time'}") from error

    async def count_flows(self, cookie: int, mask: int) -> int:
        """How many flows there are whose cookie is `cookie` in the bits of `mask`.

        Raises:
            HostRefused: the switch does not answer; the connection is of no use any more.

        """
        body = struct.pack("!HH4x", _AGGREGATE, 0)
        body += struct.pack("!B3xII4xQQ", _EVERY_TABLE, _ANY, _ANY, cookie, mask)
        body += struct.pack("!HH4x", 1, 4)  # a match of no fields
        answer = await self._ask(_MULTIPART_REQUEST, body, _MULTIPART_REPLY)
        _, _, _, _, flows = struct.unpack("!HH4xQQI4x", answer)
        return int(flows)

    async def echo(self) -> None:
        """Return when the switch has come round to answer.

        Raises:
            HostRefused: it does not; the connection is of no use any more.

        """
        await self._ask(_ECHO_REQUEST, b"", _ECHO_REPLY)

    def close(self) -> None:
        self._writer.close()

    async def _ask(self, kind: int, body: bytes, wanted: int) -> bytes:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                self._send(kind, body)
                return await self._receive(wanted)
        except (OSError, TimeoutError, EOFError) as error:
            raise HostRefused(f"the switch does not answer: {error or 'in time'}") from error

    def _send(self, kind: int, body: bytes, xid: int | None = None) -> None:
        if xid is None:
            self._xid += 1
            xid = self._xid
        self._writer.write(_HEADER.pack(_VERSION, kind, _HEADER.size + len(body), xid) + body)

    async def _receive(self, wanted: int) -> bytes:
        """The body of the next message of this kind; what the switch says of itself is passed over."""
        while True:
            _, kind, length, xid = _HEADER.unpack(await self._reader.readexactly(_HEADER.size))
            body = await self._reader.readexactly(length - _HEADER.size)
            if kind == _ECHO_REQUEST:
                self._send(_ECHO_REPLY, body, xid)
            elif kind == wanted and (kind == _HELLO or xid == self._xid):
                return body
