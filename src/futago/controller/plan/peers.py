"""The mesh of tunnels: every node that has a tunnel address knows all others that have one."""

from collections.abc import Iterable

from futago.contract.specs import PeerSpec, Spec
from futago.controller.plan.views import Settings
from futago.controller.store.rows import Node
from futago.values import IPv4Address


def plan_peers(nodes: Iterable[Node], settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Node → its peers.

    A network node has a fast BFD session with every other node: it must learn at once that another network node is
    dead, and to know whether not itself is cut off, it asks whether it reaches any node.
    """
    ends = {node.name: node.facts for node in nodes if node.facts is not None and node.facts.tunnel_address is not None}
    routing = {name for name, facts in ends.items() if "l3" in facts.roles}
    plans: dict[str, tuple[Spec, ...]] = {}
    for name in sorted(ends):
        plans[name] = tuple(
            PeerSpec(
                node=other,
                tunnel_address=IPv4Address(str(ends[other].tunnel_address)),
                bfd_interval=settings.bfd_interval if {name, other} & routing else None,
            )
            for other in sorted(ends)
            if other != name
        )
    return plans
