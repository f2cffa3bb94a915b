"""What a router's advertisements tell: which were lost, for how long two were active, how long silence lasted."""

from futago.values import IPv4Address, Millis, Role
from futago.vrrp.counters import Hearing
from futago.vrrp.events import Cause, Heard, RoleChanged
from futago.vrrp.records import takeover_of
from futago.vrrp.takeovers import Spread, Takeover

NET1, NET3 = IPv4Address("169.254.192.1"), IPv4Address("169.254.192.3")
TAKES = RoleChanged(Role.BACKUP, Role.ACTIVE, Cause.SILENCE)
STEPS_BACK = RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.OUTRANKED)


def hearing(*times: int, source: IPv4Address = NET1) -> Hearing:
    """Of a backup that heard an active that advertises once in a second."""
    made = Hearing()
    for at in times:
        say(made, at, source=source)
    return made


def say(made: Hearing, at: int, *, priority: int = 100, source: IPv4Address = NET1) -> None:
    made.hear(Heard(source=source, priority=priority, interval=Millis(1000)), Millis(at))


def test_what_comes_in_time_or_nearly_so_is_not_lost() -> None:
    assert hearing(0, 1000, 2300, 2900, 4000).lost == 0


def test_what_did_not_come_before_the_next_ones_is_lost() -> None:
    assert hearing(0, 1000, 3000, 4000).lost == 1
    assert hearing(0, 3100, 4000, 6000, 7000).lost == 3


def test_what_comes_late_and_all_at_once_is_not_lost() -> None:
    assert hearing(0, 3000, 3001, 3002, 4000).lost == 0
    assert hearing(0, 3000, 3001, 4000).lost == 1


def test_what_an_active_never_sent_is_not_lost() -> None:
    """Another one spoke in between, it said goodbye, or we were active."""
    changed = hearing(0, 1000)
    say(changed, 1500, source=NET3)
    say(changed, 9000)
    left = hearing(0, 1000)
    say(left, 1500, priority=0)
    say(left, 9000)
    ours = hearing(0, 1000)
    ours.role_changed(TAKES, Millis(4600))
    ours.role_changed(STEPS_BACK, Millis(30_000))
    say(ours, 30_000)
    for made in (changed, left, ours):
        say(made, made._heard_at + 1000)
        assert made.lost == 0


def test_two_are_active_from_our_takeover_to_the_last_word_of_the_other() -> None:
    planned = hearing(0, 1000)
    planned.role_changed(TAKES, Millis(1200))
    say(planned, 1203, priority=1)
    say(planned, 1500, priority=1)
    assert planned.dual_active == 3


def test_two_are_active_for_as_long_as_we_hear_the_other_at_each_interval() -> None:
    split = Hearing()
    split.role_changed(TAKES, Millis(0))
    for at in (5000, 6000, 7000, 20_000, 21_000):
        say(split, at)
    split.role_changed(STEPS_BACK, Millis(21_000))
    say(split, 22_000)
    assert split.dual_active == 3000


def test_a_takeover_follows_silence() -> None:
    backup = hearing(0, 1000)
    backup.role_changed(TAKES, Millis(4609))
    assert takeover_of(backup, Millis(4612)) == Takeover(duration=0.003, silence=3.609)


def test_what_was_heard_before_we_were_active_tells_nothing_of_the_next_takeover() -> None:
    backup = hearing(0, 1000)
    backup.role_changed(TAKES, Millis(4609))
    backup.role_changed(RoleChanged(Role.ACTIVE, Role.BACKUP, Cause.OVERSLEPT), Millis(90_000))
    backup.role_changed(TAKES, Millis(94_000))
    assert takeover_of(backup, Millis(94_000)) == Takeover(duration=0.0, silence=None)


def test_to_go_on_as_active_is_no_takeover() -> None:
    adopted = Hearing()
    adopted.role_changed(RoleChanged(Role.INITIALIZE, Role.ACTIVE, Cause.ADOPTED), Millis(5))
    assert takeover_of(adopted, Millis(9)) is None


def test_a_duration_is_in_one_class() -> None:
    spread = Spread().with_one(0.001).with_one(0.0011).with_one(99.0)
    assert (spread.counts[0], spread.counts[1], spread.counts[-1], sum(spread.counts)) == (1, 1, 1, 3)
