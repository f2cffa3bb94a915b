"""The alarm rings once, at the last deadline that was set; and when it is late, packets go first."""

import asyncio
import socket
from collections.abc import Callable
from functools import partial

from futago.values import Millis
from futago.vrrp.alarm import LATE, Alarm


class Clock:
    """Goes when it is told to."""

    def __init__(self) -> None:
        self.now = Millis(0)

    def __call__(self) -> Millis:
        return self.now


def heard_in_a_loop(play: Callable[[Clock, Alarm, list[str]], None]) -> list[str]:
    """What happened until the alarm rang."""

    async def run() -> list[str]:
        happened: list[str] = []
        rung = asyncio.Event()
        clock = Clock()

        def ring() -> None:
            happened.append("alarm")
            rung.set()

        play(clock, Alarm(clock, ring), happened)
        await asyncio.wait_for(rung.wait(), 10)
        return happened

    return asyncio.run(run())


def test_it_rings_at_the_deadline_that_was_set_last() -> None:
    def play(clock: Clock, alarm: Alarm, happened: list[str]) -> None:
        asyncio.get_running_loop().call_later(0, happened.append, "other things")
        alarm.set(Millis(0))
        alarm.set(None)
        alarm.set(Millis(5))
        alarm.set(Millis(5))

    assert heard_in_a_loop(play) == ["other things", "alarm"]


def test_in_time_it_rings_before_what_comes_at_the_same_moment() -> None:
    first, *_ = heard_in_a_loop(partial(packet_beside_alarm, late=Millis(0)))
    assert first == "alarm"


def test_late_it_lets_packets_go_first() -> None:
    assert heard_in_a_loop(partial(packet_beside_alarm, late=Millis(LATE + 1))) == ["packet", "alarm"]


def packet_beside_alarm(clock: Clock, alarm: Alarm, happened: list[str], *, late: Millis) -> None:
    """A packet comes after the loop has looked for packets and before it looks at the alarm."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()

    def read() -> None:
        ours.recv(1)
        happened.append("packet")
        loop.remove_reader(ours)
        theirs.close()

    def send() -> None:
        clock.now = late
        theirs.send(b"!")

    loop.add_reader(ours, read)
    alarm.set(Millis(0))
    due = alarm._handle.when() if alarm._handle else 0
    loop.call_at(due - 0.0001, send)
    while loop.time() < due:  # both are due in one turn of the loop
        pass
