"""Which VLAN stands for each network on this node. It means something here only, so each node has its own."""

from collections.abc import Collection, Iterable
from typing import Final

from futago.node.host import LEARNED_SECONDS, LocalVlans
from futago.values import Vlan

RENEWAL_SECONDS: Final = 60
"""How exactly it is kept how long a VLAN rests: a change is a write to the disk."""
REST_SECONDS: Final = LEARNED_SECONDS + RENEWAL_SECONDS
"""How long a VLAN rests: what was learned of the old network would send the new one's frames into it."""

_MAX_LOCAL_VLAN: Final = 4094


def allocate_vlans(
    previous: LocalVlans, networks: Iterable[str], now: float, in_use: Collection[Vlan] = ()
) -> LocalVlans:
    """Give each network a local VLAN: the one that it has, else the lowest that nobody has and that does not rest.

    A VLAN rests from when its network went, and as long as it is `in_use`: something of the network is still there.
    """
    wanted = sorted(set(networks))
    vlans: dict[str, Vlan] = {}
    taken: set[Vlan] = set()
    for network_id in wanted:
        vlan = previous.vlans.get(network_id)
        if vlan is not None and vlan not in taken:
            vlans[network_id] = vlan
            taken.add(vlan)
    resting = _resting(previous, taken, now, in_use)
    busy = taken.union(resting)
    free = (Vlan(n) for n in range(1, _MAX_LOCAL_VLAN + 1) if n not in busy)
    for network_id in wanted:
        if network_id not in vlans and (vlan := next(free, None)) is not None:
            vlans[network_id] = vlan
    return LocalVlans(vlans=vlans, freed=tuple(sorted(resting.items())))


def _resting(previous: LocalVlans, taken: set[Vlan], now: float, in_use: Collection[Vlan]) -> dict[Vlan, float]:
    gone = set(previous.vlans.values()).union(in_use) - taken - dict(previous.freed).keys()
    resting = dict.fromkeys(gone, now)
    for vlan, since in previous.freed:
        # A clock that was set back must not make a VLAN rest for years.
        renewed = since > now or (vlan in in_use and now - since >= RENEWAL_SECONDS)
        if vlan not in taken and (renewed or now - since < REST_SECONDS):
            resting[vlan] = now if renewed else since
    return resting
