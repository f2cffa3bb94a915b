"""Whether an uplink of this node can be used: samples in, up or down out, with damping.

Pure: whoever samples owns the clocks and sockets (`drivers.uplinks`). An uplink goes down quickly and comes up slowly,
and the more slowly the more often it has gone down lately, since each change may move routers to another node:

    UP ──no carrier, or `misses` probes in a row not answered──▶ DOWN
    DOWN ──good without a break for `hold` seconds──▶ UP          hold: doubled by each fall that follows soon

A gateway that has never answered is not held against the uplink: some never answer probes.
"""

from dataclasses import dataclass, replace
from enum import StrEnum


class Cause(StrEnum):
    """Why an uplink is down."""

    NO_CARRIER = "no carrier"
    SILENT = "gateway does not answer"
    HELD = "good again, not for long enough"
    """Nothing is wrong at present; it has to stay so for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Damping:
    """How quickly uplinks change; seconds."""

    misses: int = 3
    """So many probes in a row must go unanswered."""
    hold: float = 3.0
    """How long an uplink must be good before it counts as up again, after its first fall."""
    longest_hold: float = 60.0
    calm: float = 120.0
    """A fall after so long a time up is a first one again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at an uplink; None is "not known"."""

    carrier: bool | None = None
    answered: bool | None = None
    """Whether the gateway has answered since the last look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An uplink between two looks at it; times are readings of a steady clock, in seconds."""

    up: bool = True
    since: float = 0.0
    """When it came up or went down."""
    cause: Cause | None = None
    """Why it is down."""
    answers: bool = False
    """Its gateway has answered before, so silence means something."""
    missed: int = 0
    """Probes in a row that were not answered."""
    good_since: float | None = None
    """DOWN: since when nothing has been wrong."""
    hold: float = 0.0
    """How long it has to be good before it comes up; 0 before the first fall."""
    falls: int = 0
    """How often it has gone down."""


def observe(health: Health, sample: Sample, now: float, damping: Damping) -> Health:
    """The uplink after one more look."""
    missed = {True: 0, False: health.missed + 1, None: health.missed}[sample.answered]
    seen = replace(health, missed=missed, answers=health.answers or sample.answered is True)
    if seen.up:
        cause = _fault(seen, sample, damping.misses)
        return seen if cause is None else _fall(seen, cause, now, damping)
    # One missed probe ends the good time of an uplink that is down: it needs many to fall, none to rise.
    cause = _fault(seen, sample, 1)
    if cause is None and seen.answers and sample.answered is None:
        cause = seen.cause
    if cause is not None:
        return replace(seen, cause=cause, good_since=None)
    seen = replace(seen, cause=Cause.HELD, good_since=now if seen.good_since is None else seen.good_since)
    assert seen.good_since is not None
    if now - seen.good_since < seen.hold:
        return seen
    return replace(seen, up=True, since=now, cause=None, good_since=None)


def _fault(health: Health, sample: Sample, misses: int) -> Cause | None:
    if sample.carrier is False:
        return Cause.NO_CARRIER
    return Cause.SILENT if health.answers and health.missed >= misses else None


def _fall(health: Health, cause: Cause, now: float, damping: Damping) -> Health:
    soon = health.hold > 0 and now - health.since < damping.calm
    hold = min(2 * health.hold, damping.longest_hold) if soon else damping.hold
    return replace(health, up=False, since=now, cause=cause, good_since=None, hold=hold, falls=health.falls + 1)
