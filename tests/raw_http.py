"""A client that costs next to nothing: requests made beforehand, answers read as far as their length and status.

It shares two cores with what it measures; a client library would take more of them than the controller.
"""

import socket
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from typing import Any

import msgspec

_END = b"\r\n\r\n"


class Refused(Exception):
    """An answer that is none of the 2xx."""


class Client:
    """One connection that is kept alive."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._token = token

    def prepared(self, method: str, path: str, body: Any = None) -> bytes:
        """The bytes of a request."""
        content = b"" if body is None else msgspec.json.encode(body)
        head = f"{method} {path} HTTP/1.1\r\nHost: controller\r\nX-Auth-Token: {self._token}\r\n"
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content

    def exchange(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body of the answer."""
        self._socket.sendall(request)
        data = b""
        while _END not in data:
            data += self._some()
        head, _, body = data.partition(_END)
        parts = [body]
        missing = _length(head) - len(body)
        while missing > 0:
            parts.append(self._some())
            missing -= len(parts[-1])
        return int(head[9:12]), b"".join(parts)

    def send(self, request: bytes) -> bytes:
        """The body of an answer that is one of the 2xx.

        Raises:
            Refused: it is none.

        """
        status, body = self.exchange(request)
        if not 200 <= status < 300:
            raise Refused(f"{request.split(b' HTTP')[0].decode()}: {status} {body.decode()[:500]}")
        return body

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """The same with the body read as JSON."""
        answer = self.send(self.prepared(method, path, body))
        return msgspec.json.decode(answer) if answer else None

    def _some(self) -> bytes:
        data = self._socket.recv(1 << 20)
        if not data:
            raise Refused("the controller hung up")
        return data


def _length(head: bytes) -> int:
    for line in head.splitlines():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


Step = Callable[[Client], float]
"""Asks once, and says how many seconds that took."""


def timed(request: bytes) -> Step:
    """The step that sends the same request each time."""

    def step(client: Client) -> float:
        began = time.perf_counter()
        client.send(request)
        return time.perf_counter() - began

    return step


def together(clients: int, seconds: float, work: Callable[[int], Iterator[None]]) -> float:
    """How often a second `clients` processes come round together; `work` yields when it is ready, and for each time."""
    context = get_context("fork")
    barrier, results = context.Barrier(clients), context.Queue()

    def one(number: int) -> None:
        rounds = work(number)
        next(rounds)
        barrier.wait()
        began, done = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            next(rounds)
            done += 1
        results.put(done / (time.perf_counter() - began))

    processes = [context.Process(target=one, args=(number,)) for number in range(clients)]
    for process in processes:
        process.start()
    rates = [results.get(timeout=seconds + 60) for _ in processes]
    for process in processes:
        process.join()
    return sum(rates)
