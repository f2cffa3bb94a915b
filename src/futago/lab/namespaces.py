"""A host: one process tree in its own network, mount, PID and UTS namespaces.

Its first process does nothing but reap; kill it and the kernel ends everything else in the host at once, as a power
cut does. `/run` is new at each power-on; what is under `disk/` stays.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

from futago.lab import state
from futago.lab.errors import SEARCH_PATH, CommandFailed, LabError
from futago.lab.state import Process

DISK: Final = {
    "etc-openvswitch": Path("/etc/openvswitch"),
    "log-openvswitch": Path("/var/log/openvswitch"),
    "etc-futago": Path("/etc/futago"),
    "var-lib-futago": Path("/var/lib/futago"),
    "etc-netns": Path("/etc/netns"),
}
"""The directories that each host has for itself, by their name on its disk."""

_BOOT: Final = """
set -e
here=$1 shared=$2 name=$3
mount -n -t sysfs sysfs /sys
mount -n -t tmpfs -o mode=755 futago-lab "$here/run"
cd "$here/run"
mkdir -p netns openvswitch futago sshd lab pids lock
mount -n --bind "$shared" lab
shift 3
while [ "$1" != -- ]; do mount -n --bind "$here/disk/$1" "$2"; shift 2; done
shift
mount -n --rbind "$here/run" /run
cd /
hostname "$name"
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore
ip link set lo up
exec "$@"
"""

_REAPER: Final = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
print("ready", flush=True)
os.dup2(os.open(os.devnull, os.O_RDWR), 1)
while True:
    signal.sigwait({signal.SIGCHLD})
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""


def environment() -> dict[str, str]:
    """What programs in a host see: the caller's environment without anything that depends on where it was called."""
    kept = {key: value for key, value in os.environ.items() if key in {"TERM", "LANG", "LC_ALL", "PYTHONPATH"}}
    return kept | {"PATH": f"{Path(sys.executable).parent}:{SEARCH_PATH}", "HOME": "/root"}


def start(lab: str, name: str) -> Process:
    """Power the host on: its namespaces, `/run` and disk, with nothing running yet.

    Raises:
        LabError: the kernel refuses; most often because the caller is not root.

    """
    here = state.directory(lab) / "hosts" / name
    for path in (here / "run", here / "log", *(here / "disk" / directory for directory in DISK)):
        path.mkdir(parents=True, exist_ok=True)
    mounts = [word for source, target in DISK.items() for word in (source, str(target))]
    reaper = [sys.executable, "-I", "-S", "-c", _REAPER, marker(lab, name)]
    argv = ["unshare", "--net", "--mount", "--pid", "--uts", "--fork", "--mount-proc"]
    argv += ["sh", "-c", _BOOT, "boot", str(here), str(state.directory(lab) / "shared"), name, *mounts, "--", *reaper]
    with (here / "log" / "boot.log").open("wb") as log:
        parent = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
            start_new_session=True,
        )
    assert parent.stdout is not None
    with parent.stdout as stdout:
        ready = stdout.readline()
    if ready.strip() != b"ready":
        parent.wait()
        raise LabError(f"host {name} does not start: {(here / 'log' / 'boot.log').read_text().strip()}")
    return _first_child(parent.pid)


def marker(lab: str, name: str) -> str:
    """The last argument of a host's first process: by it, a host is found even when the state file is lost."""
    return f"{state.directory(lab)}/hosts/{name}"


def find(lab: str) -> dict[str, Process]:
    """All hosts of `lab` that run on this machine, whatever the state file says."""
    found = {}
    prefix = marker(lab, "")
    for path in Path("/proc").glob("[0-9]*"):
        try:
            argv = (path / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid, last = int(path.name), argv[-1].decode(errors="replace")
        if len(argv) == 6 and last.startswith(prefix) and (started := state.start_time(pid)) is not None:
            found[last.removeprefix(prefix)] = Process(pid=pid, started=started)
    return found


def kill(process: Process) -> None:
    """Cut the power: SIGKILL to the first process; returns when the kernel has ended it and all the others."""
    if not state.alive(process):
        return
    parent = int(Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[1])
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while state.alive(process):
        if time.monotonic() > deadline:
            raise LabError(f"process {process.pid} does not end after SIGKILL; is the machine out of memory?")
        time.sleep(0.005)
    with contextlib.suppress(ChildProcessError):  # when another program started the host, it is not ours to reap
        os.waitpid(parent, 0)


def signal_all(process: Process, number: signal.Signals) -> None:
    """Signal every process of a host but its first."""
    for _ in range(2):  # what was born while the first signals went out
        run(process, ["sh", "-c", f"kill -{number.value} -1"], check=False)


def resume(process: Process) -> None:
    """Let every process of a host go on, and every command that was entering it: nsenter stops when its child does."""
    signal_all(process, signal.SIGCONT)
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            argv = (path / "cmdline").read_bytes().split(b"\0")
            if argv[:3] == [b"nsenter", b"--target", str(process.pid).encode()]:
                os.kill(int(path.name), signal.SIGCONT)


def inside(process: Process, argv: Sequence[str], *, netns: str = "") -> list[str]:
    """The command that runs `argv` in a host, or in a network namespace of that host."""
    enter = ["nsenter", "--target", str(process.pid), "--net", "--mount", "--pid", "--uts", "--wd=/", "--"]
    return [*enter, *(["ip", "netns", "exec", netns] if netns else []), *argv]


def run(
    process: Process, argv: Sequence[str], *, netns: str = "", stdin: str = "", timeout: float = 60, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command in a host to its end.

    Raises:
        CommandFailed: it ended with an error (unless `check` is false) or not within `timeout` seconds.

    """
    where = f"pid {process.pid}"
    popen = spawn(process, argv, netns=netns, stdin=subprocess.PIPE)
    try:
        out, err = popen.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        end(popen, signal.SIGKILL)
        raise CommandFailed(where, list(argv), -1, f"still running after {timeout} s") from error
    except BaseException:
        end(popen, signal.SIGKILL)
        raise
    if check and popen.returncode != 0:
        raise CommandFailed(where, list(argv), popen.returncode, err + out)
    return subprocess.CompletedProcess(list(argv), popen.returncode, out, err)


def spawn(
    process: Process,
    argv: Sequence[str],
    *,
    netns: str = "",
    stdin: int = subprocess.DEVNULL,
    stderr: int | IO[Any] = subprocess.PIPE,
) -> subprocess.Popen[str]:
    """Start a command in a host and return with its pipes; `end` it."""
    return subprocess.Popen(
        inside(process, argv, netns=netns),
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
        errors="replace",
        env=environment(),
        start_new_session=True,
    )


def end(popen: subprocess.Popen[str], number: signal.Signals = signal.SIGTERM) -> None:
    """Signal a spawned command with all that it started, and wait for it; a deaf one is killed after 3 seconds."""
    for send in (number, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(popen.pid, send)
        with contextlib.suppress(subprocess.TimeoutExpired):
            popen.wait(3)
            return


def start_daemon(process: Process, name: str, argv: Sequence[str], log: Path, *, netns: str = "") -> None:
    """Start a program that goes on without us; its PID, as the host numbers it, is in `/run/pids/<name>`."""
    script = 'pids=/run/pids/$1; shift; setsid "$@" & echo $! > $pids.new; mv $pids.new $pids'
    prefix = ["ip", "netns", "exec", netns] if netns else []
    with log.open("ab") as output:
        subprocess.run(
            inside(process, ["sh", "-c", script, "start", name, *prefix, *argv]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment(),
            check=True,
            start_new_session=True,
        )


def stop_daemon(process: Process, name: str, number: signal.Signals, *, timeout: float = 15) -> None:
    """Signal a program started by `start_daemon` and wait until it is gone.

    Raises:
        CommandFailed: it was not running, or ignores the signal.

    """
    script = (
        "read pid < /run/pids/$1 && kill -$2 $pid && while kill -0 $pid 2>&-; do sleep 0.02; done && rm /run/pids/$1"
    )
    run(process, ["sh", "-c", script, "stop", name, str(number.value)], timeout=timeout)


def daemon_alive(process: Process, name: str) -> bool:
    script = "read pid < /run/pids/$1 && kill -0 $pid"
    return run(process, ["sh", "-c", script, "look", name], check=False).returncode == 0


def _first_child(parent: int) -> Process:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    pid = int(children[0])
    started = state.start_time(pid)
    if started is None:
        raise LabError(f"process {pid} ended at once")
    return Process(pid=pid, started=started)
