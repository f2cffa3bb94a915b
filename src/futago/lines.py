"""One JSON object a line, over a unix stream socket: how a program of this host is spoken to.

What the requests and replies are is the program's affair: `vrrp.control`, `conntrack.control`.
"""

import os
import socket
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from futago.contract.codec import BadMessage, decode_hook, encode

T = TypeVar("T")


class RequestRefused(RuntimeError):
    """The program understood the request and will not carry it out; the text says why."""


class Reader(Generic[T]):
    """Reads lines that are one of several messages, told apart by their tags."""

    def __init__(self, kind: object, what: str) -> None:
        """`what` one of them is called, for whoever sends something else."""
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind, dec_hook=decode_hook)
        self._what = what

    def __call__(self, line: bytes) -> T:
        """Read one line.

        Raises:
            BadMessage: it is something else.

        """
        try:
            return self._decoder.decode(line)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise BadMessage(f"not a {self._what}: {error}") from error


def to_line(message: msgspec.Struct) -> bytes:
    """One message as it stands on the wire."""
    return encode(message) + b"\n"


def bind(path: Path) -> socket.socket:
    """A socket that is ours alone to speak to, in place of one that a former program has left behind.

    Raises:
        OSError: it cannot be made there.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    mask = os.umask(0o177)
    try:
        bound.bind(str(path))
    finally:
        os.umask(mask)
    return bound
