"""The nodes' connections to each other, on the underlay: one from each node to each twin, over which it tells."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from futago.conntrack.config import ReplicatedRouter, Replication
from futago.conntrack.control import PeerStatus
from futago.conntrack.link import Link
from futago.conntrack.listener import Listener, Receive
from futago.conntrack.replica import Replica
from futago.conntrack.wire import Message


class Channel:
    """All links of a node. Those that a change of the configuration does not concern stay as they are."""

    def __init__(self, replicas: Mapping[str, Replica], receive: Receive) -> None:
        self._config = Replication()
        self._replicas = replicas
        self._receive = receive
        self._links: dict[str, Link] = {}
        self._listener = self._new_listener()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def configure(self, config: Replication) -> None:
        """Link to these twins."""
        before, self._config = self._config, config
        if _place(before) != _place(config):
            await self.close()
            if config.address is not None:
                self._listener = self._new_listener()
                self._tasks[""] = asyncio.create_task(self._listener.run())
        wanted = {peer.node: peer for peer in config.peers if config.address is not None}
        for node, link in list(self._links.items()):
            if wanted.get(node) != link.peer:
                await self._end(node)
        for node in wanted.keys() - self._links.keys():
            self._links[node] = Link(wanted[node], lambda: self._config, self._replicas)
            self._tasks[node] = asyncio.create_task(self._links[node].run())
        self._listener.check()

    async def close(self) -> None:
        for node in list(self._tasks):
            await self._end(node)
        self._listener.close()

    async def _end(self, node: str) -> None:
        self._links.pop(node, None)
        task = self._tasks.pop(node)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    def _new_listener(self) -> Listener:
        return Listener(lambda: self._config, self._receive, self._met, self._lost)

    @property
    def refused(self) -> int:
        return self._listener.refused

    @property
    def error(self) -> str | None:
        return self._listener.error

    def statuses(self) -> tuple[PeerStatus, ...]:
        return tuple(self._links[node].status() for node in sorted(self._links))

    def behind(self, router: ReplicatedRouter) -> tuple[str, ...]:
        """The twins that live, and have not got everything of a router that is active here."""
        return tuple(node for node in router.peers if node in self._links and self._links[node].behind(router.name))

    def claim(self, replica: Replica) -> None:
        """Tell all twins of a replica everything."""
        for node in replica.router.peers:
            if node in self._links:
                self._links[node].tell_all(replica.router.name)

    def send(self, nodes: Collection[str], router: str, messages: Sequence[Message], since: float | None) -> None:
        for node in nodes:
            if node in self._links:
                self._links[node].send(router, messages, since)

    def ask(self, node: str, message: Message) -> None:
        self._listener.ask(node, message)

    def _met(self, node: str) -> None:
        if node in self._links:
            self._links[node].met()

    def _lost(self, node: str) -> None:
        for replica in self._replicas.values():
            replica.lost(node)


def _place(config: Replication) -> tuple[object, ...]:
    """With another one, every link is made anew."""
    return config.node, config.address, config.port
