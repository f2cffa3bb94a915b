"""The counters under the names of RFC 8347."""

import msgspec

from futago.vrrp.engine import Counters
from futago.vrrp.packet import DropReason
from futago.vrrp.records import statistics_of


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
