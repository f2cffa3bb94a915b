"""The wires of a lab: a namespace with a Linux bridge for each physical network, and a veth to each host's card.

The machine's own network namespace is never touched: links are made in the fabric and put into the hosts.
"""

import subprocess
from collections.abc import Iterable

from futago.lab import namespaces
from futago.lab.errors import CommandFailed
from futago.lab.state import Process
from futago.lab.topology import EXTERNAL, UNDERLAY, HostPlan, Nic, fabric_end, mac_of


def build(fabric: Process) -> None:
    """Make the bridges: no spanning tree and no delay, so that a link carries frames as soon as it is up."""
    commands = []
    for name in (UNDERLAY, EXTERNAL):
        commands.append(f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        commands.append(f"link set {name} up")
    _batch(fabric, commands)


def plug(fabric: Process, host: HostPlan, process: Process) -> None:
    """Join each card of `host` to its network."""
    _batch(fabric, [command for nic in host.nics for command in _link(host, nic, process)])


def unplug(fabric: Process, host: HostPlan) -> None:
    """Take the links of a host away; those that the kernel already removed with the host do not matter."""
    for nic in host.nics:
        _ip(fabric, ["link", "del", fabric_end(host.name, nic.network)], check=False)


def set_links(fabric: Process, host: HostPlan, networks: Iterable[str], *, up: bool) -> None:
    """Cut or restore cables of a host: it sees its carrier go or come."""
    wanted = "up" if up else "down"
    _batch(fabric, [f"link set {fabric_end(host.name, network)} {wanted}" for network in networks])


def cut_cables(fabric: Process, host: HostPlan) -> tuple[str, ...]:
    """The networks whose cable to `host` is cut."""
    shown = _ip(fabric, ["-o", "link", "show", "up"]).splitlines()
    carrying = {line.split()[1].rstrip(":").partition("@")[0] for line in shown}
    return tuple(nic.network for nic in host.nics if fabric_end(host.name, nic.network) not in carrying)


def _link(host: HostPlan, nic: Nic, process: Process) -> list[str]:
    end = fabric_end(host.name, nic.network)
    near = f"name {nic.device} address {mac_of(host.name, nic.device)} netns {process.pid}"
    return [
        f"link add {end} type veth peer {near}",
        f"link set {end} master {nic.network}",
        f"link set {end} up",
    ]


def _batch(fabric: Process, commands: list[str]) -> None:
    _ip(fabric, ["-batch", "-"], stdin="\n".join(commands) + "\n")


def _ip(fabric: Process, words: list[str], *, stdin: str = "", check: bool = True) -> str:
    # Only the network namespace is entered: the PIDs of the hosts are the machine's.
    argv = ["nsenter", "--target", str(fabric.pid), "--net", "--", "ip", *words]
    done = subprocess.run(
        argv,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        env=namespaces.environment(),
        start_new_session=True,
    )
    if check and done.returncode != 0:
        raise CommandFailed("fabric", argv, done.returncode, f"{done.stderr}{stdin}")
    return done.stdout
