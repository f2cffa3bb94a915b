"""Whether our flows are still there: nothing in the switch's database says so when somebody deletes them."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import structlog

from futago.node.drivers.flows import FIREWALL_MARK, MARK, MARK_MASK, QOS_MARK
from futago.node.drivers.openflow import OpenFlow
from futago.node.host import HostRefused

INTERVAL_SECONDS: Final = 2.0
"""How often each bridge is asked."""
_EITHER: Final = MARK_MASK & ~(MARK ^ FIREWALL_MARK) & ~(MARK ^ QOS_MARK)
"""What the marks of our flows have in common, and that of learned ones has not: those come and go."""

_log = structlog.get_logger()


class FlowWatch:
    """Counts our flows on each bridge, and calls `on_change` when there are more or fewer than before.

    What changed them does not matter, and may have been us: who is called looks at what is there.
    """

    def __init__(self, run_directory: Path, bridges: Collection[str], on_change: Callable[[], None]) -> None:
        self._run_directory = run_directory
        self._bridges = tuple(bridges)
        self._on_change = on_change
        self._connections: dict[str, OpenFlow] = {}
        self._counts: dict[str, int] = {}

    async def run(self) -> None:
        """Look for ever."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(INTERVAL_SECONDS)
        finally:
            for connection in self._connections.values():
                connection.close()

    async def look(self) -> None:
        """Ask every bridge once; one that is not there is asked again the next time."""
        changed = [bridge for bridge in self._bridges if await self._changed(bridge)]
        if changed:
            self._on_change()

    async def _changed(self, bridge: str) -> bool:
        try:
            count = await self._count(bridge)
        except HostRefused:
            lost = self._connections.pop(bridge, None)
            if lost is not None:
                lost.close()
            return False
        before, self._counts[bridge] = self._counts.get(bridge, count), count
        if count < before:
            _log.info("flows are gone", bridge=bridge, were=before, are=count)
        return count != before

    async def _count(self, bridge: str) -> int:
        if bridge not in self._connections:
            self._connections[bridge] = await OpenFlow.connect(self._run_directory / f"{bridge}.mgmt")
        return await self._connections[bridge].count_flows(MARK & _EITHER, _EITHER)
