import pytest

from futago.lab import measure
from futago.lab.measure import Gap, Memory, Reply

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


SMAPS = """\
55d0-55d1 r--p 00000000 fe:00 41 /usr/bin/python3
Size:  8 kB
Rss:  40 kB
Anonymous:  4 kB
7f00-7f01 rw-p 00000000 00:00 0 [heap]
Rss:  900 kB
Anonymous:  900 kB
7f02-7f03 r-xp 00001000 fe:00 42 /usr/lib/libc.so.6
Rss:  100 kB
Anonymous:  0 kB
"""


def test_a_processs_own_memory_is_told_from_that_of_files() -> None:
    read = measure.memory("Rss: 1040 kB\nPss: 500 kB\nPss_Anon:  450 kB\n", SMAPS)
    assert read == Memory(own=450, files={"fe:00/41@00000000": 36, "fe:00/42@00001000": 100})


def test_the_pages_of_a_file_count_once_for_all_processes_of_a_host() -> None:
    node = Memory(own=1024, files={"libc": 1024, "python": 512})
    vrrpd = Memory(own=2048, files={"libc": 512, "python": 1024})
    assert measure.together_mib([node, vrrpd]) == 1 + 2 + 1 + 1


def test_no_process_takes_no_memory() -> None:
    assert measure.together_mib([measure.memory("", "")]) == 0
