"""Secrets that the controller hands to nodes, and nodes prove things to each other with."""

import msgspec


class SharedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that several nodes share, and nobody else has."""

    key_id: int
    """1 to 255: a message names the key that it was made with."""
    secret: bytes
    """32 to 64 bytes; base64 in JSON and TOML."""

    def __repr__(self) -> str:
        """A key in a log is a key lost."""
        return f"SharedKey(key_id={self.key_id}, secret=...)"
