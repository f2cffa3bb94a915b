"""Which nodes carry what."""

from hypothesis import given
from hypothesis import strategies as st

from futago.controller import schedule


@given(nodes=st.integers(2, 6), routers=st.integers(1, 40))
def test_actives_are_spread_evenly(nodes: int, routers: int) -> None:
    names = [f"net{number}" for number in range(nodes)]
    carried: dict[str, int] = {}
    preferred: dict[str, int] = {}
    for _ in range(routers):
        chosen = schedule.choose(schedule.candidates(names, carried, preferred), 2)
        assert len(set(chosen)) == 2
        for node in chosen:
            carried[node] = carried.get(node, 0) + 1
        preferred[chosen[0]] = preferred.get(chosen[0], 0) + 1
    loads = [preferred.get(name, 0) for name in names]
    assert max(loads) - min(loads) <= 2


def test_fewer_nodes_than_wanted_are_all_taken_and_zero_wants_all() -> None:
    of = schedule.candidates(["a", "b"], {}, {})
    assert schedule.choose(of, 3) == ("a", "b")
    assert schedule.choose(of, 0) == ("a", "b")


def test_priorities_halve_with_the_rank_and_stay_legal() -> None:
    assert [schedule.priority(rank) for rank in (0, 1, 2, 3, 50)] == [200, 100, 50, 25, 10]


def test_a_further_replica_takes_the_rank_that_has_become_free() -> None:
    assert schedule.free_priority(set()) == 200
    assert schedule.free_priority({100, 50}) == 200
    assert schedule.free_priority({200, 50}) == 100
    assert schedule.free_priority({200, 100, 50, 25, 12, 10}) == 10


def test_zones_take_turns_and_those_with_fewest_come_first() -> None:
    of = schedule.candidates({"a1": "a", "a2": "a", "b1": "b"}, {"b1": 9}, {})
    assert set(schedule.choose(of, 2)) == {"a1", "b1"}
    assert set(schedule.choose(of, 1, ["b"])) == {"a1"}
    assert set(schedule.choose(of, 1, ["a", "a"])) == {"b1"}
    assert set(schedule.choose(of, 0)) == {"a1", "a2", "b1"}
