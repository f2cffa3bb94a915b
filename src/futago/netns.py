"""Enter a network namespace for one call only.

A socket keeps the namespace in which it was opened, so a daemon enters one only to open a socket, in a short-lived
thread: the thread's namespace changes, the process's never does (setns(2), network_namespaces(7)). Python 3.11 has
no `os.setns`, hence ctypes.
"""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

DIRECTORY: Final = Path("/run/netns")
"""Where iproute2 keeps named namespaces (ip-netns(8))."""

_CONNECTIONS: Final = Path("/proc/sys/net/netfilter/nf_conntrack_count")
_CLONE_NEWNET: Final = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def exists(name: str) -> bool:
    """Whether a namespace of this name is mounted (a file left by a crash is not); or, by its file, a process's."""
    return os.path.ismount(DIRECTORY / name) or (name.startswith("/proc/") and (DIRECTORY / name).exists())


def run_inside(name: str, call: Callable[[], T]) -> T:
    """Run `call` in the namespace `name` and return what it returns; "" is the caller's own namespace.

    Processes that `call` starts are born in the namespace too.

    Raises:
        FileNotFoundError: no such namespace.
        OSError: the kernel refused (setns(2)).
        Exception: whatever `call` raises.

    """
    if not name:
        return call()
    box: list[T] = []
    failure: list[BaseException] = []

    def enter_and_call() -> None:
        try:
            enter(name)
            box.append(call())
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whose failure it is
            failure.append(error)

    thread = threading.Thread(target=enter_and_call, name=f"netns {name}")
    thread.start()
    thread.join()
    if failure:
        raise failure[0]
    return box[0]


def connections() -> int | None:
    """How many connections the kernel has in the calling thread's namespace; None if it follows none (nf_conntrack)."""
    try:
        return int(_CONNECTIONS.read_bytes())
    except OSError:
        return None


def enter(name: str) -> None:
    """Move the calling thread into the namespace, from which it cannot come back by itself.

    Raises:
        OSError: there is no such namespace, or the kernel refused.

    """
    fd = _opened(name)
    try:
        if _libc.setns(fd, _CLONE_NEWNET) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), name)
    finally:
        os.close(fd)


def _opened(name: str) -> int:
    try:
        return os.open(DIRECTORY / name, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, f"there is no network namespace {name}", str(DIRECTORY / name)) from error
