"""Judge a round of chaos: two actives, who was served when, what is left over. Pure: times in, complaints out."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from futago.config import Profile
from futago.lab.drill.sightings import Sighting, What

Span = tuple[float, float]
"""From when to when, in seconds since the Unix epoch."""

DETECTION: Final = {Profile.DEFAULT: 1.2, Profile.FAST: 1.2, Profile.SEED: 6.9}
"""Seconds until a silent active is given up: three advertisements and the skew (RFC 9568, 6.1) of priority 50."""


def advertising(seen: Iterable[Sighting], most: float) -> dict[str, dict[str, list[Span]]]:
    """For each router, when each host advertised it as active: from the first to the last of a row without a pause.

    A row ends where nothing came for `most` seconds, or with the farewell of priority 0.
    """
    found: dict[str, dict[str, list[Span]]] = {}
    last_word: dict[tuple[str, str], bool] = {}
    for sighting in sorted(seen, key=lambda one: one.time):
        if sighting.what not in {What.ADVERT, What.LAST_ADVERT}:
            continue
        rows = found.setdefault(sighting.about, {}).setdefault(sighting.host, [])
        key = (sighting.about, sighting.host)
        goes_on = bool(rows) and sighting.time - rows[-1][1] <= most and not last_word.get(key, False)
        last_word[key] = sighting.what is What.LAST_ADVERT
        if goes_on:
            rows[-1] = (rows[-1][0], sighting.time)
        elif sighting.what is What.ADVERT:
            rows.append((sighting.time, sighting.time))
    return found


def both(spans: Mapping[str, Sequence[Span]], deaf: Sequence[Span]) -> Iterator[tuple[str, str, Span]]:
    """Each pair of hosts and when both were active while they could hear each other."""
    for one, other in itertools.combinations(sorted(spans), 2):
        for overlap in _overlaps(spans[one], spans[other]):
            for piece in _without(overlap, deaf):
                yield one, other, piece


def served_after(answers: Sequence[float], ended: float, until: float, quiet: float = 0.3) -> float | None:
    """Seconds after `ended` at which the last silence longer than `quiet` was over; None: it was not until `until`.

    `answers` are the times at which a steady ping was answered. 0 if there was no such silence.
    """
    silences = list(itertools.pairwise([*sorted(time for time in answers if time < until), until]))
    long = [(began, over) for began, over in silences if over - began > quiet and over > ended]
    if not silences or not long:
        return 0.0 if silences and silences[0][0] <= ended else None
    return None if long[-1][1] >= until else long[-1][1] - ended


def all_served_after(silent: Sequence[tuple[float, int]], ended: float, until: float) -> float | None:
    """As `served_after`, of many: at these times so many were silent."""
    told = [(time, count) for time, count in silent if time < until]
    if not told or told[-1][1]:
        return None
    return max((time - ended for time, count in told if count and time > ended), default=0.0)


def left_over(before: Mapping[str, frozenset[str]], after: Mapping[str, frozenset[str]]) -> list[str]:
    """What a host has that it had not, and what it has lost, in words."""
    found = []
    for host in sorted(before.keys() | after.keys()):
        had, has = before.get(host, frozenset()), after.get(host, frozenset())
        found += [f"{host} has {thing}, left over" for thing in sorted(has - had)]
        found += [f"{host} has lost {thing}" for thing in sorted(had - has)]
    return found


def _overlaps(one: Sequence[Span], other: Sequence[Span]) -> Iterator[Span]:
    for a, b in itertools.product(one, other):
        began, ended = max(a[0], b[0]), min(a[1], b[1])
        if began < ended:
            yield began, ended


def _without(span: Span, holes: Sequence[Span]) -> Iterator[Span]:
    """What remains of a span outside of the holes."""
    at = span[0]
    for began, ended in sorted(holes):
        if ended <= at or began >= span[1]:
            continue
        if began > at:
            yield at, began
        at = max(at, ended)
    if at < span[1]:
        yield at, span[1]
