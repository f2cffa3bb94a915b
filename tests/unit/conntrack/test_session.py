"""Nobody without the key says anything, and nothing is said twice."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.conntrack.session import MOST_BYTES, Refused, Session

KEYS = {1: b"a" * 32, 2: b"b" * 32}


def end(name: str, nonce: int, *, dialled: bool, keys: dict[int, bytes] = KEYS, send_key: int = 1) -> Session:
    return Session(name, keys, send_key, bytes([nonce]) * 16, dialled=dialled)


def pair(nonce: int = 1) -> tuple[Session, Session]:
    """Two ends that have greeted each other."""
    dialler, listener = end("net1", nonce, dialled=True), end("net2", nonce + 1, dialled=False)
    listener.receive(dialler.hello())
    dialler.receive(listener.hello())
    return dialler, listener


def test_both_hear_each_other_and_know_who_it_is() -> None:
    dialler, listener = pair()
    assert listener.receive(dialler.seal(b"one") + dialler.seal(b"two")) == [b"one", b"two"]
    assert dialler.receive(listener.seal(b"three")) == [b"three"]
    assert (listener.peer, dialler.peer) == ("net1", "net2")


@given(st.lists(st.binary(max_size=50), max_size=6), st.integers(1, 7))
def test_it_does_not_matter_in_which_pieces_bytes_come(bodies: list[bytes], size: int) -> None:
    dialler, listener = pair()
    stream = b"".join(map(dialler.seal, bodies))
    heard = [body for at in range(0, len(stream), size) for body in listener.receive(stream[at : at + size])]
    assert heard == bodies


def test_a_greeting_alone_proves_nothing() -> None:
    dialler, listener = pair()
    assert not listener.proven
    listener.receive(dialler.seal(b""))
    assert listener.proven


@pytest.mark.parametrize("wrong", ["repeated", "left out", "swapped"])
def test_a_message_out_of_its_place_is_refused(wrong: str) -> None:
    dialler, listener = pair()
    one, two = dialler.seal(b"one"), dialler.seal(b"two")
    stream = {"repeated": one + one, "left out": two, "swapped": two + one}[wrong]
    with pytest.raises(Refused, match="wrong proof"):
        listener.receive(stream)


@given(st.data())
def test_a_message_with_any_bit_changed_is_refused_or_not_complete(data: st.DataObject) -> None:
    dialler, listener = pair()
    sealed = bytearray(dialler.seal(b"connections"))
    bit = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with suppress(Refused):
        assert listener.receive(bytes(sealed)) == []


def test_a_recording_of_another_connection_is_refused() -> None:
    dialler, _ = pair(nonce=1)
    recorded = dialler.seal(b"old news")
    listener = end("net2", 9, dialled=False)
    listener.receive(dialler.hello())
    with pytest.raises(Refused, match="wrong proof"):
        listener.receive(recorded)


def test_what_one_side_says_cannot_be_thrown_back_at_it() -> None:
    dialler, listener = pair()
    with pytest.raises(Refused, match="wrong proof"):
        dialler.receive(dialler.seal(b"echo"))
    assert not listener.proven


def test_another_secret_under_the_same_id_is_refused() -> None:
    dialler = end("net1", 1, dialled=True, keys={1: b"x" * 32})
    listener = end("net2", 2, dialled=False)
    listener.receive(dialler.hello())
    dialler.receive(listener.hello())
    with pytest.raises(Refused, match="wrong proof"):
        listener.receive(dialler.seal(b"let me in"))


def test_a_key_that_is_not_ours_is_refused_by_its_id() -> None:
    with pytest.raises(Refused, match="unknown key 3"):
        end("net2", 2, dialled=False).receive(end("net1", 1, dialled=True, keys={3: b"c" * 32}, send_key=3).hello())


def test_each_side_may_send_with_another_key_while_keys_are_rotated() -> None:
    dialler = end("net1", 1, dialled=True, send_key=1)
    listener = end("net2", 2, dialled=False, send_key=2)
    listener.receive(dialler.hello())
    dialler.receive(listener.hello())
    assert listener.receive(dialler.seal(b"by the first")) == [b"by the first"]
    assert dialler.receive(listener.seal(b"by the second")) == [b"by the second"]
    assert dialler.keys == listener.keys == {1, 2}


@given(st.binary(max_size=700))
def test_garbage_is_refused_or_waits_for_more_and_says_nothing(data: bytes) -> None:
    listener = end("net2", 2, dialled=False)
    with suppress(Refused):
        assert listener.receive(data) == []
    assert not listener.proven


def test_nobody_makes_us_keep_more_than_a_message() -> None:
    with pytest.raises(Refused, match="bytes"):
        end("net2", 2, dialled=False).receive((513).to_bytes(4))
    _, listener = pair()
    with pytest.raises(Refused, match="bytes"):
        listener.receive((MOST_BYTES + 1).to_bytes(4))
