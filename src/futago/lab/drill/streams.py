"""TCP connections that say something 50 times a second, and tell when they fell silent or died.

This file is also a program of its own, for hosts and instances: `python3 -I -S streams.py serve PORT`, and
`python3 -I -S streams.py connect ADDRESS PORT ECHOED PUSHED`. Of the client's connections, ECHOED send and get back
what they sent; PUSHED send nothing after their first word, and the server sends. Each line that the client prints is

    open N PORT | gap N BEGAN ENDED | dead N TIME REASON | flowing COUNT TIME

with times in seconds since the Unix epoch; N counts the connections from 0, the echoed ones first; PORT is the
connection's own.
"""

import contextlib
import selectors
import socket
import sys
import time

EVERY = 0.02
"""Seconds between two words of one connection."""
SILENT = 0.1
"""Seconds after which a connection's silence is worth a line."""
FLOWING = 0.5
"""A connection flows while its last word is not older than this."""
_WORD = b"x"
_PUSH = b"p"
_ECHO = b"e"


def serve(port: int) -> None:
    """Echo what an echoed connection sends; send to a pushed one."""
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("0.0.0.0", port), backlog=256)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    kinds: dict[socket.socket, bytes] = {}
    print("serving", flush=True)
    due = time.monotonic()
    while True:
        for key, _ in selector.select(max(0, due - time.monotonic())):
            if key.fileobj is listener:
                accepted, _ = listener.accept()
                accepted.setblocking(False)
                selector.register(accepted, selectors.EVENT_READ)
            else:
                _answer(selector, key.fileobj, kinds)  # type: ignore[arg-type]
        if time.monotonic() >= due:
            due = max(due + EVERY, time.monotonic())
            for connection in [one for one, kind in kinds.items() if kind == _PUSH]:
                _say(connection)


def _answer(selector: selectors.BaseSelector, connection: socket.socket, kinds: dict[socket.socket, bytes]) -> None:
    try:
        data = connection.recv(65536)
        if data:
            kind = kinds.setdefault(connection, data[:1])
            if kind == _ECHO:
                connection.send(data)
            return
    except BlockingIOError:
        return
    except OSError:
        pass
    selector.unregister(connection)
    kinds.pop(connection, None)
    connection.close()


def _say(connection: socket.socket) -> None:
    """Send a word; what does not fit or fails shows at the receiving end."""
    with contextlib.suppress(OSError):
        connection.send(_WORD)


class Client:
    """The connections of one client and when each was last heard."""

    def __init__(self, address: tuple[str, int], echoed: int, pushed: int) -> None:
        self._selector = selectors.DefaultSelector()
        self._echoed = echoed
        self._heard: dict[int, float] = {}
        self._open: dict[int, socket.socket] = {}
        for number in range(echoed + pushed):
            connection = socket.create_connection(address, timeout=20)
            connection.sendall(_ECHO if number < echoed else _PUSH)
            connection.setblocking(False)
            self._selector.register(connection, selectors.EVENT_READ, number)
            self._open[number] = connection
            print(f"open {number} {connection.getsockname()[1]}", flush=True)

    def run(self) -> None:
        """Speak and listen until the program is ended."""
        due = time.monotonic()
        told = 0.0
        while True:
            for key, _ in self._selector.select(max(0, due - time.monotonic())):
                self._hear(key.data)
            if time.monotonic() < due:
                continue
            due = max(due + EVERY, time.monotonic())
            for number, connection in self._open.items():
                if number < self._echoed:
                    _say(connection)
            if time.monotonic() - told > FLOWING / 2:
                told = time.monotonic()
                now = time.time()
                print(f"flowing {sum(now - heard < FLOWING for heard in self._heard.values())} {now:.3f}", flush=True)

    def _hear(self, number: int) -> None:
        now, reason = time.time(), "closed"
        try:
            if self._open[number].recv(65536):
                last = self._heard.get(number, now)
                self._heard[number] = now
                if now - last > SILENT:
                    print(f"gap {number} {last:.3f} {now:.3f}", flush=True)
                return
        except BlockingIOError:
            return
        except OSError as error:
            reason = type(error).__name__
        print(f"dead {number} {now:.3f} {reason}", flush=True)
        self._heard.pop(number, None)
        self._selector.unregister(self._open[number])
        self._open.pop(number).close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve", port]:
            serve(int(port))
        case ["connect", host, port, echoed, pushed]:
            Client((host, int(port)), int(echoed), int(pushed)).run()
        case _:
            raise SystemExit(__doc__)
