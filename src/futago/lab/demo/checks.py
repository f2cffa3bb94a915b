"""What was expected and what was seen. Pure."""

from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the final table."""

    what: str
    expected: str
    seen: str
    holds: bool


def equal(what: str, expected: object, seen: object) -> Check:
    return Check(what, str(expected), str(seen), expected == seen)


def below(what: str, limit: float, seen: float, unit: str) -> Check:
    return Check(what, f"under {limit:g} {unit}", f"{seen:.2f} {unit}", seen < limit)


def between(what: str, low: float, high: float, seen: float, unit: str) -> Check:
    return Check(what, f"{low:g} to {high:g} {unit}", f"{seen:.2f} {unit}", low <= seen <= high)


def at_most(what: str, limit: int, seen: int) -> Check:
    return Check(what, f"at most {limit}", str(seen), seen <= limit)


def table(checks: list[Check]) -> Table:
    """The final table."""
    made = Table(title="Expected and seen", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    made.add_column("")
    made.add_column("what", no_wrap=True)
    made.add_column("expected")
    made.add_column("seen")
    for check in checks:
        mark = "[green]✔[/]" if check.holds else "[bold red]✘[/]"
        made.add_row(mark, check.what, check.expected, check.seen)
    return made
