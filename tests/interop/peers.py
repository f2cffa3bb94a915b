"""Those who talk: our engine, keepalived, and FRR's vrrpd. Each is started, stopped and killed in the same words."""

import asyncio
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from futago.values import IPAddress, IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, Millis
from futago.vrrp.config import Checksum, Version, VirtualAddress, VirtualRouterConfig
from host.vrrpd_kit import Host, _clean_up, _release, run
from interop.wire import OURS, THEIRS, Wire

PASSWORD = "openstack"
"""One letter longer than the wire has room for, as in the seed."""


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """What both sides speak."""

    version: Version
    family: int
    interval: float
    password: str = ""
    source: IPAddress | None = None
    """Where their advertisements come from, if not from their own address."""
    checksum: Checksum = Checksum.PSEUDO_HEADER
    """What we send over IPv4 in VRRPv3."""

    @property
    def ours(self) -> IPAddress:
        return OURS[self.family]

    @property
    def theirs(self) -> IPAddress:
        return self.source or THEIRS[self.family]

    @property
    def virtual(self) -> IPAddress:
        return IPv4Address("169.254.0.1") if self.family == 4 else IPv6Address("fe80::1")

    def down_after(self, priority: int) -> float:
        """How long a backup of this priority waits (Active_Down_Interval)."""
        return 3 * self.interval + self.skew(priority)

    def skew(self, priority: int) -> float:
        return (256 - priority) / 256 * (1 if self.version is Version.V2 else self.interval)


class Speaker(Protocol):
    """One end of the wire."""

    def start(self, priority: int) -> None:
        """Take part; preempts."""

    def listens(self) -> bool:
        """Whether it takes part."""

    def leave(self) -> None:
        """Stop properly: the others are told."""

    def die(self) -> None:
        """Be gone from one moment to the next."""

    def told(self) -> str:
        """Its log."""

    def clean_up(self) -> None:
        """Leave nothing behind."""


@dataclass
class Ours:
    """`futago vrrpd`."""

    wire: Wire
    dialect: Dialect
    directory: Path
    host: Host | None = None

    def start(self, priority: int) -> None:
        self.directory.mkdir(exist_ok=True)
        config = self._config(priority)
        self.host = Host(namespace=self.wire.ours, config=config, directory=self.directory)
        self.host.start()
        assert self.host.configure() == {}

    def listens(self) -> bool:
        return self.host is not None and self.host.answers()

    def leave(self) -> None:
        assert self.host
        asyncio.run(_release(self.host.socket))

    def die(self) -> None:
        """Power off: the addresses are gone too."""
        assert self.host
        self.host.kill_everything()
        self.host.state.unlink()
        subprocess.run(["ip", "-n", self.wire.ours, "address", "del", self._interface(), "dev", "eth0"], check=True)

    def clean_up(self) -> None:
        if self.host:
            _clean_up(self.host)

    def _interface(self) -> str:
        return f"{self.dialect.virtual}/{24 if self.dialect.family == 4 else 64}"

    def _config(self, priority: int) -> VirtualRouterConfig:
        make = IPv4Interface if self.dialect.family == 4 else IPv6Interface
        return VirtualRouterConfig(
            name="virtual",
            namespace=self.wire.ours,
            interface="eth0",
            source=self.dialect.ours,
            vrid=1,
            priority=priority,
            advert_interval=Millis(int(self.dialect.interval * 1000)),
            version=self.dialect.version,
            preempt=True,
            checksum=self.dialect.checksum,
            password=self.dialect.password,
            advertised=(self.dialect.virtual,),
            addresses=(VirtualAddress(interface="eth0", address=make(self._interface())),),
        )


@dataclass
class Program:
    """A foreign daemon in a session of its own."""

    wire: Wire
    dialect: Dialect
    directory: Path
    process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str) -> None:
        log = (self.directory / "log").open("ab")
        inside = ("ip", "netns", "exec", self.wire.theirs, *command)
        self.process = subprocess.Popen(
            inside, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )

    def told(self) -> str:
        return (self.directory / "log").read_text()

    def die(self) -> None:
        assert self.process
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def clean_up(self) -> None:
        if self.process and self.process.poll() is None:
            self.die()


@dataclass
class Keepalived(Program):
    """Debian's keepalived."""

    def start(self, priority: int) -> None:
        self.directory.mkdir(exist_ok=True)
        config = self.directory / "keepalived.conf"
        config.write_text(self._config(priority))
        pids = [
            f"{option}{self.directory / name}" for option, name in (("-p", "pid"), ("-r", "vrrp.pid"), ("-c", "c.pid"))
        ]
        self.run("keepalived", "--dont-fork", "--log-console", "--vrrp", "-f", str(config), *pids)

    def listens(self) -> bool:
        return "Entering BACKUP STATE" in self.told()

    def leave(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait(10)

    def _config(self, priority: int) -> str:
        d = self.dialect
        secret = f"authentication {{\n auth_type PASS\n auth_pass {d.password}\n }}" if d.password else ""
        return f"""
            global_defs {{
              vrrp_version {d.version.value}
            }}
            vrrp_instance VR_1 {{
              state BACKUP
              interface eth0
              virtual_router_id 1
              priority {priority}
              advert_int {d.interval:g}
              {secret}
              virtual_ipaddress {{
                {d.virtual}/{24 if d.family == 4 else 64} dev eth0
              }}
            }}
        """


@dataclass
class Frr(Program):
    """FRR's vrrpd beside its zebra, out of Debian packages that are unpacked and not installed."""

    unpacked: Path = field(default_factory=Path)

    def start(self, priority: int) -> None:
        self.directory.mkdir(exist_ok=True)
        self._add_virtual_interface()
        (self.directory / "frr.conf").write_text(self._config(priority))
        script = self.directory / "start.sh"
        script.write_text(self._script())
        self.run("unshare", "--mount", "sh", str(script))

    def listens(self) -> bool:
        """Whether its raw socket is open."""
        return ":0070 " in _raw_sockets(self.wire.theirs, self.dialect.family)

    def leave(self) -> None:
        """Its vrrpd says goodbye at SIGTERM."""
        assert self.process
        os.kill(int((self.directory / "vrrpd.pid").read_text()), signal.SIGTERM)

    def _add_virtual_interface(self) -> None:
        """FRR wants a macvlan with the virtual router's MAC address and its addresses (RFC 9568, 7.3).

        Without duplicate detection: the address of an active peer is a duplicate to the kernel, which then never lets
        FRR bind to it.
        """
        prefix = 24 if self.dialect.family == 4 else 64
        no_detection = ("nodad",) if self.dialect.family == 6 else ()
        mac = f"00:00:5e:00:0{1 if self.dialect.family == 4 else 2}:01"
        ip = ("ip", "-n", self.wire.theirs)
        commands: tuple[tuple[str, ...], ...] = (
            ("link", "add", "vrrp-1", "link", "eth0", "address", mac, "type", "macvlan", "mode", "bridge"),
            ("link", "set", "vrrp-1", "addrgenmode", "none"),
            ("address", "add", f"{self.dialect.virtual}/{prefix}", "dev", "vrrp-1", *no_detection),
            ("link", "set", "vrrp-1", "up"),
        )
        if subprocess.run([*ip, "link", "show", "vrrp-1"], capture_output=True, check=False).returncode:
            for command in commands:
                subprocess.run([*ip, *command], check=True)

    def _config(self, priority: int) -> str:
        d = self.dialect
        kind = "ip" if d.family == 4 else "ipv6"
        lines = (
            "log stdout",
            "debug vrrp",
            "interface eth0",
            f" vrrp 1 version {d.version.value}",
            f" vrrp 1 priority {priority}",
            f" vrrp 1 advertisement-interval {int(d.interval * 1000)}",
            f" vrrp 1 {kind} {d.virtual}",
        )
        return "\n".join(lines) + "\n"

    def _script(self) -> str:
        root, here = self.unpacked, self.directory
        library = f"{root}/usr/lib/x86_64-linux-gnu"
        common = f"-u root -g root -z {here}/zserv.api --vty_socket {here} -A 127.0.0.1 -P 0 -f {here}/frr.conf"
        return f"""
            mount -t overlay none -o lowerdir={root}/usr/share:/usr/share /usr/share
            (cat /etc/group; echo frrvty:x:9991:root) > {here}/group
            mount --bind {here}/group /etc/group
            export LD_LIBRARY_PATH={library}:{library}/frr
            {root}/usr/lib/frr/zebra {common} -i {here}/zebra.pid &
            until [ -S {here}/zserv.api ]; do sleep 0.1; done
            {root}/usr/lib/frr/vrrpd {common} -i {here}/vrrpd.pid &
            wait
        """


def _raw_sockets(namespace: str, family: int) -> str:
    """The kernel's list of them."""
    return run("ip", "netns", "exec", namespace, "cat", "/proc/net/raw" + ("6" if family == 6 else ""))


def unpack_frr(directory: Path) -> str:
    """Download FRR's packages and unpack them into `root`; what prevents it, if anything."""
    packages = ("frr", "libyang2", "libjson-c5", "libc-ares2")
    got = subprocess.run(["apt-get", "download", "-q", *packages], cwd=directory, capture_output=True, check=False)
    archives = sorted(directory.glob("*.deb"))
    if got.returncode or len(archives) != len(packages):
        return got.stderr.decode().strip()[-200:] or "apt-get found too few"
    for archive in archives:
        subprocess.run(["dpkg", "-x", str(archive), str(directory / "root")], check=True)
    return ""
