"""The time in which two nodes said that they were active, by reports that come at their own pace."""

import pytest

from futago.controller.nodes.overlap import Overlaps


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Told:
    """Reports, each at its time."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.overlaps = Overlaps(self.clock)

    def at(self, seconds: float, node: str, *active: str) -> float:
        self.clock.now = seconds
        self.overlaps.take(node, active)
        return self.overlaps.seconds


@pytest.fixture
def told() -> Told:
    return Told()


def test_one_active_after_another_is_no_overlap(told: Told) -> None:
    told.at(0, "net1", "r")
    told.at(2, "net1")
    assert told.at(2.5, "net2", "r") == 0


def test_two_overlap_until_one_says_that_it_is_not_active(told: Told) -> None:
    told.at(0, "net1", "r")
    told.at(2, "net2", "r")
    told.at(2.25, "net1")
    assert told.at(4, "net2", "r") == 0.25
    told.at(4.5, "net1")
    assert told.at(6, "net2", "r") == 0.25


def test_an_overlap_that_lasts_grows_with_each_report(told: Told) -> None:
    told.at(0, "net1", "r")
    told.at(1, "net2", "r")
    grown = [told.at(at, node, "r") for at, node in ((2, "net1"), (3, "net2"), (4, "net1"), (5, "net2"))]
    assert grown == [0, 1, 2, 3]


def test_a_node_that_died_as_the_active_one_overlaps_with_nobody(told: Told) -> None:
    """Nor when it is back, and says at once what it is now."""
    told.at(0, "net1", "r")
    told.at(1, "net2", "r")
    for at in range(3, 60, 2):
        told.at(at, "net2", "r")
    assert told.at(60, "net1") == 0


def test_each_router_counts(told: Told) -> None:
    told.at(0, "net1", "a", "b", "c")
    told.at(1, "net2", "a", "b")
    told.at(2, "net1", "c")
    assert told.at(3, "net2", "a", "b") == 2


def test_of_three_at_once_the_time_counts_once(told: Told) -> None:
    told.at(0, "net1", "r")
    told.at(1, "net2", "r")
    told.at(2, "net3", "r")
    told.at(3, "net1")
    told.at(4, "net2")
    assert told.at(5, "net3", "r") == 3
