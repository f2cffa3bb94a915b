"""RFC 9568, 6.1 and 6.4: the states and timers, clause by clause, where `test_machine` tells stories."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.values import IPv4Address, Millis, Role
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import (
    Adopted,
    Announce,
    Cause,
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
from unit.vrrp.samples import LOWER_PEER, PEER, router

START = Millis(0)
priorities = st.integers(1, 254)
intervals = st.integers(1, 4095).map(lambda centiseconds: Millis(10 * centiseconds))
heards = st.builds(Heard, source=st.sampled_from([PEER, LOWER_PEER]), priority=st.integers(0, 255), interval=intervals)
events: st.SearchStrategy[Event] = heards | st.sampled_from(
    [Started(), Adopted(), TimerFired(), Resigned(), Held(Millis(3000)), Withdrawn(), Stopped()]
)


def backup(**changes: object) -> Machine:
    return step(Machine(router(**changes)), Started(), START)[0]


def active(**changes: object) -> Machine:
    return step(Machine(router(**changes)), Adopted(), START)[0]


def heard(priority: int, interval: int = 1000, source: IPv4Address = PEER) -> Heard:
    return Heard(source=source, priority=priority, interval=Millis(interval))


def after(machine: Machine, event: Event, now: int) -> tuple[Machine, list[Effect]]:
    changed, effects = step(machine, event, Millis(now))
    return changed, list(effects)


def skew(priority: int, interval: int) -> int:
    """Skew_Time (6.1), in whole milliseconds."""
    return (256 - priority) * interval // 256


@given(priorities, intervals)
def test_a_started_router_waits_for_three_intervals_and_a_skew_that_falls_with_its_priority(
    priority: int, interval: int
) -> None:
    machine = backup(priority=priority, advert_interval=interval)
    assert machine.role is Role.BACKUP
    assert machine.deadline == 3 * interval + skew(priority, interval)


@given(priorities, priorities, intervals)
def test_the_better_of_two_backups_never_waits_longer(one: int, other: int, interval: int) -> None:
    better, worse = max(one, other), min(one, other)
    first, second = (backup(priority=each, advert_interval=interval).deadline for each in (better, worse))
    assert first is not None
    assert second is not None
    assert first <= second


def test_a_router_of_priority_254_is_no_owner() -> None:
    machine, effects = after(Machine(router(priority=254)), Started(), 0)
    assert machine.role is Role.BACKUP
    assert effects == [RoleChanged(Role.INITIALIZE, Role.BACKUP, Cause.STARTED)]


def test_a_started_owner_advertises_priority_255_announces_its_addresses_and_is_active() -> None:
    config = router(priority=255)
    machine, effects = after(Machine(config), Started(), 0)
    assert effects == [
        Put(config.addresses, config.routes),
        SendAdvert(255, config.advert_interval),
        Announce(config.addresses),
        RoleChanged(Role.INITIALIZE, Role.ACTIVE, Cause.OWNER),
    ]
    assert machine.election_at == config.advert_interval


@given(st.lists(heards, max_size=10))
def test_a_backup_says_nothing_whatever_it_hears(story: list[Heard]) -> None:
    machine = backup()
    for event in story:
        machine, effects = after(machine, event, 500)
        assert effects == []
        assert machine.role is Role.BACKUP


def test_when_the_down_timer_fires_the_next_advert_is_due_after_our_own_interval() -> None:
    """Not after the one that was learned from the former active."""
    waiting, _ = after(backup(), heard(200, interval=3000), 0)
    assert waiting.deadline is not None
    machine, _ = after(waiting, TimerFired(), waiting.deadline)
    assert machine.election_at == waiting.deadline + 1000


def test_when_the_down_timer_fires_every_address_is_announced() -> None:
    _, effects = after(backup(), TimerFired(), 3609)
    assert Announce(router().addresses) in effects
    assert effects.index(SendAdvert(100, Millis(1000))) < effects.index(Announce(router().addresses))


def test_priority_0_shortens_the_wait_to_the_skew_of_the_interval_that_was_learned() -> None:
    waiting, _ = after(backup(), heard(200, interval=3000), 0)
    machine, _ = after(waiting, heard(0, interval=3000), 100)
    assert machine.deadline == 100 + skew(100, 3000)


def test_any_other_priority_does_not_shorten_the_wait() -> None:
    for priority in range(1, 256):
        machine, _ = after(backup(), heard(priority), 100)
        assert machine.deadline == 100 + 3609


@given(intervals, st.integers(100, 255))
def test_a_backup_takes_over_interval_skew_and_wait_of_the_active_that_it_obeys(interval: int, priority: int) -> None:
    machine, _ = after(backup(preempt=True), heard(priority, interval), 700)
    assert machine.active_interval == interval
    assert machine.skew == skew(100, interval)
    assert machine.deadline == 700 + 3 * interval + skew(100, interval)


@given(intervals, st.integers(1, 99))
def test_with_preemption_nothing_is_learned_from_a_worse_advert(interval: int, priority: int) -> None:
    before = backup(preempt=True)
    machine, effects = after(before, heard(priority, interval), 700)
    assert effects == []
    assert (machine.active_interval, machine.skew, machine.deadline) == (
        before.active_interval,
        before.skew,
        before.deadline,
    )


def test_a_backup_that_was_shut_down_is_in_no_election_any_more() -> None:
    machine, _ = after(backup(), Stopped(), 500)
    assert (machine.role, machine.deadline) == (Role.INITIALIZE, None)
    assert after(machine, TimerFired(), 60_000) == (machine, [])
    assert after(machine, heard(0), 60_000) == (machine, [])


def test_an_active_that_was_shut_down_advertises_no_more() -> None:
    machine, effects = after(active(), Stopped(), 500)
    assert SendAdvert(0, Millis(1000)) in effects
    assert after(machine, TimerFired(), 1000) == (machine, [])


def test_an_active_whose_timer_is_not_due_does_not_advertise() -> None:
    machine = active()
    assert not any(isinstance(effect, SendAdvert) for effect in after(machine, TimerFired(), 999)[1])


@pytest.mark.parametrize("priority", [1, 50, 99])
def test_an_active_learns_nothing_from_a_worse_advert(priority: int) -> None:
    machine, effects = after(active(), heard(priority, interval=9000), 500)
    assert machine.role is Role.ACTIVE
    assert machine.active_interval == 1000
    assert effects[0] == SendAdvert(100, Millis(1000))


@given(intervals, st.integers(101, 255))
def test_an_active_that_yields_waits_by_the_interval_of_the_better_one(interval: int, priority: int) -> None:
    machine, _ = after(active(), heard(priority, interval), 500)
    assert machine.role is Role.BACKUP
    assert machine.deadline == 500 + 3 * interval + skew(100, interval)


def test_an_active_does_not_yield_to_its_own_priority_from_a_lower_address() -> None:
    machine, effects = after(active(), heard(100, source=LOWER_PEER), 500)
    assert machine.role is Role.ACTIVE
    assert SendAdvert(100, Millis(1000)) in effects


@pytest.mark.parametrize(
    ("ours", "theirs"), [("10.0.0.1", "200.0.0.1"), ("127.255.255.255", "128.0.0.0"), ("10.0.0.9", "10.0.0.10")]
)
def test_addresses_are_compared_as_unsigned_numbers(ours: str, theirs: str) -> None:
    config: VirtualRouterConfig = router(source=IPv4Address(ours))
    machine, _ = step(Machine(config), Adopted(), START)
    machine, _ = after(machine, heard(100, source=IPv4Address(theirs)), 500)
    assert machine.role is Role.BACKUP


@given(st.lists(st.tuples(events, st.integers(0, 5000)), max_size=40))
def test_nothing_is_announced_unless_its_addresses_are_there(story: list[tuple[Event, int]]) -> None:
    """8.1.2 and 8.2.2: neither at boot nor later."""
    machine, there, now = Machine(router()), False, 0
    for event, wait in story:
        now += wait
        machine, effects = after(machine, event, now)
        there = _announced_truly(effects, there=there)


def _announced_truly(effects: Sequence[Effect], *, there: bool) -> bool:
    for effect in effects:
        there = isinstance(effect, Put) or (there and not isinstance(effect, Remove))
        assert there or not isinstance(effect, Announce)
    return there
