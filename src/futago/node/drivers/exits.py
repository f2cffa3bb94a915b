"""Processes that are not the agent's children, and must be missed at once when they end."""

import asyncio
import os
from collections.abc import Callable
from functools import partial
from typing import Final

PAUSE_SECONDS: Final = 0.5
"""How long after an end it is told: what dies at its every start must not keep the agent busy."""


class ExitWatch:
    """Calls `on_exit` in the loop's thread when a process that is watched has ended (pidfd_open(2))."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_exit: Callable[[], None]) -> None:
        self._loop = loop
        self._on_exit = on_exit
        self._watched: dict[int, int] = {}

    def watch(self, process: int) -> None:
        """Watch a process, too; from any thread."""
        self._loop.call_soon_threadsafe(self._watch, process)

    def close(self) -> None:
        """Watch nobody any more; in the loop's thread."""
        for process in list(self._watched):
            self._forget(process)

    def _watch(self, process: int) -> None:
        if process in self._watched:
            return
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            self._tell()
            return
        self._watched[process] = handle
        self._loop.add_reader(handle, partial(self._ended, process))

    def _ended(self, process: int) -> None:
        self._forget(process)
        self._tell()

    def _forget(self, process: int) -> None:
        handle = self._watched.pop(process)
        self._loop.remove_reader(handle)
        os.close(handle)

    def _tell(self) -> None:
        self._loop.call_later(PAUSE_SECONDS, self._on_exit)
