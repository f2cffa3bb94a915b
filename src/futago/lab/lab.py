"""A lab as one object: power hosts on and off, cut cables, run commands, find who is active."""

import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from futago.config import Profile
from futago.lab import api, boot, errors, fabric, instances, namespaces, programs, state, topology
from futago.lab.errors import PROGRAM, LabError
from futago.lab.state import Instance, LabState, Process
from futago.lab.topology import FABRIC, Direction, HostPlan, Kind, Topology
from futago.lab.waiting import wait_for_agents, wait_for_join_token

T = TypeVar("T")


class Lab:
    """A running lab, found by its name; the state on disk is the truth, so several programs may use it at once."""

    def __init__(self, name: str = "default") -> None:
        found = state.read(name)
        if found is None:
            raise LabError(f"there is no lab {name}; `{PROGRAM} lab up --name {name}` builds one")
        self.name = name
        self.plans = {plan.name: plan for plan in topology.hosts_of(found.topology)}
        self._state = found
        self._lock = threading.Lock()
        self._api: api.Api | None = None

    @property
    def profile(self) -> Profile:
        return self._state.profile

    @property
    def topology(self) -> Topology:
        return self._state.topology

    @property
    def powered(self) -> tuple[str, ...]:
        """The hosts that are on, without the fabric."""
        return tuple(name for name in self.plans if name in self._state.hosts and state.alive(self._state.hosts[name]))

    @property
    def instances(self) -> dict[str, Instance]:
        return dict(self._state.instances)

    def plan(self, host: str) -> HostPlan:
        try:
            return self.plans[host]
        except KeyError:
            raise LabError(f"there is no host {host}; the hosts are {', '.join(self.plans)}") from None

    def process(self, host: str) -> Process:
        """The first process of a host.

        Raises:
            LabError: it is powered off, or there is no such host.

        """
        if host != FABRIC:
            self.plan(host)
        process = self._state.hosts.get(host)
        if process is None or not state.alive(process):
            raise LabError(f"{host} is powered off; `{PROGRAM} lab power-on {host}` powers it on")
        return process

    def directory(self, host: str) -> Path:
        """Where the host's `disk` and `log` are."""
        return state.directory(self.name) / "hosts" / host

    def exec(
        self, host: str, argv: Sequence[str], *, netns: str = "", timeout: float = 60, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host (in one of its network namespaces) to its end."""
        return namespaces.run(self.process(host), argv, netns=netns, timeout=timeout, check=check)

    def spawn(self, host: str, argv: Sequence[str], *, netns: str = "") -> subprocess.Popen[str]:
        """Start a command on a host; `namespaces.end` it."""
        return namespaces.spawn(self.process(host), argv, netns=netns, stderr=subprocess.STDOUT)

    def api(self) -> api.Api:
        """The API, as the administrator, reached from the controller's own namespace."""
        if self._api is None:
            credentials = self.directory("controller") / "disk" / programs.CREDENTIALS
            self._api = api.Api(self.process("controller"), api.read_password(credentials))
        return self._api

    def power_off(self, host: str) -> None:
        """As a power cut: the cables go dead, then every process is killed; the disk stays."""
        plan, process = self.plan(host), self.process(host)
        self.cut(host, *(nic.network for nic in plan.nics))
        namespaces.kill(process)
        self._update(lambda hosts: hosts.pop(host, None))
        fabric.unplug(self.process(FABRIC), plan)

    def power_on(self, host: str) -> None:
        """New namespaces and an empty `/run`, the same disk; then everything starts as at boot."""
        if host in self.powered:
            raise LabError(f"{host} is on already")
        if host == "controller":
            self._api = None
        self.start_host(host)
        self.start_programs(host)
        for instance in self._state.instances.values():
            if instance.host == host:
                instances.start(self, instance)

    def cut_cables(self, host: str) -> tuple[str, ...]:
        """The networks whose cable to a host is pulled."""
        return fabric.cut_cables(self.process(FABRIC), self.plan(host))

    def one_way_cuts(self, host: str) -> tuple[tuple[str, Direction], ...]:
        """The networks to which a host sends, or from which it hears, in vain."""
        return fabric.one_way_cuts(self.process(FABRIC), self.plan(host))

    def cut(self, host: str, *networks: str) -> None:
        """Pull the cables between a host and these networks."""
        self._set_links(host, networks, up=False)

    def restore(self, host: str, *networks: str) -> None:
        """Plug the cables in again."""
        self._set_links(host, networks, up=True)

    def cut_one_way(self, host: str, network: str, direction: Direction) -> None:
        """Lose what a host sends to a network, or what it should hear from it, under a live carrier."""
        self._check_cables(host, [network])
        fabric.set_one_way(self.process(FABRIC), self.plan(host), network, direction, carried=False)

    def restore_one_way(self, host: str, network: str, direction: Direction) -> None:
        """Carry that direction again; the host may be powered off."""
        self._check_cables(host, [network])
        if (network, direction) in self.one_way_cuts(host):
            fabric.set_one_way(self.process(FABRIC), self.plan(host), network, direction, carried=True)

    def freeze(self, host: str) -> None:
        """Stop every process of a host where it is, as a paused machine; its kernel's namespaces stay."""
        namespaces.signal_all(self.process(host), signal.SIGSTOP)

    def thaw(self, host: str) -> None:
        """Let a frozen host go on."""
        namespaces.resume(self.process(host))

    def restart(self, host: str, program: str) -> None:
        """As `systemctl restart`: SIGTERM, wait, start; one that does not run is started."""
        plan, process = self.plan(host), self.process(host)
        programs.check(plan, program)
        if namespaces.daemon_alive(process, program):
            programs.stop(plan, process, program, signal.SIGTERM)
        programs.start(plan, process, program, self.directory(host) / "log")

    def running(self, host: str, program: str) -> bool:
        """Whether one of Futago's programs runs on a host."""
        programs.check(self.plan(host), program)
        return namespaces.daemon_alive(self.process(host), program)

    def start_open_vswitch(self, host: str) -> None:
        """Start what of Open vSwitch does not run on a host."""
        boot.start_open_vswitch(self.plan(host), self.process(host))

    def log_end(self, host: str, program: str, characters: int = 2000) -> str:
        """The last that a program has logged."""
        path = self.directory(host) / "log" / f"{program}.log"
        return path.read_text(errors="replace")[-characters:] if path.exists() else "(no log)"

    def stop(self, host: str, program: str) -> None:
        """As `systemctl stop`: SIGTERM, and wait until it is gone."""
        programs.stop(self.plan(host), self.process(host), program, signal.SIGTERM)

    def kill(self, host: str, program: str) -> None:
        """As a crash: SIGKILL; it stays down until it is restarted."""
        programs.stop(self.plan(host), self.process(host), program, signal.SIGKILL)

    def instance(self, name: str, host: str, network: str, **fields: object) -> Instance:
        """Start an instance on a compute host with a port on `network` (a name); returns once it has its address."""
        made = instances.create(self, name, host, network, **fields)
        with self._lock:
            self._save(instances=self._state.instances | {name: made})
        instances.start(self, made)
        return made

    def end_instance(self, name: str) -> None:
        """Take an instance and its port away."""
        instance = self._state.instances[name]
        instances.stop(self, instance)
        with self._lock:
            self._save(instances={one: kept for one, kept in self._state.instances.items() if one != name})
        self.api().delete("ports", instance.port_id)

    def agents_of(self, router_id: str) -> dict[str, str]:
        """The `ha_state` by host, as the API tells it."""
        return {item["host"]: item["ha_state"] for item in self.api().list(f"routers/{router_id}/l3-agents")}

    def active_of(self, router_id: str) -> str:
        """The host on which a router is active.

        Raises:
            LabError: there is not exactly one.

        """
        states = self.agents_of(router_id)
        active = [host for host, ha_state in states.items() if ha_state == "active"]
        if len(active) != 1:
            raise LabError(f"{len(active)} nodes are active for router {router_id}: {states}")
        return active[0]

    def holders(self, router_id: str, address: str) -> tuple[str, ...]:
        """The network nodes that hold `address` in the router's namespace: what is so, whatever the API says."""
        nodes = [host for host in self.powered if self.plans[host].kind is Kind.NETWORK]
        return tuple(host for host in nodes if self._has_address(host, f"qrouter-{router_id}", address))

    def start_host(self, host: str) -> None:
        """Power a host on as far as its Open vSwitch; Futago's programs are not started."""
        process = namespaces.start(self.name, host)
        self._update(lambda hosts: hosts.update({host: process}))
        if host == FABRIC:
            fabric.build(process, dict.fromkeys(nic.network for plan in self.plans.values() for nic in plan.nics))
            return
        plan = self.plan(host)
        fabric.plug(self.process(FABRIC), plan, process)
        boot.boot(plan, process, self.directory(host) / "log")

    def start_programs(self, host: str) -> None:
        """Configure (the first time) and start Futago's programs of a host."""
        plan, disk = self.plan(host), self.directory(host) / "disk"
        programs.configure(plan, disk, self.profile)
        if "node" in plan.programs:
            programs.give_join_token(self.directory("controller") / "disk", disk)
        for program in plan.programs:
            programs.start(plan, self.process(host), program, self.directory(host) / "log")

    def _has_address(self, host: str, netns: str, address: str) -> bool:
        argv = ["ip", "-oneline", "addr", "show"]
        return f" {address}/" in self.exec(host, argv, netns=netns, check=False).stdout

    def _set_links(self, host: str, networks: Sequence[str], *, up: bool) -> None:
        self._check_cables(host, networks)
        self.process(host)
        fabric.set_links(self.process(FABRIC), self.plan(host), networks, up=up)

    def _check_cables(self, host: str, networks: Sequence[str]) -> None:
        plan = self.plan(host)
        for network in networks:
            if plan.nic(network) is None:
                known = ", ".join(nic.network for nic in plan.nics)
                raise LabError(f"{host} has no cable to {network}; it has: {known}")

    def _update(self, change: Callable[[dict[str, Process]], object]) -> None:
        with self._lock:
            hosts = dict(self._state.hosts)
            change(hosts)
            self._save(hosts=hosts)

    def _save(self, *, hosts: dict[str, Process] | None = None, instances: dict[str, Instance] | None = None) -> None:
        old = self._state
        self._state = LabState(
            name=old.name,
            profile=old.profile,
            topology=old.topology,
            hosts=old.hosts if hosts is None else hosts,
            instances=old.instances if instances is None else instances,
        )
        state.write(self._state)


def is_up(name: str) -> bool:
    """Whether every host of a lab is on."""
    found = state.read(name)
    wanted = {FABRIC, *(plan.name for plan in topology.hosts_of(found.topology if found else Topology.STANDARD))}
    return found is not None and wanted <= {host for host, process in found.hosts.items() if state.alive(process)}


def up(
    name: str = "default",
    profile: Profile | None = None,
    *,
    shape: Topology | None = None,
    files: Path | None = None,
    futago: bool = True,
) -> Lab:
    """Build a lab, or find the one that is up; what a crash left of an earlier one is swept first.

    With `futago` false, only the hosts and their Open vSwitch are started. No `profile` or `shape` is whichever the lab
    has, and the default one for a new lab. In `files` each host of a new lab may have a directory with configuration
    files, to have instead of those that the profile makes.

    Raises:
        LabError: it is up with another profile or topology, or with hosts powered off; or a program is missing or
            something did not start: nothing is left then.

    """
    with state.claim(name):
        if not _stands(name):
            return build(name, profile or Profile.DEFAULT, shape=shape, files=files, futago=futago)
        lab = Lab(name)
        away = f"`{PROGRAM} lab down --name {name}` takes it away"
        if profile not in {None, lab.profile}:
            raise LabError(f"the lab {name} is up with the profile {lab.profile}; {away}")
        if shape not in {None, lab.topology}:
            raise LabError(f"the lab {name} is up with the topology {lab.topology}; {away}")
        off = [host for host in lab.plans if host not in lab.powered]
        if off:
            hint = f"`{PROGRAM} lab power-on {off[0]}` powers it on"
            raise LabError(f"the lab {name} is up with {', '.join(off)} powered off; {hint}, {away}")
        return lab


def _stands(name: str) -> bool:
    """Whether what was on is on; a host that was powered off does not matter, one that died does."""
    found = state.read(name)
    return found is not None and FABRIC in found.hosts and all(map(state.alive, found.hosts.values()))


def build(
    name: str,
    profile: Profile,
    *,
    shape: Topology | None = None,
    files: Path | None = None,
    futago: bool = True,
) -> Lab:
    """Build a lab anew; for who has claimed the name."""
    errors.require_programs()
    sweep(name)
    try:
        return _build(LabState(name=name, profile=profile, topology=shape or Topology.STANDARD), files, futago=futago)
    except BaseException:
        sweep(name)
        raise


def down(name: str = "default") -> bool:
    """Take a lab away, whole or in pieces; False if there was nothing."""
    with state.claim(name):
        return sweep(name)


def sweep(name: str) -> bool:
    """Take away what there is of a lab; for who has claimed the name."""
    found = state.read(name)
    recorded = list(found.hosts.values()) if found else []
    processes = {process.pid: process for process in [*recorded, *namespaces.find(name).values()]}
    there = bool(processes) or state.directory(name).exists()
    _parallel(namespaces.kill, processes.values())
    shutil.rmtree(state.directory(name), ignore_errors=True)
    state.remove_made_directories()
    return there


def _build(planned: LabState, files: Path | None, *, futago: bool) -> Lab:
    shared = state.directory(planned.name) / "shared"
    shared.mkdir(parents=True)
    state.write(planned)
    for target in namespaces.DISK.values():
        if not target.exists():
            state.make_directory(target)
    instances.write_shared(shared)
    lab = Lab(planned.name)
    lab.start_host(FABRIC)
    lab.start_host("controller")
    if files is not None:
        for host in lab.plans:
            programs.give_files(files / host, lab.directory(host) / "disk")
    if futago:
        lab.start_programs("controller")
    others = [host for host in lab.plans if host != "controller"]
    _parallel(lab.start_host, others)
    if futago:
        wait_for_join_token(lab)
        _parallel(lab.start_programs, others)
        wait_for_agents(lab, [host for host in others if "node" in lab.plans[host].programs])
    return lab


def _parallel(call: Callable[[T], object], items: Iterable[T]) -> None:
    with ThreadPoolExecutor(max_workers=8) as pool:
        for done in [pool.submit(call, item) for item in items]:
            done.result()
