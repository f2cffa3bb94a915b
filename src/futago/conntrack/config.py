"""What the program is told: the node's part in the replication of connections. It comes whole, over the socket."""

from typing import Final, Literal

import msgspec

from futago.contract.keys import SharedKey
from futago.values import IPv4Address

DEFAULT_PORT: Final = 9697

Scope = Literal["translated", "all"]
"""Which connections go to the twins: those that the router translates, or those that it routes, too."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another node that has replicas of routers of ours."""

    node: str
    address: IPv4Address
    """On the underlay."""


class ReplicatedRouter(msgspec.Struct, frozen=True, kw_only=True):
    """A replica on this node."""

    name: str
    """As vrrpd knows it."""
    namespace: str
    peers: tuple[str, ...]
    """The nodes of the other replicas, sorted."""


class Replication(msgspec.Struct, frozen=True, kw_only=True):
    """All that one node does for the connections of its routers."""

    node: str = ""
    """What this node is called by its peers."""
    address: IPv4Address | None = None
    """Its own on the underlay: where it listens, and from where it speaks."""
    port: int = DEFAULT_PORT
    keys: tuple[SharedKey, ...] = ()
    """Any of them verifies."""
    send_key: int = 0
    scope: Scope = "translated"
    peers: tuple[Peer, ...] = ()
    routers: tuple[ReplicatedRouter, ...] = ()
    off: str = ""
    """Why nothing is replicated, where that is so; then there are no routers."""

    def router(self, name: str) -> ReplicatedRouter | None:
        return next((router for router in self.routers if router.name == name), None)
