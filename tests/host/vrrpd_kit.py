"""Two hosts, or three, each with one replica of router80, joined by three bridges in a namespace of their own.

        [a]                [wire]               [b]
       ha-1 ─────────────── br-ha ───────────── ha-1
       qr-1 ─────────────── br-qr ───────────── qr-1
       qg-1 ─────────────── br-qg ───────────── qg-1

Everything is in named namespaces with names of this process, and goes away with them.
"""

import asyncio
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import msgspec

from futago import netns
from futago.values import IPAddress, IPv4Address, IPv6Address, Millis, Role
from futago.vrrp import rtnetlink
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.control import RouterStatus, VrrpdClient
from unit.vrrp.samples import INSIDE, OUTSIDE, router

LEGS = ("ha-1", "qr-1", "qg-1")
T = TypeVar("T")

SOURCES = tuple(IPv4Address(f"169.254.192.{last}") for last in (1, 2, 3))
SOURCES_IPV6 = tuple(IPv6Address(f"fe80::a9fe:c00{last}") for last in (1, 2))
VIRTUAL = {str(INSIDE.address), str(OUTSIDE.address)}
LONG_HOLD, SHORT_HOLD = 10.0, 1.0
"""Seconds: more than a start takes on a busy machine; what a test can wait for."""
_SO_TIMESTAMPNS = 35
_serial = count()


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout


def wait_for(what: str, look: Callable[[], object], seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def first(what: str, look: Callable[[], Sequence[T]]) -> T:
    """The first one of these, once there is any."""
    found: list[T] = []

    def look_again() -> list[T]:
        found.extend(look())
        return found

    wait_for(what, look_again)
    return found[0]


@dataclass
class Host:
    """One replica: its namespace and its engine."""

    namespace: str
    config: VirtualRouterConfig
    directory: Path
    hold_seconds: float = LONG_HOLD
    extra: tuple[str, ...] = ()
    """Further options of `futago vrrpd`."""
    warden: subprocess.Popen[bytes] | None = None
    socket: Path = field(init=False)
    state: Path = field(init=False)

    def __post_init__(self) -> None:
        self.socket = self.directory / "vrrpd.sock"
        self.state = self.directory / "vrrpd.json"

    def command(self) -> list[str]:
        paths = ["--socket", str(self.socket), "--state", str(self.state), "--hold-seconds", str(self.hold_seconds)]
        return [sys.executable, "-m", "futago", "vrrpd", *paths, *self.extra]

    def start(self) -> None:
        log = (self.directory / "log").open("ab")
        self.warden = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("the engine answers", self.answers)

    def answers(self) -> bool:
        try:
            self.statuses()
        except ConnectionError:
            return False
        return True

    def configure(self, *routers: VirtualRouterConfig) -> dict[str, str]:
        async def ask() -> dict[str, str]:
            async with VrrpdClient(self.socket) as client:
                return await client.configure(routers or (self.config,))

        return asyncio.run(ask())

    def statuses(self) -> tuple[RouterStatus, ...]:
        async def ask() -> tuple[RouterStatus, ...]:
            async with VrrpdClient(self.socket) as client:
                return await client.status()

        return asyncio.run(ask())

    def status(self, name: str = "router80") -> RouterStatus:
        return next(status for status in self.statuses() if status.name == name)

    def active(self, name: str = "router80") -> bool:
        return self.status(name).role is Role.ACTIVE

    def worker(self) -> int:
        """The engine's process; between the death of one and the birth of the next, wait for the next."""
        return first("the warden has a worker", self.children)

    def working(self, former: int) -> bool:
        """Whether another worker than the former one answers."""
        return self.children() not in ([], [former]) and self.answers()

    def children(self) -> list[int]:
        assert self.warden
        text = Path(f"/proc/{self.warden.pid}/task/{self.warden.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def terminate(self) -> int:
        assert self.warden
        self.warden.terminate()
        return self.warden.wait(20)

    def kill_everything(self) -> None:
        """Power off: the parent first, so that it cannot start another engine."""
        assert self.warden
        worker = self.worker()
        os.kill(self.warden.pid, signal.SIGSTOP)
        os.kill(worker, signal.SIGKILL)
        self.warden.kill()
        self.warden.wait(20)

    def freeze(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self, *pids: int) -> None:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    def addresses(self) -> set[str]:
        """Those of the legs that face networks."""
        links = json.loads(run("ip", "-n", self.namespace, "-json", "address"))
        legs = [link for link in links if link["ifname"] in LEGS[1:]]
        return {f"{a['local']}/{a['prefixlen']}" for leg in legs for a in leg.get("addr_info", ())}

    def default_route(self) -> str:
        return run("ip", "-n", self.namespace, "route", "show", "default").strip()

    def links(self, state: str) -> None:
        for leg in LEGS:
            run("ip", "-n", self.namespace, "link", "set", leg, state)


@dataclass
class Pair:
    """The two hosts, and any others."""

    wire: str
    a: Host
    b: Host
    others: tuple[Host, ...] = ()

    @property
    def hosts(self) -> tuple[Host, ...]:
        return self.a, self.b, *self.others

    def start(self) -> None:
        """All run, one is active."""
        for host in self.hosts:
            host.start()
            assert host.configure() == {}
        self.wait_for_one_active()

    def wait_for_one_active(self) -> None:
        wait_for("one is active and the other a backup", self.settled)

    def settled(self) -> bool:
        backups = [Role.BACKUP] * (len(self.hosts) - 1)
        return sorted(host.status().role for host in self.hosts) == [Role.ACTIVE, *backups]

    def active(self) -> Host:
        """Who is active; while the two agree on it, wait."""
        return first("one of the two is active", lambda: [host for host in self.hosts if host.active()])

    def standby(self) -> Host:
        return next(host for host in self.hosts if not host.active())


@contextmanager
def make_pair(
    directory: Path, like: VirtualRouterConfig | None = None, hold_seconds: float = LONG_HOLD, *, number: int = 2
) -> Iterator[Pair]:
    """So many hosts wired, no engine started yet."""
    like = like or router(advert_interval=Millis(300), priority=50)
    sources: Sequence[IPAddress] = SOURCES_IPV6 if like.ipv6 else SOURCES[:number]
    base = f"fvt{os.getpid()}-{next(_serial)}"
    wire, *names = (f"{base}{end}" for end in ("-w", "-a", "-b", "-c")[: 1 + number])
    hosts: list[Host] = []
    try:
        _make_wire(wire)
        for source, name in zip(sources, names, strict=True):
            config = msgspec.structs.replace(like, namespace=name, source=source)
            (directory / name).mkdir()
            hosts.append(Host(namespace=name, config=config, directory=directory / name, hold_seconds=hold_seconds))
            _plug(wire, name, source)
        yield Pair(wire, hosts[0], hosts[1], tuple(hosts[2:]))
    finally:
        for host in hosts:
            _clean_up(host)
        for name in (wire, *names):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@contextmanager
def addresses_lost(host: Host) -> Iterator[list[str]]:
    """The IPv4 addresses that leave the host meanwhile, however shortly (RTNLGRP_IPV4_IFADDR, RTM_DELADDR)."""
    monitor = netns.run_inside(host.namespace, lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
    monitor.bind((0, 0x10))
    monitor.setblocking(False)
    lost: list[str] = []
    try:
        yield lost
    finally:
        with suppress(BlockingIOError):
            while True:
                messages = rtnetlink.messages(monitor.recv(1 << 16))
                lost.extend(str(rtnetlink._found(body).address) for kind, _, body in messages if kind == 21)
        monitor.close()


@dataclass(frozen=True)
class Sent:
    """A frame that a host has sent."""

    at: float
    leg: str
    frame: bytes


@contextmanager
def frames_sent(host: Host, *legs: str) -> Iterator[list[bytes]]:
    """Every frame that leaves the host through these interfaces meanwhile."""
    frames: list[bytes] = []
    with capture(host, *legs) as sent:
        yield frames
    frames.extend(one.frame for one in sent)


@contextmanager
def capture(host: Host, *legs: str) -> Iterator[list[Sent]]:
    """The same, in the order in which it was sent."""
    taps = {leg: netns.run_inside(host.namespace, lambda leg=leg: _tap(leg)) for leg in legs}
    sent: list[Sent] = []
    try:
        yield sent
    finally:
        for leg, tap in taps.items():
            with suppress(BlockingIOError):
                while True:
                    sent.extend(_take(tap, leg))
            tap.close()
        sent.sort(key=lambda one: one.at)


def _tap(leg: str) -> socket.socket:
    tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    tap.bind((leg, 3))
    tap.setblocking(False)
    return tap


def _take(tap: socket.socket, leg: str) -> list[Sent]:
    """One frame, if it went out (packet(7): PACKET_OUTGOING is 4)."""
    frame, beside, _, place = tap.recvmsg(2048, 64)
    seconds, nanoseconds = next(struct.unpack("=qq", v) for _, kind, v in beside if kind == _SO_TIMESTAMPNS)
    return [Sent(seconds + nanoseconds / 1e9, leg, frame)] if place[2] == 4 else []


def _make_wire(wire: str) -> None:
    run("ip", "netns", "add", wire)
    run("ip", "netns", "exec", wire, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
    for leg in LEGS:
        bridge = f"br-{leg[:2]}"
        run("ip", "-n", wire, "link", "add", bridge, "type", "bridge")
        run("ip", "-n", wire, "link", "set", bridge, "up")


def _plug(wire: str, name: str, source: IPAddress) -> None:
    """No interface makes an address by itself: a standby is silent."""
    run("ip", "netns", "add", name)
    no_address_by_itself = "net.ipv6.conf.default.addr_gen_mode=1"
    run("ip", "netns", "exec", name, "sysctl", "-qw", no_address_by_itself, "net.ipv6.conf.default.accept_ra=0")
    for leg in LEGS:
        plug(wire, name, leg)
    prefix, how = (64, ["nodad"]) if source.version == 6 else (18, [])
    run("ip", "-n", name, "address", "add", f"{source}/{prefix}", "dev", "ha-1", *how)


def plug(wire: str, name: str, leg: str) -> None:
    """Make one interface of a host, up and on its bridge."""
    outer = f"{leg[:2]}-{name[-1]}"
    run("ip", "-n", wire, "link", "add", outer, "type", "veth", "peer", "name", leg, "netns", name)
    run("ip", "-n", wire, "link", "set", outer, "master", f"br-{leg[:2]}", "up")
    run("ip", "-n", name, "link", "set", leg, "up")


def _clean_up(host: Host) -> None:
    """End the engine for good, its guard included."""
    if host.warden and host.warden.poll() is None:
        host.thaw(host.warden.pid, *host.children())
        with suppress(ConnectionError):
            asyncio.run(_release(host.socket))
        host.warden.terminate()
        host.warden.wait(20)


async def _release(path: Path) -> None:
    async with VrrpdClient(path) as client:
        await client.release()
