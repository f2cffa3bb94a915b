"""One virtual router: the state machine of RFC 9568, section 6.4, as a function of (state, event, now).

Nothing here knows a clock or a socket: events and the time go in, effects and the next deadline come out.

      INITIALIZE ──Started──▶ BACKUP ──nothing heard for down_after──▶ ACTIVE
           │                    ▲                                        │
           └────Adopted─────────┼──────────────────────────────────────▶ │
                                └──higher priority heard, or Resigned────┘
    Stopped leads from anywhere to INITIALIZE, and Started leads the owner of the addresses to ACTIVE. An ACTIVE that
    was frozen for too long (`overslept`), was Withdrawn, or is Isolated leads to BACKUP.

Beside the RFC, between hosts that know each other (`config.peers`): an active that wants to be rid of its router is
taken over from before it lets go, the loss of the active's host ends the wait for it, and a host that reaches no other
one is active for nothing.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from msgspec.structs import replace

from futago.values import IPAddress, Millis, Role
from futago.vrrp import timing
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
    Isolated,
    Lost,
    Rejoined,
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
from futago.vrrp.peers import (
    LEAST_PRIORITY,
    RESIGNING_PRIORITY,
    gives_way,
    is_last_word,
    last_word_of,
    says_when_gone,
    turn,
)
from futago.vrrp.timing import after, due, judged_by, repeats
from futago.vrrp.virtual_router import Machine

OWNER_PRIORITY: Final = 255
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
        case Isolated() | Rejoined():
            return replace(m, isolated=isinstance(event, Isolated)), []
        case TimerFired() | Heard() | Resigned() | Lost() | Held() | Withdrawn() | Stopped():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _in_backup(m: Machine, event: Event, now: Millis) -> Step:  # noqa: PLR0911 - one return for each event
    match event:
        case TimerFired() if due(m.election_at, now):
            return _elect(m, now)
        case Heard():
            return _listen(m, event, now), []
        case Configured(config):
            return _reconfigure_backup(m, config, now), []
        case Stopped():
            return _stop(m), [RoleChanged(Role.BACKUP, Role.INITIALIZE, Cause.STOPPED)]
        case Adopted():
            return _become_active(m, Cause.ADOPTED, now)
        case Lost() | Isolated() | Rejoined():
            return _watch_hosts(m, event, now), []
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
            return _resign(m, now)
        case Lost() | Isolated() | Rejoined():
            return _serve_on_unless_alone(m, event, now)
        case Withdrawn():
            return _step_back(m, Cause.WITHDRAWN, now)
        case Held(duration):
            return replace(m, election_at=after(now, duration)), [hold(m.config, duration, m.config.priority)]
        case Stopped():
            return _stop(m), [m.remove_all, m.goodbye, RoleChanged(Role.ACTIVE, Role.INITIALIZE, Cause.STOPPED)]
        case Started() | Adopted():
            return m, []
        case unreachable:
            assert_never(unreachable)


def _elect(m: Machine, now: Millis) -> Step:
    """Who reaches nobody waits on: the others have an active one, or nobody to serve."""
    if m.isolated:
        return replace(m, election_at=after(now, m.down_after), active=None), []
    return _become_active(m, _why(m), now)


def _why(m: Machine) -> Cause:
    """Silence has three meanings."""
    if m.expects is not Cause.SILENCE:
        return m.expects
    if m.obeys_until is not None:
        return Cause.PREEMPTED
    return Cause.SILENCE if m.active else Cause.NOBODY


def _become_active(m: Machine, cause: Cause, now: Millis) -> Step:
    """RFC 9568, 6.4.2 (360-375): advertise, announce every address; addresses first, so that what we say is true."""
    active = replace(
        m,
        role=Role.ACTIVE,
        active_interval=m.config.advert_interval,
        learned=False,
        election_at=after(now, m.config.advert_interval),
        announcements=repeats(now),
        expects=Cause.SILENCE,
        active=None,
        obeys_until=None,
    )
    took = (m.put_all, m.advert, Announce(m.config.addresses), RoleChanged(m.role, Role.ACTIVE, cause))
    return active, took


def _become_backup(m: Machine, cause: Cause, interval: Millis, now: Millis) -> Step:
    backup = replace(
        m,
        role=Role.BACKUP,
        election_at=after(now, timing.down_after(m.config, interval)),
        announcements=(),
        active_interval=interval,
        learned=False,
        expects=Cause.SILENCE,
        active=None,
        yields_until=None,
    )
    return backup, [RoleChanged(m.role, Role.BACKUP, cause)]


def _step_back(m: Machine, cause: Cause, now: Millis) -> Step:
    """Others have taken over long ago.

    An advertisement of the least priority tells who is active now that there were two: it wins against nobody, ends
    nobody's wait early, and has the survivor announce itself where our frozen host has still answered (`_survive`).
    Who is isolated may only be deaf, and heard a moment ago by one that has taken over: that one stepped back for us.
    """
    backup, effects = _become_backup(m, cause, m.config.advert_interval, now)
    last_words = [SendAdvert(LEAST_PRIORITY, m.config.advert_interval)]
    if cause is Cause.ISOLATED:
        last_words.append(m.goodbye)
    return backup, [m.remove_all, *last_words, *effects]


def _listen(m: Machine, heard: Heard, now: Millis) -> Machine:
    """BACKUP: somebody else is active."""
    if heard.priority == 0:
        return replace(m, election_at=after(now, m.skew), expects=Cause.ACTIVE_LEFT)
    if m.config.yields_below and heard.priority == LEAST_PRIORITY:
        return _hear_last_word(m, heard, now)
    if gives_way(m.config, heard):
        return _wait_no_longer(m, heard.source, m.skew, Cause.GIVEN_WAY, now)
    if not _preempts(m.config) or heard.priority >= m.config.priority:
        return _obey(m, heard, now, obeys_until=None)
    return _obey_for_a_while(m, heard, now)


def _obey(m: Machine, heard: Heard, now: Millis, *, obeys_until: Millis | None) -> Machine:
    interval = judged_by(m.config, heard.interval)
    return replace(
        m,
        election_at=after(now, timing.down_after(m.config, interval)),
        active_interval=interval,
        learned=True,
        expects=Cause.SILENCE,
        active=heard.source,
        obeys_until=obeys_until,
    )


def _obey_for_a_while(m: Machine, heard: Heard, now: Millis) -> Machine:
    """A worse one is active. Without a delay its advertisements count as silence (RFC 9568, 6.4.2)."""
    until = after(now, m.config.preempt_delay) if m.obeys_until is None else m.obeys_until
    return replace(m, obeys_until=until) if due(until, now) else _obey(m, heard, now, obeys_until=until)


def _tick_active(m: Machine, now: Millis) -> Step:
    effects: list[Effect] = []
    if due(m.election_at, now):
        yields = m.yields_until is not None and not due(m.yields_until, now)
        effects.append(SendAdvert(RESIGNING_PRIORITY, m.config.advert_interval) if yields else m.advert)
        until = m.yields_until if yields else None
        m = replace(m, election_at=after(now, m.config.advert_interval), yields_until=until)
    if any(due(at, now) for at in m.announcements):
        left = tuple(at for at in m.announcements if not due(at, now))
        effects.append(Announce(m.config.addresses, briefly=bool(left)))
        m = replace(m, announcements=left)
    return m, effects


def _contend(m: Machine, heard: Heard, now: Millis) -> Step:
    """Two are active: after a split, or because one resigns (RFC 9568, 6.4.3).

    Who has to go takes its addresses off and then says a last time that it was there: the other one may not have heard
    it yet, and must know that it has to announce itself again where the neighbours learned our MAC address. The backups
    learn the survivor's interval from it: by a shorter one of ours they would not wait for the survivor.
    """
    if heard.priority == 0:
        return replace(m, election_at=after(now, m.config.advert_interval)), [m.advert]
    ours = m.config.priority if m.yields_until is None else RESIGNING_PRIORITY
    if (heard.priority, heard.source) > (ours, m.config.source):
        backup, effects = _become_backup(m, Cause.OUTRANKED, judged_by(m.config, heard.interval), now)
        last_word = SendAdvert(last_word_of(m.config, ours), backup.active_interval)
        return replace(backup, learned=True, active=heard.source), [m.remove_all, last_word, *effects]
    return _survive(m, heard, now)


def _serve_on_unless_alone(m: Machine, event: Lost | Isolated | Rejoined, now: Millis) -> Step:
    """ACTIVE: a host that is lost to us may have been active, too, until it found itself isolated: announce again.

    So may one that is back, and its last word was lost if it could hear and not be heard.
    """
    match event:
        case Lost() | Rejoined():
            return replace(m, announcements=repeats(now)), []
        case Isolated():
            return _step_back(replace(m, isolated=True), Cause.ISOLATED, now)
        case unreachable:
            assert_never(unreachable)


def _resign(m: Machine, now: Millis) -> Step:
    """Among peers say three times that anybody may take over, and go on until somebody has; or stay active.

    Others know no such word: to them we say goodbye, and they elect while nobody is active (RFC 9568, 6.4.3).
    """
    if m.config.peers and m.config.yields_below:
        interval = m.config.advert_interval
        yielding = replace(m, yields_until=after(now, Millis(3 * interval)), election_at=after(now, interval))
        return yielding, [SendAdvert(RESIGNING_PRIORITY, interval)]
    backup, effects = _become_backup(m, Cause.RESIGNED, m.config.advert_interval, now)
    return backup, [m.remove_all, m.goodbye, *effects]


def _survive(m: Machine, heard: Heard, now: Millis) -> Step:
    """The other one has to go. Announce now, and again when it has heard us and is gone: it may have spoken last.

    One that will say when it is gone is waited for. If it does not hear us, it may be that nobody does where the
    addresses are reached through tunnels: to announce ourselves outside would take its traffic and lose it.
    RFC 9568 answers with an advertisement at once; RFC 3768 just goes on, so there the other waits for the next one.
    """
    effects: list[Effect] = [] if says_when_gone(m.config, heard) else [Announce(m.config.addresses)]
    again = now if is_last_word(m.config, heard) else after(now, m.config.advert_interval)
    survivor = replace(m, announcements=repeats(again))
    if m.config.version is Version.V2:
        return survivor, effects
    return replace(survivor, election_at=after(now, m.config.advert_interval)), [m.advert, *effects]


def _hear_last_word(m: Machine, heard: Heard, now: Millis) -> Machine:
    """It ends nobody's wait, and puts none off; but the interval that it says is the ordinary one again (`guard`)."""
    learned = replace(m, active_interval=judged_by(m.config, heard.interval), learned=True)
    at = after(now, learned.down_after)
    return replace(learned, election_at=at if m.election_at is None else min(at, m.election_at))


def _wait_no_longer(m: Machine, source: IPAddress, wait: Millis, why: Cause, now: Millis) -> Machine:
    """Elect soon. Saying a wish again, or losing a lost host again, puts nothing off; another advertisement does."""
    at = after(now, wait)
    return replace(m, election_at=at if m.election_at is None else min(at, m.election_at), expects=why, active=source)


def _watch_hosts(m: Machine, event: Lost | Isolated | Rejoined, now: Millis) -> Machine:
    """BACKUP: the loss of the active's host ends the wait for it; whoever comes back listens first."""
    match event:
        case Lost(source, doubt) if source == m.active:
            wait = Millis(turn(m.config, source, m.active_interval) + doubt)
            return _wait_no_longer(m, source, wait, Cause.HOST_LOST, now)
        case Lost():
            return m
        case Isolated():
            return replace(m, isolated=True)
        case Rejoined() if m.hears:
            return replace(m, isolated=False)
        case Rejoined():
            wait = after(now, timing.listening(m.config, m.active_interval))
            return replace(m, isolated=False, election_at=wait, expects=Cause.SILENCE, obeys_until=None)
        case unreachable:
            assert_never(unreachable)


def _reconfigure_backup(m: Machine, config: VirtualRouterConfig, now: Millis) -> Machine:
    """The active's interval is what the active says, whatever is ours now; VRRPv2 has one interval for all.

    The wait starts anew only if its length has changed, and not if something has cut it short: configuring again and
    again must not put an election off.
    """
    learned = m.learned and config.version is Version.V3
    interval = m.active_interval if learned else config.advert_interval
    changed = replace(m, config=config, active_interval=interval)
    if changed.down_after == m.down_after or m.expects is not Cause.SILENCE:
        return changed
    return replace(changed, election_at=after(now, changed.down_after))


def _reconfigure_active(m: Machine, config: VirtualRouterConfig, now: Millis) -> Step:
    """Put before remove; and put again, since removing an address takes the others of its subnet along.

    Another interval is said at once: a backup that still judges by a shorter one would take the pause for silence. So
    is another priority: a lower one may be the wish to be rid of the router.
    """
    new = replace(m, config=config, active_interval=config.advert_interval)
    if (config.advert_interval, config.priority) != (m.config.advert_interval, m.config.priority):
        new = replace(new, election_at=now)
    added = tuple(a for a in config.addresses if a not in m.config.addresses)
    gone = tuple(a for a in m.config.addresses if a not in config.addresses)
    gone_routes = tuple(r for r in m.config.routes if r not in config.routes)
    effects: list[Effect] = []
    if added or config.routes != m.config.routes:
        effects.append(new.put_all)
    if gone or gone_routes:
        effects.extend((Remove(gone, gone_routes), new.put_all))
    if added:
        effects.append(Announce(added, new=True))
        new = replace(new, announcements=repeats(now))
    return new, effects


def _stop(m: Machine) -> Machine:
    return replace(m, role=Role.INITIALIZE, election_at=None, announcements=(), yields_until=None, obeys_until=None)


def _preempts(config: VirtualRouterConfig) -> bool:
    """The owner of the addresses always does (RFC 9568, 6.1)."""
    return config.preempt or config.priority == OWNER_PRIORITY


def hold(config: VirtualRouterConfig, duration: Millis, priority: int) -> SendAdvert:
    """Has backups wait for at least `duration`; a wish to be rid of the router waits, too.

    Who takes over meanwhile does so beside addresses that nobody takes off. VRRPv2 cannot say it.
    """
    interval = config.advert_interval
    if config.version is Version.V3:
        interval = min(Millis(max(interval, duration // 2)), MAX_INTERVAL_V3)
    return SendAdvert(max(priority, config.yields_below), interval)
