"""Whether a switch in userspace goes round: its one thread forwards frames, and answers OpenFlow's echo, too.

While it is held up no frame comes through it, from anybody: a silence then tells nothing of who is silent.
"""

import asyncio
import time
from pathlib import Path
from typing import Final

from futago.node.drivers.openflow import OpenFlow
from futago.node.host import HostRefused

PATIENCE_SECONDS: Final = 3.0
"""After so long without an answer silence counts again: who cannot be reached through it is lost all the same."""
_CONNECT_AGAIN_SECONDS: Final = 1.0


class SwitchPulse:
    """Sends an echo when it is told to, one at a time."""

    def __init__(self, socket: Path) -> None:
        """`socket`: of any bridge (`drivers.openflow`)."""
        self._socket = socket
        self._wanted = asyncio.Event()
        self._proven: float | None = None
        """When the last echo that was answered was sent; None while there is no connection."""

    def beat(self) -> None:
        """Ask soon whether it goes round."""
        self._wanted.set()

    def vouches(self, since: float, now: float) -> bool:
        """Whether silence since then is not the switch's own, by readings of the steady clock."""
        return self._proven is None or self._proven >= since or now - self._proven > PATIENCE_SECONDS

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            try:
                connection = await OpenFlow.connect(self._socket)
            except HostRefused:
                await asyncio.sleep(_CONNECT_AGAIN_SECONDS)
                continue
            try:
                await self._ask_by(connection)
            except HostRefused:
                self._proven = None
            finally:
                connection.close()

    async def _ask_by(self, connection: OpenFlow) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            sent = time.monotonic()
            await connection.echo()
            self._proven = sent
