"""The active node's table and a standby's mirror: whatever happens, they come to agree."""

from hypothesis import given
from hypothesis import strategies as st

from futago.conntrack.ctnetlink import Event
from futago.conntrack.entry import TCP, Entry, Status, TcpState
from futago.conntrack.table import GRACE_SECONDS, STRAY_SECONDS, Mirror, Table
from unit.conntrack.samples import ENTRIES, entry

EVENTS = st.lists(st.builds(Event, ENTRIES | st.builds(entry, port=st.integers(1, 4)), st.booleans()), max_size=30)


def follow(table: Table, mirror: Mirror, now: int = 0) -> None:
    """Tell the mirror what is new."""
    changes = table.take_changes(now)
    for key in changes.remove:
        mirror.remove(key)
    for one in changes.put:
        mirror.put(one, now)


def known(*entries: Entry) -> Table:
    table = Table(routed=False)
    for one in entries:
        table.learn(Event(one, destroyed=False), 0)
    return table


def read(table: Table, *present: Entry, now: int = 0) -> None:
    """The kernel tells of all that it has."""
    table.begin_reading()
    table.read(present, now)
    table.end_reading()


@given(st.lists(EVENTS, max_size=4))
def test_a_mirror_that_is_told_of_all_changes_agrees(rounds: list[list[Event]]) -> None:
    table, mirror = Table(routed=True), Mirror()
    for events in rounds:
        for event in events:
            table.learn(event, 0)
        follow(table, mirror)
        assert mirror.digest == table.digest
        assert sorted(mirror) == sorted(table.keys())


TOLD_WHOLE = ENTRIES.filter(lambda entry: entry.key[0] != TCP or entry.tcp_state is not TcpState.NONE)
"""As a dump tells of a connection: with the state that an event may leave out."""


@given(EVENTS, st.lists(TOLD_WHOLE, max_size=10))
def test_the_present_is_what_the_kernel_has(events: list[Event], present: list[Entry]) -> None:
    table, mirror, straight = Table(routed=True), Mirror(), Table(routed=True)
    for event in events:
        table.learn(event, 0)
    for each in (table, straight):
        read(each, *present)
    follow(table, mirror)
    assert set(table.keys()) == set(straight.keys())
    assert mirror.digest == table.digest


def test_two_that_differ_in_anything_do_not_agree() -> None:
    usual = known(entry()).digest
    assert usual != known(entry(outside="10.0.80.102")).digest
    assert usual != known(entry(state=TcpState.FIN_WAIT)).digest
    assert usual != known(entry(), entry(port=2)).digest
    assert usual == known(entry(timeout=5)).digest


def test_a_connection_that_is_closing_down_for_good_is_not_there_any_more() -> None:
    table = known(entry())
    table.take_changes(0)
    table.learn(Event(entry(state=TcpState.TIME_WAIT), destroyed=False), 1)
    assert table.take_changes(1).remove == [entry().key]


def test_a_message_without_the_state_of_tcp_leaves_it() -> None:
    table = known(entry(state=TcpState.CLOSE_WAIT))
    table.learn(Event(entry(state=TcpState.NONE)._replace(mark=7), destroyed=False), 0)
    (put,) = table.take_changes(0).put
    assert (put.tcp_state, put.mark) == (TcpState.CLOSE_WAIT, 7)


def test_a_connection_that_was_picked_up_in_the_middle_is_established_once_it_is_assured() -> None:
    table = known(entry(state=TcpState.NONE)._replace(status=int(Status.SRC_NAT)))
    assert len(table) == 0
    table.learn(Event(entry(state=TcpState.NONE), destroyed=False), 0)
    assert table.take_changes(0).put[0].tcp_state == TcpState.ESTABLISHED


def test_a_connection_that_goes_on_is_renewed_before_the_standby_forgets_it() -> None:
    """Packets prolong it without an event; only the dumps tell."""
    quick = entry(protocol=17, timeout=30)
    table = known(quick)
    assert table.take_changes(0).put[0].timeout == 30 + GRACE_SECONDS
    read(table, quick, now=15)
    assert table.take_changes(15).put == [], "enough is left"
    read(table, quick, now=45)
    assert table.take_changes(45).put[0].timeout == 30 + GRACE_SECONDS
    read(table, quick._replace(timeout=0), now=75)
    assert table.take_changes(75).put == [], "nothing has prolonged it"


def test_what_happened_while_the_kernel_was_read_counts_more_than_what_was_read() -> None:
    ended, begun = entry(port=1), entry(port=2)
    table = known(ended)
    table.begin_reading()
    table.learn(Event(ended, destroyed=True), 0)
    table.learn(Event(begun, destroyed=False), 0)
    table.read([ended], 0)
    table.end_reading()
    assert table.keys() == [begun.key]


def test_what_the_active_node_does_not_know_is_no_longer_held() -> None:
    mirror = Mirror()
    mirror.adopt([entry(port=1), entry(port=2)], 0)
    mirror.begin()
    mirror.put(entry(port=2), 0)
    mirror.put(entry(port=3), 0)
    assert [one.key for one in mirror.finish(0)] == [entry(port=1).key]
    assert mirror.digest == known(entry(port=2), entry(port=3)).digest
    assert mirror.finish(0) == [], "only once"


def test_what_vanished_from_a_standbys_kernel_is_missed_and_strays_are_found() -> None:
    mirror = Mirror()
    mirror.put(entry(port=1), 0)
    mirror.put(entry(port=2), 0)
    short, long = entry(port=3, timeout=STRAY_SECONDS), entry(port=4)
    mirror.begin_reading()
    mirror.read([entry(port=1), short])
    mirror.read([long])
    missing, strays = mirror.end_reading(10)
    assert [(one.key, one.timeout) for one in missing] == [(entry(port=2).key, 431990)]
    assert strays == [long]


def test_what_a_standby_was_told_while_its_kernel_was_read_is_neither_missed_nor_a_stray() -> None:
    mirror = Mirror()
    mirror.put(entry(port=1), 0)
    mirror.begin_reading()
    mirror.read([entry(port=2), entry(port=3)])
    mirror.put(entry(port=1), 0)
    mirror.put(entry(port=2), 0)
    mirror.remove(entry(port=3).key)
    mirror.put(entry(port=4), 0)
    assert mirror.end_reading(10) == ([], [])


def test_much_that_is_new_is_told_piece_by_piece() -> None:
    table, mirror = known(*(entry(port=port) for port in range(1, 8))), Mirror()
    pieces = []
    while table.unsent:
        pieces.append(table.take_changes(0, most=3).put)
        for one in pieces[-1]:
            mirror.put(one, 0)
    assert list(map(len, pieces)) == [3, 3, 1]
    assert mirror.digest == table.digest
