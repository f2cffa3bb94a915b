"""Throw-away hosts: each has its own network, mounts and processes, and a real Open vSwitch; nothing of it outlives it.

with Hosts("gw", "vm") as (gw, vm):   # joined by an underlay, 192.0.2.1 and 192.0.2.2
    gw.start_agent(specs)
    gw.run("ip netns")
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from futago.contract.codec import decode, encode
from futago.contract.report import Report
from futago.contract.specs import NodeSpecs, Spec, SpecChanges

FUTAGO = str(Path(sys.executable).parent / "futago")
GENEROUS_SECONDS = 20.0
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


def wait_until(condition: Callable[[], bool], what: str, seconds: float = GENEROUS_SECONDS) -> float:
    """Wait for a condition; returns how long it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"after {seconds} s still not: {what}"
        time.sleep(0.02)
    return time.monotonic() - start


class ThrowAwayHost:
    """A machine in namespaces; when its first process ends, the kernel ends all others and removes everything."""

    def __init__(self, name: str, underlay: str) -> None:
        self.name = name
        self.underlay = underlay
        self.state = Path(tempfile.mkdtemp(prefix=f"futago-test-{name}-"))
        self._agent: subprocess.Popen[bytes] | None = None
        self._controller: subprocess.Popen[bytes] | None = None
        command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        self._holder = subprocess.Popen([*command, "sleep", "infinity"], stdin=subprocess.DEVNULL)
        children = Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        wait_until(lambda: bool(children.read_text().strip()), "the host's first process started")
        self._init = int(children.read_text())
        wait_until(lambda: Path(f"/proc/{self._init}/comm").read_text() == "sleep\n", "the host's first process runs")
        self.run("mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir /run/openvswitch && ip link set lo up")

    @property
    def init(self) -> int:
        return self._init

    def run(self, command: str, *, check: bool = True, seconds: float = GENEROUS_SECONDS) -> str:
        """Run a shell command on this host and return what it printed."""
        done = subprocess.run(
            self._enter("sh", "-c", command), capture_output=True, text=True, timeout=seconds, check=False
        )
        assert done.returncode == 0 or not check, f"{self.name}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout

    def succeeds(self, command: str) -> bool:
        return subprocess.run(self._enter("sh", "-c", command), capture_output=True, check=False).returncode == 0

    def start_switch(self) -> None:
        """A real Open vSwitch, with an underlay bridge whose own port ends the tunnels (netdev needs that)."""
        database = "/run/openvswitch/conf.db"
        if not self.succeeds(f"test -e {database}"):
            self.run(f"ovsdb-tool create {database} {SCHEMA}")
        self.start_database()
        self.run("ovs-vsctl --no-wait init")
        self.start_vswitchd()

    def start_vswitchd(self) -> None:
        self.run("ovs-vswitchd --pidfile --detach --no-chdir -vconsole:off -vsyslog:off")

    def kill_switch(self, program: str) -> None:
        """End a program of the switch as a crash does, and wait until it is gone."""
        number = self.run(f"cat /run/openvswitch/{program}.pid").strip()
        self.run(f"kill -9 {number}")
        wait_until(
            lambda: not self.succeeds(f"grep '^State:' /proc/{number}/status | grep -v Z"), f"{program} has ended"
        )

    def start_database(self) -> None:
        database = "/run/openvswitch/conf.db"
        self.run(f"ovsdb-server {database} --remote=punix:/run/openvswitch/db.sock --pidfile --detach --no-chdir")

    def restart_vswitchd(self) -> None:
        self.kill_switch("ovs-vswitchd")
        self.start_vswitchd()

    def begin_vswitchd(self) -> None:
        """Start it without waiting until it runs: it waits for its database."""
        self.run("ovs-vswitchd --pidfile --detach --no-chdir -vconsole:off -vsyslog:off > /dev/null 2>&1 &")

    def join_underlay(self) -> None:
        self.run("ip link set under up && ovs-vsctl add-br br-under -- set bridge br-under datapath_type=netdev")
        self.run("ovs-vsctl add-port br-under under")
        self.checksums("under")
        self.configure_underlay()

    def configure_underlay(self) -> None:
        """What the host's own network configuration does whenever the switch has made the bridge's interface anew."""
        self.run(f"ip addr replace {self.underlay}/24 dev br-under && ip link set br-under up")
        self.checksums("br-under")

    def checksums(self, interface: str, namespace: str = "") -> None:
        """Switch transmit checksum offload off: the userspace datapath cannot make up for it."""
        code = f"from futago.node.drivers.ethtool import tx_checksum_off; tx_checksum_off({interface!r})"
        prefix = f"ip netns exec {namespace} " if namespace else ""
        self.run(f'{prefix}{sys.executable} -c "{code}"')

    def add_provider(self, bridge: str, peer_namespace: str, address: str) -> None:
        """A provider bridge with one external host behind it."""
        self.run(f"ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type=netdev")
        outside = f"ip -n {peer_namespace}"
        self.run(f"ip netns add {peer_namespace}")
        self.run(f"ip link add {peer_namespace} type veth peer name eth0 netns {peer_namespace}")
        self.run(f"ip link set {peer_namespace} up && {outside} link set eth0 up && {outside} link set lo up")
        self.run(f"{outside} addr add {address} dev eth0 && ovs-vsctl add-port {bridge} {peer_namespace}")
        self.checksums("eth0", peer_namespace)

    def start_controller(self) -> None:
        """A controller of this node alone, with `give` and `reports`."""
        if not (self.state / "changes.json").exists():
            self.give([], revision=0)
        (self.state / "join-token").write_text("join-me")
        script = Path(__file__).with_name("node_controller.py")
        self._controller = subprocess.Popen(self._enter(sys.executable, str(script), str(self.state), "9696"))
        wait_until(lambda: self.succeeds("ss -ltn | grep -q :9696"), "the controller listens")

    def stop_controller(self) -> None:
        assert self._controller is not None
        for process in _children(self._controller) or [self._controller.pid]:
            os.kill(process, signal.SIGKILL)
        self._controller.wait(GENEROUS_SECONDS)
        self._controller = None

    def give(self, specs: Iterable[Spec], revision: int) -> None:
        """From now on the controller has these specs, and no others, for this node."""
        changes = SpecChanges(revision=revision, complete=True, put=tuple(specs), remove=())
        new = self.state / "changes.new"
        new.write_bytes(encode(changes))
        new.replace(self.state / "changes.json")

    def last_report(self) -> Report:
        """The last report that the controller got; an empty one before the first."""
        lines = self._reports()
        return decode(lines[-1], Report) if lines else Report(revision=0, roles=(), ports_up=(), failures=())

    def reports(self) -> int:
        """How many reports the controller got."""
        return len(self._reports())

    def _reports(self) -> list[bytes]:
        """Those that are there whole: the last line may just be written."""
        path = self.state / "reports"
        return path.read_bytes().split(b"\n")[:-1] if path.exists() else []

    def wait_for_revision(self, revision: int) -> Report:
        wait_until(lambda: self.last_report().revision >= revision, f"{self.name} has reached revision {revision}")
        return self.last_report()

    def write_config(self, **settings: object) -> None:
        lines = ['controller_urls = ["http://127.0.0.1:9696"]', f'join_token_file = "{self.state}/join-token"']
        lines += [f'name = "{self.name}"', f'state_path = "{self.state}"']
        lines += [f'local_ip = "{self.underlay}"', f'vrrpd_socket = "{self.state}/vrrpd.sock"']
        lines += [f"{key} = {value}" for key, value in settings.items()]
        (self.state / "node.toml").write_text("\n".join(lines) + "\n")

    def save_specs(self, specs: Iterable[Spec], revision: int = 7) -> None:
        """Put specs where the agent keeps its last ones, as if it had got them before."""
        kept = NodeSpecs(revision=revision, specs={spec.key: spec for spec in specs})
        (self.state / "specs.json").write_bytes(encode(kept))

    def start_agent(self) -> None:
        log = (self.state / "agent.log").open("ab")
        command = self._enter(FUTAGO, "node", "--config", str(self.state / "node.toml"))
        self._agent = subprocess.Popen(command, stderr=log, stdout=log, stdin=subprocess.DEVNULL)
        log.close()

    def stop_agent(self, number: signal.Signals = signal.SIGTERM) -> int:
        assert self._agent is not None
        for process in _children(self._agent) or [self._agent.pid]:
            os.kill(process, number)
        status = self._agent.wait(GENEROUS_SECONDS)
        self._agent = None
        return status

    def agent_pid(self) -> int:
        """The agent's process, for as long as it lives."""
        assert self._agent is not None
        assert self._agent.poll() is None, f"the agent of {self.name} has ended"
        return (_children(self._agent) or [self._agent.pid])[0]

    def agent_log(self) -> str:
        log = self.state / "agent.log"
        return log.read_text() if log.exists() else ""

    def popen(self, command: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self._enter("sh", "-c", command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def popen_both(self, command: str) -> "subprocess.Popen[str]":
        """With a pipe to its input, too."""
        return subprocess.Popen(
            self._enter("sh", "-c", command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def close(self) -> None:
        self._holder.send_signal(signal.SIGKILL)
        self._holder.wait()
        for process in (self._agent, self._controller):
            if process is not None:
                process.wait(GENEROUS_SECONDS)
        shutil.rmtree(self.state, ignore_errors=True)

    def _enter(self, *command: str) -> list[str]:
        return ["nsenter", "-t", str(self._init), "-n", "-m", "-p", *command]


class Hosts:
    """One or two hosts with a switch each; two are joined by an underlay."""

    def __init__(self, *names: str) -> None:
        self.hosts = [ThrowAwayHost(name, f"192.0.2.{number}") for number, name in enumerate(names, start=1)]

    def __enter__(self) -> list[ThrowAwayHost]:
        for host in self.hosts:
            host.start_switch()
        if len(self.hosts) == 2:
            first, second = self.hosts
            first.run("ip link add under type veth peer name other")
            subprocess.run(
                ["nsenter", "-t", str(first.init), "-n", "ip", "link", "set", "other", "netns", str(second.init)],
                check=True,
            )
            second.run("ip link set other name under")
            for host in self.hosts:
                host.join_underlay()
        return self.hosts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts:
            if error is not None:
                print(f"--- agent of {host.name}\n{host.agent_log()}")
            host.close()


def _children(process: "subprocess.Popen[bytes]") -> list[int]:
    """nsenter forks into a process namespace: what it runs is its child."""
    return [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
