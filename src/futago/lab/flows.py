"""Thousands of TCP connections with one process at either end, that say which of them are alive and which are mixed up.

`python -m futago.lab.flows serve ADDRESS PORT` and `… dial ADDRESS PORT COUNT`. Each reads orders, one a line:

    push ROUND     send an ask on every connection, one after the other, and count the answers
    count ROUND    print how many were answered, by whom nobody should have been, how many have ended
    quit

The server prints "ready" once it listens, the client once all connections are there. An ask names the connection that
it belongs to; whoever gets one of another connection notes it as wrong: that is what a wrong translation looks like.
"""

import os
import resource
import selectors
import socket
import struct
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import Final

_ASK, _ANSWER, _NAME = 1, 2, 3
_MESSAGE: Final = struct.Struct("!IIB")  # connection, round, kind
_AT_ONCE: Final = 100
_CONNECT_SECONDS: Final = 20
_ASKS_A_TURN, _TURN_SECONDS = 10, 0.005
"""Asks are spread over some seconds: all of them at once are more than a switch in user space has room for, and what
is lost then comes again at once, too, later and later."""


@dataclass(slots=True)
class Flow:
    """One connection at one end."""

    sock: socket.socket
    number: int = -1
    buffer: bytes = b""


@dataclass(slots=True)
class End:
    """All connections at one end."""

    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    flows: set[int] = field(default_factory=set)
    by_fd: dict[int, Flow] = field(default_factory=dict)
    answered: dict[int, int] = field(default_factory=dict)
    wrong: int = 0
    ended: dict[str, int] = field(default_factory=dict)
    due: deque[tuple[Flow, int]] = field(default_factory=deque)
    """Asks that were not sent yet, with their round."""
    orders: bytes = b""
    """Read from standard input, up to where the next line ends or does not end yet."""

    def add(self, flow: Flow) -> None:
        flow.sock.setblocking(False)
        self.by_fd[flow.sock.fileno()] = flow
        self.selector.register(flow.sock, selectors.EVENT_READ, flow)

    def push(self, number: int) -> None:
        """Ask on every connection."""
        self.answered[number] = 0
        self.due += [(flow, number) for flow in self.by_fd.values()]

    def ask_some(self) -> None:
        for _ in range(min(_ASKS_A_TURN, len(self.due))):
            flow, number = self.due.popleft()
            if flow.sock.fileno() in self.by_fd:
                self.send(flow, number, _ASK)

    def send(self, flow: Flow, number: int, kind: int) -> None:
        try:
            flow.sock.send(_MESSAGE.pack(flow.number, number, kind))
        except OSError as error:
            self.end(flow, error)

    def read(self, flow: Flow) -> None:
        try:
            data = flow.sock.recv(4096)
        except OSError as error:
            self.end(flow, error)
            return
        if not data:
            self.end(flow, None)
            return
        flow.buffer += data
        while len(flow.buffer) >= _MESSAGE.size:
            message, flow.buffer = flow.buffer[: _MESSAGE.size], flow.buffer[_MESSAGE.size :]
            self.take(flow, *_MESSAGE.unpack(message))

    def take(self, flow: Flow, number: int, told: int, kind: int) -> None:
        if kind == _NAME:
            flow.number = number
        if number != flow.number:
            self.wrong += 1
        elif kind == _ANSWER:
            self.answered[told] = self.answered.get(told, 0) + 1
        else:
            self.send(flow, told, _ANSWER)

    def end(self, flow: Flow, error: OSError | None) -> None:
        why = "closed" if error is None else str(error.strerror)
        self.ended[why] = self.ended.get(why, 0) + 1
        self.by_fd.pop(flow.sock.fileno(), None)
        self.selector.unregister(flow.sock)
        flow.sock.close()

    def obey_all(self) -> bool:
        """Carry out the orders that have come; False to end."""
        data = os.read(0, 4096)
        *orders, self.orders = (self.orders + data).split(b"\n")
        return bool(data) and all(self.obey(order.decode()) for order in orders)

    def obey(self, order: str) -> bool:
        """Carry out one order; False to end."""
        match order.split():
            case ["push", number]:
                self.push(int(number))
            case ["count", number]:
                ended = sum(self.ended.values())
                why = ",".join(sorted(self.ended)).replace(" ", "-") or "-"
                print(f"count {self.answered.get(int(number), 0)} {self.wrong} {ended} {why}", flush=True)
            case _:
                return False
        return True


def serve(address: str, port: int) -> None:
    """Accept for ever."""
    end = End()
    listener = socket.create_server((address, port), backlog=4096)
    listener.setblocking(False)
    end.selector.register(listener, selectors.EVENT_READ, "accept")
    print("ready", flush=True)
    _follow(end, listener)


def dial(address: str, port: int, count: int) -> None:
    """Make `count` connections, then follow orders."""
    end = End()
    for start in range(0, count, _AT_ONCE):
        for number in range(start, min(start + _AT_ONCE, count)):
            flow = Flow(socket.create_connection((address, port), timeout=_CONNECT_SECONDS), number)
            end.add(flow)
            end.send(flow, 0, _NAME)
        while end.selector.select(0):
            _one_turn(end, None)
    while end.answered.get(0, 0) < count and not end.ended:
        _one_turn(end, None)
    print("ready", flush=True)
    _follow(end, None)


def _follow(end: End, listener: socket.socket | None) -> None:
    end.selector.register(0, selectors.EVENT_READ, "order")
    while _one_turn(end, listener):
        pass


def _one_turn(end: End, listener: socket.socket | None) -> bool:
    end.ask_some()
    for key, _ in end.selector.select(_TURN_SECONDS if end.due else None):
        if key.data == "order":
            if not end.obey_all():
                return False
        elif key.data == "accept" and listener is not None:
            end.add(Flow(listener.accept()[0]))
        elif key.fd in end.by_fd:
            end.read(key.data)
    return True


if __name__ == "__main__":
    _, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
    if sys.argv[1] == "serve":
        serve(sys.argv[2], int(sys.argv[3]))
    else:
        dial(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
