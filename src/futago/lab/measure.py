"""Read measurements out of what programs print. Pure: text and times in, numbers out."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_MAPPING: Final = re.compile(
    r"^[0-9a-f]+-[0-9a-f]+ \S+ (?P<offset>[0-9a-f]+) (?P<device>[0-9a-f]+:[0-9a-f]+) (?P<inode>\d+)"
)
_REPLY: Final = re.compile(r"^\[(?P<time>\d+\.\d+)\] .*bytes from .*icmp_seq=(?P<seq>\d+)")

SLACK: Final = 0.1
"""Seconds before an event in which the last answer before it may have come."""


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


@dataclass(frozen=True, slots=True)
class Loss:
    """What a steady ping missed in a span of time."""

    longest: Gap
    lost: int
    """Requests without an answer, in silences that began in the span; those of one that never ended are not counted."""
    ended: bool
    """Whether the longest silence was over before the span was."""


def loss(received: Sequence[Reply], since: float, until: float) -> Loss:
    """What was missed from `since` to `until`; a silence belongs to the moment at which it began.

    Raises:
        ValueError: no answer at all: nothing can be told of a ping that never worked.

    """
    times = sorted(reply.time for reply in received)
    if not times:
        raise ValueError("no answer to measure from")
    gaps = [
        Gap(after - before, before)
        for before, after in itertools.pairwise([*times, max(until, times[-1])])
        if since - SLACK <= before < until
    ]
    # Where there is none, not one answer came in the span, and what lasts through it began before.
    longest = max(gaps, key=lambda gap: gap.seconds, default=Gap(until - since, since))
    ended = longest.began < times[-1] and bool(gaps) and longest.began + longest.seconds <= until
    return Loss(longest, sum(since - SLACK <= time < until for time in _never_answered(received)), ended)


def _never_answered(received: Sequence[Reply]) -> Iterator[float]:
    """About when each request was sent that was not answered, but for the last ones.

    An answer may be late, but none comes before its request: the earliest answer to this request or a later one says
    when it was sent at the latest.
    """
    answers = sorted(received, key=lambda reply: reply.sequence)
    earliest = list(itertools.accumulate((reply.time for reply in reversed(answers)), min))[::-1]
    for (before, after), sent in zip(itertools.pairwise(answers), earliest, strict=False):
        yield from [sent] * (after.sequence - before.sequence - 1)


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process holds, in KiB: pages of its own, and pages of files, which others may hold too."""

    own: int
    """Anonymous pages, each divided by the number of processes that share it since a fork."""
    files: Mapping[str, int]
    """Resident pages of files, by mapping."""


def memory(smaps_rollup: str, smaps: str) -> Memory:
    """Read a process's memory from what the kernel tells of it (proc(5))."""
    own = next((int(line.split()[1]) for line in smaps_rollup.splitlines() if line.startswith("Pss_Anon:")), 0)
    files: dict[str, int] = {}
    mapping = ""
    for line in smaps.splitlines():
        name, _, value = line.partition(":")
        if name == "Rss":
            files[mapping] = files.get(mapping, 0) + int(value.split()[0])
        elif name == "Anonymous":
            files[mapping] -= int(value.split()[0])
        elif match := _MAPPING.match(line):
            mapping = f"{match['device']}/{match['inode']}@{match['offset']}"
    return Memory(own, {mapping: kib for mapping, kib in files.items() if kib > 0 and "/0@" not in mapping})


def together_mib(processes: Iterable[Memory]) -> float:
    """The PSS that these processes would have together on a machine of their own.

    In a lab, hosts share the pages of programs and libraries with each other; a sum of the kernel's own PSS would
    divide these by all hosts, and tell too little. So a file's pages count once here, as the process that has most
    of them holds them.
    """
    found = list(processes)
    files: dict[str, int] = {}
    for process in found:
        for mapping, kib in process.files.items():
            files[mapping] = max(kib, files.get(mapping, 0))
    return (sum(process.own for process in found) + sum(files.values())) / 1024
