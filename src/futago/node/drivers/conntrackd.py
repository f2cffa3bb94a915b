"""The program of this host that replicates connections: it is told what to replicate, whenever that or it is new."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import structlog

from futago.conntrack.config import Replication
from futago.conntrack.control import Configure, ConntrackdGone, Status, Statuses, ask, wait_for_twins
from futago.lines import RequestRefused

_ANSWER_SECONDS: Final = 2
"""The next pass asks again; this one must not wait for long."""
_log = structlog.get_logger()


class ConntrackDriver:
    """Remembers nothing that matters: the program compares for itself, so it is told at every pass."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._away: str = ""

    @property
    def failure(self) -> str:
        """Why connections are not replicated though they should be; "" if they are."""
        return self._away

    async def configure(self, wanted: Replication) -> None:
        """Replicate this. A host without routers that have twins needs no such program."""
        before = self._away
        try:
            await ask(Configure(replication=wanted), self._path, seconds=_ANSWER_SECONDS)
            self._away = ""
        except (ConntrackdGone, RequestRefused) as error:
            self._away = f"connections are not replicated: {error}" if wanted.routers else ""
        if before != self._away:
            _log.info("replication told", error=self._away)

    async def status(self) -> Statuses | None:
        """What the program tells of its work; None while it is away."""
        try:
            found = await ask(Status(), self._path, seconds=_ANSWER_SECONDS)
        except (ConntrackdGone, RequestRefused):
            return None
        return found if isinstance(found, Statuses) else None

    async def wait_for_twins(self, routers: Collection[str]) -> None:
        """Let the twins of routers that are to leave this node have their connections first, for a few seconds."""
        await wait_for_twins(routers, self._path)
