"""Pure: which nodes carry what.

A router's replicas go to the nodes that have the fewest, and the first of them is the one that it prefers: it gets
the highest priority, and the others yield until it is active, so that actives are spread evenly whichever node is ready
first. The seed's profile has all advertise the same priority, as Neutron does.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

SEED_PRIORITY: Final = 50
_FIRST_PRIORITY: Final = 200
LAST_PRIORITY: Final = 10
"""Less is left to those who want to be rid of a router (`vrrp.peers`)."""
HIGHEST_PRIORITY: Final = 254
"""255 is the owner's of the addresses, which would preempt (RFC 9568, 5.2.4)."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A living node that could carry one more, ordered by how much it carries."""

    preferred_of: int
    """How many routers it is active for, or will be."""
    carried: int
    node: str
    zone: str = ""
    """Its availability zone: what may fail together."""


def candidates(
    nodes: Mapping[str, str] | Sequence[str], carried: Mapping[str, int], preferred_of: Mapping[str, int]
) -> list[Candidate]:
    """The `nodes`, each with its zone if it has one, with their load."""
    zones = nodes if isinstance(nodes, Mapping) else dict.fromkeys(nodes, "")
    return [
        Candidate(preferred_of=preferred_of.get(node, 0), carried=carried.get(node, 0), node=node, zone=zone)
        for node, zone in zones.items()
    ]


def choose(of: Sequence[Candidate], wanted: int, placed: Collection[str] = ()) -> tuple[str, ...]:
    """The names of at most `wanted` nodes (0: all), the least loaded; the first is the preferred one.

    Zones take turns, those first in which fewest are `placed` already.
    """
    left = sorted(of, key=lambda candidate: (candidate.carried, candidate.preferred_of, candidate.node))
    per_zone = Counter(placed)
    chosen: list[Candidate] = []
    while left and (len(chosen) < wanted or not wanted):
        best = min(left, key=lambda candidate: per_zone[candidate.zone])
        left.remove(best)
        per_zone[best.zone] += 1
        chosen.append(best)
    return tuple(candidate.node for candidate in sorted(chosen))


def priority(rank: int) -> int:
    """The VRRP priority of a router's `rank`-th replica (0: the preferred one).

    Each is half of the one before: a replica waits (256 - priority) / 256 of an interval longer than three (RFC 9568,
    6.1), and that has to be more than the nodes differ in starting the router.
    """
    return max(LAST_PRIORITY, _FIRST_PRIORITY >> rank)


def free_priority(taken: Collection[int]) -> int:
    """The priority of one more replica: that of the lowest rank which no other has."""
    return next(wanted for wanted in map(priority, count()) if wanted not in taken or wanted == LAST_PRIORITY)


def spread(actives: Mapping[str, str], carriers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Router → the node to be active for it, with as few moves from `actives` as an even spread takes.

    A router moves from a node to one that carries it too and is active for at least two fewer, over others if need be:
    until no such chain is left, which is the evenest spread that there is.
    """
    after = dict(actives)
    while (chain := _chain(after, carriers)) is not None:
        after.update(chain)
    return after


def _chain(actives: Mapping[str, str], carriers: Mapping[str, Sequence[str]]) -> dict[str, str] | None:
    """Moves that take one router from a fuller node, and give one to a node with at least two fewer."""
    load = dict.fromkeys((node for nodes in carriers.values() for node in nodes), 0)
    held: dict[str, list[str]] = {}
    for router, node in sorted(actives.items()):
        load[node] = load.get(node, 0) + 1
        held.setdefault(node, []).append(router)
    for full in sorted(load, key=lambda node: (-load[node], node)):
        reached: dict[str, dict[str, str]] = {full: {}}
        queue = [full]
        for node in queue:
            for router in held.get(node, []):
                for other in sorted(carriers.get(router, ())):
                    if other in reached:
                        continue
                    reached[other] = {**reached[node], router: other}
                    if load[other] <= load[full] - 2:
                        return reached[other]
                    queue.append(other)
    return None
