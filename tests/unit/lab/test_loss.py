import pytest

from futago.lab.measure import Gap, Reply, loss

EVERY = 0.0625
"""Exact in binary, as are all times here."""


def replies(*silences: tuple[float, float], until: float = 20.0) -> list[Reply]:
    """A ping at a steady pace from 0 on; what was sent within a silence (its beginning included) was not answered."""
    sent = [Reply(number * EVERY, number) for number in range(int(until / EVERY))]
    return [reply for reply in sent if not any(began <= reply.time < ended for began, ended in silences)]


def test_a_silence_is_measured_from_answer_to_answer_with_what_was_lost() -> None:
    assert loss(replies((10, 11)), 10, 15).longest == Gap(1.0625, 9.9375)
    assert loss(replies((10, 11)), 10, 15).lost == 16
    assert loss(replies((10, 11)), 10, 15).ended


def test_nothing_lost_is_a_gap_of_the_ping_itself() -> None:
    found = loss(replies(), 10, 15)
    assert (found.longest.seconds, found.lost, found.ended) == (EVERY, 0, True)


def test_a_silence_that_ends_only_after_the_span_had_not_ended() -> None:
    found = loss(replies((10, 16)), 10, 15)
    assert (found.longest.seconds, found.ended) == (6.0625, False)


def test_a_silence_belongs_to_the_span_in_which_it_began() -> None:
    assert loss(replies((10, 16)), 15, 19).longest.seconds == EVERY
    assert loss(replies((10, 11), (16, 17)), 15, 19).longest == Gap(1.0625, 15.9375)


def test_a_silence_that_never_ends_is_as_long_as_the_span() -> None:
    found = loss(replies(until=10), 10, 15)
    assert (found.longest, found.ended) == (Gap(5.0625, 9.9375), False)


def test_earlier_silences_do_not_count() -> None:
    assert loss(replies((3, 6), (10, 11)), 10, 15).longest.seconds == 1.0625


def test_a_span_without_any_answer_of_its_own_is_silent_from_end_to_end() -> None:
    found = loss(replies((10, 18)), 12, 15)
    assert (found.longest, found.ended) == (Gap(3, 12), False)


def test_an_answer_that_comes_late_ends_no_silence_of_others_and_makes_none() -> None:
    """A host that was paused sends at last what it had kept."""
    received = [reply for reply in replies((10, 11)) if reply.sequence != 150]
    found = loss([*received, Reply(17.03125, 150)], 9, 15)
    assert (found.longest, found.lost) == (Gap(1.0625, 9.9375), 16)
    after = loss([*received, Reply(17.03125, 150)], 16, 19)
    assert (after.longest.seconds, after.lost) == (EVERY, 0)


def test_a_ping_that_never_worked_is_not_measured() -> None:
    with pytest.raises(ValueError, match="no answer"):
        loss([], 10, 15)
