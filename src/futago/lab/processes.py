"""What runs on a host of the lab, and how much memory it takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from futago.lab import measure
from futago.lab.measure import Memory
from futago.lab.state import Process

_OPEN_VSWITCH: Final = frozenset({"ovsdb-server", "ovs-vswitchd"})


@dataclass(frozen=True, slots=True)
class Running:
    """One process of a host."""

    pid: int
    name: str
    parent: int
    argv: tuple[str, ...]
    memory: Memory

    @property
    def what(self) -> str:
        """`futago node`, `dnsmasq`…: how an operator would call it."""
        words = [word for word in self.argv if word in {"conntrackd", "controller", "metadata", "node", "vrrpd"}]
        return f"futago {words[0]}" if words and "futago" in " ".join(self.argv) else self.name


def of_futago(host: Process) -> list[Running]:
    """Everything that Futago runs on a host: all of its processes but the first, Open vSwitch's and the instances'."""
    found = [running for pid in _members(host) if (running := _look(pid)) is not None]
    return [running for running in found if running.name not in _OPEN_VSWITCH]


def labels(running: list[Running]) -> list[str]:
    """What each of them is, sorted; of two `futago vrrpd`, the parent is the warden, which revives the engine."""
    engines = {item.parent for item in running if item.what == "futago vrrpd"}
    wardens = {item.pid for item in running if item.what == "futago vrrpd" and item.pid in engines}
    return sorted(f"{item.what} (warden)" if item.pid in wardens else item.what for item in running)


def memory_mib(running: list[Running]) -> float:
    """Their PSS, as it would be on a machine of their own."""
    return measure.together_mib(item.memory for item in running)


def find(host: Process, what: str) -> list[int]:
    """The processes of a host that are `futago vrrpd`, `ovs-vswitchd`…, by the machine's numbers."""
    return [pid for pid in _members(host) if _what(pid) == what]


def _what(pid: int) -> str:
    try:
        argv = tuple(Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0"))
        if argv == ("",):  # it has ended, and its parent has not looked yet
            return ""
        return Running(pid, Path(f"/proc/{pid}/comm").read_text().strip(), 0, argv, measure.memory("", "")).what
    except OSError:
        return ""


def _members(host: Process) -> list[int]:
    wanted = str(Path(f"/proc/{host.pid}/ns/pid").readlink())
    pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if pid != host.pid and _pid_namespace(pid) == wanted]


def _pid_namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _look(pid: int) -> Running | None:
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        rollup, smaps = (Path(f"/proc/{pid}/{file}").read_text() for file in ("smaps_rollup", "smaps"))
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        return Running(pid, name, parent, tuple(argv), measure.memory(rollup, smaps))
    except OSError:
        return None
