"""One virtual router: the state machine of RFC 9568, section 6.4, as a function of (state, event, now).

Nothing here knows a clock or a socket: events and the time go in, effects and the next deadline come out.

      INITIALIZE ──Started──▶ BACKUP ──nothing heard for down_after──▶ ACTIVE
           │                    ▲                                        │
           └────Adopted─────────┼──────────────────────────────────────▶ │
                                └──higher priority heard, or Resigned────┘
    Stopped leads from anywhere to INITIALIZE; an ACTIVE that was frozen for too long (`overslept`) leads to BACKUP.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from futago.values import Millis, Role
from futago.vrrp.config import Version, VirtualRouterConfig
from futago.vrrp.events import (
    Adopted,
    Announce,
    Cause,
    Configured,
    Effect,
    Event,
    Heard,
    Held,
    Put,
    Remove,
    Resigned,
    RoleChanged,
    SendAdvert,
    Started,
    Stopped,
    TimerFired,
    Withdrawn,
)
from futago.vrrp.packet import MAX_INTERVAL_V3

__all__ = [
    "Adopted",
    "Announce",
    "Cause",
    "Configured",
    "Effect",
    "Event",
    "Heard",
    "Held",
    "Machine",
    "Put",
    "Remove",
    "Resigned",
    "RoleChanged",
    "SendAdvert",
    "Started",
    "Stopped",
    "TimerFired",
    "Withdrawn",
    "step",
]

ANNOUNCE_AGAIN_AFTER: Final = (Millis(50), Millis(250), Millis(1000))
"""When after a takeover its gratuitous ARPs are repeated. A lost one would cost minutes, and the first is lost where a
tunnel has to learn its far end's address before it can send."""
OWNER_PRIORITY: Final = 255
LEAST_PRIORITY: Final = 1
"""Of a router that takes part (RFC 9568, 5.2.4)."""
LAST_RESORT: Final = range(2, 10)
"""The priorities of routers that yield, in the order of their own ones."""
_UNKNOWN: Final = Millis(0)
_SECOND: Final = Millis(1000)


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
    obeys_until: Millis | None = None
    """BACKUP that may preempt: when the worse active that it hears is no longer obeyed (RFC 8347: hold-time)."""

    @property
    def priority(self) -> int:
        """The priority that is advertised now."""
        own = self.config.priority
        return LAST_RESORT[own * (len(LAST_RESORT) - 1) // OWNER_PRIORITY] if self.config.yielding else own

    @property
    def deadline(self) -> Millis | None:
        """When `TimerFired` is due."""
        elections = () if self.election_at is None else (self.election_at,)
        return min((*elections, *self.announcements), default=None)

    @property
    def skew(self) -> Millis:
        """Lets the better router go first (Skew_Time): a part of the interval, or, for RFC 3768, of a second."""
        unit = _SECOND if self.config.version is Version.V2 else self.active_interval
        return Millis((256 - self.priority) * unit // 256)

    @property
    def down_after(self) -> Millis:
        """How long a backup waits for an advertisement (Active_Down_Interval)."""
        return Millis(3 * self.active_interval + self.skew)

    def overslept(self, now: Millis) -> bool:
        """ACTIVE, but silent for so long that the best of the others may have elected itself."""
        if self.role is not Role.ACTIVE or self.election_at is None:
            return False
        return now - self.election_at > 2 * self.active_interval


Step = tuple[Machine, Sequence[Effect]]


def step(machine: Machine, event: Event, now: Millis) -> Step:
    """The whole protocol."""
    if machine.overslept(now) and not isinstance(event, Withdrawn):
        backup, effects = _step_back(machine, Cause.OVERSLEPT, now)
        machine, more = _in_backup(backup, event, now)
        return machine, [*effects, *more]
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
        case TimerFired() | Heard() | Resigned() | Held() | Withdrawn() | Stopped():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _in_backup(m: Machine, event: Event, now: Millis) -> Step:  # noqa: PLR0911 - one return for each event
    match event:
        case TimerFired() if _due(m.election_at, now):
            return _become_active(m, Cause.ACTIVE_LEFT if m.active_left else Cause.SILENCE, now)
        case Heard(priority=0):
            return replace(m, election_at=_after(now, m.skew), active_left=True), []
        case Heard(priority=priority) if priority in LAST_RESORT and m.priority >= LAST_RESORT.stop:
            return _become_active(m, Cause.ACTIVE_LEFT, now)
        case Heard() if not _preempts(m.config) or event.priority >= m.priority:
            return _obey(replace(m, obeys_until=None), event, now), []
        case Heard():
            return _obey_for_a_while(m, event, now), []
        case Configured(config):
            return _reconfigure_backup(m, config, now), []
        case Stopped():
            return _stop(m), [RoleChanged(Role.BACKUP, Role.INITIALIZE, Cause.STOPPED)]
        case Adopted():
            return _become_active(m, Cause.ADOPTED, now)
        case Started() | TimerFired() | Resigned() | Held() | Withdrawn():
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
        case Withdrawn():
            return _step_back(m, Cause.WITHDRAWN, now)
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
        obeys_until=None,
    )
    took = (_put_all(m), _advert(m), Announce(m.config.addresses), RoleChanged(m.role, Role.ACTIVE, cause))
    return active, took


def _become_backup(m: Machine, cause: Cause, interval: Millis, now: Millis) -> Step:
    waiting = replace(m, role=Role.BACKUP, active_interval=interval, announcements=(), active_left=False)
    backup = replace(waiting, election_at=_after(now, waiting.down_after))
    return backup, [RoleChanged(m.role, Role.BACKUP, cause)]


def _step_back(m: Machine, cause: Cause, now: Millis) -> Step:
    """Others have taken over long ago.

    An advertisement of the least priority tells who is active now that there were two: it wins against nobody, ends
    nobody's wait early, and has the survivor announce itself where our frozen host has still answered (`_survive`).
    """
    backup, effects = _become_backup(m, cause, m.config.advert_interval, now)
    return backup, [_remove_all(m), SendAdvert(LEAST_PRIORITY, m.config.advert_interval), *effects]


def _obey(m: Machine, heard: Heard, now: Millis) -> Machine:
    learned = replace(m, active_interval=_judged_by(m.config, heard.interval), active_left=False)
    return replace(learned, election_at=_after(now, learned.down_after))


def _obey_for_a_while(m: Machine, heard: Heard, now: Millis) -> Machine:
    """A worse one is active. Without a delay its advertisements count as silence (RFC 9568, 6.4.2)."""
    if m.obeys_until is None:
        m = replace(m, obeys_until=_after(now, m.config.preempt_delay))
    return m if _due(m.obeys_until, now) else _obey(m, heard, now)


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
    it yet, and must know that it has to announce itself again where the neighbours learned our MAC address. The backups
    learn the survivor's interval from it: by a shorter one of ours they would not wait for the survivor.
    """
    if heard.priority == 0:
        return replace(m, election_at=_after(now, m.config.advert_interval)), [_advert(m)]
    if (heard.priority, heard.source) > (m.priority, m.config.source):
        backup, effects = _become_backup(m, Cause.OUTRANKED, _judged_by(m.config, heard.interval), now)
        last_word = SendAdvert(m.priority, backup.active_interval)
        return backup, [_remove_all(m), last_word, *effects]
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
    before, after = ((c.advert_interval, c.priority, c.yielding) for c in (m.config, config))
    same_timing = before == after
    if same_timing:
        return replace(m, config=config)
    changed = replace(m, config=config, active_interval=config.advert_interval)
    return replace(changed, election_at=_after(now, changed.down_after))


def _reconfigure_active(m: Machine, config: VirtualRouterConfig, now: Millis) -> Step:
    """Put before remove; and put again, since removing an address takes the others of its subnet along.

    Another interval is said at once: a backup that still judges by a shorter one would take the pause for silence.
    """
    new = replace(m, config=config, active_interval=config.advert_interval)
    if (config.advert_interval, config.yielding) != (m.config.advert_interval, m.config.yielding):
        new = replace(new, election_at=now)
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
    return replace(m, role=Role.INITIALIZE, election_at=None, announcements=(), active_left=False, obeys_until=None)


def _preempts(config: VirtualRouterConfig) -> bool:
    """The owner of the addresses always does (RFC 9568, 6.1)."""
    return config.preempt or config.priority == OWNER_PRIORITY


def _judged_by(config: VirtualRouterConfig, heard: Millis) -> Millis:
    """VRRPv3 judges the active by the interval that it announces, VRRPv2 by the one that all must share."""
    return heard if config.version is Version.V3 else config.advert_interval


def _advert(m: Machine) -> SendAdvert:
    return SendAdvert(m.priority, m.config.advert_interval)


def _goodbye(m: Machine) -> SendAdvert:
    return SendAdvert(0, m.config.advert_interval)


def _hold(m: Machine, duration: Millis) -> SendAdvert:
    interval = m.config.advert_interval
    if m.config.version is Version.V3:
        interval = min(Millis(max(interval, duration // 2)), MAX_INTERVAL_V3)
    return SendAdvert(m.priority, interval)


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
