"""The smallest part of a failing schedule that still breaks a law."""

from dataclasses import dataclass

from sim.laws import Broken
from sim.schedule import Schedule
from sim.world import broken_by


@dataclass(frozen=True, slots=True, kw_only=True)
class Smallest:
    """What is left of a schedule."""

    seed: int
    kept: tuple[int, ...]
    """The numbers of the events that it takes."""
    broken: str
    """The law that it breaks."""

    @property
    def command(self) -> str:
        events = ",".join(map(str, self.kept)) or "none"
        return f"./run sim --replay {self.seed} --events {events} -v"


def shrink(schedule: Schedule, broken: Broken) -> Smallest:
    """Leave out one event after the other for as long as some law is still broken."""
    kept = list(range(len(schedule.events)))
    position = 0
    while position < len(kept):
        fewer = kept[:position] + kept[position + 1 :]
        still = broken_by(schedule.only(frozenset(fewer)))
        if still:
            kept, broken, position = fewer, still, 0
        else:
            position += 1
    return Smallest(seed=schedule.seed, kept=tuple(kept), broken=str(broken))
