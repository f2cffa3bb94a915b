"""Tokens: who, where, how and until when, sealed with Fernet. No table of tokens exists; only revocations are kept.

The keys are lines of one file, the newest first: a token is sealed with the first and opened with any.
"""

import secrets
from pathlib import Path
from typing import Final

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from futago.controller.caller import Unauthorized
from futago.controller.identity.secret_files import read_or_create

KEYS_FILE: Final = "fernet-keys"


class Token(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What a token says. `array_like` keeps it short on the wire."""

    user_id: str
    project_id: str | None
    """None: it is a domain's, or unscoped and good only for asking for another."""
    methods: tuple[str, ...]
    audit_ids: tuple[str, ...]
    """Its own, then that of the password login from which it came."""
    issued_at: float
    expires_at: float
    """Both in seconds since the Unix epoch."""
    domain_id: str | None = None
    """The domain that it is scoped to, rather than a project."""
    system: bool = False
    """It is scoped to the system."""
    credential_id: str | None = None
    """The application credential from which it came."""


class Sealer:
    """Seals tokens, and opens those that it or a controller with the same keys has sealed."""

    def __init__(self, keys: list[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, token: Token) -> str:
        """The text that stands in X-Subject-Token; without padding, as in Keystone."""
        return self._fernet.encrypt(msgspec.msgpack.encode(token)).decode().rstrip("=")

    def open(self, text: str) -> Token:
        """The token in `text`, whatever its age.

        Raises:
            Unauthorized: it is none of ours.

        """
        padded = text + "=" * (-len(text) % 4)
        try:
            return msgspec.msgpack.decode(self._fernet.decrypt(padded), type=Token)
        except (InvalidToken, msgspec.MsgspecError, ValueError) as error:
            raise Unauthorized from error


def new_audit_id() -> str:
    """What a token is called in logs and revocations, since its text is a secret."""
    return secrets.token_urlsafe(16)


def sealer(state_path: Path) -> Sealer:
    """The sealer with the keys in `state_path`, made at the first start."""
    text = read_or_create(state_path / KEYS_FILE, lambda: Fernet.generate_key().decode())
    return Sealer(text.split())
