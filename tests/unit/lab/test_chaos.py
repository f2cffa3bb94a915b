"""The schedule of faults and the judge, without a lab."""

import itertools

import pytest

from futago.lab.chaos import judge, schedule
from futago.lab.chaos.schedule import NETWORK_NODES, Fault
from futago.lab.drill.events import EVENTS, Part
from futago.lab.drill.sightings import Sighting, What

ROUNDS = [schedule.round_of(seed, number) for seed in range(20) for number in range(20)]


def overlap(one: Fault, other: Fault) -> bool:
    return one.at < other.ends and other.at < one.ends


def test_the_same_seed_and_number_give_the_same_round() -> None:
    assert schedule.round_of(7, 3) == schedule.round_of(7, 3)
    assert schedule.round_of(7, 3) != schedule.round_of(7, 4) != schedule.round_of(8, 4)


def test_either_node_is_active_when_a_round_begins_and_the_same_one_again() -> None:
    first = [schedule.active_in(7, number) for number in range(20)]
    assert set(first) == set(NETWORK_NODES)
    assert first == [schedule.active_in(7, number) for number in range(20)]


def test_a_round_has_faults_that_begin_in_its_span_and_end() -> None:
    for faults in ROUNDS:
        assert 1 <= len(faults) <= schedule.MOST
        assert list(faults) == sorted(faults)
        for fault in faults:
            assert 0 <= fault.at <= schedule.SPAN
            assert schedule.SHORTEST <= fault.seconds <= schedule.LONGEST


def test_every_kind_of_fault_happens_to_every_host_that_it_may_happen_to() -> None:
    happened = {(fault.host, fault.event) for faults in ROUNDS for fault in faults}
    assert happened == {(host, event) for host, weights in schedule.WEIGHTS.items() for event in weights}


def test_every_event_that_can_befall_a_node_is_in_the_schedule() -> None:
    left_out = {"drain", "remove", "boot"}  # asked of the controller, and the loss of both nodes
    assert set(schedule.WEIGHTS["net1"]) == set(EVENTS) - left_out


def test_one_network_node_can_always_serve() -> None:
    for one, other in itertools.chain.from_iterable(itertools.combinations(faults, 2) for faults in ROUNDS):
        if {one.host, other.host} == set(NETWORK_NODES) and overlap(one, other):
            assert EVENTS[one.event].serves or EVENTS[other.event].serves


def test_a_host_does_not_lose_the_same_thing_twice_at_once() -> None:
    together = set()
    for one, other in itertools.chain.from_iterable(itertools.combinations(faults, 2) for faults in ROUNDS):
        if one.host == other.host and overlap(one, other):
            together.add((one.what.touches, other.what.touches))
    assert together
    assert all(one is not other and Part.HOST not in {one, other} for one, other in together)


def adverts(host: str, *times: float, about: str = "1/1") -> list[Sighting]:
    return [Sighting(time, host, What.ADVERT, about) for time in times]


def test_a_host_is_active_from_its_first_advertisement_of_a_row_to_its_last() -> None:
    seen = adverts("a", 1, 2, 3, 9, 10) + adverts("b", 4, 5)
    assert judge.advertising(seen, 1.5) == {"1/1": {"a": [(1, 3), (9, 10)], "b": [(4, 5)]}}


def test_a_farewell_ends_a_row() -> None:
    seen = [*adverts("a", 1, 2), Sighting(2.5, "a", What.LAST_ADVERT, "1/1"), *adverts("a", 3)]
    assert judge.advertising(seen, 1.5) == {"1/1": {"a": [(1, 2.5), (3, 3)]}}


def test_routers_are_told_apart_and_other_frames_do_not_count() -> None:
    seen = [*adverts("a", 1, about="1/1"), *adverts("b", 1, about="1/2"), Sighting(1, "b", What.ANNOUNCEMENT, "x")]
    assert judge.advertising(seen, 1.5) == {"1/1": {"a": [(1, 1)]}, "1/2": {"b": [(1, 1)]}}


def test_a_farewell_of_who_was_not_active_makes_nobody_active() -> None:
    assert judge.advertising([Sighting(1, "a", What.LAST_ADVERT, "1/1")], 1.5) == {"1/1": {"a": []}}


@pytest.mark.parametrize(
    ("one", "other", "deaf", "found"),
    [
        ([(0, 10)], [(10.5, 20)], [], []),
        ([(0, 10)], [(9.5, 20)], [], [(9.5, 10)]),
        ([(0, 10)], [(2, 20)], [(1, 10)], []),
        ([(0, 10)], [(2, 20)], [(4, 9.5)], [(2, 4), (9.5, 10)]),
        ([(0, 10)], [(2, 20)], [(1, 6)], [(6, 10)]),
        ([(0, 10)], [(2, 20)], [(5, 6), (1, 5.5)], [(6, 10)]),
        ([(0, 4), (6, 9)], [(3.5, 8.5)], [], [(3.5, 4), (6, 8.5)]),
    ],
)
def test_two_actives_are_found_unless_they_could_not_hear_each_other(
    one: list[judge.Span], other: list[judge.Span], deaf: list[judge.Span], found: list[judge.Span]
) -> None:
    assert list(judge.both({"a": one, "b": other}, deaf)) == [("a", "b", span) for span in found]


def steady(*silences: tuple[float, float]) -> list[float]:
    return [n / 16 for n in range(320) if not any(began <= n / 16 < ended for began, ended in silences)]


@pytest.mark.parametrize(
    ("silences", "after"),
    [
        ([], 0.0),
        ([(2, 9)], 0.0),
        ([(2, 11)], 1.0),
        ([(2, 11), (12, 13)], 3.0),
        ([(2, 11), (12, 12.1)], 1.0),
        ([(12, 30)], None),
        ([(2, 30)], None),
        ([(0, 30)], None),
    ],
)
def test_served_is_when_the_last_silence_is_over(silences: list[tuple[float, float]], after: float | None) -> None:
    assert judge.served_after(steady(*silences), 10, 19) == after


@pytest.mark.parametrize(
    ("silent", "after"),
    [
        ([(9, 0), (12, 0)], 0.0),
        ([(9, 4), (11, 0)], 0.0),
        ([(9, 4), (10.5, 4), (11, 1), (11.25, 0), (20, 4)], 1.0),
        ([(9, 0), (12, 1)], None),
        ([], None),
    ],
)
def test_many_are_served_when_nobody_of_them_is_silent(silent: list[tuple[float, int]], after: float | None) -> None:
    assert judge.all_served_after(silent, 10, 19) == after


def test_what_is_left_over_and_what_is_lost_is_named() -> None:
    before = {"net1": frozenset({"namespace a", "namespace b"})}
    after = {"net1": frozenset({"namespace b", "address c"})}
    assert judge.left_over(before, after) == ["net1 has address c, left over", "net1 has lost namespace a"]
    assert judge.left_over(before, before) == []
