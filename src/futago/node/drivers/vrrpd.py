"""The VRRP engine of this host: what it elects, and who is active by its word.

It outlives the agent. When it comes back after a restart it is told again what it should know already; telling it
twice changes nothing.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Final

import structlog
from msgspec.structs import replace

from futago.contract.report import RouterRole
from futago.contract.specs import Key
from futago.lines import RequestRefused
from futago.values import Role
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.control import RouterStatus, Statuses, VrrpdClient, VrrpdGone
from futago.vrrp.peers import last_resort

PATIENCE_SECONDS: Final = 5.0
"""How long the last word of an engine that is away stands: a restart takes less, and then its guard has withdrawn."""
_AGAIN_SECONDS: Final = 0.3
_log = structlog.get_logger()


class Elections:
    """`on_role` is called when a router's role or error changes, `on_return` when the engine comes or goes."""

    def __init__(self, client: VrrpdClient, *, on_role: Callable[[], None], on_return: Callable[[], None]) -> None:
        self._client = client
        self._on_role = on_role
        self._on_return = on_return
        self._told: dict[Key, VirtualRouterConfig] = {}
        self._engine_knows = False
        self._statuses: dict[str, RouterStatus] = {}
        self._heard = asyncio.Event()
        self._refused: dict[Key, str] = {}
        self._one_teller = asyncio.Lock()

    @property
    def roles(self) -> tuple[RouterRole, ...]:
        """Of the routers that were configured, what the engine last said."""
        return tuple(
            RouterRole(router_id=status.name, role=status.role, since=status.since, cause=status.cause)
            for config in sorted(self._told.values(), key=lambda config: config.name)
            if (status := self._statuses.get(config.name)) is not None
        )

    @property
    def failures(self) -> dict[Key, str]:
        """What does not work at present, by the router's spec."""
        errors = {
            key: status.error
            for key, config in self._told.items()
            if (status := self._statuses.get(config.name)) is not None and status.error
        }
        return errors | self._refused

    async def configure(
        self, wanted: Mapping[Key, VirtualRouterConfig], wired: Callable[[Key], bool], held: Collection[Key] = ()
    ) -> None:
        """Elect for the wanted routers that are wired; one that was elected for already stays as it was until it is.

        For those that are `held` no election begins; one that runs goes on, with what is wanted of it.
        An engine that elects for a router since before this agent started goes on: its wiring was complete then.
        """
        async with self._one_teller:
            try:
                running = await self._running()
                await self._tell(dict(self._choose(wanted, wired, running, held)))
            except (VrrpdGone, RequestRefused) as error:
                self._engine_knows = False
                self._refused = dict.fromkeys(wanted, str(error))

    async def revise(
        self, change: Callable[[Mapping[Key, VirtualRouterConfig]], dict[Key, VirtualRouterConfig]]
    ) -> bool:
        """Change what the engine was told last, at once: how routers are elected for, or that they are not.

        True if there was something to tell and the engine took it; if it is away, it will be told the whole.
        """
        async with self._one_teller:
            if not self._told or not self._engine_knows:
                return False
            try:
                return await self._tell(change(self._told))
            except (VrrpdGone, RequestRefused) as error:
                self._engine_knows = False
                self._refused = dict.fromkeys(self._told, str(error))
                return False

    async def statuses(self) -> Statuses | None:
        """All that the engine tells now, with its counters; nothing while it is away."""
        try:
            return await self._client.statuses()
        except (VrrpdGone, RequestRefused):
            return None

    async def _tell(self, routers: dict[Key, VirtualRouterConfig]) -> bool:
        """True if there was something to tell."""
        if self._engine_knows and routers == self._told:
            return False
        errors = await self._send(routers)
        self._refused = {key: errors[c.name] for key, c in routers.items() if c.name in errors}
        self._told, self._engine_knows = routers, True
        return True

    async def _send(self, routers: Mapping[Key, VirtualRouterConfig]) -> dict[str, str]:
        """Only what has changed, if the engine has the rest: to be told a thousand routers takes it a while."""
        if self._engine_knows:
            put = [config for key, config in routers.items() if self._told.get(key) != config]
            names = {config.name for config in routers.values()}
            gone = sorted({config.name for config in self._told.values()} - names)
            try:
                return await self._client.change(put, gone, len(names))
            except RequestRefused as refused:
                _log.info("vrrp engine is told everything anew", because=str(refused))
        return await self._client.configure(list(routers.values()))

    async def watch(self) -> None:
        """Follow the engine for ever."""
        present: bool | None = None
        heard_at = time.monotonic()
        while True:
            try:
                await self._client.status()
                if not present:
                    _log.info("vrrp engine connected")
                    present, self._engine_knows = True, False
                    self._on_return()
                async for status in self._client.watch():
                    self._learn(status)
            except (VrrpdGone, RequestRefused) as error:
                self._engine_knows = False
                if present is not False:
                    _log.warning("vrrp engine away", error=str(error))
                    present, heard_at = False, time.monotonic()
                    self._on_return()
                elif self._statuses and time.monotonic() - heard_at > PATIENCE_SECONDS:
                    self._statuses.clear()
                    self._on_role()
            await asyncio.sleep(_AGAIN_SECONDS)

    def leaving(self, staying: Collection[Key]) -> dict[Key, VirtualRouterConfig]:
        """The routers that are active here and have peers, and are to leave this node."""
        if not self._engine_knows:
            return {}
        return {k: c for k, c in self._told.items() if k not in staying and c.peers and self._active(c.name)}

    def yielding(self, wanted: Mapping[Key, VirtualRouterConfig]) -> list[str]:
        """The routers that are active here, were not told to yield, and are wanted to."""
        told = (self._told.get(key) for key, config in wanted.items() if config.yielding)
        return [config.name for config in told if config and not config.yielding and self._active(config.name)]

    async def hand_over(self, staying: Collection[Key]) -> None:
        """Let peers be active for the routers that are to leave this node, while their wiring is still there.

        Where none takes over in time, they leave all the same.
        """
        leaving = self.leaving(staying)
        if not leaving:
            return
        yielding = self._told | {k: replace(c, priority=last_resort(c.priority)) for k, c in leaving.items()}
        with suppress(VrrpdGone, RequestRefused):  # who has no engine has no role to hand over
            async with self._one_teller:
                await self._tell(yielding)
            await self._wait_until_idle(leaving.values())

    async def _wait_until_idle(self, routers: Collection[VirtualRouterConfig]) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(max(map(_patience, routers))):
                while any(self._active(router.name) for router in routers):
                    self._heard.clear()
                    await self._heard.wait()

    def _active(self, name: str) -> bool:
        status = self._statuses.get(name)
        return status is not None and status.role is Role.ACTIVE

    def _learn(self, status: RouterStatus) -> None:
        before = self._statuses.get(status.name)
        self._statuses[status.name] = status
        self._heard.set()
        was = Role.INITIALIZE if before is None else before.role
        if was is not status.role:
            _log.info("vrrp role changed", router=status.name, was=was, now=status.role, because=status.cause)
        if status.error is None:
            self._refused = {key: text for key, text in self._refused.items() if self._name(key) != status.name}
        self._on_role()

    def _name(self, key: Key) -> str | None:
        return self._told[key].name if key in self._told else None

    async def _running(self) -> set[str]:
        """The routers that an engine which we have not told anything yet elects for."""
        if self._told or self._engine_knows:
            return set()
        return {status.name for status in await self._client.status()}

    def _choose(
        self,
        wanted: Mapping[Key, VirtualRouterConfig],
        wired: Callable[[Key], bool],
        running: set[str],
        held: Collection[Key],
    ) -> list[tuple[Key, VirtualRouterConfig]]:
        chosen = []
        for key, config in sorted(wanted.items()):
            elected = key in self._told or config.name in running
            if wired(key) and (elected or key not in held):
                chosen.append((key, config))
            elif key in self._told:
                chosen.append((key, _with_the_keys_of(config, self._told[key])))
            elif config.name in running:
                chosen.append((key, config))
        return chosen


def _with_the_keys_of(wanted: VirtualRouterConfig, told: VirtualRouterConfig) -> VirtualRouterConfig:
    """Keys need no wiring, and who keeps old ones for too long hears nobody."""
    return replace(told, auth_mode=wanted.auth_mode, keys=wanted.keys, send_key=wanted.send_key)


def _patience(config: VirtualRouterConfig) -> float:
    """Seconds in which a peer has certainly taken over: the wait of one that is not the best is below an interval."""
    return 2 * config.advert_interval / 1000
