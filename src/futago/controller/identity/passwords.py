"""Passwords are kept as scrypt hashes (RFC 7914) with a salt of their own, and compared in constant time."""

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from typing import Final

_N: Final = 2**15  # with r = 8 just over 32 MiB: from there on malloc gives memory back to the system at once
_R: Final = 8
_P: Final = 1
_MEMORY_BYTES: Final = 64 * 2**20
_LONGEST: Final = 4096


def hash_password(password: str) -> str:
    """`scrypt$N$r$p$salt$key`: the cost stands beside the key, so that it can grow later."""
    salt = secrets.token_bytes(16)
    key = _derive(password, salt, n=_N, r=_R, p=_P)
    return f"scrypt${_N}${_R}${_P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def verify_password(password: str, hashed: str | None) -> bool:
    """Whether `hashed` came from `password`; None or "" (no such user, no password) takes as long and is false."""
    _, n, r, p, salt, key = (hashed or _nobody).split("$")
    derived = _derive(password[:_LONGEST], b64decode(salt), n=int(n), r=int(r), p=int(p))
    return hmac.compare_digest(derived, b64decode(key)) and bool(hashed)


def _derive(password: str, salt: bytes, *, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MEMORY_BYTES, dklen=32)


_nobody: Final = f"scrypt${_N}${_R}${_P}${b64encode(bytes(16)).decode()}${b64encode(bytes(32)).decode()}"
"""A hash that nothing has."""
