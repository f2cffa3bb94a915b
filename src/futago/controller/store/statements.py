"""The SQL of the four things that are done to rows, written once for each shape.

SQLAlchemy makes the tables, and the statements that are more than this; here its way from a statement to a cursor
would cost many times what SQLite takes (docs/decisions/0031).
"""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Table
from sqlalchemy.engine.interfaces import Dialect

Wanted = Sequence[tuple[str, int | None]]
"""Columns to look in: with one value, which a column equals (None), with so many, of which it equals any, or without
any (`IS_NULL`, `IS_FILLED`)."""
IS_NULL: Final = -1
IS_FILLED: Final = -2
"""A word of at least one character."""


class Statements:
    """Speaks one database's SQL; what it has said once it remembers."""

    def __init__(self, dialect: Dialect) -> None:
        self._quote = dialect.identifier_preparer.quote
        self._mark = "?" if dialect.paramstyle == "qmark" else "%s"
        self._said: dict[Any, str] = {}

    def select(self, table: Table, names: Sequence[str], wanted: Wanted, limit: int | None = None) -> str:
        """Rows with the wanted values."""
        shape = ("select", table.name, tuple(wanted), limit)
        return self._said.get(shape) or self._say(
            shape,
            f"SELECT {self._list(names)} FROM {self._quote(table.name)}{self._where(wanted)}"
            + ("" if limit is None else f" LIMIT {limit}"),
        )

    def distinct(self, table: Table, name: str, wanted: Wanted) -> str:
        """The values that a column has in the rows with the wanted values, each once."""
        shape = ("distinct", table.name, name, tuple(wanted))
        return self._said.get(shape) or self._say(
            shape, f"SELECT DISTINCT {self._quote(name)} FROM {self._quote(table.name)}{self._where(wanted)}"
        )

    def after(self, table: Table, names: Sequence[str], column: str) -> str:
        """Rows where a column is greater than a value."""
        shape = ("after", table.name, tuple(names), column)
        return self._said.get(shape) or self._say(
            shape,
            f"SELECT {self._list(names)} FROM {self._quote(table.name)} WHERE {self._quote(column)} > {self._mark}",
        )

    def count(self, table: Table, wanted: Wanted) -> str:
        """How many rows have the wanted values."""
        shape = ("count", table.name, tuple(wanted))
        return self._said.get(shape) or self._say(
            shape, f"SELECT count(*) FROM {self._quote(table.name)}{self._where(wanted)}"
        )

    def insert(self, table: Table, names: Sequence[str], number: int = 1) -> str:
        """So many new rows."""
        shape = ("insert", table.name, tuple(names), number)
        marks = f"({', '.join([self._mark] * len(names))})"
        return self._said.get(shape) or self._say(
            shape,
            f"INSERT INTO {self._quote(table.name)} ({self._list(names)}) VALUES {', '.join([marks] * number)}",
        )

    def update(self, table: Table, changed: Sequence[str], key: Sequence[str]) -> str:
        """Other values in some columns of one row."""
        shape = ("update", table.name, tuple(changed))
        chosen = ", ".join(f"{self._quote(name)} = {self._mark}" for name in changed)
        return self._said.get(shape) or self._say(
            shape, f"UPDATE {self._quote(table.name)} SET {chosen}{self._where([(name, None) for name in key])}"
        )

    def delete(self, table: Table, key: Sequence[str]) -> str:
        """Without one row."""
        shape = ("delete", table.name)
        return self._said.get(shape) or self._say(
            shape, f"DELETE FROM {self._quote(table.name)}{self._where([(name, None) for name in key])}"
        )

    def _say(self, shape: Any, text: str) -> str:
        self._said[shape] = text
        return text

    def _list(self, names: Sequence[str]) -> str:
        return ", ".join(map(self._quote, names))

    def _where(self, wanted: Wanted) -> str:
        tests = [self._test(name, number) for name, number in wanted]
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    def _test(self, name: str, number: int | None) -> str:
        if number is None:
            return f"{self._quote(name)} = {self._mark}"
        if number == IS_NULL:
            return f"{self._quote(name)} IS NULL"
        if number == IS_FILLED:
            return f"{self._quote(name)} > ''"  # which an index can find, as it cannot what differs
        return f"{self._quote(name)} IN ({', '.join([self._mark] * number)})"
