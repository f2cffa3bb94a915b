"""What every program of a host does at its start: be the only one, listen where it is asked, open many files."""

import fcntl
import os
import resource
import socket
from pathlib import Path


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


def control_socket(path: Path) -> socket.socket:
    """A socket on which root alone may speak to this program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    mask = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(mask)
    return listener


def open_many_files() -> None:
    """A socket or two for each router and network are more than the usual limit."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
