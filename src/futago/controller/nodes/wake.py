"""Wakes the long polls of the nodes that a write concerns, and no others.

After a write, one look at the feed says whom it concerns, however many nodes wait. `store.watch` tells of the writes of
other controllers; the polls look again by themselves now and then: a missed wake costs latency, never correctness.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final

_LOOK_AGAIN_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.05
"""From one look to the next: a burst of writes is planned, fetched and reported once for all, a single one at once."""


class Wake:
    """Lets coroutines wait for news of one node; `concerned` says, in a thread, which nodes there are news of."""

    def __init__(self, concerned: Callable[[], Collection[str]]) -> None:
        self._concerned = concerned
        self._loop: asyncio.AbstractEventLoop | None = None
        self._events: dict[str, asyncio.Event] = {}
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def from_any_thread(self, _revision: int) -> None:
        """Something was written."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._written)

    def arm(self, node: str) -> asyncio.Event:
        """The event that the next news of `node` sets; take it before looking, wait on it after."""
        self._loop = asyncio.get_running_loop()
        return self._events.setdefault(node, asyncio.Event())

    @staticmethod
    async def wait(event: asyncio.Event, seconds: float) -> None:
        """Wait for `event`, at most `seconds`, and never longer than until the next look."""
        try:
            await asyncio.wait_for(event.wait(), min(seconds, _LOOK_AGAIN_SECONDS))
        except TimeoutError:
            return

    def _written(self) -> None:
        """One look is under way at most; what is written meanwhile takes one more, not one each."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        while self._again:
            self._again = False
            for node in await asyncio.to_thread(self._concerned):
                event = self._events.pop(node, None)
                if event is not None:
                    event.set()
            await asyncio.sleep(_PAUSE_SECONDS)
