"""Pure: which nodes carry what.

A router's replicas go to the nodes that have the fewest, and the first of them is the one that it prefers: it gets
the highest priority, so that actives are spread evenly. The seed's profile gives all the same priority, as Neutron.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

SEED_PRIORITY: Final = 50
_FIRST_PRIORITY: Final = 100
_PRIORITY_STEP: Final = 10


class Candidate(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """A living node that could carry one more, ordered by how much it carries."""

    preferred_of: int
    """How many routers have it as their first choice."""
    carried: int
    node: str


def candidates(nodes: Sequence[str], carried: Mapping[str, int], preferred_of: Mapping[str, int]) -> list[Candidate]:
    """The `nodes` with their load."""
    return [
        Candidate(preferred_of=preferred_of.get(node, 0), carried=carried.get(node, 0), node=node) for node in nodes
    ]


def choose(of: Sequence[Candidate], wanted: int) -> tuple[str, ...]:
    """The names of at most `wanted` nodes (0: all), the least loaded; the first is the preferred one."""
    by_load = sorted(of, key=lambda candidate: (candidate.carried, candidate.preferred_of, candidate.node))
    chosen = by_load[:wanted] if wanted else by_load
    return tuple(candidate.node for candidate in sorted(chosen))


def priority(rank: int, *, equal: bool) -> int:
    """The VRRP priority of a router's `rank`-th replica (0: the preferred one)."""
    return SEED_PRIORITY if equal else max(1, _FIRST_PRIORITY - rank * _PRIORITY_STEP)
