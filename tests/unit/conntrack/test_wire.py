"""What nodes tell each other of connections."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.conntrack import wire
from futago.conntrack.table import Digest
from futago.conntrack.wire import BadMessage, Checkpoint, Claim, Echo, End, Mark, Message, Put, Remove, Resync
from unit.conntrack.samples import ENTRIES, U32, entry

NAMES = st.text(max_size=60)
U64 = st.integers(0, 2**64 - 1)
MESSAGES = st.one_of(
    st.builds(Claim, NAMES, U64),
    st.builds(Put, NAMES, st.lists(ENTRIES, max_size=5).map(tuple)),
    st.builds(Remove, NAMES, st.lists(st.binary(min_size=13, max_size=13), max_size=5).map(tuple)),
    st.builds(Checkpoint, NAMES, st.builds(Digest, U32, U64)),
    st.builds(End, NAMES),
    st.builds(Mark, U64),
    st.builds(Echo, U64),
    st.builds(Resync, NAMES),
)


@given(MESSAGES)
def test_what_is_written_is_read(message: Message) -> None:
    assert wire.decode(wire.encode(message)) == message


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    with suppress(BadMessage):
        message = wire.decode(data)
        assert wire.decode(wire.encode(message)) == message


def test_a_name_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="256 bytes"):
        wire.encode(End("r" * 256))


def test_many_connections_go_out_in_several_messages_of_less_than_the_limit() -> None:
    many = [entry(port=port) for port in range(1, 602)]
    messages = list(wire.puts("router80", many))
    assert [len(message.entries) for message in messages] == [250, 250, 101]
    assert [len(one.keys) for one in wire.removes("router80", [one.key for one in many])] == [250, 250, 101]
    assert max(len(wire.encode(message)) for message in messages) < 16 * 1024
