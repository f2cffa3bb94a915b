"""What a transaction sees and does: rows go in and come out as the structs of `rows`."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.sql import ColumnElement

from futago.controller.store import group_ports, lowest_free, rows
from futago.controller.store.columns import form
from futago.controller.store.revised import Whose, revised
from futago.controller.store.session import Session
from futago.controller.store.statements import IS_FILLED, IS_NULL, Statements
from futago.controller.store.tables import TABLES, changes, clock
from futago.controller.store.touched import IDENTITY, touched
from futago.values import Revision

R = TypeVar("R", bound=rows.Row)

_MOST_MEMBERS: Final = 512
"""Of a collection in one statement: databases bound the number of values. A power of two, as `_tests` has it."""
_SEVERAL: Final = (set, frozenset, list, tuple)
_KEPT_ROWS: Final = 64
_KEPT_ANSWERS: Final = 1024


class _Filled:
    """Stands for any word but the empty one."""


FILLED: Final = _Filled()


def now_text() -> str:
    """The present as the API writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class View:
    """What a transaction sees: one state of the store for who only looks, all that was written before for a writer.

    Nobody else changes what it sees, so a question is asked once, and its answer is kept while it is short.
    """

    def __init__(self, session: Session, statements: Statements) -> None:
        self._session = session
        self._statements = statements
        self._answers: dict[type[rows.Row], dict[tuple[Any, ...], list[Any]]] = {}
        self._kept = 0

    @property
    def dialect(self) -> str:
        """Which database it is: "sqlite", "postgresql", "mysql"."""
        return self._session.connection.dialect.name

    def get(self, kind: type[R], **key: object) -> R | None:
        """The row whose columns equal `key`; None where there is none."""
        limit = None if form(kind).key == tuple(key) else 1
        found = self._find(kind, key, limit)
        return found[0] if found else None

    def find(self, kind: type[R], **wanted: object) -> list[R]:
        """All rows whose columns equal the `wanted` values; a collection means any of its members, FILLED any word."""
        return self._find(kind, wanted)

    def search(
        self,
        kind: type[R],
        *clauses: ColumnElement[bool],
        order_by: Collection[ColumnElement[Any]] = (),
        limit: int | None = None,
    ) -> list[R]:
        """All rows of `kind` for which every clause holds; the columns are those of `tables.TABLES[kind]`."""
        shape = form(kind)
        _, found = self._session.select(select(*shape.selected).where(*clauses).order_by(*order_by).limit(limit))
        return [shape.row(values) for values in found]

    def count(self, kind: type[R], **wanted: object) -> int:
        """How many rows have these values."""
        if _long(wanted) is not None:
            return len(self._find(kind, wanted))
        tests, values = _tests(kind, wanted)
        if _impossible(tests):
            return 0
        return int(self._session.ask(self._statements.count(TABLES[kind], tests), values)[0][0])

    def values(self, kind: type[rows.Row], column: str, **wanted: object) -> list[Any]:
        """The values of a column in the rows that `find` would find, each once, as the database has them."""
        long = _long(wanted)
        if long is not None:
            parts = (self.values(kind, column, **{**wanted, long: piece}) for piece in _pieces(wanted[long]))
            return list(dict.fromkeys(value for part in parts for value in part))
        tests, values = _tests(kind, wanted)
        if _impossible(tests):
            return []
        found = self._session.ask(self._statements.distinct(TABLES[kind], column, tests), values)
        return [value for (value,) in found]

    def execute(self, statement: Select[Any]) -> list[dict[str, Any]]:
        """The rows of any SELECT, as mappings."""
        names, found = self._session.select(statement)
        return [dict(zip(names, values, strict=True)) for values in found]

    def revision(self) -> Revision:
        """The number of the last write."""
        return Revision(int(self._session.ask("SELECT revision FROM clock")[0][0]))

    def identity_revision(self) -> int:
        """Counts the changes of who may be whom: while it stays, so does what was found out about a token."""
        return int(self._session.ask("SELECT identity_revision FROM clock")[0][0])

    def store(self) -> str:
        """The id of this store: the revisions of another one mean nothing here."""
        return str(self.execute(select(clock.c.store))[0]["store"])

    def changed_keys(self, since: int) -> frozenset[str]:
        """The keys touched by writes after `since`."""
        found = self._session.ask(self._statements.after(changes, ["key"], "revision"), [since])
        return frozenset(key for (key,) in found)

    def last_change(self, key: str) -> Revision:
        """The number of the last write that touched `key`; 0 if none is remembered (`CHANGES_KEPT`)."""
        newest = select(changes.c.revision).where(changes.c.key == key).order_by(changes.c.revision.desc()).limit(1)
        found = self.execute(newest)
        return Revision(int(found[0]["revision"]) if found else 0)

    def _find(self, kind: type[R], wanted: dict[str, object], limit: int | None = None) -> list[R]:
        shape = form(kind)
        long = _long(wanted)
        if long is not None:
            return [row for piece in _pieces(wanted[long]) for row in self._find(kind, {**wanted, long: piece})]
        tests, values = _tests(kind, wanted)
        if _impossible(tests):
            return []
        question = (self._statements.select(shape.table, shape.names, tests, limit), *values)
        answer = self._answers.setdefault(kind, {}).get(question)
        if answer is None:
            answer = [shape.row(found) for found in self._session.ask(question[0], values)]
            self._keep(kind, question, answer)
        return list(answer)

    def _keep(self, kind: type[R], question: tuple[Any, ...], answer: list[R]) -> None:
        if len(answer) > _KEPT_ROWS:
            return
        if self._kept == _KEPT_ANSWERS:
            self._forget()
        self._answers.setdefault(kind, {})[question] = answer
        self._kept += 1

    def _forget(self) -> None:
        self._answers.clear()
        self._kept = 0


class Transaction(View):
    """A write in progress."""

    def __init__(self, session: Session, statements: Statements) -> None:
        super().__init__(session, statements)
        self.touched: set[str] = set()
        """The keys of the change log."""
        self._counted: set[Whose] = set()
        """What is new, or has its new revision number already."""
        self._depth = 0

    def add(self, row: R) -> R:
        """Insert `row` and return it as stored (with timestamps).

        Raises:
            Conflict: a unique value is taken.

        """
        if isinstance(row, rows.StandardRow):
            now = now_text()
            row = msgspec.structs.replace(row, created_at=now, updated_at=now)
            self._counted.add((type(row), row.id))
        shape = form(type(row))
        self._answers.pop(type(row), None)
        self._session.tell(self._statements.insert(shape.table, shape.names), shape.values(row, shape.names))
        self.touched.update(touched(row))
        self._count(revised(row))
        group_ports.follow(self, None, row)
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
            self._counted.add((type(new), new.id))
        shape = form(type(new))
        self._answers.pop(type(new), None)
        changed = [name for name in shape.names if getattr(old, name) != getattr(new, name)]
        text = self._statements.update(shape.table, changed, shape.key)
        self._session.tell(text, [*shape.values(new, changed), *shape.values(old, shape.key)])
        self.touched.update(touched(old), touched(new))
        self._count(revised(new, there_before_and_after=True))
        group_ports.follow(self, old, new)
        return new

    def remove(self, row: rows.Row) -> None:
        """Delete `row`.

        Raises:
            Conflict: another row refers to it.

        """
        group_ports.follow(self, row, None)
        shape = form(type(row))
        self._answers.pop(type(row), None)
        self._session.tell(self._statements.delete(shape.table, shape.key), shape.values(row, shape.key))
        self.touched.update(touched(row))
        self._count(revised(row))
        lowest_free.given_back(self, row)

    def touch(self, key: str) -> None:
        """Note a key whose specs change although no row of it does."""
        self.touched.add(key)

    def _count(self, changed: Collection[Whose]) -> None:
        """Give each that is there its next revision number, once in a write."""
        for kind, row_id in changed:
            if (kind, row_id) in self._counted:
                continue
            row = self.get(kind, id=row_id)
            if row is not None:
                counted = msgspec.structs.replace(row, updated_at=now_text(), revision_number=row.revision_number + 1)
                shape = form(kind)
                self._answers.pop(kind, None)
                names = ["updated_at", "revision_number"]
                text = self._statements.update(shape.table, names, shape.key)
                self._session.tell(text, [*shape.values(counted, names), *shape.values(row, shape.key)])
            self._counted.add((kind, row_id))

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of this write that an exception undoes alone."""
        name = f"attempt{self._depth}"
        self._depth += 1
        self._session.tell(f"SAVEPOINT {name}")
        counted = set(self._counted)
        try:
            yield
        except BaseException:
            self._session.tell(f"ROLLBACK TO SAVEPOINT {name}")
            self._forget()
            self._counted = counted
            raise
        finally:
            self._depth -= 1
        self._session.tell(f"RELEASE SAVEPOINT {name}")

    def note_changes(self, revision: int) -> None:
        """Enter what was touched into the change log, under this number."""
        keys = sorted(self.touched - {IDENTITY})
        for piece in _pieces(keys):
            text = self._statements.insert(changes, ("revision", "key"), len(piece))
            self._session.tell(text, [value for key in piece for value in (revision, key)])

    def note_identity(self) -> None:
        """Count a change of who may be whom, if there was one."""
        if IDENTITY in self.touched:
            self._session.tell("UPDATE clock SET identity_revision = identity_revision + 1")

    def forget_changes(self, before: int) -> None:
        """Drop what the change log says of the writes up to number `before`, exclusive."""
        self._session.tell(f"DELETE FROM changes WHERE revision < {before:d}")  # noqa: S608 - it is a number


def _size(value: object) -> int:
    return len(value) if isinstance(value, _SEVERAL) else 1


def _long(wanted: dict[str, object]) -> str | None:
    """The name of a collection with more members than a statement takes."""
    return next((name for name, value in wanted.items() if _size(value) > _MOST_MEMBERS), None)


def _pieces(value: object) -> Iterator[list[object]]:
    """The members of a collection, each once, as many at a time as a statement takes."""
    assert isinstance(value, _SEVERAL), "only collections are looked through"
    members = list(dict.fromkeys(value))
    return (members[at : at + _MOST_MEMBERS] for at in range(0, len(members), _MOST_MEMBERS))


def _tests(kind: type[rows.Row], wanted: dict[str, object]) -> tuple[list[tuple[str, int | None]], list[Any]]:
    """The shape of a question, and its values; the numbers of values are rounded up, so that few shapes arise."""
    shape = form(kind)
    tests: list[tuple[str, int | None]] = []
    values: list[Any] = []
    for name, value in wanted.items():
        if isinstance(value, _SEVERAL):
            members = [plain for item in value if not _unheard_of(plain := shape.plain(name, item))]
            number = 1 << (len(members) - 1).bit_length() if members else 0
            tests.append((name, None if number == 1 else number))
            values += members + members[-1:] * (number - len(members))
        elif value is None:
            tests.append((name, IS_NULL))
        elif value is FILLED:
            tests.append((name, IS_FILLED))
        else:
            values.append(shape.plain(name, value))
            tests.append((name, 0 if _unheard_of(values[-1]) else None))
    return tests, values


def _unheard_of(value: object) -> bool:
    """NUL is in no word of ours, and PostgreSQL does not even take it in a question."""
    return isinstance(value, str) and "\0" in value


def _impossible(tests: list[tuple[str, int | None]]) -> bool:
    """Nothing is among the members of an empty collection."""
    return any(number == 0 for _, number in tests)
