"""What a lab remembers on disk, so that another process can find it again.

`/run/futago-lab/<name>/` has `state.json`, `shared/` (seen as `/run/lab` on every host) and, for each host,
`hosts/<host>/disk` (what survives a power cut) and `hosts/<host>/log`. `/run/futago-lab/<name>.lock` is locked by
whoever builds the lab or takes it away.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from futago.config import Profile
from futago.lab.errors import LabError
from futago.lab.topology import Topology
from futago.values import Mac

BASE: Final = Path("/run/futago-lab")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,30}")
_MADE: Final = BASE / "made-directories"
"""The mount points that labs have made on this machine, a path on each line; all labs share them."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process, named so that a later one with the same number is not taken for it."""

    pid: int
    started: int
    """Its start time in clock ticks since boot (proc(5), stat, field 22)."""


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What stands for a virtual machine: a namespace on a compute node with a DHCP client and an sshd in it."""

    name: str
    host: str
    port_id: str
    mac: Mac
    mtu: int
    address: str

    @property
    def netns(self) -> str:
        return f"vm-{self.name}"


class LabState(msgspec.Struct, frozen=True, kw_only=True):
    """A whole lab."""

    name: str
    profile: Profile
    topology: Topology = Topology.STANDARD
    hosts: dict[str, Process] = {}
    """The first process of each host that is powered on."""
    instances: dict[str, Instance] = {}


def directory(name: str) -> Path:
    """Where everything of a lab is; the one way from a name to a path, since `down` removes what it finds there.

    Raises:
        LabError: the name is not one that a lab can have.

    """
    if not _NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot name a lab: at most 31 of a-z, 0-9 and -, beginning with a letter or a digit")
    return BASE / name


def names() -> tuple[str, ...]:
    """The labs that have left something on disk."""
    return tuple(sorted(path.name for path in BASE.iterdir() if path.is_dir())) if BASE.is_dir() else ()


def up_names() -> tuple[str, ...]:
    """The labs of which at least one host is on."""
    found = {name: read(name) for name in names() if _NAME.fullmatch(name)}
    return tuple(name for name, lab in found.items() if lab and any(map(alive, lab.hosts.values())))


@contextlib.contextmanager
def claim(name: str) -> Iterator[None]:
    """Keep other programs from building this lab or taking it away meanwhile; a crash gives the claim up.

    Raises:
        LabError: another program has the claim.

    """
    path = directory(name).with_suffix(".lock")
    lock = _lock(path)
    if lock is None:
        raise LabError(f"another futago is building, using or removing the lab {name}; wait for it, or end it")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(lock)
        with contextlib.suppress(OSError):
            BASE.rmdir()


def _lock(path: Path) -> int | None:
    """Lock the file that stands at `path`: the one that we opened may have been removed by who had it before us."""
    while True:
        BASE.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except FileNotFoundError:  # the last lab has just gone, and the directory with it
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return None
        if path.exists() and os.path.samestat(os.fstat(lock), path.stat()):
            return lock
        os.close(lock)


def make_directory(path: Path) -> None:
    """Make a mount point that the machine lacks, and note first that it is ours, so that a crash is covered."""
    for missing in [*(parent for parent in reversed(path.parents) if not parent.exists()), path]:
        BASE.mkdir(parents=True, exist_ok=True)
        with _MADE.open("a") as file:
            file.write(f"{missing}\n")
        missing.mkdir(exist_ok=True)


def remove_made_directories() -> None:
    """Once the last lab is gone: take away the mount points that labs have made, unless somebody uses them now."""
    if names() or not BASE.is_dir():
        return
    made = _MADE.read_text().splitlines() if _MADE.exists() else []
    for line in reversed(made):
        with contextlib.suppress(OSError):
            Path(line).rmdir()
    _MADE.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        BASE.rmdir()


def read(name: str) -> LabState | None:
    """The state of lab `name`, or None if there is none (or a crash left half of one)."""
    try:
        return msgspec.json.decode((directory(name) / "state.json").read_bytes(), type=LabState)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def write(state: LabState) -> None:
    """Replace the state file as a whole."""
    path = directory(state.name) / "state.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.format(msgspec.json.encode(state)))
    os.replace(new, path)  # noqa: PTH105 - the atomic call by its own name


def start_time(pid: int) -> int | None:
    """When process `pid` started, in clock ticks since boot; None if there is none (or only its zombie)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def alive(process: Process) -> bool:
    return start_time(process.pid) == process.started
