"""Authenticated advertisements: a trailer that proves who sent it and that it is not a recording.

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +---------------+---------------+-------------------------------+
    |   Scheme 1    |    Key id     |           Reserved            |
    +---------------+---------------+-------------------------------+
    |                 Seconds since the Unix epoch                  |
    +-------------------------------+-------------------------------+
    |     Fraction of the second    |            Counter            |
    +-------------------------------+-------------------------------+
    |             HMAC-SHA256, its first 16 bytes                   |
    +---------------------------------------------------------------+

Seconds, fraction and counter are one number of 64 bits, the sequence, that only grows, even over restarts: it is the
clock, or one more than the last one where the clock does not say more. (draft-cassen-vrrp-auth-hmac; keepalived has
it since 2.4.1.) Everything here is pure: the clock is a parameter.

Each key has sequences of its own. So a member whose clock once ran in the future, and that cannot be believed until
the future has come, is cured by the next key.
"""

import hmac
import struct
from typing import Final, Protocol

import msgspec

from futago.contract.keys import SharedKey
from futago.values import IPAddress, Millis
from futago.vrrp.config import Freshness, VirtualRouterConfig
from futago.vrrp.packet import TRAILER_BYTES, BadPacket, DropReason

HMAC_SHA256: Final = 1
"""The only scheme there is."""
LEAST_WINDOW: Final = 5.0
"""Seconds that clocks may always differ by."""

_HEAD: Final = struct.Struct("!BBHQ")
_PSEUDO: Final = struct.Struct("!BBBB16s")
_PROOF_BYTES: Final = TRAILER_BYTES - _HEAD.size
_BITS: Final = 64
_HALF: Final = 1 << (_BITS - 1)
_UNITS_A_SECOND: Final = 1 << 32


class Marks(Protocol):
    """What a router must not forget when it restarts.

    By who sent it (`sender`), the greatest sequence that it has sent itself, or that it has verified of another.
    """

    def get(self, sender: bytes, /) -> int | None: ...

    def __setitem__(self, sender: bytes, sequence: int, /) -> None: ...


class Trailer(msgspec.Struct, frozen=True, gc=False):
    """A trailer, taken apart."""

    key_id: int
    sequence: int
    proof: bytes

    @property
    def seconds(self) -> float:
        """The sender's clock."""
        return self.sequence / _UNITS_A_SECOND


def sender(source: IPAddress, key_id: int) -> bytes:
    """Under which its sequences are kept."""
    return source.packed + bytes((key_id,))


def next_sequence(last: int | None, wall: float) -> int:
    """The sequence of what is sent now; `last` is None if nothing was sent yet."""
    clock = int(wall * 0x10000) % (1 << 48) << 16
    return clock if last is None or grows(clock, last) else (last + 1) % (1 << _BITS)


def grows(sequence: int, mark: int) -> bool:
    """Whether a sequence comes after another, as numbers that wrap around are compared (RFC 1982)."""
    return 0 < (sequence - mark) % (1 << _BITS) < _HALF


def sign(message: bytes, source: IPAddress, key: SharedKey, sequence: int) -> bytes:
    """The trailer for a message, whose checksum is 0 or does not matter."""
    head = _HEAD.pack(HMAC_SHA256, key.key_id, 0, sequence)
    return head + _proof(message, head, source, key)


def verify(
    message: bytes, trailer: bytes, source: IPAddress, config: VirtualRouterConfig, marks: Marks, wall: float
) -> None:
    """See that a holder of a key has sent this, now and for the first time; only then the sender's mark moves.

    Raises:
        BadPacket: it is not so; the reason says which.

    """
    read = _read(trailer)
    key = next((k for k in config.keys if k.key_id == read.key_id), None)
    if key is None:
        raise BadPacket(DropReason.KEY)
    if config.freshness is Freshness.CLOCK and abs(_apart(read.seconds, wall)) > window(config.advert_interval):
        raise BadPacket(DropReason.STALE)
    if not hmac.compare_digest(read.proof, _proof(message, trailer[: _HEAD.size], source, key)):
        raise BadPacket(DropReason.PROOF)
    whose = sender(source, read.key_id)
    mark = marks.get(whose)
    if mark is not None and not grows(read.sequence, mark):
        raise BadPacket(DropReason.REPLAY)
    marks[whose] = read.sequence


def window(interval: Millis) -> float:
    """How many seconds a packet's time may be away from ours."""
    return max(3 * interval / 1000, LEAST_WINDOW)


def _read(trailer: bytes) -> Trailer:
    scheme, key_id, _, sequence = _HEAD.unpack_from(trailer)
    if scheme != HMAC_SHA256:
        raise BadPacket(DropReason.SCHEME)
    return Trailer(key_id, sequence, trailer[_HEAD.size :])


def _apart(theirs: float, ours: float) -> float:
    """Seconds between two readings of a clock that wraps around after 2^32 of them."""
    return (theirs - ours + (1 << 31)) % (1 << 32) - (1 << 31)


def _proof(message: bytes, head: bytes, source: IPAddress, key: SharedKey) -> bytes:
    """Over who sent it, the message without its checksum, and the trailer without the proof."""
    pseudo = _PSEUDO.pack(source.version, message[0] >> 4, message[1], 0, source.packed)
    text = pseudo + message[:6] + b"\0\0" + message[8:] + head + bytes(_PROOF_BYTES)
    return hmac.digest(key.secret, text, "sha256")[:_PROOF_BYTES]
