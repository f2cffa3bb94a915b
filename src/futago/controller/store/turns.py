"""Writers take turns; those who come while one commits share the next commit.

A commit waits for the disk, a write hardly for anything: so whoever ends a write and sees others waiting hands the open
transaction on, and the last of them commits for all. Nobody is told of a success before that. What a writer undoes, a
savepoint undoes for him alone (docs/decisions/0030).
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from futago.controller.store import engines
from futago.controller.store.engines import Interrupted, Undecided
from futago.controller.store.session import Session

_MOST: Final = 32
"""So many writes share a commit, at the most…"""
_LONGEST_SECONDS: Final = 0.02
"""…and none is handed on that was begun so long ago."""


class Batch:
    """Writes that are committed together."""

    def __init__(self, session: Session, revision: int) -> None:
        self.session = session
        self.revision = revision
        """The number of the last write in it."""
        self.identity_changed = False
        self._before = revision
        self._members = 0
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._lost: Interrupted | None = None

    @property
    def full(self) -> bool:
        """Whether it is to be committed, whoever waits."""
        return self._members >= _MOST or time.monotonic() - self._began > _LONGEST_SECONDS

    @contextmanager
    def member(self) -> Iterator[None]:
        """One write in it; an exception undoes it, and nothing else."""
        alone, revision = self._members == 0, self.revision
        if not alone:
            self.session.tell("SAVEPOINT turn")
        try:
            yield
        except BaseException:
            self.revision = revision
            if alone:
                self.session.rollback()
                self._ended.set()
            else:
                self.session.tell("ROLLBACK TO SAVEPOINT turn")
            raise
        self._members += 1  # the commit releases the savepoint, and the next one has the same name

    def commit(self) -> None:
        """Make all of it last.

        Raises:
            Interrupted: it may have come about, or not.

        """
        self.session.commit(self.revision if self.revision != self._before else None)
        self._ended.set()

    def lose(self, why: Interrupted) -> None:
        """Nothing of it is there, or it cannot be told; its writers hear of it."""
        self._lost = why
        self._ended.set()

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._ended.is_set()

    def wait(self) -> None:
        """Until it is durable.

        Raises:
            Interrupted: it is not, and is to be done again.
            Undecided: nobody can tell.

        """
        self._ended.wait()
        if self._lost is not None:
            raise type(self._lost)(str(self._lost)) from self._lost


class Turns:
    """The turn of this process's writers; `engines.begin_write` has the turns of the processes."""

    def __init__(self, connect: Callable[[], Session]) -> None:
        self._connect = connect
        self._turn = threading.Lock()
        self._counting = threading.Lock()
        self._waiting = 0
        self._session: Session | None = None
        self._batch: Batch | None = None

    @contextmanager
    def take(self) -> Iterator[Batch]:
        """A batch to write into; on return it is durable.

        Raises:
            Interrupted: it is not, and is to be done again.
            Undecided: nobody can tell.

        """
        self._wait_for_turn()
        try:
            batch = self._open()
            try:
                with batch.member():
                    yield batch
            except Interrupted as error:
                self._drop(batch, error)
                raise
            finally:
                self._pass_on(batch)
        finally:
            self._turn.release()
        batch.wait()

    def close(self) -> None:
        """Let go of the connection."""
        with self._turn:
            if self._session is not None:
                self._session.close()
                self._session = None

    def _wait_for_turn(self) -> None:
        with self._counting:
            self._waiting += 1
        try:
            self._turn.acquire()
        finally:
            with self._counting:
                self._waiting -= 1

    def _open(self) -> Batch:
        if self._batch is None:
            self._batch = self._begin()
        return self._batch

    def _begin(self) -> Batch:
        """On the connection that there is, or on a new one: it may have been lost while nobody wrote."""
        if self._session is not None:
            try:
                return Batch(self._session, engines.begin_write(self._session.connection, self._session.raw))
            except Exception as error:
                self._session.close()
                self._session = None
                found = engines.failure(error)
                if not isinstance(found, Interrupted):
                    raise found from error
        self._session = self._connect()
        try:
            return Batch(self._session, engines.begin_write(self._session.connection, self._session.raw))
        except Exception as error:
            self._session.close()
            self._session = None
            raise engines.failure(error) from error

    def _pass_on(self, batch: Batch) -> None:
        """To the next writer, or to the disk."""
        if batch.over:
            self._batch = None
        elif not self._waiting or batch.full:
            self._batch = None
            try:
                batch.commit()
            except Interrupted as error:
                self._drop(batch, Undecided(str(error)))
            except BaseException as error:
                self._drop(batch, Undecided(str(error)))
                raise

    def _drop(self, batch: Batch, why: Interrupted) -> None:
        """All of it, and the connection, of which nobody knows what has become."""
        batch.lose(why)
        batch.session.close()
        if self._session is batch.session:
            self._session = None
