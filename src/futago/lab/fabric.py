"""The wires of a lab: a namespace with a Linux bridge for each physical network, and a veth to each host's card.

The machine's own network namespace is never touched: links are made in the fabric and put into the hosts.
"""

import subprocess
from collections.abc import Iterable
from typing import Final

from futago.lab import namespaces
from futago.lab.errors import CommandFailed
from futago.lab.state import Process
from futago.lab.topology import Direction, HostPlan, Nic, fabric_end, mac_of

_RULES: Final = """
table bridge lab {
    set outbound { type ifname; }
    set inbound { type ifname; }
    chain forward {
        type filter hook forward priority 0
        iifname @outbound drop
        oifname @inbound drop
    }
}
"""
"""What one-way cuts are made of: the links of which nothing is carried on, by their end in the fabric (nft(8))."""


def build(fabric: Process, networks: Iterable[str]) -> None:
    """Make a bridge for each network: no spanning tree and no delay, so that a link carries frames once it is up."""
    commands = []
    for name in networks:
        commands.append(f"link add {name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        commands.append(f"link set {name} up")
    _batch(fabric, commands)
    _nft(fabric, ["-f", "-"], stdin=_RULES)


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


def set_one_way(fabric: Process, host: HostPlan, network: str, direction: Direction, *, carried: bool) -> None:
    """Lose every frame of one direction, or carry it again; the host sees its carrier all the time."""
    verb = "delete" if carried else "add"
    _nft(fabric, [verb, "element", "bridge", "lab", direction.value, f"{{ {fabric_end(host.name, network)} }}"])


def one_way_cuts(fabric: Process, host: HostPlan) -> tuple[tuple[str, Direction], ...]:
    """The networks that a host cannot send to, or cannot hear, though the cable has a carrier."""
    lost = {direction: _nft(fabric, ["list", "set", "bridge", "lab", direction.value]) for direction in Direction}
    return tuple(
        (nic.network, direction)
        for nic in host.nics
        for direction, shown in lost.items()
        if f'"{fabric_end(host.name, nic.network)}"' in shown
    )


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
    return _run(fabric, ["ip", *words], stdin=stdin, check=check)


def _nft(fabric: Process, words: list[str], *, stdin: str = "") -> str:
    return _run(fabric, ["nft", *words], stdin=stdin, check=True)


def _run(fabric: Process, words: list[str], *, stdin: str, check: bool) -> str:
    # Only the network namespace is entered: the PIDs of the hosts are the machine's.
    argv = ["nsenter", "--target", str(fabric.pid), "--net", "--", *words]
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
