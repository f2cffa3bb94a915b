"""For how long two nodes said at the same time that they were active for one router. Counted as reports come."""

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

LONGEST_SILENCE: Final = 10.0
"""Seconds: a node that has said nothing for longer was not active all that time, by anybody's word."""


@dataclass(slots=True)
class _Said:
    """One node's word that it is active, for one router."""

    since: float
    until: float
    """When it was heard last."""
    ended: bool = False
    """It says so no more since then. It counts until the others have been heard after that."""


class Overlaps:
    """Of this controller's life, by the reports that it was sent; may be called from any thread.

    A report comes later than what it tells, and not all at the same pace: a planned move shows as some milliseconds.
    The nodes' own figures are exact, but a node knows only of those that it hears.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, dict[str, _Said]] = {}
        """By router and node."""
        self._counted: dict[str, float] = {}
        """Until when, by router."""
        self.seconds = 0.0
        """Of all routers together."""

    def take(self, node: str, active: Iterable[str]) -> None:
        """A node says that it is active for these routers now, and for no other."""
        now, active = self._clock(), set(active)
        with self._lock:
            for router_id in active | {router_id for router_id, nodes in self._said.items() if node in nodes}:
                nodes = self._said.setdefault(router_id, {})
                _note(nodes, node, now, active=router_id in active)
                self._count(router_id, nodes)

    def _count(self, router_id: str, nodes: dict[str, _Said]) -> None:
        """From when the second one said so to when the last but one was heard."""
        if len(nodes) > 1:
            second = sorted(said.since for said in nodes.values())[1]
            began = max(second, self._counted.get(router_id, second))
            ended = sorted(said.until for said in nodes.values())[-2]
            self.seconds += max(0.0, ended - began)
            self._counted[router_id] = max(began, ended)
        heard = min((said.until for said in nodes.values() if not said.ended), default=None)
        for node in [name for name, said in nodes.items() if said.ended and (heard is None or said.until <= heard)]:
            del nodes[node]
        if not nodes:
            del self._said[router_id]
            self._counted.pop(router_id, None)


def _note(nodes: dict[str, _Said], node: str, now: float, *, active: bool) -> None:
    """Take down what a node says of one router."""
    said = nodes.get(node)
    if said is None or (said.ended and active):
        nodes[node] = _Said(now, now, ended=not active)
    elif not said.ended:
        if now - said.until > LONGEST_SILENCE:
            said.since = now
        said.until, said.ended = now, not active
