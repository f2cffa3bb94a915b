"""Which faults a round of chaos has. Pure: the same seed and number give the same round."""

import random
from dataclasses import dataclass
from typing import Final

from futago.lab.drill.events import EVENTS, Event, Part

NETWORK_NODES: Final = ("net1", "net2")
COMPUTE_NODES: Final = ("compute1", "compute2")
CONTROLLER: Final = "controller"
_AT_ANY: Final = {"power": 1, "frozen": 1, "underlay": 1, "underlay-mute": 1, "underlay-deaf": 1}
_AT_A_NETWORK_NODE: Final = {
    "power": 3,
    "frozen": 3,
    "underlay": 3,
    "underlay-mute": 3,
    "underlay-deaf": 3,
    "external": 2,
    "external-mute": 1,
    "external-deaf": 1,
    "switch-frozen": 2,
    "switch-killed": 2,
    "database-frozen": 1,
    "database-killed": 1,
    "worker-killed": 2,
    "engine-killed": 2,
    "engine-frozen": 2,
    "engine-restart": 2,
    "agent-restart": 1,
    "agent-killed": 1,
    "agent-frozen": 1,
    "replicator-killed": 1,
    "dhcp-killed": 1,
    "shutdown": 1,
    "move": 2,
}
_AT_A_COMPUTE_NODE: Final = _AT_ANY | {"switch-killed": 1, "database-killed": 1, "agent-restart": 1, "agent-killed": 1}
WEIGHTS: Final = (
    dict.fromkeys(NETWORK_NODES, _AT_A_NETWORK_NODE)
    | dict.fromkeys(COMPUTE_NODES, _AT_A_COMPUTE_NODE)
    | {CONTROLLER: _AT_ANY}
)
"""The events that may happen to each host, and how often beside each other."""
_OFTEN: Final = 0.8
"""How much of all happens to network nodes."""
SPAN: Final = 8.0
"""Seconds in which the faults of a round begin."""
SHORTEST: Final = 0.2
LONGEST: Final = 8.0
MOST: Final = 6
"""Faults in one round."""
APART: Final = 5.0
"""Seconds between the moment at which one network node can serve again and that at which the other cannot."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Fault:
    """An event that happens to a host and is undone later."""

    at: float
    """Seconds after the beginning of the round."""
    seconds: float
    """How long until it is undone."""
    event: str
    """The name of one of `EVENTS`."""
    host: str

    @property
    def ends(self) -> float:
        return self.at + self.seconds

    @property
    def what(self) -> Event:
        return EVENTS[self.event]

    def __str__(self) -> str:
        return f"{self.at:.2f} s to {self.ends:.2f} s: {self.host}: {self.event}"


def round_of(seed: int, number: int) -> tuple[Fault, ...]:
    """The faults of one round, in the order of their beginning: at least one, and such as go together."""
    chance = random.Random(f"{seed}/{number}")
    chosen: list[Fault] = []
    wanted = chance.randint(1, MOST)
    for fault in (_any(chance) for _ in range(2 * wanted)):
        if len(chosen) < wanted and all(_go_together(fault, other) for other in chosen):
            chosen.append(fault)
    return tuple(sorted(chosen))


def active_in(seed: int, number: int) -> str:
    """The network node that is active when the round begins: without it, a round could not be had again."""
    return random.Random(f"{seed}/{number}/active").choice(NETWORK_NODES)


def _any(chance: random.Random) -> Fault:
    host = chance.choice(NETWORK_NODES if chance.random() < _OFTEN else (*COMPUTE_NODES, CONTROLLER))
    (event,) = chance.choices(list(WEIGHTS[host]), list(WEIGHTS[host].values()))
    # As many short ones as long ones: what is over before it is detected is as good a fault.
    seconds = SHORTEST * (LONGEST / SHORTEST) ** chance.random()
    return Fault(at=round(chance.uniform(0, SPAN), 3), seconds=round(seconds, 3), event=event, host=host)


def conflict(one: Fault, other: Fault) -> bool:
    """Whether one must be over before the other begins: they touch the same."""
    parts = {one.what.touches, other.what.touches}
    return one.host == other.host and (len(parts) == 1 or Part.HOST in parts)


def _go_together(one: Fault, other: Fault) -> bool:
    """Not twice the same at once, and always one network node that could serve."""
    if conflict(one, other):
        return not _overlap(one, other, 1.0)
    if {one.host, other.host} == set(NETWORK_NODES) and not (one.what.serves or other.what.serves):
        return not _overlap(one, other, APART)
    return True


def _overlap(one: Fault, other: Fault, margin: float) -> bool:
    return one.at < other.ends + margin and other.at < one.ends + margin
