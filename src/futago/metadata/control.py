"""What the agent says to the program, and what it answers: a unix stream socket, one JSON object a line."""

import socket
from pathlib import Path
from typing import Final

import msgspec

from futago.contract.codec import BadMessage, decode, encode

PATIENCE_SECONDS: Final = 5.0
_LOOK: Final = b"look\n"


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where the program listens, after it has looked at its files again."""

    names: tuple[str, ...]
    """Of the listeners, sorted."""
    failures: dict[str, str]
    """Why it does not listen at others, by name."""


class ProgramGone(ConnectionError):
    """Nobody answers on the socket."""


def look_again(path: Path) -> Listening:
    """Have the program look at its files, and say where it listens.

    Raises:
        ProgramGone: it is not running, or does not answer.

    """
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
            asked.settimeout(PATIENCE_SECONDS)
            asked.connect(str(path))
            asked.sendall(_LOOK)
            with asked.makefile("rb") as answer:
                return decode(answer.readline(), Listening)
    except (OSError, BadMessage) as error:
        text = getattr(error, "strerror", None) or error
        raise ProgramGone(f"nobody answers on {path} ({text}): is `futago metadata` running?") from error


def answer_line(listening: Listening) -> bytes:
    return encode(listening) + b"\n"


def is_look(line: bytes) -> bool:
    """Whether a client asks what it may ask."""
    return line == _LOOK
