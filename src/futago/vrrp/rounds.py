"""In which order, and how fast, the daemon looks at its routers: a few at a time, so that no advertisement waits."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

CHECK_EVERY: Final = 2.0
"""Seconds between two looks at a router, while there are not too many of them."""
CHECK_AT_ONCE: Final = 5
"""Routers in one go: half a millisecond."""
CHECKS_A_SECOND: Final = 200
"""So many cost two hundredths of a core; from 400 routers on, each has to wait longer for its turn."""


@dataclass(slots=True)
class Rounds:
    """One round after the other, each over all the routers that were there at its beginning."""

    _left: list[str] = field(default_factory=list)

    def next(self, names: Iterable[str]) -> Sequence[str]:
        """Those whose turn it is, of these or of those that were there a moment ago."""
        self._left = self._left or list(names)
        turn, self._left = self._left[:CHECK_AT_ONCE], self._left[CHECK_AT_ONCE:]
        return turn


def pause(routers: int) -> float:
    """Seconds until the next ones have their turn."""
    turns = max(1.0, routers / CHECK_AT_ONCE)
    return max(CHECK_EVERY / turns, CHECK_AT_ONCE / CHECKS_A_SECOND)
