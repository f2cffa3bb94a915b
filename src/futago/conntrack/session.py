"""A connection between two nodes that share a key: who is there, and that nothing was changed, repeated or left out.

    hello     length (4)  "FTGC"  version (1)  key id (1)  nonce (16)  name
    message   length (4)  body  proof (16)

Each side derives a key for what it sends from the shared one, both nonces and both names; a proof is HMAC-SHA256 over
the number of the message and its body, cut to 16 bytes. The number is not sent: a message that is repeated, left out
or out of order has a wrong proof. Nothing is secret: who sees the underlay sees the connections themselves.

Everything here is pure; the nonce comes from the caller, who must never use one twice.
"""

import hmac
import struct
from collections.abc import Mapping
from typing import Final

NONCE_BYTES: Final = 16
MOST_BYTES: Final = 64 * 1024
"""In one message."""
_MOST_HELLO: Final = 512
_PROOF_BYTES: Final = 16
_MAGIC: Final = b"FTGC"
_VERSION: Final = 1
_LENGTH: Final = struct.Struct("!I")
_HELLO: Final = struct.Struct(f"!4sBB{NONCE_BYTES}s")
_NUMBER: Final = struct.Struct("!Q")


class Refused(Exception):
    """What came is not of a node that has a key of ours, or was tampered with."""


class Session:
    """One end of a connection. Bytes go in, messages come out."""

    def __init__(self, name: str, secrets: Mapping[int, bytes], send_key: int, nonce: bytes, *, dialled: bool) -> None:
        """`secrets` by key id, any of which verifies; `dialled` is the end that has made the connection."""
        self._name = name
        self._secrets = secrets
        self._send_key = send_key
        self._nonce = nonce
        self._dialled = dialled
        self._buffer = bytearray()
        self._sending = b""
        self._receiving = b""
        self._sent = 0
        self._received = 0
        self.keys = {send_key}
        """The ids of the keys that both ends use."""
        self.peer = ""
        """What the other end calls itself; true once it has sent a message."""

    @property
    def greeted(self) -> bool:
        """Whether the other end's hello has come, so that messages can be sent."""
        return bool(self._sending)

    @property
    def proven(self) -> bool:
        """Whether the other end has shown that it has the key."""
        return self._received > 0

    def hello(self) -> bytes:
        """What this end sends first."""
        body = _HELLO.pack(_MAGIC, _VERSION, self._send_key, self._nonce) + self._name.encode()
        return _LENGTH.pack(len(body)) + body

    def seal(self, body: bytes) -> bytes:
        """A message as it goes out."""
        assert self.greeted
        proof = _proof(self._sending, self._sent, body)
        self._sent += 1
        return _LENGTH.pack(len(body) + _PROOF_BYTES) + body + proof

    def receive(self, data: bytes) -> list[bytes]:
        """Take in what has come; the bodies of the messages that are complete.

        Raises:
            Refused: hang up.

        """
        self._buffer += data
        bodies: list[bytes] = []
        while (frame := self._next()) is not None:
            if self.greeted:
                bodies.append(self._open(frame))
            else:
                self._greet(frame)
        return bodies

    def _next(self) -> bytes | None:
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > (MOST_BYTES if self.proven or self.greeted else _MOST_HELLO):
            raise Refused(f"a message of {length} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        frame = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return frame

    def _greet(self, frame: bytes) -> None:
        try:
            magic, version, key_id, nonce = _HELLO.unpack_from(frame)
            self.peer = frame[_HELLO.size :].decode()
        except (struct.error, UnicodeDecodeError) as error:
            raise Refused("no hello") from error
        if magic != _MAGIC or version != _VERSION:
            raise Refused("no hello of this version")
        if key_id not in self._secrets:
            raise Refused(f"unknown key {key_id}")
        self.keys.add(key_id)
        ours, theirs = (self._nonce, self._name), (nonce, self.peer)
        both = (ours, theirs) if self._dialled else (theirs, ours)
        self._sending = _derive(self._secrets[self._send_key], both, from_dialler=self._dialled)
        self._receiving = _derive(self._secrets[key_id], both, from_dialler=not self._dialled)

    def _open(self, frame: bytes) -> bytes:
        body, proof = frame[:-_PROOF_BYTES], frame[-_PROOF_BYTES:]
        if len(frame) < _PROOF_BYTES or not hmac.compare_digest(proof, _proof(self._receiving, self._received, body)):
            raise Refused("a wrong proof")
        self._received += 1
        return body


def _derive(secret: bytes, ends: tuple[tuple[bytes, str], tuple[bytes, str]], *, from_dialler: bool) -> bytes:
    (dialler_nonce, dialler), (listener_nonce, listener) = ends
    names = b"".join(_LENGTH.pack(len(name.encode())) + name.encode() for name in (dialler, listener))
    direction = b"from dialler" if from_dialler else b"to dialler"
    text = b"futago connection state 1\0" + direction + b"\0" + dialler_nonce + listener_nonce + names
    return hmac.digest(secret, text, "sha256")


def _proof(key: bytes, number: int, body: bytes) -> bytes:
    return hmac.digest(key, _NUMBER.pack(number) + body, "sha256")[:_PROOF_BYTES]
