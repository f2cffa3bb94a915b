"""Files that only their owner may read, written whole or not at all."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    """The text of `path`; what `make` returns where there is none yet."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        write_secret(path, make() + "\n")
        return path.read_text().strip()


def write_secret(path: Path, text: str) -> None:
    """Put `text` into `path` with mode 0600. A reader sees the old or the new text, never half of one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def new_password() -> str:
    """A password that can be typed: letters, digits, hyphens and underscores."""
    return secrets.token_urlsafe(15)
