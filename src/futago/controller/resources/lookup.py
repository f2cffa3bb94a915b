"""Finding rows as a caller may see them."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, or_, select

from futago.controller.resources import errors
from futago.controller.resources.definition import Reading, Resource, Window, Writing
from futago.controller.resources.window import part
from futago.controller.store.database import View
from futago.controller.store.rows import Row
from futago.controller.store.tables import TABLES

R = TypeVar("R", bound=Row)
G = TypeVar("G")
Others = Callable[[Reading], ColumnElement[bool]]
"""What a caller sees of other projects."""

_NOTHING: Final[Mapping[str, Sequence[str]]] = {}


def rows(reading: Reading, kind: type[R], wanted: Mapping[str, Sequence[str]], others: Others | None = None) -> list[R]:
    """The rows with the `wanted` values that belong to the caller, or for which `others` holds: made only if needed."""
    if _window(reading, kind) is None and (reading.caller.unbounded or "id" in wanted):
        found = reading.view.find(kind, **wanted)
        if reading.caller.unbounded or all(_own(reading, row) for row in found):
            return found
    if reading.caller.unbounded:
        return parts(reading, kind, wanted)
    own = TABLES[kind].c.project_id == reading.caller.project_id
    return parts(reading, kind, wanted, own if others is None else or_(own, others(reading)))


def under_own(kind: type[Row], column: str, parent: type[Row]) -> Others:
    """For `rows`: those of a kind that are a part of something of the caller's project."""

    def clause(reading: Reading) -> ColumnElement[bool]:
        parents = TABLES[parent].c
        own_parents = select(parents.id).where(parents.project_id == reading.caller.project_id)
        return TABLES[kind].c[column].in_(own_parents)

    return clause


def parts(
    reading: Reading, kind: type[R], wanted: Mapping[str, Sequence[str]], *clauses: ColumnElement[bool]
) -> list[R]:
    """The rows with the `wanted` values of a kind that is seen by whoever sees its parent, where every clause holds."""
    columns, window = TABLES[kind].c, _window(reading, kind)
    named = [columns[name].in_([value for value in values if "\0" not in value]) for name, values in wanted.items()]
    if window is None:
        return reading.view.search(kind, *named, *clauses)
    return part(reading.view, kind, window, [*named, *clauses])


def _window(reading: Reading, kind: type[R]) -> Window | None:
    return reading.window if reading.window is not None and reading.window.kind is kind else None


def _own(reading: Reading, row: Row) -> bool:
    return getattr(row, "project_id", None) == reading.caller.project_id


def one(reading: Reading, resource: Resource[R], object_id: str, beside: Mapping[str, Sequence[str]] = _NOTHING) -> R:
    """The row with this id, and the values `beside` it, if the caller may see it.

    Raises:
        ApiError: the resource's `not_found`, just as if there were none.

    """
    found = resource.find(reading, {"id": [object_id], **beside})
    if not found:
        raise resource.not_found(object_id)
    return found[0]


def own(writing: Writing, resource: Resource[R], object_id: str, rule: str) -> R:
    """The row with this id, if the rule lets the caller do what is asked with it.

    Raises:
        ApiError: the resource's `not_found`, where the caller may not even see it.
        errors.PolicyNotAuthorized: it is another project's, or the caller only reads.

    """
    row = one(writing.reading, resource, object_id)
    if writing.policy.of_any(rule, writing.caller):
        return row
    (shown,) = resource.render(writing.reading, [row])
    if not writing.policy.allows(rule, writing.caller, shown):
        raise errors.PolicyNotAuthorized(rules=f"rule:{rule}")
    return row


def among(view: View, kind: type[R], column: str, values: Collection[str]) -> list[R]:
    """The rows whose `column` is one of `values`, however many these are."""
    return view.find(kind, **{column: list(values)}) if values else []


def grouped(items: Iterable[G], by: str) -> dict[Any, list[G]]:
    """The items under the value of their attribute `by`, in their order."""
    groups: dict[Any, list[G]] = {}
    for item in items:
        groups.setdefault(getattr(item, by), []).append(item)
    return groups
