"""What nodes tell each other of connections, to and from bytes. Pure; who says it is `session`'s affair.

kind (1)  length of the router's name (1)  name  body

CLAIM       since (8, microseconds)      I am active for the router since then; all of it follows
PUT         connections, 35 bytes each   these are there
REMOVE      keys, 13 bytes each          these are not
CHECKPOINT  count (4), digest (8)        this is what you have, if nothing went wrong
END                                      I am not active for it any more
MARK        number (8)                   send an echo, once you have written what came before
ECHO        number (8)                   I have
RESYNC                                   tell me all of it again
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from futago.conntrack.entry import KEY_BYTES, Entry
from futago.conntrack.table import Digest

ENTRIES_A_MESSAGE: Final = 250
"""More are sent in several messages, so that a node that is told of many does other things in between."""

_CLAIM, _PUT, _REMOVE, _CHECKPOINT, _END, _MARK, _ECHO, _RESYNC = range(1, 9)
_U64: Final = struct.Struct("!Q")
_DIGEST: Final = struct.Struct("!IQ")
_ENTRY: Final = struct.Struct("!13s12sBBII")


class BadMessage(ValueError):
    """The bytes are no message of ours."""


@dataclass(frozen=True, slots=True)
class Claim:
    router: str
    since: int
    """Microseconds since the Unix epoch, by the sender's clock: it tells one claim of the sender from another."""


@dataclass(frozen=True, slots=True)
class Put:
    router: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Remove:
    router: str
    keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    router: str
    digest: Digest


@dataclass(frozen=True, slots=True)
class End:
    router: str


@dataclass(frozen=True, slots=True)
class Mark:
    number: int


@dataclass(frozen=True, slots=True)
class Echo:
    number: int


@dataclass(frozen=True, slots=True)
class Resync:
    router: str


Message = Claim | Put | Remove | Checkpoint | End | Mark | Echo | Resync


def encode(message: Message) -> bytes:  # noqa: PLR0911 - one for each kind
    """Raise ValueError where a number or a name does not fit its field."""
    match message:
        case Claim(router, since):
            return _head(_CLAIM, router) + _pack(_U64, since)
        case Put(router, entries):
            return _head(_PUT, router) + b"".join(_pack(_ENTRY, *entry) for entry in entries)
        case Remove(router, keys):
            return _head(_REMOVE, router) + b"".join(keys)
        case Checkpoint(router, digest):
            return _head(_CHECKPOINT, router) + _pack(_DIGEST, *digest)
        case End(router):
            return _head(_END, router)
        case Mark(number):
            return _head(_MARK, "") + _pack(_U64, number)
        case Echo(number):
            return _head(_ECHO, "") + _pack(_U64, number)
        case Resync(router):
            return _head(_RESYNC, router)


def decode(data: bytes) -> Message:
    """Read one message.

    Raises:
        BadMessage: it is none.

    """
    try:
        kind, length = data[0], data[1]
        router, body = data[2 : 2 + length].decode(), data[2 + length :]
        return _decode(kind, router, body)
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        raise BadMessage(f"malformed: {error}") from error


def puts(router: str, entries: Sequence[Entry]) -> Iterator[Put]:
    """All of them, in messages of a handy size."""
    for at in range(0, len(entries), ENTRIES_A_MESSAGE):
        yield Put(router, tuple(entries[at : at + ENTRIES_A_MESSAGE]))


def removes(router: str, keys: Sequence[bytes]) -> Iterator[Remove]:
    for at in range(0, len(keys), ENTRIES_A_MESSAGE):
        yield Remove(router, tuple(keys[at : at + ENTRIES_A_MESSAGE]))


def _decode(kind: int, router: str, body: bytes) -> Message:  # noqa: PLR0911 - one for each kind
    match kind:
        case 1:
            return Claim(router, _U64.unpack(body)[0])
        case 2:
            return Put(router, tuple(map(Entry._make, _ENTRY.iter_unpack(body))))
        case 3 if len(body) % KEY_BYTES == 0:
            return Remove(router, tuple(body[at : at + KEY_BYTES] for at in range(0, len(body), KEY_BYTES)))
        case 4:
            return Checkpoint(router, Digest(*_DIGEST.unpack(body)))
        case 5 if not body:
            return End(router)
        case 6:
            return Mark(_U64.unpack(body)[0])
        case 7:
            return Echo(_U64.unpack(body)[0])
        case 8 if not body:
            return Resync(router)
        case _:
            raise BadMessage(f"unknown kind {kind} with {len(body)} bytes")


def _head(kind: int, router: str) -> bytes:
    name = router.encode()
    if len(name) > 255:
        raise ValueError(f"a router's name has {len(name)} bytes; 255 are the most")
    return bytes([kind, len(name)]) + name


def _pack(layout: struct.Struct, *values: object) -> bytes:
    try:
        return layout.pack(*values)
    except struct.error as error:
        raise ValueError(str(error)) from error
