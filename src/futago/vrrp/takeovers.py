"""How long takeovers take: what is told of the last one of a router, and of all those of a host. Pure."""

from bisect import bisect_left
from typing import Final

import msgspec

BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Seconds: the upper end of each class of a `Spread`; one more class has no end."""


class Takeover(msgspec.Struct, frozen=True, kw_only=True):
    """Becoming active, other than by going on as the active one that a former engine was."""

    duration: float
    """Seconds from the decision until the addresses were put and announced."""
    silence: float | None = None
    """Seconds from the last advertisement heard to the decision; None if none was heard."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """Durations, by class; all the routers of a host together: for each router alone it would be twenty series."""

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total: float = 0.0
    """Seconds."""

    def with_one(self, seconds: float) -> "Spread":
        """The same, with one more."""
        place = bisect_left(BOUNDS, seconds)
        counts = tuple(count + (number == place) for number, count in enumerate(self.counts))
        return Spread(counts=counts, total=self.total + seconds)


class Takeovers(msgspec.Struct, frozen=True, kw_only=True):
    """All those of this host since its engine started."""

    durations: Spread = Spread()
    silences: Spread = Spread()
    """Of those before which an advertisement was heard."""

    def with_one(self, takeover: Takeover) -> "Takeovers":
        """The same, with one more."""
        heard = takeover.silence
        silences = self.silences if heard is None else self.silences.with_one(heard)
        return Takeovers(durations=self.durations.with_one(takeover.duration), silences=silences)
