"""What becomes of an option: it is used, it is not needed for a reason, or it cannot be followed for a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Fate(StrEnum):
    """How an option ended."""

    USED = "used"
    NEEDLESS = "not needed"
    REFUSED = "not followed"
    UNKNOWN = "not known"


class Side(StrEnum):
    """Whose configuration a setting belongs to."""

    CONTROLLER = "controller"
    NODE = "node"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one option with its value."""

    fate: Fate
    text: str
    """For a reader: where it went, or why it went nowhere."""
    settings: Mapping[tuple[Side, str], Any] = field(default_factory=dict)


Rule = Callable[[str], Outcome]
"""From an option's value. A `ValueError` says that the value is none that this option can have."""


def used(side: Side, key: str, value: Any) -> Outcome:
    return Outcome(Fate.USED, f"{key} in {side}.toml", {(side, key): value})


def refused(reason: str) -> Outcome:
    return Outcome(Fate.REFUSED, reason)


def into(side: Side, key: str, read: Callable[[str], Any]) -> Rule:
    """The setting `key` has this meaning."""
    return lambda value: used(side, key, read(value))


def needless(reason: str) -> Rule:
    """Whatever its value is, nothing depends on it."""
    return lambda _value: Outcome(Fate.NEEDLESS, reason)


def only(read: Callable[[str], T], *known: T, so: str, otherwise: str) -> Rule:
    """There is one way to do this: with these values it is as wished, and no other is possible."""
    return lambda value: Outcome(Fate.NEEDLESS, so) if read(value) in known else refused(otherwise)


def boolean(value: str) -> bool:
    if value.lower() in {"true", "1", "yes", "on"}:
        return True
    if value.lower() in {"false", "0", "no", "off"}:
        return False
    raise ValueError(f"`{value}` is neither true nor false")


def word(value: str) -> str:
    """One value; the last, if it comes several times."""
    return value.splitlines()[-1].strip() if value else ""


def number(value: str) -> int:
    return int(word(value))


def words(value: str) -> tuple[str, ...]:
    """A list, separated by commas or lines."""
    return tuple(filter(None, (one.strip() for line in value.splitlines() for one in line.split(","))))


def pairs(value: str) -> dict[str, str]:
    """`name:value` pairs."""
    found = (one.partition(":") for one in words(value))
    return {name.strip(): said.strip() for name, _, said in found}


def number_pairs(value: str) -> dict[str, int]:
    return {name: int(said) for name, said in pairs(value).items()}
