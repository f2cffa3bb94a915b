"""Finding rows as a caller may see them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, or_

from futago.controller.resources.definition import Reading, Resource
from futago.controller.store.database import View
from futago.controller.store.rows import Row
from futago.controller.store.tables import TABLES

R = TypeVar("R", bound=Row)
G = TypeVar("G")

_NOTHING: Final[Mapping[str, Sequence[str]]] = {}
_MOST_AT_ONCE = 500
"""Databases bound the number of values in one statement."""


def rows(reading: Reading, kind: type[R], wanted: Mapping[str, Sequence[str]], *others: ColumnElement[bool]) -> list[R]:
    """The rows with the `wanted` values that belong to the caller, or for which one of `others` holds."""
    columns = TABLES[kind].c
    clauses: list[ColumnElement[bool]] = [columns[name].in_(values) for name, values in wanted.items()]
    if not reading.caller.admin:
        clauses.append(or_(columns.project_id == reading.caller.project_id, *others))
    return reading.view.search(kind, *clauses)


def parts(reading: Reading, kind: type[R], wanted: Mapping[str, Sequence[str]]) -> list[R]:
    """The rows with the `wanted` values of a kind that is seen by whoever sees its parent."""
    columns = TABLES[kind].c
    return reading.view.search(kind, *(columns[name].in_(values) for name, values in wanted.items()))


def one(reading: Reading, resource: Resource[R], object_id: str, beside: Mapping[str, Sequence[str]] = _NOTHING) -> R:
    """The row with this id, and the values `beside` it, if the caller may see it.

    Raises:
        ApiError: the resource's `not_found`, just as if there were none.

    """
    found = resource.find(reading, {"id": [object_id], **beside})
    if not found:
        raise resource.not_found(object_id)
    return found[0]


def among(view: View, kind: type[R], column: str, values: Collection[str]) -> list[R]:
    """The rows whose `column` is one of `values`, however many these are."""
    if len(values) <= _MOST_AT_ONCE:
        return view.find(kind, **{column: list(values)}) if values else []
    wanted = set(values)
    return [row for row in view.find(kind) if getattr(row, column) in wanted]


def grouped(items: Iterable[G], by: str) -> dict[Any, list[G]]:
    """The items under the value of their attribute `by`, in their order."""
    groups: dict[Any, list[G]] = {}
    for item in items:
        groups.setdefault(getattr(item, by), []).append(item)
    return groups
