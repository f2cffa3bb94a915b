"""Broadcast and multicast packets, which NORMAL would hand to every port of a network past its rules.

Each guarded port gets them by its rules; the network's other ports here, and the other nodes, as ever. The bridge
learns from them who is where, as it does from all frames. ARP is left to NORMAL: no rule is about it.
"""

from collections.abc import Iterable
from typing import Final

from futago.node.features.firewall.tables import (
    HERE,
    SENT,
    SWITCH,
    TRANSIT,
    flow,
    goto,
    load_network,
    to_each,
    to_other_nodes,
)
from futago.values import Vlan

_MANY: Final = "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"
_LEARN: Final = f"clone(move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],{goto(SWITCH)})"
"""A frame to oneself teaches the bridge where one is, and goes nowhere."""


def flood_flows(vlan: Vlan, guarded: Iterable[str], others: Iterable[str], way_out: str) -> list[str]:
    """Of one network: ports as flows name them, and what sends a frame on to other nodes."""
    here = to_each(guarded) + "".join(f",output:{one}" for one in sorted(others))
    flows = []
    for family in ("ip", "ipv6"):
        match = f"reg6=0x{vlan:x},{family},{_MANY}"
        flows += [
            flow(TRANSIT, 80, f"dl_vlan={vlan},{family},{_MANY}", f"{_LEARN},strip_vlan,{load_network(vlan)}{here}"),
            flow(HERE, 80, match, f"{_LEARN}{here}{to_other_nodes(vlan, way_out)}"),
            # Each receiver has it remembered if its rules let it in.
            flow(SENT, 90, match, goto(HERE)),
        ]
    return flows
