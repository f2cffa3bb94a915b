"""What the engine is told of other hosts: the BFD sessions with them (`bfd`), as far as `liveness` believes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from futago.values import IPAddress, Millis
from futago.vrrp.control import HostStatus
from futago.vrrp.engine import Engine, Order
from futago.vrrp.liveness import Liveness

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from futago.vrrp.bfd import BfdWatch

log = structlog.get_logger()


class Hosts:
    """Of one switch's database; without one ("") nothing is known of any host."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._watch: BfdWatch | None = None
        self._liveness = Liveness()
        self._isolated = False

    def follow(self, on_states: Callable[[Mapping[IPAddress, bool]], object]) -> None:
        """Begin to watch, once: a daemon without such peers needs no switch, and does not load its library."""
        if self._watch is None and self._database:
            from futago.vrrp.bfd import BfdWatch

            self._watch = BfdWatch(self._database, on_states)
            self._watch.start()

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()

    def busy(self, routers: int, now: Millis) -> None:
        """So many routers have just been started here."""
        self._liveness.busy(routers, now)

    def update(self, engine: Engine, states: Mapping[IPAddress, bool], now: Millis, wall: float) -> list[Order]:
        """Tell the engine what these sessions say; isolation first, since an isolated host elects nobody."""
        lost = self._liveness.update(states, now)
        orders: list[Order] = []
        if self._liveness.isolated != self._isolated:
            self._isolated = self._liveness.isolated
            log.warning("no other host is reached") if self._isolated else log.info("other hosts are reached again")
            orders += engine.reach(nobody=self._isolated, now=now, wall=wall)
        doubt = self._liveness.doubt(now)
        for address in lost:
            log.warning("host lost", tunnel=str(address))
            orders += engine.lost(address, now, doubt=doubt, wall=wall)
        for address, since in self._liveness.found.items():
            log.info("host back", tunnel=str(address), after_seconds=round((now - since) / 1000, 1))
            orders += engine.found(address, now, since=since, wall=wall)
        return orders

    def statuses(self, now: Millis, wall: float) -> tuple[HostStatus, ...]:
        """All sessions, by address."""
        self._liveness.settle(now)
        return tuple(
            HostStatus(
                tunnel=address,
                up=session.up,
                since=wall - (now - session.since) / 1000,
                losses=session.losses,
                damped=session.damped,
            )
            for address, session in sorted(self._liveness.sessions.items(), key=lambda item: int(item[0]))
        )
