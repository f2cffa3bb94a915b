"""What the engine keeps on disk: its configuration and roles, so that it can go on after a restart."""

import os
from pathlib import Path

import msgspec

from futago.contract.codec import decode, encode
from futago.values import Role
from futago.vrrp.config import VirtualRouterConfig


class SavedRole(msgspec.Struct, frozen=True, kw_only=True):
    """The role that a router had when it was last written down."""

    role: Role
    since: float


class Saved(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    routers: tuple[VirtualRouterConfig, ...] = ()
    roles: dict[str, SavedRole] = {}

    def active(self, name: str) -> bool:
        saved = self.roles.get(name)
        return saved is not None and saved.role is Role.ACTIVE


def load(path: Path) -> Saved:
    """Read the file; none is no routers.

    Raises:
        BadMessage: it is not ours, or of another version.
        OSError: it cannot be read.

    """
    try:
        return decode(path.read_bytes(), Saved)
    except FileNotFoundError:
        return Saved()


def save(path: Path, saved: Saved) -> None:
    """Replace the file as a whole: a reader, or we after a crash, sees the old one or the new one.

    Raises:
        OSError: it cannot be written.

    """
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encode(saved))
    beside.replace(path)
