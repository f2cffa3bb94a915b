"""Who reads the kernel's table next, so that hundreds of routers do not do it all at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

SHARE: Final = 0.2
"""Of a core, at most. For each router the kernel walks the table of the whole host: about 10 ms, however few it has."""
CHECKING_SHARE: Final = 0.05
"""The same, for what is only read to be compared again."""


class Turns:
    """One at a time; after each the others wait so much longer that reading never takes more than its share.

    With a few routers nobody waits. With hundreds that change sides together, electing and forwarding come first.
    """

    def __init__(self, share: float = SHARE, checking_share: float = CHECKING_SHARE) -> None:
        self._reading = _Paced(share)
        self._checking = _Paced(checking_share)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for one's turn, and have it."""
        async with self._reading.turn():
            yield

    @asynccontextmanager
    async def turn_to_check(self) -> AsyncIterator[None]:
        """The same for who can wait: of those only one at a time stands in the others' way."""
        async with self._checking.turn(), self._reading.turn():
            yield


class _Paced:
    def __init__(self, share: float) -> None:
        self._pause = 1 / share - 1
        self._busy = asyncio.Lock()
        self._free_at = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        time = asyncio.get_running_loop().time
        async with self._busy:
            await asyncio.sleep(self._free_at - time())
            began = time()
            try:
                yield
            finally:
                self._free_at = time() + self._pause * (time() - began)
