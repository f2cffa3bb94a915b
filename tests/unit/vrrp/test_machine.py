"""The rules of RFC 9568, section 6, one by one."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.values import Millis, Role
from futago.vrrp.config import VirtualRouterConfig
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
from futago.vrrp.machine import step
from futago.vrrp.virtual_router import Machine
from unit.vrrp.samples import DEFAULT_ROUTE, FLOATING, INSIDE, LOWER_PEER, OUTSIDE, PEER, router, router_v2

SECOND = Millis(1000)
ALL = (INSIDE, OUTSIDE)
ADVERT = SendAdvert(100, SECOND)
GOODBYE = SendAdvert(0, SECOND)
PUT, REMOVE = Put(ALL, (DEFAULT_ROUTE,)), Remove(ALL, (DEFAULT_ROUTE,))
EVENTS: tuple[Event, ...] = (
    Started(),
    Adopted(),
    TimerFired(),
    Heard(source=PEER, priority=0, interval=SECOND),
    Heard(source=PEER, priority=99, interval=SECOND),
    Heard(source=PEER, priority=200, interval=SECOND),
    Configured(router(priority=120)),
    Resigned(),
    Held(Millis(3000)),
    Withdrawn(),
    Stopped(),
)


def heard(priority: int, interval: int = 1000, source: object = PEER) -> Heard:
    return Heard(source=source, priority=priority, interval=Millis(interval))  # type: ignore[arg-type]


def backup(config: VirtualRouterConfig | None = None) -> Machine:
    """Started at 0."""
    return step(Machine(config or router()), Started(), Millis(0))[0]


def active(config: VirtualRouterConfig | None = None) -> Machine:
    """Adopted at 0."""
    return step(Machine(config or router()), Adopted(), Millis(0))[0]


def after(machine: Machine, event: Event, now: int) -> tuple[Machine, Sequence[Effect]]:
    return step(machine, event, Millis(now))


def test_a_started_router_waits_as_a_backup_for_three_intervals_and_the_skew() -> None:
    machine, effects = after(Machine(router()), Started(), 0)
    assert effects == [RoleChanged(Role.INITIALIZE, Role.BACKUP, Cause.STARTED)]
    assert machine.deadline == 3609


def test_the_owner_of_the_addresses_is_active_at_once() -> None:
    machine, effects = after(Machine(router(priority=255)), Started(), 0)
    assert machine.role is Role.ACTIVE
    assert effects[-1] == RoleChanged(Role.INITIALIZE, Role.ACTIVE, Cause.OWNER)


def test_the_skew_of_short_intervals_is_not_rounded_away() -> None:
    assert backup(router(priority=50, advert_interval=Millis(300))).deadline == 900 + 241


def test_a_silent_active_is_replaced_addresses_first_then_advert_then_gratuitous_arp() -> None:
    machine, effects = after(backup(), TimerFired(), 3609)
    assert tuple(effects) == (PUT, ADVERT, Announce(ALL), RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.NOBODY))
    assert machine.election_at == 4609


def test_the_cause_tells_silence_from_an_empty_place_and_from_preemption() -> None:
    def cause(config: VirtualRouterConfig, priority: int) -> Cause:
        waiting, _ = after(backup(config), Heard(source=PEER, priority=priority, interval=Millis(1000)), 1000)
        assert waiting.election_at is not None
        _, effects = after(waiting, TimerFired(), waiting.election_at)
        change = effects[-1]
        assert isinstance(change, RoleChanged)
        return change.cause

    assert cause(router(), 50) is Cause.SILENCE
    assert cause(router(preempt=True), 50) is Cause.PREEMPTED
    assert cause(router(preempt=True), 150) is Cause.SILENCE


def test_a_timer_that_comes_early_does_nothing() -> None:
    assert after(backup(), TimerFired(), 3608) == (backup(), [])


def test_gratuitous_arp_is_repeated_four_times_within_a_second_and_then_no_more() -> None:
    machine = active(router(advert_interval=Millis(10_000)))
    for at in (20, 80, 250, 1000):
        assert machine.deadline == at
        machine, effects = after(machine, TimerFired(), at)
        assert effects == [Announce(ALL, briefly=at < 1000)]
    assert machine.deadline == 10_000


def test_repeats_that_came_due_together_are_one() -> None:
    machine, effects = after(active(router(advert_interval=Millis(10_000))), TimerFired(), 400)
    assert effects == [Announce(ALL, briefly=True)]
    assert machine.announcements == (1000,)


def test_an_active_router_advertises_at_its_interval() -> None:
    machine, _ = after(active(), TimerFired(), 1000)
    machine, effects = after(machine, TimerFired(), 2000)
    assert effects == [ADVERT]
    assert machine.deadline == 3000


def test_an_advert_starts_the_wait_anew() -> None:
    machine, effects = after(backup(), heard(100), 500)
    assert effects == []
    assert machine.deadline == 4109


def test_a_version_3_backup_learns_the_interval_of_the_active() -> None:
    machine, _ = after(backup(), heard(200, interval=3000), 0)
    assert machine.deadline == 9000 + 1828


def test_a_version_2_backup_goes_by_its_own_interval_and_its_skew_is_a_part_of_a_second() -> None:
    """RFC 3768, 6.1: three intervals and (256 - priority) / 256 seconds; RFC 9568 scales the skew with the interval."""
    machine, _ = after(backup(router_v2()), heard(200, interval=9000), 0)
    assert machine.deadline == 6000 + 804


def test_priority_0_makes_a_backup_elect_after_its_skew() -> None:
    machine, effects = after(backup(), heard(0), 100)
    assert effects == []
    assert machine.deadline == 100 + 609
    _, effects = after(machine, TimerFired(), 709)
    assert effects[-1] == RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.ACTIVE_LEFT)


def test_an_advert_after_priority_0_calls_the_election_off() -> None:
    machine, _ = after(backup(), heard(0), 100)
    machine, _ = after(machine, heard(99), 200)
    assert machine.deadline == 200 + 3609
    _, effects = after(machine, TimerFired(), 3809)
    assert effects[-1] == RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.SILENCE)


def test_without_preemption_a_backup_obeys_a_lower_priority() -> None:
    machine, _ = after(backup(), heard(1), 500)
    assert machine.deadline == 4109


def test_with_preemption_a_backup_ignores_a_lower_priority() -> None:
    machine, _ = after(backup(router(preempt=True)), heard(99), 500)
    assert machine.deadline == 3609


def test_with_preemption_a_backup_obeys_its_own_priority() -> None:
    machine, _ = after(backup(router(preempt=True)), heard(100), 500)
    assert machine.deadline == 4109


def test_the_owner_of_the_addresses_preempts_whatever_its_settings() -> None:
    """RFC 9568, 6.1: it may be a backup after a resignation or a long sleep."""
    resigned, _ = after(active(router(priority=255, preempt=False)), Resigned(), 0)
    machine, _ = after(resigned, heard(254), 500)
    assert (machine.role, machine.deadline) == (Role.BACKUP, resigned.deadline)


def test_an_active_router_yields_to_a_higher_priority() -> None:
    machine, effects = after(active(), heard(101, interval=2000), 500)
    last_word = SendAdvert(100, Millis(2000))
    assert effects == [REMOVE, last_word, RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.OUTRANKED)]
    assert machine.deadline == 500 + 6000 + 1218


def test_of_equal_priorities_the_higher_address_stays() -> None:
    yielding, _ = after(active(), heard(100, source=PEER), 500)
    staying, _ = after(active(), heard(100, source=LOWER_PEER), 500)
    assert (yielding.role, staying.role) == (Role.BACKUP, Role.ACTIVE)


def test_addresses_are_compared_as_numbers_not_as_text() -> None:
    config = router(source=LOWER_PEER.__class__("169.254.192.9"))
    machine, _ = after(active(config), heard(100, source=PEER.__class__("169.254.192.10")), 500)
    assert machine.role is Role.BACKUP


def test_an_active_router_answers_a_lower_priority_with_an_advert_and_announces_again() -> None:
    machine, effects = after(active(), heard(99), 500)
    assert effects == [ADVERT, Announce(ALL)]
    assert machine.role is Role.ACTIVE
    assert machine.election_at == 1500


def test_the_survivor_of_a_split_announces_once_more_when_the_other_has_gone() -> None:
    machine, _ = after(active(), heard(99), 2500)
    assert machine.announcements == (3520, 3580, 3750, 4500)


def test_a_version_2_survivor_announces_but_keeps_its_pace() -> None:
    machine, effects = after(active(router_v2()), heard(49, interval=2000), 500)
    assert effects == [Announce(ALL)]
    assert machine.election_at == 2000


def test_an_active_router_answers_priority_0_with_an_advert() -> None:
    machine, effects = after(active(), heard(0), 500)
    assert effects == [ADVERT]
    assert machine.election_at == 1500


def test_an_adopted_router_goes_on_as_active_at_once() -> None:
    machine, effects = after(Machine(router()), Adopted(), 0)
    assert machine.role is Role.ACTIVE
    assert tuple(effects) == (PUT, ADVERT, Announce(ALL), RoleChanged(Role.INITIALIZE, Role.ACTIVE, Cause.ADOPTED))


def test_a_resigning_router_removes_its_addresses_before_it_says_goodbye() -> None:
    machine, effects = after(active(), Resigned(), 500)
    assert effects == [REMOVE, GOODBYE, RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.RESIGNED)]
    assert machine.deadline == 500 + 3609


def test_a_stopped_active_router_tells_the_others() -> None:
    machine, effects = after(active(), Stopped(), 500)
    assert effects == [REMOVE, GOODBYE, RoleChanged(Role.ACTIVE, Role.INITIALIZE, Cause.STOPPED)]
    assert machine.deadline is None


def test_a_stopped_backup_says_nothing() -> None:
    machine, effects = after(backup(), Stopped(), 500)
    assert effects == [RoleChanged(Role.BACKUP, Role.INITIALIZE, Cause.STOPPED)]
    assert machine.deadline is None


def test_before_a_restart_version_3_asks_the_others_to_wait_longer_than_it_takes() -> None:
    _, effects = after(active(router(advert_interval=Millis(300))), Held(Millis(3000)), 500)
    assert effects == [SendAdvert(100, Millis(1500))]
    waiting, _ = after(backup(router(advert_interval=Millis(300))), heard(100, interval=1500), 0)
    assert waiting.deadline is not None
    assert waiting.deadline > 3000 + 1000


def test_before_a_restart_the_stretched_interval_is_never_shorter_than_the_own_and_fits_the_field() -> None:
    _, slow = after(active(router(advert_interval=Millis(5000))), Held(Millis(3000)), 500)
    _, long = after(active(), Held(Millis(100_000)), 500)
    assert (slow, long) == ([SendAdvert(100, Millis(5000))], [SendAdvert(100, Millis(40_950))])


def test_before_a_restart_version_2_only_starts_the_others_wait_anew() -> None:
    _, effects = after(active(router_v2()), Held(Millis(3000)), 500)
    assert effects == [SendAdvert(50, Millis(2000))]


def test_an_active_router_takes_on_new_addresses_and_announces_only_them() -> None:
    config = router(addresses=(INSIDE, OUTSIDE, FLOATING))
    machine, effects = after(active(), Configured(config), 2500)
    assert effects == [Put(config.addresses, config.routes), Announce((FLOATING,), new=True)]
    assert machine.role is Role.ACTIVE
    assert machine.announcements == (2520, 2580, 2750, 3500)


def test_an_active_router_puts_before_it_removes_and_puts_back_what_removal_took_along() -> None:
    config = router(addresses=(OUTSIDE, FLOATING), routes=())
    _, effects = after(active(), Configured(config), 2500)
    put = Put(config.addresses, ())
    assert effects == [put, Remove((INSIDE,), (DEFAULT_ROUTE,)), put, Announce((FLOATING,), new=True)]


def test_a_change_that_touches_no_address_touches_no_address() -> None:
    machine, effects = after(active(), Configured(router(priority=150)), 500)
    assert effects == []
    assert machine.deadline == active().deadline


def test_a_backup_takes_new_addresses_without_touching_the_host_or_its_timer() -> None:
    machine, effects = after(backup(), Configured(router(addresses=(FLOATING,))), 500)
    assert effects == []
    assert machine.deadline == 3609
    _, effects = after(machine, TimerFired(), 3609)
    assert Announce((FLOATING,)) in effects


def test_a_backup_with_a_new_interval_waits_by_it() -> None:
    machine, _ = after(backup(), Configured(router(advert_interval=Millis(300))), 500)
    assert machine.deadline == 500 + 900 + 182


def test_a_backup_keeps_to_the_interval_that_it_learned_whatever_its_own_becomes() -> None:
    """The active still advertises by it; RFC 9568, 6.4.2: another comes with another advertisement."""
    listening, _ = after(backup(), heard(200, interval=1000), 0)
    machine, effects = after(listening, Configured(router(advert_interval=Millis(300))), 500)
    assert effects == []
    assert machine.deadline == listening.deadline == 3609
    told, _ = after(machine, heard(200, interval=300), 1000)
    assert told.deadline == 1000 + 900 + 182


def test_what_a_former_active_said_does_not_bind_who_has_been_active_since() -> None:
    machine, _ = after(backup(), heard(200, interval=3000), 0)
    machine, _ = after(machine, TimerFired(), 9000 + 1828)
    machine, _ = after(machine, Resigned(), 11_000)
    machine, _ = after(machine, Configured(router(advert_interval=Millis(300))), 11_100)
    assert machine.deadline == 11_100 + 900 + 182


def test_who_yields_to_a_better_active_keeps_to_its_interval() -> None:
    machine, _ = after(active(), heard(101, interval=2000), 500)
    changed, _ = after(machine, Configured(router(advert_interval=Millis(300))), 600)
    assert (machine.role, changed.deadline) == (Role.BACKUP, machine.deadline)


def test_a_version_2_backup_takes_the_new_interval_of_all() -> None:
    listening, _ = after(backup(router_v2()), heard(200, interval=2000), 0)
    machine, _ = after(listening, Configured(router_v2(advert_interval=Millis(1000))), 500)
    assert machine.deadline == 500 + 3000 + 804


def test_an_active_router_says_another_interval_at_once_and_advertises_by_it() -> None:
    """A backup that judges by 300 ms would not wait a second for the first advert at the new pace."""
    machine, _ = after(active(router(advert_interval=Millis(300))), Configured(router()), 100)
    machine, effects = after(machine, TimerFired(), 100)
    assert effects[0] == ADVERT
    assert machine.election_at == 1100


def test_with_a_preempt_delay_a_worse_active_is_obeyed_until_the_delay_is_over() -> None:
    waiting, _ = after(backup(router(preempt=True, preempt_delay=Millis(5000))), heard(99), 1000)
    assert waiting.deadline == 1000 + 3609
    later, _ = after(waiting, heard(99), 3000)
    assert later.deadline == 3000 + 3609
    over, _ = after(later, heard(99), 6000)
    assert over.deadline == 3000 + 3609


def test_a_preempt_delay_does_not_put_off_the_election_when_the_active_dies() -> None:
    waiting, _ = after(backup(router(preempt=True, preempt_delay=Millis(60_000))), heard(99), 1000)
    assert after(waiting, TimerFired(), 4609)[0].role is Role.ACTIVE


def test_a_preempt_delay_starts_anew_after_a_better_active() -> None:
    waiting, _ = after(backup(router(preempt=True, preempt_delay=Millis(5000))), heard(99), 1000)
    better, _ = after(waiting, heard(101), 2000)
    again, _ = after(better, heard(99), 3000)
    assert again.obeys_until == 8000


@pytest.mark.parametrize("event", [TimerFired(), heard(99), heard(101), Resigned(), Held(Millis(3000))])
def test_an_active_router_that_slept_past_three_intervals_wakes_as_a_backup(event: Event) -> None:
    """The best of the others may have elected itself; whatever comes first, the addresses go before anything else."""
    machine, effects = after(active(), event, 3001)
    last_word = SendAdvert(1, SECOND)
    assert effects == [REMOVE, last_word, RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.OVERSLEPT)]
    assert machine.role is Role.BACKUP
    assert machine.deadline == 3001 + 3609


def test_an_active_router_that_is_late_by_less_than_three_intervals_goes_on() -> None:
    machine, effects = after(active(), TimerFired(), 3000)
    assert (machine.role, effects[0]) == (Role.ACTIVE, ADVERT)


def test_a_router_that_asked_for_patience_does_not_count_the_time_that_it_asked_for_as_sleep() -> None:
    held, _ = after(active(), Held(Millis(3000)), 500)
    assert after(held, TimerFired(), 4000)[0].role is Role.ACTIVE


def test_an_active_router_whose_addresses_were_withdrawn_is_a_backup() -> None:
    machine, effects = after(active(), Withdrawn(), 500)
    assert effects == [REMOVE, SendAdvert(1, SECOND), RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.WITHDRAWN)]
    assert machine.deadline == 500 + 3609


def test_an_owner_that_hears_another_owner_with_a_higher_address_yields() -> None:
    """RFC 9568, erratum 8298: otherwise both would answer for ever."""
    machine, _ = after(active(router(priority=255)), heard(255), 500)
    assert machine.role is Role.BACKUP


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@pytest.mark.parametrize("machine", [Machine(router()), backup(), active()], ids=["initialize", "backup", "active"])
def test_every_event_is_answered_in_every_role(machine: Machine, event: Event) -> None:
    """A late packet is a case, not an accident; a router that takes part always has a deadline."""
    now, _ = after(machine, event, 10_000)
    assert (now.deadline is None) == (now.role is Role.INITIALIZE)


@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5000)), max_size=40))
def test_whatever_happens_the_addresses_are_here_exactly_while_the_router_is_active(
    story: list[tuple[Event, int]],
) -> None:
    machine, held, now = Machine(router()), False, 0
    for event, wait in story:
        now += wait
        machine, effects = after(machine, event, now)
        for effect in effects:
            held = isinstance(effect, Put) or (held and not isinstance(effect, Remove))
        assert held == (machine.role is Role.ACTIVE)
