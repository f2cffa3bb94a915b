"""The event loop's timer for the engine's next deadline."""

import asyncio
import time
from collections.abc import Callable
from typing import Final

from futago.values import Millis

LATE: Final = Millis(20)
"""Who comes so late has been busy or frozen, and does not know yet what has come in meanwhile."""


def awake_or_asleep() -> Millis:
    """By a clock that goes on while the host sleeps, so that we know how long we were silent."""
    return Millis(time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000)


class Alarm:
    """Rings at the deadline that it was set to last.

    A loop that was frozen finds its timers due before it finds that packets have come (select was interrupted, and has
    no time left to look again). So a late alarm waits for one turn of the loop, in which packets go before timers: a
    backup that was frozen must not take over from an active router whose advertisements lie in its socket.
    """

    def __init__(self, now: Callable[[], Millis], ring: Callable[[], None]) -> None:
        self._now = now
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None
        self._deadline: Millis | None = None

    def set(self, deadline: Millis | None) -> None:
        """None is never. It costs nothing to set it again to what it is set to."""
        if self._handle and deadline == self._deadline:
            return
        self.cancel()
        self._deadline = deadline
        if deadline is not None:
            # Half a millisecond late rather than early: an early call would find nothing due and come back.
            wait = (deadline - self._now()) / 1000 + 0.0005
            self._handle = self._loop.call_later(wait, self._due, deadline)

    def cancel(self) -> None:
        if self._handle:
            self._handle.cancel()
            self._handle = None

    def _due(self, deadline: Millis) -> None:
        if self._now() > deadline + LATE:
            self._handle = self._loop.call_later(0, self._ring_now)
        else:
            self._ring_now()

    def _ring_now(self) -> None:
        self._handle = None
        self._ring()
