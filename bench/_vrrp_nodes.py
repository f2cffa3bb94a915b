"""The two that are measured: one Futago engine for a node, and one keepalived for each router of a node."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from _vrrp_world import SOURCES, World
from futago import netns
from futago.contract.keys import SharedKey
from futago.values import IPv4Address, IPv4Interface, IPv4Network, Millis
from futago.vrrp.config import AuthMode, VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.control import RouterStatus, VrrpdClient

PRIORITIES = {"a": 150, "b": 100}
_KEY = SharedKey(key_id=1, secret=bytes(range(32)))
_KEEPALIVED = """
global_defs {{
    vrrp_version 3
}}
vrrp_instance r {{
    state BACKUP
    nopreempt
    interface ha-1
    virtual_router_id 1
    priority {priority}
    advert_int 1
    virtual_ipaddress {{
        192.168.81.1/24 dev qr-1
        10.0.81.101/24 dev qr-1
    }}
    virtual_routes {{
        0.0.0.0/0 via 10.0.81.1 dev qr-1
    }}
}}
"""


def wait_for(what: str, look: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not look():
        if time.monotonic() > until:
            raise SystemExit(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.25)


@dataclass(frozen=True, slots=True)
class Usage:
    """What processes have used until now."""

    cpu: float
    """Seconds."""
    kib: float
    """User memory; pages that several share are shared out (PSS)."""


def usage(roots: Sequence[int]) -> Usage:
    """Of these processes and all below them."""
    pids = [pid for root in roots for pid in _family(root)]
    return Usage(sum(map(_cpu, pids)), sum(map(_pss, pids)))


@dataclass
class Engine:
    """`futago vrrpd` of one node."""

    side: str
    world: World
    directory: Path
    signed: bool = True
    """Its advertisements are authenticated."""
    warden: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self.directory / f"{self.side}.sock"

    @property
    def pids(self) -> list[int]:
        assert self.warden
        return [self.warden.pid]

    def start(self) -> None:
        argv = [sys.executable, "-m", "futago", "vrrpd", "--socket", str(self.socket)]
        state = ["--state", str(self.directory / f"{self.side}.json")]
        with (self.directory / f"{self.side}.log").open("ab") as log:
            self.warden = subprocess.Popen(
                [*argv, *state], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        wait_for("the engine answers", self._answers)

    def configure(self, interval: int) -> None:
        self._configure([self._router(n, interval) for n in range(self.world.size)])

    def release(self) -> None:
        self._configure([])

    def statuses(self) -> tuple[RouterStatus, ...]:
        async def ask() -> tuple[RouterStatus, ...]:
            async with VrrpdClient(self.socket) as client:
                return await client.status()

        return asyncio.run(ask())

    def all_are(self, role: str) -> bool:
        statuses = self.statuses()
        return len(statuses) == self.world.size and all(status.role == role for status in statuses)

    def transitions(self) -> int:
        return sum(status.transitions for status in self.statuses())

    def kill(self) -> None:
        """As a power cut does it: nobody is left to say goodbye, or to start another."""
        assert self.warden
        worker = _family(self.warden.pid)[1]
        os.kill(self.warden.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        self.warden.kill()
        self.warden.wait(20)

    def stop(self) -> None:
        if self.warden and self.warden.poll() is None:
            with suppress(ConnectionError):
                self.release()
            self.warden.terminate()
            self.warden.wait(90)

    def _answers(self) -> bool:
        assert self.warden
        if self.warden.poll() is not None:
            raise SystemExit((self.directory / f"{self.side}.log").read_text())
        with suppress(ConnectionError):
            self.statuses()
            return True
        return False

    def _configure(self, routers: Sequence[VirtualRouterConfig]) -> None:
        async def ask() -> dict[str, str]:
            async with VrrpdClient(self.socket) as client:
                return await client.configure(routers)

        if errors := asyncio.run(ask()):
            raise SystemExit(f"the engine of {self.side} has {len(errors)} problems: {next(iter(errors.items()))}")

    def _router(self, number: int, interval: int) -> VirtualRouterConfig:
        addresses = ("192.168.80.1/24", "10.0.80.101/24")
        gateway = VirtualRoute(
            destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1"), interface="qr-1"
        )
        return VirtualRouterConfig(
            name=f"router-{number:04}",
            namespace=self.world.name(self.side, number),
            interface="ha-1",
            source=SOURCES[self.side],
            vrid=1,
            priority=PRIORITIES[self.side],
            advert_interval=Millis(interval),
            advertised=(IPv4Address("169.254.0.1"),),
            addresses=tuple(VirtualAddress(interface="qr-1", address=IPv4Interface(one)) for one in addresses),
            routes=(gateway,),
            auth_mode=AuthMode.ENFORCE if self.signed else AuthMode.OFF,
            keys=(_KEY,) if self.signed else (),
            send_key=_KEY.key_id if self.signed else 0,
        )


@dataclass
class Keepaliveds:
    """One keepalived for each of the first routers of a node, each in its router's namespace, as Neutron has it."""

    side: str
    world: World
    directory: Path
    running: list[subprocess.Popen[bytes]]

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self.running]

    def start(self) -> None:
        config = self.directory / f"keepalived-{self.side}.conf"
        config.write_text(_KEEPALIVED.format(priority=PRIORITIES[self.side]))
        for number in range(self.world.size):
            pid_files = (str(self.directory / f"k{self.side}{number}{kind}") for kind in "pr")
            options = [word for pair in zip(("-p", "-r"), pid_files, strict=True) for word in pair]
            argv = ["keepalived", "--dont-fork", "--vrrp", "--use-file", str(config), *options]
            self.running.append(netns.run_inside(self.world.name(self.side, number), lambda argv=argv: _popen(argv)))

    def all_active(self) -> bool:
        return all(self._has_address(number) for number in range(self.world.size))

    def kill(self) -> None:
        """The children first stopped, then all killed."""
        pids = [pid for root in self.pids for pid in _family(root)]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.reap()

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        self.reap()

    def reap(self) -> None:
        for process in self.running:
            process.wait(30)
        self.running.clear()

    def _has_address(self, number: int) -> bool:
        show = ["ip", "-n", self.world.name(self.side, number), "-4", "-o", "address", "show", "dev", "qr-1"]
        return " 192.168.81.1/" in subprocess.run(show, capture_output=True, text=True, check=True).stdout


@contextmanager
def engines(world: World, directory: Path) -> Iterator[tuple[Engine, Engine]]:
    """Both nodes' engines, running and empty."""
    a, b = (Engine(side, world, directory) for side in "ab")
    with ExitStack() as stack:
        for engine in (a, b):
            stack.callback(engine.stop)
            engine.start()
        yield a, b


@contextmanager
def keepaliveds(world: World, directory: Path) -> Iterator[tuple[Keepaliveds, Keepaliveds]]:
    """Both nodes' keepaliveds; those of `a` are active."""
    a, b = (Keepaliveds(side, world, directory, []) for side in "ab")
    with ExitStack() as stack:
        for many in (a, b):
            stack.callback(many.stop)
        a.start()
        wait_for("keepalived is active on one side", a.all_active)
        b.start()
        yield a, b


def _popen(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    nothing = subprocess.DEVNULL
    return subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in _family(int(child)))]


def _cpu(pid: int) -> float:
    """By the scheduler's account: the usual one counts in hundredths of a second, too coarse for a small process."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _pss(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("Pss:"))
