"""One virtual router: the state machine of RFC 9568, section 6.4, as a function of (state, event, now).

Nothing here knows a clock or a socket: events and the time go in, effects and the next deadline come out.

      INITIALIZE ──Started──▶ BACKUP ──nothing heard for down_after──▶ ACTIVE
           │                    ▲                                        │
           └────Adopted─────────┼──────────────────────────────────────▶ │
                                └──higher priority heard, or Resigned────┘
    Stopped leads from anywhere to INITIALIZE.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, assert_never

from futago.values import IPv4Address, Millis, Role
from futago.vrrp.config import Version, VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.packet import MAX_INTERVAL_V3

ANNOUNCE_AGAIN_AFTER: Final = (Millis(50), Millis(250), Millis(1000))
"""When after a takeover its gratuitous ARPs are repeated. A lost one would cost minutes, and the first is lost where a
tunnel has to learn its far end's address before it can send."""
OWNER_PRIORITY: Final = 255
_UNKNOWN: Final = Millis(0)
_SECOND: Final = Millis(1000)


class Cause(StrEnum):
    """Why a router has its role."""

    STARTED = "started"
    OWNER = "owns the addresses"
    ADOPTED = "adopted"
    SILENCE = "active fell silent"
    ACTIVE_LEFT = "active resigned"
    OUTRANKED = "higher priority heard"
    RESIGNED = "resigned"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Started:
    """The router's interfaces are there: take part in the election."""


@dataclass(frozen=True, slots=True)
class Adopted:
    """Started with our addresses found in place: a former engine of this host was active and we go on as it."""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """The deadline has come, or has not: early and late calls do no harm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A valid advertisement of our virtual router came from another one."""

    source: IPv4Address
    priority: int
    interval: Millis


@dataclass(frozen=True, slots=True)
class Configured:
    """The settings have changed; the role has not."""

    config: VirtualRouterConfig


@dataclass(frozen=True, slots=True)
class Resigned:
    """Somebody wants another router to be active."""


@dataclass(frozen=True, slots=True)
class Held:
    """The engine is about to restart: the others shall wait for at least `duration` before they elect.

    RFC 9568 has backups learn the active's interval from its advertisements (6.4.2), so a VRRPv3 active announces
    half of `duration` as its interval: the others then wait one and a half times `duration` and their skew. VRRPv2 has
    no such means: a plain advertisement starts the others' wait anew.
    """

    duration: Millis


@dataclass(frozen=True, slots=True)
class Stopped:
    """The router leaves for good (Shutdown in RFC 9568)."""


Event = Started | Adopted | TimerFired | Heard | Configured | Resigned | Held | Stopped


@dataclass(frozen=True, slots=True)
class SendAdvert:
    """Say who is active, with this priority and interval."""

    priority: int
    interval: Millis


@dataclass(frozen=True, slots=True)
class Put:
    """These addresses and routes shall be on this host; those that are there already stay."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """These addresses and routes shall not be on this host; missing ones are fine."""

    addresses: tuple[VirtualAddress, ...]
    routes: tuple[VirtualRoute, ...]


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the neighbours, by gratuitous ARP, that these addresses are here."""

    addresses: tuple[VirtualAddress, ...]


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """Tell everyone who watches."""

    was: Role
    now: Role
    cause: Cause


Effect = SendAdvert | Put | Remove | Announce | RoleChanged


@dataclass(frozen=True, slots=True)
class Machine:
    """One virtual router between two events."""

    config: VirtualRouterConfig
    role: Role = Role.INITIALIZE
    election_at: Millis | None = None
    """BACKUP: the Active_Down_Timer; ACTIVE: the Adver_Timer (RFC 9568, 6.2)."""
    announcements: tuple[Millis, ...] = ()
    """When the gratuitous ARPs are repeated, in order."""
    active_interval: Millis = _UNKNOWN
    """The interval by which the active is judged; VRRPv3 learns it from the active (Active_Adver_Interval)."""
    active_left: bool = False
    """The last thing heard was that the active resigns."""

    @property
    def deadline(self) -> Millis | None:
        """When `TimerFired` is due."""
        elections = () if self.election_at is None else (self.election_at,)
        return min((*elections, *self.announcements), default=None)

    @property
    def skew(self) -> Millis:
        """Lets the better router go first (Skew_Time): a part of the interval, or, for RFC 3768, of a second."""
        unit = _SECOND if self.config.version is Version.V2 else self.active_interval
        return Millis((256 - self.config.priority) * unit // 256)

    @property
    def down_after(self) -> Millis:
        """How long a backup waits for an advertisement (Active_Down_Interval)."""
        return Millis(3 * self.active_interval + self.skew)


Step = tuple[Machine, Sequence[Effect]]


def step(machine: Machine, event: Event, now: Millis) -> Step:
    """The whole protocol."""
    match machine.role:
        case Role.INITIALIZE:
            return _in_initialize(machine, event, now)
        case Role.BACKUP:
            return _in_backup(machine, event, now)
        case Role.ACTIVE:
            return _in_active(machine, event, now)
        case unreachable:
            assert_never(unreachable)


def _in_initialize(m: Machine, event: Event, now: Millis) -> Step:
    match event:
        case Started() if m.config.priority == OWNER_PRIORITY:
            return _become_active(m, Cause.OWNER, now)
        case Started():
            return _become_backup(m, Cause.STARTED, m.config.advert_interval, now)
        case Adopted():
            return _become_active(m, Cause.ADOPTED, now)
        case Configured(config):
            return replace(m, config=config), []
        case TimerFired() | Heard() | Resigned() | Held() | Stopped():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _in_backup(m: Machine, event: Event, now: Millis) -> Step:  # noqa: PLR0911 - one return for each event
    match event:
        case TimerFired() if _due(m.election_at, now):
            return _become_active(m, Cause.ACTIVE_LEFT if m.active_left else Cause.SILENCE, now)
        case Heard(priority=0):
            return replace(m, election_at=_after(now, m.skew), active_left=True), []
        case Heard() if not m.config.preempt or event.priority >= m.config.priority:
            learned = replace(m, active_interval=_judged_by(m.config, event.interval), active_left=False)
            return replace(learned, election_at=_after(now, learned.down_after)), []
        case Configured(config):
            return _reconfigure_backup(m, config, now), []
        case Stopped():
            return _stop(m), [RoleChanged(Role.BACKUP, Role.INITIALIZE, Cause.STOPPED)]
        case Adopted():
            return _become_active(m, Cause.ADOPTED, now)
        case Started() | TimerFired() | Heard() | Resigned() | Held():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _in_active(m: Machine, event: Event, now: Millis) -> Step:  # noqa: PLR0911 - one return for each event
    match event:
        case TimerFired():
            return _tick_active(m, now)
        case Heard():
            return _contend(m, event, now)
        case Configured(config):
            return _reconfigure_active(m, config, now)
        case Resigned():
            backup, effects = _become_backup(m, Cause.RESIGNED, m.config.advert_interval, now)
            return backup, [_remove_all(m), _goodbye(m), *effects]
        case Held(duration):
            return replace(m, election_at=_after(now, duration)), [_hold(m, duration)]
        case Stopped():
            return _stop(m), [_remove_all(m), _goodbye(m), RoleChanged(Role.ACTIVE, Role.INITIALIZE, Cause.STOPPED)]
        case Started() | Adopted():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _become_active(m: Machine, cause: Cause, now: Millis) -> Step:
    """RFC 9568, 6.4.2 (360-375): advertise, announce every address; addresses first, so that what we say is true."""
    active = replace(
        m,
        role=Role.ACTIVE,
        active_interval=m.config.advert_interval,
        election_at=_after(now, m.config.advert_interval),
        announcements=_repeats(now),
        active_left=False,
    )
    took = (_put_all(m), _advert(m), Announce(m.config.addresses), RoleChanged(m.role, Role.ACTIVE, cause))
    return active, took


def _become_backup(m: Machine, cause: Cause, interval: Millis, now: Millis) -> Step:
    waiting = replace(m, role=Role.BACKUP, active_interval=interval, announcements=(), active_left=False)
    backup = replace(waiting, election_at=_after(now, waiting.down_after))
    return backup, [RoleChanged(m.role, Role.BACKUP, cause)]


def _tick_active(m: Machine, now: Millis) -> Step:
    effects: list[Effect] = []
    if _due(m.election_at, now):
        effects.append(_advert(m))
        m = replace(m, election_at=_after(now, m.config.advert_interval))
    if any(_due(at, now) for at in m.announcements):
        effects.append(Announce(m.config.addresses))
        m = replace(m, announcements=tuple(at for at in m.announcements if not _due(at, now)))
    return m, effects


def _contend(m: Machine, heard: Heard, now: Millis) -> Step:
    """Two are active: after a split, or because one resigns (RFC 9568, 6.4.3).

    Who has to go takes its addresses off and then says a last time that it was there: the other one may not have heard
    it yet, and must know that it has to announce itself again where the neighbours learned our MAC address.
    """
    if heard.priority == 0:
        return replace(m, election_at=_after(now, m.config.advert_interval)), [_advert(m)]
    if (heard.priority, heard.source) > (m.config.priority, m.config.source):
        backup, effects = _become_backup(m, Cause.OUTRANKED, _judged_by(m.config, heard.interval), now)
        return backup, [_remove_all(m), _advert(m), *effects]
    return _survive(m, now)


def _survive(m: Machine, now: Millis) -> Step:
    """The other one has to go. Announce now, and again when it has heard us and is gone: it may have spoken last.

    RFC 9568 answers with an advertisement at once; RFC 3768 just goes on, so there the other waits for the next one.
    """
    survivor = replace(m, announcements=_repeats(_after(now, m.config.advert_interval)))
    if m.config.version is Version.V2:
        return survivor, [Announce(m.config.addresses)]
    survivor = replace(survivor, election_at=_after(now, m.config.advert_interval))
    return survivor, [_advert(m), Announce(m.config.addresses)]


def _reconfigure_backup(m: Machine, config: VirtualRouterConfig, now: Millis) -> Machine:
    """The wait starts anew only if its length has changed: configuring again and again must not put an election off."""
    same_timing = (config.advert_interval, config.priority) == (m.config.advert_interval, m.config.priority)
    if same_timing:
        return replace(m, config=config)
    changed = replace(m, config=config, active_interval=config.advert_interval)
    return replace(changed, election_at=_after(now, changed.down_after))


def _reconfigure_active(m: Machine, config: VirtualRouterConfig, now: Millis) -> Step:
    """Put before remove; and put again, since removing an address takes the others of its subnet along."""
    new = replace(m, config=config, active_interval=config.advert_interval)
    if config.advert_interval != m.config.advert_interval:
        new = replace(new, election_at=_after(now, config.advert_interval))
    added = tuple(a for a in config.addresses if a not in m.config.addresses)
    gone = tuple(a for a in m.config.addresses if a not in config.addresses)
    gone_routes = tuple(r for r in m.config.routes if r not in config.routes)
    effects: list[Effect] = []
    if added or config.routes != m.config.routes:
        effects.append(_put_all(new))
    if gone or gone_routes:
        effects.extend((Remove(gone, gone_routes), _put_all(new)))
    if added:
        effects.append(Announce(added))
        new = replace(new, announcements=_repeats(now))
    return new, effects


def _stop(m: Machine) -> Machine:
    return replace(m, role=Role.INITIALIZE, election_at=None, announcements=(), active_left=False)


def _judged_by(config: VirtualRouterConfig, heard: Millis) -> Millis:
    """VRRPv3 judges the active by the interval that it announces, VRRPv2 by the one that all must share."""
    return heard if config.version is Version.V3 else config.advert_interval


def _advert(m: Machine) -> SendAdvert:
    return SendAdvert(m.config.priority, m.config.advert_interval)


def _goodbye(m: Machine) -> SendAdvert:
    return SendAdvert(0, m.config.advert_interval)


def _hold(m: Machine, duration: Millis) -> SendAdvert:
    interval = m.config.advert_interval
    if m.config.version is Version.V3:
        interval = min(Millis(max(interval, duration // 2)), MAX_INTERVAL_V3)
    return SendAdvert(m.config.priority, interval)


def _put_all(m: Machine) -> Put:
    return Put(m.config.addresses, m.config.routes)


def _remove_all(m: Machine) -> Remove:
    return Remove(m.config.addresses, m.config.routes)


def _repeats(since: Millis) -> tuple[Millis, ...]:
    return tuple(_after(since, wait) for wait in ANNOUNCE_AGAIN_AFTER)


def _after(now: Millis, wait: Millis) -> Millis:
    return Millis(now + wait)


def _due(at: Millis | None, now: Millis) -> bool:
    return at is not None and at <= now
