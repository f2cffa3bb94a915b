"""What the engine keeps on disk: its configuration and roles, so that it can go on after a restart.

Beside it is a small file with a sign of life, written often: who comes back after longer than its peers wait has been
replaced by one of them, and must not go on as if nothing had happened.
"""

import os
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import msgspec

from futago.contract.codec import BadMessage, decode, encode
from futago.values import Millis, Role
from futago.vrrp.auth import Sequences
from futago.vrrp.config import Version, VirtualRouterConfig

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


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


class SavedSequences(msgspec.Struct, frozen=True, kw_only=True):
    """What a router with authenticated advertisements must not forget (`auth.Sequences`)."""

    sent: int
    heard: dict[str, int]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The last sign of life of an engine."""

    boot: str = ""
    at: Millis = Millis(0)
    """By the clock that counts from the host's start and goes on while it sleeps (CLOCK_BOOTTIME)."""
    held_until: Millis = Millis(0)
    """Until then the peers have been asked to wait; only VRRPv3 can ask."""
    sequences: dict[str, SavedSequences] = {}

    def recent(self, router: VirtualRouterConfig, now: Millis, boot: str) -> bool:
        """Whether no peer of this router can have elected itself since (RFC 9568, 6.1: three intervals and a skew)."""
        until = self.at + 3 * router.advert_interval
        if router.version is Version.V3:
            until = max(until, self.held_until)
        return self.boot == boot and now <= until

    def sequences_of(self, name: str) -> Sequences:
        saved = self.sequences.get(name)
        if saved is None:
            return Sequences()
        return Sequences(sent=saved.sent, heard={ip_address(peer): mark for peer, mark in saved.heard.items()})


def load_alive(path: Path) -> Alive:
    """The sign of life beside the state file `path`; none, or one that cannot be read, is of nobody."""
    try:
        return decode(_alive_path(path).read_bytes(), Alive)
    except (BadMessage, OSError):
        return Alive()


def save_alive(path: Path, alive: Alive) -> None:
    """Write it beside the state file `path`.

    Raises:
        OSError: it cannot be written.

    """
    _replace(_alive_path(path), encode(alive))


def saved_sequences(sequences: dict[str, Sequences]) -> dict[str, SavedSequences]:
    return {
        name: SavedSequences(sent=s.sent, heard={str(peer): mark for peer, mark in s.heard.items()})
        for name, s in sequences.items()
    }


def boot_id() -> str:
    """Differs after each start of the host."""
    return BOOT_ID.read_text().strip()


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
    _replace(path, encode(saved))


def _alive_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.alive")


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)
