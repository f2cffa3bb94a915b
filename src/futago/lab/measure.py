"""Read measurements out of what programs print. Pure: text and times in, numbers out."""

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_REPLY: Final = re.compile(r"^\[(?P<time>\d+\.\d+)\] .*bytes from .*icmp_seq=(?P<seq>\d+)")


@dataclass(frozen=True, slots=True)
class Reply:
    """A line of `ping -D`: an answer, when it came, and to which request."""

    time: float
    """Seconds since the Unix epoch."""
    sequence: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest silence between two neighbouring events."""

    seconds: float
    began: float
    """The time of the last event before it."""


def replies(lines: Iterable[str]) -> list[Reply]:
    """The answers among the lines of `ping -D` (iputils, ping(8)); duplicates and errors are left out."""
    matches = (_REPLY.match(line) for line in lines if "DUP!" not in line)
    return [Reply(float(match["time"]), int(match["seq"])) for match in matches if match]


def longest_gap(times: Sequence[float]) -> Gap:
    """The longest time without an event; with fewer than two events there is nothing to measure.

    Raises:
        ValueError: fewer than two events.

    """
    if len(times) < 2:
        raise ValueError(f"{len(times)} events make no gap")
    pairs = itertools.pairwise(sorted(times))
    return max((Gap(after - before, before) for before, after in pairs), key=lambda gap: gap.seconds)


def lost(received: Sequence[Reply]) -> tuple[int, ...]:
    """The requests between the first and the last answer that were never answered."""
    numbers = {reply.sequence for reply in received}
    return tuple(
        number for number in range(min(numbers, default=0), max(numbers, default=-1) + 1) if number not in numbers
    )


def pss_kib(smaps_rollup: str) -> int:
    """A process's share of memory: its own pages, and its part of those that it shares (proc(5), smaps_rollup)."""
    for line in smaps_rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0
