"""Futago's own programs on the hosts: their configuration files, and starting and stopping them."""

import signal
import sys
from pathlib import Path
from typing import Final

from futago import toml
from futago.config import Profile
from futago.lab import namespaces
from futago.lab.errors import PROGRAM, LabError
from futago.lab.state import Process
from futago.lab.topology import API_URL, UNDERLAY, HostPlan, Kind

PROGRAMS: Final = ("controller", "conntrackd", "metadata", "node", "vrrpd")
CREDENTIALS: Final = Path("var-lib-futago/controller")
"""On the controller's disk: `join-token`, `admin-password`, `clouds.yaml`, `admin-openrc`."""

_CONFIGURED: Final = {"controller": "controller", "metadata": "node", "node": "node"}
"""The programs that read a file of settings, and which."""


def configure(host: HostPlan, disk: Path, profile: Profile) -> None:
    """Write the host's configuration as an operator would, unless its disk has one already."""
    directory = disk / "etc-futago"
    match host.kind:
        case Kind.CONTROLLER:
            _write_new(directory / "controller.toml", {"public_url": API_URL, "profile": profile.value})
        case Kind.NETWORK:
            _write_new(directory / "node.toml", _node(host) | {"roles": ["l3", "dhcp", "metadata"]} | _mappings(host))
        case Kind.COMPUTE:
            _write_new(directory / "node.toml", _node(host) | _mappings(host))
        case Kind.EXTERNAL:
            pass


def give_files(directory: Path, disk: Path) -> None:
    """Carry a host's own configuration files to its disk; there may be none."""
    place = disk / "etc-futago"
    place.mkdir(parents=True, exist_ok=True)
    for path in directory.glob("*.toml"):
        (place / path.name).write_text(path.read_text())


def start(host: HostPlan, process: Process, program: str, log: Path) -> None:
    """Start one of Futago's programs; what it prints goes to `<program>.log`.

    Raises:
        LabError: that program does not belong on this host, or runs already.

    """
    check(host, program)
    if namespaces.daemon_alive(process, program):
        raise LabError(
            f"{program} runs on {host.name} already; `{PROGRAM} lab restart {host.name} {program}` restarts it"
        )
    argv = [sys.executable, "-m", "futago", program]
    if program in _CONFIGURED:
        argv += ["--config", f"/etc/futago/{_CONFIGURED[program]}.toml"]
    namespaces.start_daemon(process, program, argv, log / f"{program}.log")


def stop(host: HostPlan, process: Process, program: str, number: signal.Signals) -> None:
    """End a program by a signal and wait until it is gone."""
    check(host, program)
    if not namespaces.daemon_alive(process, program):
        raise LabError(
            f"{program} does not run on {host.name}; `{PROGRAM} lab restart {host.name} {program}` starts it"
        )
    namespaces.stop_daemon(process, program, number)


def check(host: HostPlan, program: str) -> None:
    if program not in host.programs:
        known = ", ".join(host.programs) or "none"
        raise LabError(f"{host.name} has no {program}; the programs of a {host.kind} host are: {known}")


def give_join_token(controller_disk: Path, disk: Path) -> None:
    """Carry the join token to a node, as an operator would copy it."""
    token = (controller_disk / CREDENTIALS / "join-token").read_text()
    path = disk / "etc-futago" / "join-token"
    path.write_text(token)
    path.chmod(0o600)


def _node(host: HostPlan) -> dict[str, object]:
    assert host.underlay_address is not None
    return {
        "name": host.name,
        "controller_urls": [API_URL],
        "local_ip": str(host.underlay_address.ip),
        "datapath_type": "netdev",
    }


def _mappings(host: HostPlan) -> dict[str, object]:
    bridges = {nic.network: nic.bridge for nic in host.nics if nic.bridge and nic.network != UNDERLAY}
    return {"bridge_mappings": bridges} if bridges else {}


def _write_new(path: Path, settings: dict[str, object]) -> None:
    if not path.exists():
        path.write_text("".join(toml.line(key, value) for key, value in settings.items()))
