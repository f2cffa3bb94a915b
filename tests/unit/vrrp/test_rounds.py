"""Every router has its turn, and many of them together do not cost more than a few."""

import pytest

from futago.vrrp import rounds
from futago.vrrp.rounds import CHECK_EVERY, CHECKS_A_SECOND, Rounds


def test_each_has_its_turn_before_any_has_its_second() -> None:
    names = [f"router{number}" for number in range(13)]
    turns = Rounds()
    seen: list[str] = []
    while len(seen) < len(names):
        seen.extend(turns.next(names))
    assert seen == names
    assert turns.next(names)[0] == "router0"


def test_one_that_came_in_the_middle_of_a_round_waits_for_the_next_one() -> None:
    turns = Rounds()
    first = turns.next([f"router{number}" for number in range(6)])
    assert list(turns.next(["new"])) == ["router5"]
    assert "router5" not in first
    assert list(turns.next(["new"])) == ["new"]


def test_without_routers_nobody_has_a_turn() -> None:
    assert list(Rounds().next([])) == []
    assert rounds.pause(0) == CHECK_EVERY


@pytest.mark.parametrize("routers", [1, 5, 20, 100, 400])
def test_a_round_takes_two_seconds(routers: int) -> None:
    assert round_seconds(routers) == pytest.approx(CHECK_EVERY)


def test_a_round_over_a_thousand_takes_longer_rather_than_more() -> None:
    assert round_seconds(1000) == pytest.approx(1000 / CHECKS_A_SECOND)


def round_seconds(routers: int) -> float:
    """How long until the first one has its turn again."""
    names = [str(number) for number in range(routers)]
    turns, passed = Rounds(), 0.0
    turns.next(names)
    while True:
        passed += rounds.pause(routers)
        if turns.next(names)[0] == "0":
            return passed
