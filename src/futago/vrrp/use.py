"""How much a router is used: where many are due at the same moment, the most recently used goes first.

The sign of use is how many connections the kernel has in the router's namespace: on a standby those are what its twin
has replicated (`futago.conntrack`). A number that changes says that somebody begins or ends something there now; of two
that are equally quiet, the one with more connections has more to lose. Pure.
"""

from typing import Final, NamedTuple

from futago.values import Millis


class Use(NamedTuple):
    """What is known of a router's use."""

    changed: Millis = Millis(0)
    """When the number was last seen to be another; 0 is never, by this engine."""
    connections: int = 0

    def noted(self, connections: int, now: Millis) -> "Use":
        """The same after another look; the first one shows no change."""
        first = self is UNKNOWN
        return Use(self.changed if first or connections == self.connections else now, connections)

    @property
    def turn(self) -> tuple[int, int]:
        """Sorts the most recently used first."""
        return -self.changed, -self.connections


UNKNOWN: Final = Use()
