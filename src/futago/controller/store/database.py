"""The store: `read()` looks, `write()` is one transaction and one revision.

A write ends by taking the next revision from a one-row counter and noting in the change log which keys it touched;
an exception undoes the change and the number. `note()` is for what no plan depends on (heartbeats): it is as durable,
but takes no revision. Rows go in and come out as the structs of `rows`.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Select, Table, create_engine, delete, event, func, insert, select, update
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql import ColumnElement

from futago.contract.codec import decode_hook, encode_hook
from futago.controller.store import rows
from futago.controller.store.tables import TABLES, changes, clock
from futago.controller.store.touched import touched
from futago.values import Revision

R = TypeVar("R", bound=rows.Row)
S = TypeVar("S", bound=rows.StandardRow)

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_BUSY_SECONDS: Final = 30
CHANGES_KEPT: Final = 10_000
"""For this many revisions the change log tells what they touched; who is further behind looks at everything."""
_FORGET_EVERY: Final = 1000
"""Old entries of the change log go at one write in so many."""


class Conflict(Exception):
    """Two rows want the same unique thing (an address, a segment, a VRID); the text is the database's."""


def now_text() -> str:
    """The present as the API writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class View:
    """What a transaction sees: on SQLite one state, elsewhere what the database's isolation level gives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: type[R], **key: object) -> R | None:
        """The row whose columns equal `key`; None where there is none."""
        found = self.find(kind, **key)
        return found[0] if found else None

    def find(self, kind: type[R], **wanted: object) -> list[R]:
        """All rows whose columns equal the `wanted` values; a collection means any of its members."""
        return self.search(kind, *_clauses(TABLES[kind], wanted))

    def search(
        self,
        kind: type[R],
        *clauses: ColumnElement[bool],
        order_by: Collection[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> list[R]:
        """All rows of `kind` for which every clause holds; the columns are those of `tables.TABLES[kind]`."""
        statement = select(TABLES[kind]).where(*clauses).order_by(*order_by).limit(limit)
        return [_row(kind, mapping) for mapping in self.execute(statement)]

    def count(self, kind: type[R], **wanted: object) -> int:
        """How many rows have these values."""
        table = TABLES[kind]
        statement = select(func.count()).select_from(table).where(*_clauses(table, wanted))
        return int(self._connection.execute(statement).scalar_one())

    def execute(self, statement: Select[Any]) -> list[dict[str, Any]]:
        """The rows of any SELECT, as mappings."""
        found = self._connection.execute(statement)
        names = [str(name) for name in found.keys()]  # noqa: SIM118 - a result's keys() are its columns
        return [dict(zip(names, values, strict=True)) for values in found]

    def revision(self) -> Revision:
        """The number of the last write."""
        return Revision(int(self._connection.execute(select(clock.c.revision)).scalar_one()))

    def store(self) -> str:
        """The id of this store: the revisions of another one mean nothing here."""
        return str(self._connection.execute(select(clock.c.store)).scalar_one())

    def changed_keys(self, since: int) -> frozenset[str]:
        """The keys touched by writes after `since`."""
        found = self._connection.execute(select(changes.c.key).where(changes.c.revision > since))
        return frozenset(found.scalars())

    def last_change(self, key: str) -> Revision:
        """The number of the last write that touched `key`; 0 if none is remembered (`CHANGES_KEPT`)."""
        found = self._connection.execute(select(func.max(changes.c.revision)).where(changes.c.key == key))
        return Revision(found.scalar_one() or 0)


class Transaction(View):
    """A write in progress."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._touched: set[str] = set()

    def add(self, row: R) -> R:
        """Insert `row` and return it as stored (with timestamps).

        Raises:
            Conflict: a unique value is taken.

        """
        if isinstance(row, rows.StandardRow):
            now = now_text()
            row = msgspec.structs.replace(row, created_at=now, updated_at=now)
        self._run(insert(TABLES[type(row)]).values(_columns(row)))
        self._touched.update(touched(row))
        return row

    def replace(self, old: R, new: R) -> R:
        """Put `new` in the place of `old` (same key) and return it as stored; equal rows cost nothing.

        Raises:
            Conflict: a unique value is taken.

        """
        if old == new:
            return old
        if isinstance(new, rows.StandardRow):
            number = new.revision_number + 1
            new = msgspec.structs.replace(new, updated_at=now_text(), revision_number=number)
        self._run(update(TABLES[type(new)]).where(*_is(old)).values(_columns(new)))
        self._touched.update(touched(old), touched(new))
        return new

    def remove(self, row: rows.Row) -> None:
        """Delete `row`.

        Raises:
            Conflict: another row refers to it.

        """
        self._run(delete(TABLES[type(row)]).where(*_is(row)))
        self._touched.update(touched(row))

    def touch(self, key: str) -> None:
        """Note a key whose specs change although no row of it does."""
        self._touched.add(key)

    def lock(self, row: rows.Row) -> None:
        """Have other writes that lock `row` wait until this one ends; on SQLite all writes do."""
        self._connection.execute(select(TABLES[type(row)]).where(*_is(row)).with_for_update())

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of this write that an exception undoes alone."""
        with self._connection.begin_nested():
            yield

    def take_revision(self) -> Revision:
        """The last statements of a write: the next number, and what it touched."""
        self._connection.execute(update(clock).values(revision=clock.c.revision + 1))
        revision = self.revision()
        if self._touched:
            entries = [{"revision": revision, "key": key} for key in sorted(self._touched)]
            self._connection.execute(insert(changes), entries)
        if revision % _FORGET_EVERY == 0:
            self.forget_changes(before=revision - CHANGES_KEPT + 1)
        return revision

    def forget_changes(self, before: int) -> None:
        """Drop what the change log says of the writes up to number `before`, exclusive."""
        self._connection.execute(delete(changes).where(changes.c.revision < before))

    def _run(self, statement: Any) -> None:
        try:
            self._connection.execute(statement)
        except IntegrityError as error:
            raise Conflict(str(error.orig)) from error


class Database:
    """The store behind one SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._one_writer = threading.Lock()
        self._listeners: list[Callable[[Revision], None]] = []
        self._timers: list[Callable[[str, float], None]] = []

    def migrate(self) -> None:
        """Bring the tables to this version's form; needed once at start, and the only user of 9 MiB of Alembic."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        with self._engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()

    def on_write(self, listener: Callable[[Revision], None]) -> None:
        """Call `listener` with the revision after each write of this process, in the writer's thread."""
        self._listeners.append(listener)

    def on_commit(self, timer: Callable[[str, float], None]) -> None:
        """Call `timer` with "write" or "note" and the seconds that it took, the wait for its turn included."""
        self._timers.append(timer)

    @contextmanager
    def read(self) -> Iterator[View]:
        """A transaction that only looks."""
        with self._engine.begin() as connection:
            yield View(connection)

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """One transaction, one revision; an exception undoes both."""
        with self._writing("write") as connection:
            transaction = Transaction(connection)
            yield transaction
            revision = transaction.take_revision()
        for listener in self._listeners:
            listener(revision)

    @contextmanager
    def note(self) -> Iterator[Transaction]:
        """A transaction for what no plan depends on: it takes no revision and wakes nobody."""
        with self._writing("note") as connection:
            yield Transaction(connection)

    def close(self) -> None:
        """Let go of all connections."""
        self._engine.dispose()

    @contextmanager
    def _writing(self, kind: str) -> Iterator[Connection]:
        began = time.monotonic()
        with self._one_writer, self._engine.connect() as connection:
            writing = connection.execution_options(futago_write=True)
            with writing.begin():
                yield writing
        for timer in self._timers:
            timer(kind, time.monotonic() - began)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: DBAPIConnection, _record: object) -> None:
    """WAL lets readers go on while one writes; FULL keeps an acknowledged write through a power loss."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes the lock at once, so that it never has to give up half way."""
    writing = connection.get_execution_options().get("futago_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _clauses(table: Table, wanted: dict[str, object]) -> list[ColumnElement[bool]]:
    return [_clause(table.c[name], value) for name, value in wanted.items()]


def _clause(column: Any, value: object) -> ColumnElement[bool]:
    if isinstance(value, (set, frozenset, list, tuple)):
        clause: ColumnElement[bool] = column.in_([_plain(item) for item in value])
    else:
        clause = column == _plain(value)
    return clause


def _is(row: rows.Row) -> list[ColumnElement[bool]]:
    columns = _columns(row)
    return [column == columns[column.name] for column in TABLES[type(row)].primary_key]


def _columns(row: rows.Row) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(row, enc_hook=encode_hook)
    return built


def _plain(value: object) -> Any:
    return msgspec.to_builtins(value, enc_hook=encode_hook)


def _row(kind: type[R], mapping: dict[str, Any]) -> R:
    return msgspec.convert(mapping, kind, dec_hook=decode_hook)
