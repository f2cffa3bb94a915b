"""What the engine keeps on disk: its configuration and roles, so that it can go on after a restart.

Beside it is a small file with a sign of life, renewed often: who comes back after longer than its peers wait has been
replaced by one of them, and must not go on as if nothing had happened. It is mapped into memory: to renew it costs no
system call and waits for no disk, and the kernel keeps it whatever becomes of us.
"""

import mmap
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from futago.contract.codec import decode, encode
from futago.values import Millis, Role
from futago.vrrp.config import Version, VirtualRouterConfig

BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_ALIVE_BYTES: Final = 32
_LOW: Final = (1 << 64) - 1


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


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """`Saved` as it is written: routers that are encoded already."""

    routers: tuple[msgspec.Raw, ...]
    roles: dict[str, SavedRole]


class Alive(msgspec.Struct, frozen=True, kw_only=True):
    """The last sign of life of an engine."""

    boot: str = ""
    at: Millis = Millis(0)
    """By the clock that counts from the host's start and goes on while it sleeps (CLOCK_BOOTTIME)."""
    held_until: Millis = Millis(0)
    """Until then the peers have been asked to wait; only VRRPv3 can ask."""

    def recent(self, router: VirtualRouterConfig, now: Millis, boot: str) -> bool:
        """Whether no peer of this router can have elected itself since (RFC 9568, 6.1: three intervals and a skew)."""
        until = self.at + 3 * router.advert_interval
        if router.version is Version.V3:
            until = max(until, self.held_until)
        return self.boot == boot and now <= until


class AliveFile:
    """The sign of life beside the state file `path`, four words: at, held until, and the boot id in two."""

    def __init__(self, path: Path) -> None:
        """Map it; it is made if it is not there.

        Raises:
            OSError: it cannot be made.

        """
        descriptor = os.open(path.with_name(f"{path.name}.alive"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, _ALIVE_BYTES)
            self._words = memoryview(mmap.mmap(descriptor, _ALIVE_BYTES)).cast("Q")
        finally:
            os.close(descriptor)

    def read(self) -> Alive:
        """What the last engine has left; one of another start of the host says nothing."""
        at, held_until, *boot = self._words
        return Alive(boot=_boot_text(boot), at=Millis(at), held_until=Millis(held_until))

    def write(self, alive: Alive) -> None:
        """The boot id last: until it is right, nothing is said."""
        number = UUID(alive.boot).int
        self._words[0], self._words[1] = alive.at, alive.held_until
        self._words[2], self._words[3] = number >> 64, number & _LOW


def _boot_text(words: Sequence[int]) -> str:
    return str(UUID(int=words[0] << 64 | words[1]))


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


class StateWriter:
    """Writes the file often: what has not changed is not encoded again, which for a thousand routers takes 20 ms."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoded: dict[str, tuple[VirtualRouterConfig, msgspec.Raw]] = {}

    def save(self, routers: Iterable[VirtualRouterConfig], roles: dict[str, SavedRole]) -> None:
        """As the function `save`.

        Raises:
            OSError: it cannot be written.

        """
        before, self._encoded = self._encoded, {}
        for router in routers:
            known = before.get(router.name)
            if known is None or known[0] is not router:
                known = router, msgspec.Raw(encode(router))
            self._encoded[router.name] = known
        written = _Written(routers=tuple(raw for _, raw in self._encoded.values()), roles=roles)
        _replace(self._path, encode(written))


def marks_path(path: Path) -> Path:
    """Where the marks are (`marks`), beside the state file `path`."""
    return path.with_name(f"{path.name}.marks")


def _replace(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    beside.replace(path)
