"""Hears of the writes of other processes: other controllers, and the commands on a controller's host.

PostgreSQL tells us (NOTIFY); SQLite has a number that changes with every commit of others; elsewhere the revision is
looked at several times a second. Whoever hears too late looks by himself some seconds later.
"""

import threading
from collections.abc import Callable, Iterator
from typing import Any, Final

import structlog
from sqlalchemy import Engine

from futago.controller.store import engines
from futago.controller.store.engines import CHANNEL, Interrupted
from futago.controller.store.session import Session

log = structlog.get_logger()

_LOOK_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 1.0
"""After an error, before the next connection."""


class Watch:
    """A thread that calls `heard` after writes, those of this process included."""

    def __init__(self, engine: Engine, heard: Callable[[int], None]) -> None:
        self._engine = engine
        self._heard = heard
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The thread ends."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._watch()
            except Interrupted as error:
                log.warning("database lost, trying again", error=str(error))
                self._stop.wait(_PAUSE_SECONDS)

    def _watch(self) -> None:
        session = Session(self._engine, lambda _connection, _raw: None)
        try:
            number: object = None
            for seen in self._numbers(session):
                if self._stop.is_set():
                    return
                if seen != number and number is not None:
                    self._heard(0)
                number = seen
        finally:
            session.close()

    def _numbers(self, session: Session) -> Iterator[object]:
        """Something that changes with each write."""
        match session.connection.dialect.name:
            case "postgresql":
                yield from _notified(session.raw)
            case "sqlite":
                yield from self._asked(session, "PRAGMA data_version")
            case _:
                yield from self._asked(session, "SELECT revision FROM clock")

    def _asked(self, session: Session, question: str) -> Iterator[object]:
        while not self._stop.is_set():
            yield session.ask(question)[0][0]
            session.rollback()
            self._stop.wait(_LOOK_SECONDS)


def _notified(raw: Any) -> Iterator[object]:
    """A number for each time that PostgreSQL has told of a write, and the same one while it has not."""
    number = 0
    try:
        raw.autocommit = True
        raw.execute(f"LISTEN {CHANNEL}")
        yield number
        while True:
            number += sum(1 for _ in raw.notifies(timeout=_LOOK_SECONDS, stop_after=1))
            yield number
    except Exception as error:
        raise engines.failure(error) from error
