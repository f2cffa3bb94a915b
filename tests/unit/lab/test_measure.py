from itertools import chain

import pytest

from futago.lab import measure
from futago.lab.measure import Gap, Reply

PING = """PING 10.0.80.101 (10.0.80.101) 56(84) bytes of data.
[1700000000.100000] 64 bytes from 10.0.80.101: icmp_seq=1 ttl=62 time=1.9 ms
[1700000000.120000] 64 bytes from 10.0.80.101: icmp_seq=2 ttl=62 time=1.1 ms
[1700000000.121000] 64 bytes from 10.0.80.101: icmp_seq=2 ttl=62 time=2.1 ms (DUP!)
[1700000000.900000] From 10.0.80.1 icmp_seq=3 Destination Host Unreachable
[1700000001.370000] 64 bytes from 10.0.80.101: icmp_seq=5 ttl=62 time=1.1 ms

--- 10.0.80.101 ping statistics ---
""".splitlines()


def test_only_first_answers_count_as_replies() -> None:
    assert measure.replies(PING) == [Reply(1700000000.1, 1), Reply(1700000000.12, 2), Reply(1700000001.37, 5)]


def test_lines_that_are_not_of_ping_are_not_replies() -> None:
    assert measure.replies(["", "64 bytes from 10.0.80.101: icmp_seq=1 ttl=62 time=1.9 ms", "[1.0] hello"]) == []


def test_the_longest_gap_is_between_neighbours_and_says_when_it_began() -> None:
    assert measure.longest_gap([1.0, 1.5, 4.0, 4.25]) == Gap(2.5, 1.5)


def test_the_order_of_events_does_not_matter() -> None:
    assert measure.longest_gap([4.25, 1.0, 4.0, 1.5]) == Gap(2.5, 1.5)


@pytest.mark.parametrize("times", [[], [1.0]])
def test_one_event_makes_no_gap(times: list[float]) -> None:
    with pytest.raises(ValueError, match="make no gap"):
        measure.longest_gap(times)


def test_requests_without_an_answer_between_answered_ones_are_lost() -> None:
    assert measure.lost(measure.replies(PING)) == (3, 4)


def test_nothing_is_lost_when_every_number_came_even_out_of_order() -> None:
    assert measure.lost([Reply(1.0, 7), Reply(1.1, 9), Reply(1.2, 8)]) == ()


def test_without_any_answer_nothing_can_be_said_to_be_lost() -> None:
    assert measure.lost([]) == ()


def test_the_share_of_memory_is_the_kernels_pss_line() -> None:
    rollup = "\n".join(chain(["7f0-7f1 ---p 0 00:00 0 [rollup]", "Rss:  999 kB"], ["Pss:   123 kB", "Pss_Dirty: 9 kB"]))
    assert measure.pss_kib(rollup) == 123


def test_a_process_without_memory_of_its_own_has_no_share() -> None:
    assert measure.pss_kib("") == 0
