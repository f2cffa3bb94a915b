"""Packet sockets inside namespaces, for as long as they are used (packet(7)).

The kernel takes about 12 ms to close one. A process that keeps one for each router dies slowly, and who closes each
after its use waits for it while other routers wait to be announced. So they are gathered, and closed when the rush is
over, by many threads that wait for the kernel together: a thousand routers that take over use four thousand of them.
"""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Final

from futago.vrrp.inside import inside

GATHER: Final = 0.5
"""Seconds for which sockets that have been used are gathered."""

_used: Final[SimpleQueue[socket.socket]] = SimpleQueue()
_gathering: Final = threading.Lock()
_closers: Final = ThreadPoolExecutor(max_workers=64, thread_name_prefix="close packet sockets")


@contextmanager
def packet_socket(namespace: str) -> Iterator[socket.socket]:
    """A socket that sends frames from inside the namespace.

    Raises:
        OSError: there is no such namespace, or the kernel refused.

    """
    opened = inside(namespace, _open)
    try:
        yield opened
    finally:
        _close_soon(opened)


def _open() -> socket.socket:
    """Protocol 0: it sends, and receives nothing."""
    return socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)


def _close_soon(used: socket.socket) -> None:
    _used.put(used)
    if _gathering.acquire(blocking=False):
        _closers.submit(_close_gathered)


def _close_gathered() -> None:
    time.sleep(GATHER)
    _gathering.release()
    for _ in range(_used.qsize()):
        _closers.submit(_used.get().close)
