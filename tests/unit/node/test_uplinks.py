"""Damping: an uplink goes down quickly, comes up slowly, and does not drag routers to and fro."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from futago.node.uplinks import Cause, Damping, Health, Sample, observe

DAMPING = Damping(misses=3, hold=3.0, longest_hold=12.0, calm=60.0)
STEP = 0.15
GOOD = Sample(carrier=True, answered=True)
SILENT = Sample(carrier=True, answered=False)
CUT = Sample(carrier=False, answered=False)
BLIND = Sample()


class Watched:
    """An uplink that is looked at every `STEP` seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.health = Health(since=self.now)

    def see(self, *samples: Sample) -> "Watched":
        for sample in samples:
            self.now += STEP
            self.health = observe(self.health, sample, self.now, DAMPING)
        return self

    def see_for(self, seconds: float, sample: Sample) -> "Watched":
        return self.see(*[sample] * round(seconds / STEP))

    def seconds_until_up(self) -> float:
        """How long it takes to come up when nothing is wrong any more."""
        start = self.now
        while not self.health.up:
            self.see(GOOD)
            assert self.now < start + 1000
        return self.now - start


def test_a_lost_carrier_takes_an_uplink_down_at_once() -> None:
    assert Watched().see(GOOD, CUT).health.cause is Cause.NO_CARRIER


def test_three_missed_probes_in_a_row_take_an_uplink_down_and_two_do_not() -> None:
    assert Watched().see(GOOD, SILENT, SILENT, GOOD, SILENT, SILENT).health.up
    assert Watched().see(GOOD, SILENT, SILENT, SILENT).health.cause is Cause.SILENT


def test_a_gateway_that_has_never_answered_is_not_held_against_the_uplink() -> None:
    uplink = Watched().see_for(60, SILENT)
    assert uplink.health.up
    assert not uplink.see(CUT).health.up
    assert uplink.see_for(4, SILENT).health.up


def test_an_uplink_of_which_nothing_is_known_is_up() -> None:
    assert Watched().see_for(60, BLIND).health == Health(since=1000.0)


def test_an_uplink_comes_up_after_it_has_been_good_for_a_while() -> None:
    uplink = Watched().see(GOOD, CUT).see_for(2.8, GOOD)
    assert (uplink.health.up, uplink.health.cause) == (False, Cause.HELD)
    assert uplink.see_for(0.6, GOOD).health.up


def test_one_missed_probe_starts_the_wait_anew() -> None:
    uplink = Watched().see(GOOD, CUT).see_for(2.5, GOOD).see(SILENT).see_for(2.5, GOOD)
    assert not uplink.health.up
    assert uplink.see_for(1.0, GOOD).health.up


def test_a_carrier_alone_does_not_bring_back_an_uplink_whose_gateway_used_to_answer() -> None:
    assert not Watched().see(GOOD, CUT).see_for(60, SILENT).health.up


def test_while_nobody_knows_whether_the_gateway_answers_an_uplink_that_is_down_stays_down() -> None:
    uplink = Watched().see(GOOD, SILENT, SILENT, SILENT).see_for(60, replace(BLIND, carrier=True))
    assert uplink.health.cause is Cause.SILENT
    assert round(uplink.seconds_until_up()) == 3


def test_each_fall_that_follows_soon_doubles_the_wait_up_to_a_limit() -> None:
    uplink, waits = Watched().see(GOOD), []
    for _ in range(5):
        uplink.see(CUT)
        waits.append(uplink.seconds_until_up())
    assert [round(wait) for wait in waits] == [3, 6, 12, 12, 12]
    assert uplink.health.falls == 5


def test_a_fall_after_a_calm_time_is_a_first_one_again() -> None:
    uplink = Watched().see(GOOD, CUT)
    uplink.seconds_until_up()
    uplink.see(CUT)
    uplink.seconds_until_up()
    uplink.see_for(61, GOOD).see(CUT)
    assert round(uplink.seconds_until_up()) == 3


samples = st.sampled_from([GOOD, SILENT, CUT, BLIND, replace(GOOD, carrier=None), replace(CUT, answered=True)])


@given(st.lists(samples, max_size=80))
def test_whatever_is_seen_two_changes_to_up_are_a_hold_apart(seen: Iterable[Sample]) -> None:
    uplink, ups = Watched(), []
    for sample in seen:
        was = uplink.health.up
        uplink.see(sample)
        if uplink.health.up and not was:
            ups.append(uplink.now)
    assert all(later - earlier >= DAMPING.hold for earlier, later in pairwise(ups))


@given(st.lists(samples, max_size=80))
def test_whatever_was_seen_an_uplink_that_stays_good_comes_up(seen: Iterable[Sample]) -> None:
    assert Watched().see(*seen).see_for(DAMPING.longest_hold + 1, GOOD).health.up
