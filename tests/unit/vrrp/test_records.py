"""The counters under the names of RFC 8347."""

import msgspec

from futago.vrrp.counters import Counters
from futago.vrrp.packet import DropReason
from futago.vrrp.records import Record, oddities, statistics_of


def test_every_reason_to_drop_a_packet_counts_under_one_name() -> None:
    """Save the three that the model has no name for."""
    unnamed = {DropReason.OWN_SOURCE, DropReason.DESTINATION, DropReason.NOT_LINK_LOCAL}
    for reason in set(DropReason) - unnamed:
        counters = Counters()
        counters.dropped[reason] += 1
        assert sum(msgspec.structs.astuple(statistics_of(counters))) == 1, reason


def test_the_names_are_those_of_the_model() -> None:
    shown = msgspec.to_builtins(statistics_of(Counters(sent=3, goodbyes_sent=1, became_active=2)))
    assert (shown["advertisement-sent"], shown["priority-zero-pkts-sent"], shown["master-transitions"]) == (3, 1, 2)


def told(odd: Counters, *times: float) -> list[list[tuple[str, int]]]:
    """What is logged, when it is looked at these times, in seconds."""
    record = Record(0.0)
    return [oddities(record, odd, now) for now in times]


def test_another_owner_is_logged_once_a_minute() -> None:
    what = "somebody else is active for addresses that we own"
    assert told(Counters(other_owners=3), 0, 59) == [[(what, 3)], []]


def test_other_addresses_than_ours_are_logged_once_a_minute() -> None:
    record, odd = Record(0.0), Counters(other_addresses=1)
    assert oddities(record, odd, 0) == [("lists other addresses than ours", 1)]
    odd.other_addresses = 5
    assert oddities(record, odd, 30) == []
    assert oddities(record, odd, 60) == [("lists other addresses than ours", 4)]
    assert oddities(record, odd, 120) == []


def test_nothing_is_logged_of_a_peer_that_says_what_we_say() -> None:
    assert told(Counters(received=1000), 0, 60, 120) == [[], [], []]
