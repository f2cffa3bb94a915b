"""Looks at this node's uplinks several times a second: carrier by OVSDB, what gateways answer, whether the switch runs.

What it finds is damped (`node.uplinks`) and told at once when it changes; a pass over the host waits for nothing here.
"""

import asyncio
import fcntl
import os
import struct
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import structlog

from futago.contract.report import UplinkReport
from futago.node.drivers.ovs import MARK
from futago.node.drivers.ovsdb import Ovsdb, only
from futago.node.drivers.probes import GatewayProbe
from futago.node.host import HostRefused, Impairment, Uplink
from futago.node.state import Remembered
from futago.node.uplinks import Damping, Health, Sample, observe

GRACE_SECONDS: Final = 3.0
"""For so long after the first question silence means nothing: the switch may not forward from the new port yet."""
OPEN_AGAIN_SECONDS: Final = 1.0
LOST_SECONDS: Final = 1.0
"""How often a gateway is asked that is lost: by broadcast, which is flooded to each router's port."""
SWITCH_MISSES: Final = 2
"""So many looks in a row must find no ovs-vswitchd."""

_NOT_PHYSICAL: Final = frozenset({"internal", "patch"})
_FLOCK: Final = struct.Struct("hhqqi4x")
"""`struct flock` of fcntl(2) on 64-bit Linux."""
_log = structlog.get_logger()


class Memory(Protocol):
    """What outlives the agent (`node.state.StateDirectory`)."""

    def uplinks(self) -> dict[str, Remembered]: ...

    def save_uplinks(self, uplinks: dict[str, Remembered]) -> None: ...


class Pulse(Protocol):
    """Whether a switch in userspace goes round (`drivers.pulse.SwitchPulse`)."""

    def beat(self) -> None: ...

    def vouches(self, since: float, now: float) -> bool: ...


@dataclass(slots=True)
class _Watched:
    uplink: Uplink
    health: Health
    since: float
    """When it came up or went down, in seconds since the Unix epoch."""
    probe: GatewayProbe | None = None
    asked_since: float | None = None
    asked_at: float = 0.0
    open_at: float = 0.0
    """When the socket may be opened (again)."""
    carrier: bool | None = None

    def close(self) -> None:
        if self.probe is not None:
            self.probe.close()
        self.probe = self.asked_since = None


class UplinkWatch:
    """`on_change` is called in the event loop when what is impaired changes, `on_switch` when the switch is back."""

    def __init__(
        self,
        ovsdb: Ovsdb,
        memory: Memory,
        *,
        interval: float,
        damping: Damping,
        userspace: bool,
        on_change: Callable[[], None],
        on_switch: Callable[[], None],
        pulse: Pulse | None = None,
    ) -> None:
        """`interval` in seconds; `userspace`: frames go through ovs-vswitchd itself, and nowhere without it.

        `pulse` tells whether it is late itself when a gateway seems to be silent.
        """
        self._ovsdb = ovsdb
        self._memory = memory
        self._interval = interval
        self._damping = damping
        self._switch_damping = Damping(misses=SWITCH_MISSES, hold=damping.hold)
        self._userspace = userspace
        self._on_change = on_change
        self._on_switch = on_switch
        self._pulse = pulse
        self._watched: dict[str, _Watched] = {}
        self._remembered = memory.uplinks()
        self._switch = Health()
        self._gone_since: float | None = None

    @property
    def impairment(self) -> Impairment:
        """What is lost at present."""
        gone = 0.0 if self._gone_since is None else time.monotonic() - self._gone_since
        return Impairment(
            networks=frozenset(name for name, one in self._watched.items() if not one.health.up),
            switch=not self._switch.up,
            unheard=gone if self._userspace and not self._switch.up else 0.0,
        )

    @property
    def reports(self) -> tuple[UplinkReport, ...]:
        """The state of each uplink, by network."""
        return tuple(
            UplinkReport(
                network_id=name,
                physical_network=one.uplink.physical_network,
                up=one.health.up,
                since=one.since,
                cause="" if one.health.cause is None else one.health.cause.value,
                probed=one.health.answers,
                falls=one.health.falls,
            )
            for name, one in sorted(self._watched.items())
        )

    def follow(self, uplinks: Sequence[Uplink]) -> None:
        """Watch these from now on; what is known of those that were watched already stays."""
        wanted = {uplink.network_id: uplink for uplink in uplinks}
        for name in self._watched.keys() - wanted.keys():
            self._watched.pop(name).close()
        for name, uplink in wanted.items():
            known = self._watched.get(name)
            if known is None:
                self._watched[name] = self._begin(uplink)
                continue
            if _asked(known.uplink) != _asked(uplink):
                known.close()
                known.health = replace(known.health, answers=False, missed=0)
            known.uplink = uplink

    async def run(self) -> None:
        """Look for ever."""
        try:
            while True:
                self.look(time.monotonic())
                await self._remember()
                await asyncio.sleep(self._interval)
        finally:
            for one in self._watched.values():
                one.close()

    def look(self, now: float) -> None:
        """Look once at everything, tell of what has changed, and ask the gateways again."""
        changed = self._look_at_switch(now)
        carriers = self._carriers()
        for one in self._watched.values():
            # What has been answered while nobody looked counts, so that a late look takes nothing down.
            one.carrier = carriers.get(one.uplink.bridge, one.carrier)
            sample = Sample(carrier=one.carrier, answered=self._answered(one, now))
            damping = replace(self._damping, misses=one.uplink.misses)
            changed |= self._learn(one, observe(one.health, sample, now, damping))
        if changed or self._gone_since is not None:
            self._on_change()
        for one in self._watched.values():
            _ask(one, now)
        if self._pulse is not None:
            self._pulse.beat()

    def _answered(self, one: _Watched, now: float) -> bool | None:
        """Whether any gateway has answered since it was asked; None where that is not known."""
        if one.probe is None or one.asked_since is None:
            return None
        try:
            answered = one.probe.answered()
        except OSError:
            one.close()
            return None
        if answered:
            return True
        vouched = self._pulse is None or self._pulse.vouches(one.asked_at, now)
        return False if vouched and now - one.asked_since >= GRACE_SECONDS else None

    def _begin(self, uplink: Uplink) -> _Watched:
        """An uplink that was down when the agent stopped is down until it has been good for a while."""
        memory = self._remembered.get(uplink.network_id)
        health = Health(since=time.monotonic())
        if memory is not None:
            hold = 0.0 if memory.up else self._damping.hold
            answers = memory.answers and bool(uplink.interface)
            health = Health(since=health.since, up=memory.up, answers=answers, hold=hold)
        return _Watched(uplink=uplink, health=health, since=time.time())

    def _learn(self, one: _Watched, health: Health) -> bool:
        before, one.health = one.health, health
        if before.up is health.up:
            return False
        one.since = time.time()
        where = {"network": one.uplink.network_id, "physical_network": one.uplink.physical_network}
        if health.up:
            _log.info("uplink up", **where)
        else:
            _log.warning("uplink down", **where, because=health.cause, falls=health.falls)
        return True

    def _look_at_switch(self, now: float) -> bool:
        before, gone = self._switch, self._gone_since
        runs = switch_runs(self._ovsdb.run_directory / "ovs-vswitchd.pid")
        if runs is None and before.answers:
            runs = False
        self._switch = observe(before, Sample(answered=runs), now, self._switch_damping)
        self._gone_since = (now if gone is None else gone) if runs is False else None
        if before.up and not self._switch.up:
            _log.warning("ovs-vswitchd does not run")
        if runs and gone is not None:
            _log.info("ovs-vswitchd runs again")
            self._on_switch()
        return before.up is not self._switch.up

    def _carriers(self) -> dict[str, bool]:
        try:
            return carriers(self._ovsdb, {one.uplink.bridge for one in self._watched.values()})
        except HostRefused:
            return {}

    async def _remember(self) -> None:
        now = {name: Remembered(up=one.health.up, answers=one.health.answers) for name, one in self._watched.items()}
        if now and now != self._remembered:
            self._remembered = now
            try:
                await asyncio.to_thread(self._memory.save_uplinks, now)
            except OSError as error:
                _log.warning("uplinks not kept on disk", error=str(error))


def carriers(ovsdb: Ovsdb, bridges: Collection[str]) -> dict[str, bool]:
    """Whether any physical port of each bridge has a carrier; a bridge without one that says so is left out.

    Raises:
        HostRefused: the switch's database is away.

    """
    ports, interfaces = ovsdb.table("Port"), ovsdb.table("Interface")
    found: dict[str, bool] = {}
    for bridge in ovsdb.table("Bridge").values():
        if bridge["name"] not in bridges:
            continue
        others = [ports[port] for port in bridge["ports"] if port in ports and MARK not in ports[port]["external_ids"]]
        members = [interfaces[one] for port in others for one in port["interfaces"] if one in interfaces]
        states = [
            (only(one["link_state"]), only(one["admin_state"])) for one in members if one["type"] not in _NOT_PHYSICAL
        ]
        if any(link is not None for link, _ in states):
            found[bridge["name"]] = any(link == "up" and admin != "down" for link, admin in states)
    return found


def switch_runs(pidfile: Path) -> bool | None:
    """Whether ovs-vswitchd runs: it holds a lock on its file for as long as it lives; None if there is no file."""
    try:
        descriptor = os.open(pidfile, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind = _FLOCK.unpack(fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0]
    finally:
        os.close(descriptor)
    return bool(kind != fcntl.F_UNLCK)


def _asked(uplink: Uplink) -> tuple[object, ...]:
    """What makes former answers mean nothing if it changes."""
    return uplink.bridge, uplink.gateways, uplink.namespace, uplink.interface


def _ask(one: _Watched, now: float) -> None:
    if not one.uplink.interface or (one.probe is None and now < one.open_at):
        return
    if not one.health.up and one.health.missed and now < one.asked_at + LOST_SECONDS:
        return
    try:
        if one.probe is None:
            one.open_at = now + OPEN_AGAIN_SECONDS
            one.probe = GatewayProbe(one.uplink.namespace, one.uplink.interface, one.uplink.gateways)
        one.probe.ask()
    except OSError:
        one.close()
    else:
        one.asked_at = now
        one.asked_since = now if one.asked_since is None else one.asked_since
