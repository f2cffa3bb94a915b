"""The node's one loop: specs in, the host made true, a report out.

    link ──specs──▶ ┌──────────────────────────── a pass ────────────────────────────┐
    switch events ─▶│ hand over → local VLANs → put → elect where wired → remove      │──▶ report
    clock ─────────▶└────────────────────────────────────────────────────────────────┘
    vrrpd ──roles───────────────────────────────────────────────────────────────────────▶ report
    uplinks ──impaired──▶ vrrpd is told to yield, with what it was told last ───────────▶ report

Passes come one after the other; their work on the host is done in a thread, so that reports, roles
and a router that must leave this node never wait.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from futago.conntrack.config import Replication
from futago.contract.report import Failure, Report, RouterRole, UplinkReport
from futago.contract.specs import Key, NodeSpecs
from futago.node.features.compose import host_state, networks_of, without_flows
from futago.node.features.ha import give_way
from futago.node.features.local_vlans import allocate_vlans
from futago.node.host import (
    DEAD_VLAN,
    FIREWALL,
    HOST,
    FlowTable,
    HostRefused,
    HostState,
    Impairment,
    LocalVlans,
    Namespace,
    OvsPort,
    Place,
    Plug,
    Uplink,
)
from futago.node.reconcile import Reconciler
from futago.node.router_tables import MeterTable
from futago.node.state import StateDirectory
from futago.values import Vlan
from futago.vrrp.config import RouterOfHosts, VirtualRouterConfig

LOOK_SOON_SECONDS: Final = 2.0
"""After a start, and then after twice as long each time until that is the usual pause: others boot beside us."""
COALESCE_SECONDS: Final = 0.05  # changes of state that come together are reported together
MOST_COALESCE_SECONDS: Final = 1.0

SAVE_AGAIN_SECONDS: Final = 2.0
"""How long after a failed write to the disk, or in vain to conntrackd, the next one is tried."""

_log = structlog.get_logger()


class Elections(Protocol):
    """Who is active, by the VRRP engine's word (`drivers.vrrpd.Elections`)."""

    @property
    def roles(self) -> tuple[RouterRole, ...]: ...

    @property
    def failures(self) -> dict[Key, str]: ...

    def leaving(self, staying: Collection[Key]) -> Mapping[Key, VirtualRouterConfig]: ...

    def yielding(self, wanted: Mapping[Key, VirtualRouterConfig]) -> Collection[str]: ...

    async def hand_over(self, staying: Collection[Key]) -> None: ...

    async def configure(
        self, wanted: Mapping[Key, VirtualRouterConfig], wired: Callable[[Key], bool], held: Collection[Key] = ()
    ) -> None: ...

    async def revise(
        self, change: Callable[[Mapping[Key, VirtualRouterConfig]], dict[Key, VirtualRouterConfig]]
    ) -> bool: ...


class Uplinks(Protocol):
    """Whether the external networks can be reached from here (`drivers.uplinks.UplinkWatch`)."""

    @property
    def impairment(self) -> Impairment: ...

    @property
    def reports(self) -> tuple[UplinkReport, ...]: ...

    def follow(self, uplinks: Sequence[Uplink]) -> None: ...


class Replications(Protocol):
    """The program that replicates connections (`drivers.conntrackd.ConntrackDriver`)."""

    @property
    def failure(self) -> str: ...

    async def configure(self, wanted: Replication) -> None: ...

    async def wait_for_twins(self, routers: Collection[str]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """The parts of the host that the loop drives."""

    place: Place
    reconciler: Reconciler
    elections: Elections
    uplinks: Uplinks
    replication: Replications
    vlans_in_use: Callable[[], Collection[tuple[str, Vlan]]]
    """The networks and local VLANs that the switch's ports tell of."""
    switch_stages: tuple[str, ...]
    """The stages to look at again when the switch's database has changed."""
    tell_hosts: Callable[[Collection[RouterOfHosts]], None] = lambda _: None
    """Of routers without election (`drivers.radv.HostsTold`)."""


@dataclass(slots=True)
class Work:
    """What the agent has done since it started; durations in seconds."""

    passes: int = 0
    pass_seconds: float = 0.0
    """Of all passes together."""
    tellings: int = 0
    """How often the engine was told that something is impaired, or no more."""
    telling_seconds: float = 0.0
    """Of all together, from the change to the engine's answer."""


class Loop:
    """Owns what is wanted of this host, and the passes that make it true."""

    def __init__(self, host: Host, state: StateDirectory, *, resync_seconds: float, heartbeat_seconds: float) -> None:
        self._host = host
        self._state = state
        self._resync_seconds = resync_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._specs: NodeSpecs | None = None
        self._vlans: LocalVlans | None = None
        self._reached = 0
        self._open_ports: frozenset[str] = frozenset()
        self._look_after = LOOK_SOON_SECONDS
        self._wanted = HostState()
        self._refused: str = ""
        self._unsaved: dict[str, str] = {}
        self._logged: dict[Key, str] = {}
        self._wake = asyncio.Event()
        self.work = Work()
        self._news = asyncio.Event()
        self._impaired = asyncio.Event()
        self._forget: set[str] = set()
        self._full_at = 0.0
        self._retry_at: float | None = None

    def take(self, specs: NodeSpecs) -> None:
        """These are the specs now."""
        self._specs = specs
        self._wake.set()

    def meters(self) -> list[MeterTable]:
        """The counters that are wanted here; may be asked from any thread."""
        elements = [owned.element for owned in self._wanted.elements.values()]
        return [element for element in elements if isinstance(element, MeterTable)]

    def namespaces(self) -> list[str]:
        """The namespaces that are wanted here, and are there as far as we know."""
        elements = (owned.element for owned in self._wanted.elements.values())
        return [one.name for one in elements if isinstance(one, Namespace) and self._host.reconciler.holds(one)]

    def switch_changed(self) -> None:
        """Something in the switch's database is different: perhaps an instance's interface was plugged."""
        self.look_again(*self._host.switch_stages)

    def look_again(self, *stages: str) -> None:
        """Something of these stages has changed by itself."""
        self._forget.update(stages)
        self._wake.set()

    def look_at_all(self) -> None:
        """Something that everything else may hang on has changed by itself."""
        self._full_at = 0.0
        self._wake.set()

    def wake(self) -> None:
        """Make a pass soon."""
        self._wake.set()

    def role_changed(self) -> None:
        self._news.set()

    def impairment_changed(self) -> None:
        """An uplink or the switch was lost or is back: routers must leave this node, or may come."""
        self._impaired.set()

    async def run(self) -> None:
        """Make passes for ever: at every change, when a failure is due again, and every `resync_seconds`."""
        while True:
            await self._wait_for_work()
            self._wake.clear()
            began = time.monotonic()
            await self._pass()
            self.work.passes += 1
            self.work.pass_seconds += time.monotonic() - began
            self._news.set()

    async def give_way(self) -> None:
        """Tell the engine of each change of what is impaired, for ever, whatever a pass is at."""
        while True:
            await self._impaired.wait()
            self._impaired.clear()
            began = time.monotonic()
            if await self._host.elections.revise(self._as_things_are):
                self.work.tellings += 1
                self.work.telling_seconds += time.monotonic() - began
            self._news.set()

    async def report_by(self, send: Callable[[Report], Awaitable[None]], failure: type[Exception]) -> None:
        """Send a report at every change and at every heartbeat, for ever; `failure` is what `send` may raise.

        A controller that takes long to take one is given as long before the next.
        """
        took = 0.0
        while True:
            try:
                async with asyncio.timeout(self._heartbeat_seconds):
                    await self._news.wait()
                await asyncio.sleep(min(max(COALESCE_SECONDS, took), MOST_COALESCE_SECONDS))
            except TimeoutError:
                pass
            self._news.clear()
            began = time.monotonic()
            try:
                await send(self.report())
            except failure as error:
                _log.debug("report not sent", error=str(error))
            took = time.monotonic() - began

    def report(self) -> Report:
        """The state of this node, whole."""
        return Report(
            revision=self._reached,
            roles=self._host.elections.roles,
            ports_up=tuple(sorted(self._open_ports & self._wired_ports())),
            failures=tuple(Failure(key=key, message=text) for key, text in sorted(self._failures().items())),
            uplinks=self._host.uplinks.reports,
        )

    async def _wait_for_work(self) -> None:
        due = self._full_at if self._retry_at is None else min(self._full_at, self._retry_at)
        try:
            async with asyncio.timeout(max(0.0, due - time.monotonic())):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _pass(self) -> None:
        now = time.monotonic()
        if now >= self._full_at:
            self._full_at = now + min(self._resync_seconds, self._look_after)
            self._look_after *= 2
            self._host.reconciler.forget()
        elif self._forget:
            self._host.reconciler.forget(self._forget)
        self._forget.clear()
        specs = self._specs
        if specs is not None:
            leaving = self._host.elections.leaving(specs.specs.keys())
            await self._host.replication.wait_for_twins([config.name for config in leaving.values()])
            await self._host.elections.hand_over(specs.specs.keys())
        if not await asyncio.to_thread(self._put, specs):
            self._retry_at = time.monotonic() + COALESCE_SECONDS
            return
        if specs is not None:
            # Without specs nobody knows what is elected for here: the engine goes on with what it has.
            self._host.uplinks.follow(self._wanted.uplinks)
            await self._host.replication.wait_for_twins(self._host.elections.yielding(self._wanted.elections))
            wanted = self._as_things_are(self._wanted.elections)
            await self._host.elections.configure(wanted, self._wired_routers(), held=self._wanted.problems.keys())
            await self._host.replication.configure(self._wanted.replication)
            self._host.tell_hosts(self._wanted.hosts_told)
            await asyncio.to_thread(self._finish, specs)
            self._open_ports = self._ports_with_flows()
            self._reached = specs.revision
        self._retry_at = self._next_retry()
        self._log_failures()

    def _as_things_are(self, elections: Mapping[Key, VirtualRouterConfig]) -> dict[Key, VirtualRouterConfig]:
        specs = self._specs or NodeSpecs()
        return give_way(elections, self._wanted.elections, specs, self._host.uplinks.impairment)

    def _next_retry(self) -> float | None:
        again = self._host.reconciler.retry_at()
        soon = time.monotonic() + SAVE_AGAIN_SECONDS
        return min(soon, again or soon) if self._unsaved or self._host.replication.failure else again

    def _put(self, specs: NodeSpecs | None) -> bool:
        """Put all that is wanted; False if the local VLANs cannot be known yet."""
        if specs is None:
            self._wanted = without_flows(host_state(NodeSpecs(), {}, self._host.place))
            self._host.reconciler.put(self._wanted)
            return True
        try:
            vlans = self._allocate(specs)
        except HostRefused as refused:
            self._refused = str(refused)
            return False
        self._refused = ""
        self._wanted = host_state(specs, vlans, self._host.place)
        self._host.reconciler.put(self._wanted)
        return True

    def _finish(self, specs: NodeSpecs) -> None:
        """Remove what is not wanted, which nobody can know before the specs were known as a whole; keep the specs."""
        self._host.reconciler.remove(self._wanted)
        self._save("specs", lambda: self._state.save_specs(specs))

    def _allocate(self, specs: NodeSpecs) -> dict[str, Vlan]:
        if self._vlans is None:
            self._vlans = self._state.vlans()
        before = LocalVlans(vlans=dict(self._host.vlans_in_use())) if self._vlans is None else self._vlans
        vlans = allocate_vlans(before, networks_of(specs), time.time(), self._vlans_in_use(before))
        self._vlans = vlans
        self._save("vlans", lambda: self._state.save_vlans(vlans))
        return vlans.vlans

    def _save(self, what: str, write: Callable[[], None]) -> None:
        """Keep something on disk; a disk that takes nothing is a failure of the host, and holds up nothing."""
        try:
            write()
        except OSError as error:
            self._unsaved[what] = f"{what} not kept on disk: {error}"
        else:
            self._unsaved.pop(what, None)

    def _vlans_in_use(self, before: LocalVlans) -> set[Vlan]:
        """The VLANs that ports have; and the freed ones, while the flows of their networks may be there."""
        freed = {vlan for vlan, _ in before.freed}
        try:
            tagged = {vlan for _, vlan in self._host.vlans_in_use()}
        except HostRefused:
            return freed
        place, elements = self._host.place, self._wanted.elements
        parts = ((place.integration_bridge, ""), (place.integration_bridge, FIREWALL), (place.tunnel_bridge, ""))
        keys = {FlowTable(bridge=name, part=part, flows=()).key for name, part in parts}
        tables = [elements[key].element for key in keys & elements.keys()]
        settled = bool(tables) and all(self._host.reconciler.holds(table) for table in tables)
        return tagged if settled else tagged | freed

    def _wired_routers(self) -> Callable[[Key], bool]:
        """Whether a router's elements are all there, and what carries its frames from them to other nodes, too."""
        missing = self._host.reconciler.missing(self._wanted)
        owners = {self._wanted.elements[key].owner for key in missing}
        carriers = self._wanted.carriers
        return lambda router: router not in owners and missing.isdisjoint(carriers.get(router, ()))

    def _ports_with_flows(self) -> frozenset[str]:
        """The ports through which frames pass now, after a pass: while one is on its way, a port may lack its flows.

        Without new flows the old ones are still there, and let pass who passed before.
        """
        wired, bridge = self._wired_ports(), self._host.place.integration_bridge
        return wired if self._has_flows(bridge, ("", FIREWALL)) else wired & self._open_ports

    def _has_flows(self, bridge: str, parts: Collection[str]) -> bool:
        keys = {FlowTable(bridge=bridge, part=part, flows=()).key for part in parts}
        tables = [owned.element for key, owned in self._wanted.elements.items() if key in keys]
        return all(map(self._host.reconciler.holds, tables))

    def _wired_ports(self) -> frozenset[str]:
        up: list[str] = []
        for owned in self._wanted.elements.values():
            match owned.element:
                case OvsPort() as port if port.iface_ids and self._host.reconciler.holds(port):
                    up.append(dict(port.iface_ids)["iface-id"])
                case Plug() as plug if plug.tag != DEAD_VLAN and self._host.reconciler.holds(plug):
                    up.append(plug.port_id)
                case _:
                    pass
        return frozenset(up)

    def _failures(self) -> dict[Key, str]:
        failures = self._host.elections.failures | self._host.reconciler.failures() | self._wanted.problems
        own = self._refused or "; ".join(filter(None, [*self._unsaved.values(), self._host.replication.failure]))
        return failures | ({HOST: own} if own else {})

    def _log_failures(self) -> None:
        """A failure is logged when it comes and when it goes, not each time that it is met."""
        failures = self._failures()
        for key, message in failures.items():
            if key not in self._logged:
                _log.warning("not true on this host", key=key, error=message)
        for key in self._logged.keys() - failures.keys():
            _log.info("true on this host again", key=key)
        self._logged = failures
