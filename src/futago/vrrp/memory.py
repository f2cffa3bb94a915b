"""What the daemon writes down, so that the next engine on this host can go on: roles, signs of life, marks.

Nothing here stops an engine: what cannot be written is said in the log, and missed only at a restart.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from futago.contract.codec import BadMessage
from futago.values import Millis
from futago.vrrp import state
from futago.vrrp.auth import Marks
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.marks import MarksFile, forget_others
from futago.vrrp.state import Alive, AliveFile, Saved, SavedRole, StateWriter

SAVE_AFTER: Final = 0.02
"""Seconds in which role changes gather before they are written down; the kernel knows the truth meanwhile."""
SAVE_SHARE: Final = 0.05
"""The most of our time that goes into writing while a thousand routers take over one after the other."""

log = structlog.get_logger()


class Memory:
    """The files beside the state file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = StateWriter(path)
        self._boot = state.boot_id()
        self._life: AliveFile | None = None
        self._former = Alive()
        self._marks: MarksFile | None = None
        self._unwritten: dict[str, Marks] = {}
        self.save_after = SAVE_AFTER
        """Seconds that role changes wait now before they are written down."""

    def recall(self) -> Saved:
        """What the engine that was here before has written down."""
        try:
            self._life = AliveFile(self._path)
            self._former = self._life.read()
        except OSError as error:
            log.warning("no sign of life, a restart will not go on as active", error=error.strerror or str(error))
        saved: Saved | None = None
        try:
            saved = state.load(self._path)
        except (BadMessage, OSError) as error:
            log.warning("state not usable, waiting to be configured", path=str(self._path), error=str(error))
        try:
            if saved:
                forget_others(state.marks_path(self._path), {router.name for router in saved.routers})
            self._marks = MarksFile(state.marks_path(self._path))
        except OSError as error:
            log.warning("no marks, a restart may believe a recording", error=error.strerror or str(error))
        return saved or Saved()

    def recent(self, router: VirtualRouterConfig, now: Millis) -> bool:
        """Whether no peer of this router can have elected itself since the former engine lived."""
        return self._former.recent(router, now, self._boot)

    def marks_of(self, name: str) -> Marks:
        """The router's marks; they are written down as they move."""
        if self._marks:
            return self._marks.of(name)
        return self._unwritten.setdefault(name, {})

    def save(self, routers: Iterable[VirtualRouterConfig], roles: dict[str, SavedRole]) -> None:
        """Write down what runs here and who is active."""
        began = time.monotonic()
        try:
            self._writer.save(routers, roles)
        except OSError as error:
            log.warning("state not written", path=str(self._path), error=error.strerror)
        self.save_after = max(SAVE_AFTER, (time.monotonic() - began) / SAVE_SHARE)

    def sign_of_life(self, at: Millis, held_until: Millis) -> None:
        """We live; until `held_until`, or 0, the peers have been asked to wait."""
        if self._life:
            self._life.write(Alive(boot=self._boot, at=at, held_until=held_until))
