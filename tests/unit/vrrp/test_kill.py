"""What authenticated advertisements must not forget is not forgotten when an engine is killed in the middle of it."""

import os
import signal
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn

import pytest

from futago.values import Millis
from futago.vrrp import auth
from futago.vrrp.auth import Marks
from futago.vrrp.config import Freshness
from futago.vrrp.engine import Engine, Transmit
from futago.vrrp.marks import MarksFile
from futago.vrrp.packet import TRAILER_BYTES, Datagram, DropReason
from unit.vrrp.samples import authenticated, from_peer, router

NOON = 1_795_000_000.0
"""The time of day."""
CONFIG = authenticated(router(), freshness=Freshness.GROWTH)
KILLED_AFTER = [1, 2, 3, 50, 199]
"""Bytes of what it has told us."""


@contextmanager
def engine_elsewhere(body: Callable[[int], NoReturn]) -> Iterator[int]:
    """It runs in a process of its own, tells us what it has done, and is killed at the end."""
    ours, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            body(its)
        finally:
            os._exit(1)
    os.close(its)
    try:
        yield ours
        os.kill(pid, signal.SIGKILL)
    finally:
        os.close(ours)
        os.waitpid(pid, 0)


def marks_in(directory: Path) -> Marks:
    return MarksFile(directory / "marks").of(CONFIG.name)


def sequences_sent(engine: Engine, at: int, wall: float) -> list[int]:
    orders = engine.timers(Millis(1000 * at), wall=wall)
    trailers = [o.action.data[-TRAILER_BYTES:] for o in orders if isinstance(o.action, Transmit)]
    return [struct.unpack_from("!BBHQ", trailer)[3] for trailer in trailers]


def recorded(number: int) -> Datagram:
    """The peer's advertisement of that second."""
    return from_peer(CONFIG, wall=NOON + number)


@pytest.mark.parametrize("told", KILLED_AFTER)
def test_who_is_killed_sends_on_with_greater_sequences_even_if_its_clock_was_set_back(
    tmp_path: Path, told: int
) -> None:
    def advertise(tell: int) -> NoReturn:
        engine = Engine()
        engine.start(CONFIG, Millis(0), adopt=True, wall=NOON, marks=marks_in(tmp_path))
        for at in count(1):
            for sequence in sequences_sent(engine, at, NOON + at):
                os.write(tell, sequence.to_bytes(8, "big"))
        raise AssertionError

    with engine_elsewhere(advertise) as hears:
        sent = b"".join(os.read(hears, 8) for _ in range(told))
    greatest = max(number for (number,) in struct.iter_unpack("!Q", sent))
    successor = Engine()
    successor.start(CONFIG, Millis(0), adopt=True, wall=NOON - 3600, marks=marks_in(tmp_path))
    (following,) = sequences_sent(successor, 1, NOON - 3600)
    assert auth.grows(following, greatest)


@pytest.mark.parametrize("told", KILLED_AFTER)
def test_who_is_killed_believes_no_recording_of_what_it_has_heard(tmp_path: Path, told: int) -> None:
    """The clock would not save it: `CONFIG` asks for growth alone."""

    def listen(tell: int) -> NoReturn:
        engine = Engine()
        engine.start(CONFIG, Millis(0), adopt=False, wall=NOON, marks=marks_in(tmp_path))
        for number in count(1):
            engine.receive(CONFIG.name, recorded(number), Millis(1000 * number), wall=NOON)
            assert engine.counters(CONFIG.name).received == number
            os.write(tell, b".")
        raise AssertionError

    with engine_elsewhere(listen) as hears:
        used = len(b"".join(os.read(hears, 1) for _ in range(told)))
    successor = Engine()
    successor.start(CONFIG, Millis(0), adopt=False, wall=NOON, marks=marks_in(tmp_path))
    for number in range(1, used + 1):
        successor.receive(CONFIG.name, recorded(number), Millis(0), wall=NOON)
    counters = successor.counters(CONFIG.name)
    assert (counters.received, counters.dropped) == (0, {DropReason.REPLAY: used})
