"""Wakes the long polls of this process after a write.

A write by another controller wakes nobody here: the polls look again by themselves every second, so that a missed
wake costs latency, never correctness.
"""

import asyncio
from typing import Final

_LOOK_AGAIN_SECONDS: Final = 1.0


class Wake:
    """Lets coroutines wait for the next write."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._event = asyncio.Event()

    def from_any_thread(self, _revision: int) -> None:
        """Something was written."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._wake)

    def arm(self) -> asyncio.Event:
        """The event that the next write sets; take it before looking, wait on it after."""
        self._loop = asyncio.get_running_loop()
        return self._event

    @staticmethod
    async def wait(event: asyncio.Event, seconds: float) -> None:
        """Wait for `event`, at most `seconds`, and never longer than until the next look."""
        try:
            await asyncio.wait_for(event.wait(), min(seconds, _LOOK_AGAIN_SECONDS))
        except TimeoutError:
            return

    def _wake(self) -> None:
        woken, self._event = self._event, asyncio.Event()
        woken.set()
