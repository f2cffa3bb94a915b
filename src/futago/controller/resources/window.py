"""Pages, cut in the database: what a page costs must not grow with the list."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Boolean, Column, ColumnElement, Integer, String, and_, literal, or_

from futago.controller.resources.definition import Resource, Window
from futago.controller.store.columns import plain
from futago.controller.store.database import View
from futago.controller.store.rows import Row
from futago.controller.store.tables import TABLES

R = TypeVar("R", bound=Row)

_ID = "id"


def sortable(resource: Resource[Any], key: str) -> str | None:
    """The column by which the database orders a list just as we would; None if there is none."""
    name = "project_id" if key == "tenant_id" else key
    table = TABLES.get(resource.kind)
    column = None if table is None else table.c.get(name)
    if column is None or column.nullable or not isinstance(column.type, (Boolean, Integer, String)):
        return None
    return name


def part(view: View, kind: type[R], window: Window, clauses: Sequence[ColumnElement[bool]]) -> list[R]:
    """The rows of a window, of those for which every clause holds."""
    columns = TABLES[kind].c
    keys = [
        (_ordered(view, columns[name]), name, downwards is not window.backwards) for name, downwards in window.order
    ]
    beyond = [] if window.after is None else [_beyond(keys, window.after)]
    order = [column.desc() if downwards else column for column, _, downwards in keys]
    found = view.search(kind, *clauses, *beyond, order_by=order, limit=window.limit)
    return found[::-1] if window.backwards else found


def _beyond(keys: Sequence[tuple[Any, str, bool]], row: Row) -> ColumnElement[bool]:
    """What comes after `row`: the first key says so, or it is equal and the next one does, and so on."""
    ways = []
    for number, (column, name, downwards) in enumerate(keys):
        value = literal(plain(getattr(row, name)), column.type)
        equal = [other == literal(plain(getattr(row, before)), other.type) for other, before, _ in keys[:number]]
        ways.append(and_(*equal, column < value if downwards else column > value))
    return or_(*ways)


def _ordered(view: View, column: Column[Any]) -> Any:
    """Words in the order of their characters, whatever language the database speaks; ids are in that order in all."""
    worded = isinstance(column.type, String) and column.name != _ID
    return column.collate("C") if worded and view.dialect == "postgresql" else column
