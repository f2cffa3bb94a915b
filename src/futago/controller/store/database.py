"""The store: `read()` looks, `write()` is one transaction and one revision.

A write ends by taking the next revision from a one-row counter and noting in the change log which keys it touched;
an exception undoes the change and the number. `note()` is for what no plan depends on (heartbeats): it is as durable,
but takes no revision. Writers take turns, on every database and over all controllers; who comes while one commits
shares the next commit (`turns`). `transact()` does the same again when the database has given a transaction up.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final, TypeVar

from futago.controller.store import engines
from futago.controller.store.engines import Conflict, Failed, Interrupted, Undecided, UnknownDatabase
from futago.controller.store.session import Readers, Session, speech
from futago.controller.store.transaction import FILLED, Transaction, View, now_text
from futago.controller.store.turns import Batch, Turns
from futago.controller.store.watch import Watch
from futago.values import Revision

__all__ = [
    "CHANGES_KEPT",
    "FILLED",
    "Conflict",
    "Database",
    "Failed",
    "Interrupted",
    "Transaction",
    "Undecided",
    "UnknownDatabase",
    "View",
    "now_text",
]

T = TypeVar("T")
V = TypeVar("V", bound=View)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
CHANGES_KEPT: Final = 10_000
"""For this many revisions the change log tells what they touched; who is further behind looks at everything."""
_FORGET_EVERY: Final = 1000
"""Old entries of the change log go at one write in so many."""
_TRIES: Final = 6
_PAUSE_SECONDS: Final = 0.05
"""Before the second try, at the most; twice as much before each further one."""


class Database:
    """The store behind one SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._engine = engines.engine(url)
        self._speech = speech(self._engine)
        self._readers = Readers(self._engine)
        self._turns = Turns(lambda: Session(self._engine, engines.prepare_writer))
        self._listeners: list[Callable[[Revision], None]] = []
        self._timers: list[Callable[[str, float], None]] = []

    @property
    def dialect(self) -> str:
        """Which kind it is: "sqlite", "postgresql", "mysql"."""
        return self._engine.dialect.name

    def migrate(self) -> None:
        """Bring the tables to this version's form; needed once at start, and the only user of 9 MiB of Alembic."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._engine.connect() as connection, engines.migrating(connection):
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    def on_write(self, listener: Callable[[Revision], None]) -> None:
        """Call `listener` with the revision after each write of this process, in the writer's thread.

        After writes of others it is called with 0 (`watch`).
        """
        self._listeners.append(listener)

    def watch(self) -> Watch:
        """Call the listeners after writes of other processes, too, in a thread that ends when the watch is stopped."""
        return Watch(self._engine, self._tell)

    def on_commit(self, timer: Callable[[str, float], None]) -> None:
        """Call `timer` with "write" or "note" and the seconds that it took, the wait for its turn included."""
        self._timers.append(timer)

    @contextmanager
    def read(self) -> Iterator[View]:
        """A transaction that only looks."""
        with self._session() as session:
            yield View(session, self._speech)

    def glance(self, work: Callable[[View], T]) -> T:
        """What `work` finds by one statement, without a transaction: for what is asked at each request."""
        try:
            with self._session(glance=True) as session:
                return work(View(session, self._speech))
        except Interrupted:
            return self.look(work)

    def identity_revision(self) -> int:
        """As a view would say."""
        return self.glance(lambda view: view.identity_revision())

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction, one revision; an exception undoes both."""
        revision = 0
        with self._writing("write") as (transaction, batch):
            yield transaction
            batch.revision += 1
            revision = batch.revision
            transaction.note_changes(revision)
            if revision % _FORGET_EVERY == 0:
                transaction.forget_changes(before=revision - CHANGES_KEPT + 1)
        self._tell(revision)

    @contextmanager
    def note(self) -> Iterator[Transaction]:
        """A transaction for what no plan depends on: it takes no revision and wakes nobody."""
        with self._writing("note") as (transaction, _):
            yield transaction

    def look(self, work: Callable[[View], T]) -> T:
        """What `work` finds; again from the start when the database gave it up."""
        return self._persistently(self.read, work)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        """`work` as one write; again from the start when the database gave it up."""
        return self._persistently(self.write, work)

    def transact_note(self, work: Callable[[Transaction], T]) -> T:
        """The same as a note."""
        return self._persistently(self.note, work)

    def close(self) -> None:
        """Let go of all connections."""
        self._readers.close()
        self._turns.close()
        self._engine.dispose()

    @contextmanager
    def _session(self, *, glance: bool = False) -> Iterator[Session]:
        session = self._readers.take(glance=glance)
        good = False
        try:
            yield session
            good = True
        except Interrupted:
            self._readers.close()
            raise
        finally:
            self._readers.put_back(session, good=good)

    @contextmanager
    def _writing(self, kind: str) -> Iterator[tuple[Transaction, Batch]]:
        began = time.monotonic()
        with self._turns.take() as batch:
            transaction = Transaction(batch.session, self._speech)
            yield transaction, batch
            transaction.note_identity()
        for timer in self._timers:
            timer(kind, time.monotonic() - began)

    def _tell(self, revision: int) -> None:
        for listener in self._listeners:
            listener(Revision(revision))

    def _persistently(self, opened: Callable[[], AbstractContextManager[V]], work: Callable[[V], T]) -> T:
        tries = 0
        while True:
            try:
                with opened() as view:
                    return work(view)
            except Undecided:
                raise
            except Interrupted:
                tries += 1
                if tries == _TRIES:
                    raise
            time.sleep(random.uniform(0, _PAUSE_SECONDS * 2 ** (tries - 1)))  # noqa: S311 - it only keeps two apart
