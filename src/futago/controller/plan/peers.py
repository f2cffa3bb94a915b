"""The mesh of tunnels: every node that has a tunnel address knows all others that have one."""

from collections.abc import Iterable

from futago.contract.specs import PeerSpec, Spec
from futago.controller.store.rows import Node


def plan_peers(nodes: Iterable[Node]) -> dict[str, tuple[Spec, ...]]:
    """Node → its peers."""
    ends = sorted(
        (node.name, node.facts.tunnel_address)
        for node in nodes
        if node.facts is not None and node.facts.tunnel_address is not None
    )
    return {
        name: tuple(PeerSpec(node=other, tunnel_address=address) for other, address in ends if other != name)
        for name, _ in ends
    }
