"""The targets of `./run fuzz` for a moment: any bytes, and right ones with a few of them changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.targets import TARGETS, examples

any_target = pytest.mark.parametrize("target", TARGETS)


@any_target
def test_right_bytes_are_taken(target: str) -> None:
    for example in examples(target):
        TARGETS[target](example)


@any_target
@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=400))
def test_any_bytes_are_taken_or_refused(target: str, data: bytes) -> None:
    TARGETS[target](data)


@st.composite
def damaged(draw: st.DrawFn, target: str) -> bytes:
    data = bytearray(draw(st.sampled_from(examples(target))))
    places = st.integers(0, len(data) - 1)
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=6)):
        data[place] = value
    end = draw(st.integers(0, len(data)))
    return bytes(data[:end] if draw(st.booleans()) else data)


@any_target
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_are_taken_or_refused(target: str, data: st.DataObject) -> None:
    TARGETS[target](data.draw(damaged(target)))


@pytest.mark.parametrize("line", [b"[" * 1_000_000, b'{"request":' * 100_000, b"\xff" * 1000, b"", b"\n", b"null"])
def test_hostile_lines_are_refused(line: bytes) -> None:
    TARGETS["requests"](line)
