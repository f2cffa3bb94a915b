"""What programs do at their start: be the only one, open many files, keep little memory, hear when they have to end."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final, NoReturn

_ARENA_MAX: Final = -8
"""mallopt(3): M_ARENA_MAX."""


class AlreadyRunning(Exception):
    """Another process does this for this host."""


def claim(path: Path, program: str) -> int:
    """Hold the lock `path` until the descriptor is closed, or the process ends.

    Raises:
        AlreadyRunning: somebody else holds it.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise AlreadyRunning(f"another {program} runs here: {path} is locked") from error
    return descriptor


def become(package: str, name: str, *words: Path) -> NoReturn:
    """Run `package` by Python instead of the calling program, in its process; `name` tells it from other processes."""
    line = [sys.executable, "-P", "-m", package, name, *map(str, words)]
    os.execv(line[0], line)  # noqa: S606 - our own interpreter


def open_many_files() -> None:
    """A socket or two for each router and network are more than the usual limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def keep_few_arenas() -> None:
    """Two pools of glibc's memory for all threads: Python's run one at a time, and each would keep what it had."""
    with contextlib.suppress(AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 2)


def told_to_end() -> asyncio.Event:
    """It will be set by SIGTERM or SIGINT; for the running event loop."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told
