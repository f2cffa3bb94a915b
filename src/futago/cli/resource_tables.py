"""What the API answers, for people: tables; or JSON for programs."""

import json
import sys
from typing import Any, Final

from futago.client import Body

_WIDE: Final = 1000
"""Characters: where nobody looks at a terminal, nothing is folded."""


def show_one(found: Body, *, as_json: bool) -> None:
    """Attributes and their values."""
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print_table(["attribute", "value"], [{"attribute": name, "value": found[name]} for name in sorted(found)])


def show_many(columns: list[str], found: list[Body], *, as_json: bool) -> None:
    """One line each."""
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        print_table(columns, found)


def print_table(columns: list[str], rows: list[Body]) -> None:
    """A table as wide as the terminal, or as it must be."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)
