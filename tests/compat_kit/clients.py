"""The real command lines, unchanged, each in an environment of its own that is made once and kept.

FUTAGO_TEST_CACHE says where; ~/.cache/futago-tests otherwise.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

COMMAND_SECONDS = 120
INSTALL_SECONDS = 600
ELECTION_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Client:
    """One command and the release of it that is meant."""

    command: str
    release: str
    requirements: tuple[str, ...]

    def install(self) -> Path:
        """Where its executables are. Two test runs that start at once make it only once."""
        home = cache() / f"{self.command}-{self.release}"
        home.parent.mkdir(parents=True, exist_ok=True)
        with home.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (home / ".complete").exists():
                shutil.rmtree(home, ignore_errors=True)
                _run([sys.executable, "-m", "venv", str(home)])
                _run([str(home / "bin/pip"), "install", "-q", *self.requirements])
                (home / ".complete").touch()
        return home / "bin"


NEUTRON = Client("neutron", "9.0.0", ("python-neutronclient==9.0.0", "setuptools<81"))
"""The last release line that has the `neutron` command."""
OPENSTACK = Client("openstack", "10.5.0", ("python-openstackclient==10.5.0", "openstacksdk==4.22.0"))


def cache() -> Path:
    return Path(os.environ.get("FUTAGO_TEST_CACHE") or Path.home() / ".cache/futago-tests")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command printed and how it ended."""

    command: str
    status: int
    out: str
    err: str

    def fields(self) -> dict[str, str]:
        """A table of fields and values."""
        return {row["Field"]: row["Value"] for row in self.rows()}

    def rows(self) -> list[dict[str, str]]:
        """A table of any columns."""
        lines = [line for line in self.out.splitlines() if line.startswith("|")]
        assert lines, f"no table:\n{self}"
        header, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
        return [dict(zip(header, row, strict=True)) for row in rows]

    def columns(self) -> list[str]:
        """The columns' names, as printed."""
        header = next(line for line in self.out.splitlines() if line.startswith("|"))
        return [cell.strip() for cell in header.strip("|").split("|")]

    def __str__(self) -> str:
        return f"$ {self.command}\n{self.out}{self.err}(exit status {self.status})"


def run(executable: Path, arguments: list[str], environment: dict[str, str]) -> Result:
    """Run a client; its failure is the test's to judge."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(
        [str(executable), *arguments],
        env=clean | {"PYTHONWARNINGS": "ignore", "COLUMNS": "250"} | environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Result(" ".join([executable.name, *arguments]), done.returncode, done.stdout, done.stderr)


def once_elected(look: Callable[[], Result]) -> Result:
    """What `look` shows once there is an active agent and a standby: the nodes have to hear of the router first."""
    deadline = time.monotonic() + ELECTION_SECONDS
    while True:
        seen = look()
        if "| active " in seen.out and "| standby " in seen.out:
            return seen
        assert time.monotonic() < deadline, f"not one active and one standby within {ELECTION_SECONDS} s:\n{seen}"


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
