"""`futago trace`: the way of a packet from an instance, in words."""

from __future__ import annotations

import shlex
import subprocess
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from futago.cli.lab import failures, the_lab
from futago.cli.store import BAD_USE, FAILED, Config, State, fail, opened
from futago.config import ControllerConfig

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from futago.lab.lab import Lab
    from futago.trace.hosts import Run
    from futago.trace.walk import Line

_PROGRAM: Final = "futago trace"
_SECONDS: Final = 30
_REACH: Final = "ssh -o BatchMode=yes root@{}"
_HOW: Final = """
[b]Examples[/b]

  futago trace vm1 203.0.113.7                      on the controller's host; nodes are reached by ssh
  futago trace vm1 192.168.80.9 --protocol tcp --port 22
  futago trace vm1 10.0.80.1 --lab demo             in a lab

Switches are asked what they would do (ofproto/trace), routers for their routes and translations. Nothing is sent. The
exit status is 1 if the packet does not arrive, and does not leave the cloud either.
"""


def register(app: typer.Typer) -> None:
    """Add the command of this file."""
    app.command("trace", epilog=_HOW)(trace)


def trace(
    instance: Annotated[str, typer.Argument(help="The name, id or address of an instance's port.")],
    address: Annotated[str, typer.Argument(help="Where the packet is to go.")],
    *,
    protocol: Annotated[str, typer.Option(help="icmp (an echo request), tcp (a SYN) or udp.")] = "icmp",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The destination's port, for tcp and udp.")] = 22,
    reach: Annotated[str, typer.Option(help="The command before which a node is reached; {} is its name.")] = _REACH,
    lab: Annotated[str, typer.Option(metavar="NAME", help="In this lab; without --state, also in the only one.")] = "",
    config: Config = "",
    state: State = "",
) -> None:
    """Tell the way of a packet from INSTANCE to ADDRESS: flows, tunnels, routers, NAT, firewall, and where it ends."""
    from futago.trace.cloud import Cloud, NoTrace
    from futago.trace.hosts import Hosts, Packet
    from futago.trace.walk import Tracer

    with _place(lab, state, reach) as (run, directory), opened(_PROGRAM, config, directory) as (_, database):
        with database.read() as view:
            cloud = Cloud.of(view)
        try:
            source = cloud.find(instance)
            destination = ip_address(address)
            packet = Packet(
                source=cloud.source(source, destination),
                destination=destination,
                protocol=_known(protocol),
                port=port,
            )
            _tell(Tracer(cloud, Hosts(run)).follow(source, packet), f"{instance}: {packet.said()}")
        except NoTrace as error:
            fail(_PROGRAM, str(error), FAILED)
        except ValueError as error:
            fail(_PROGRAM, str(error), BAD_USE)


def _tell(lines: Iterator[Line], head: str) -> None:
    print(head)
    arrived = left = False
    for line in lines:
        arrived, left = line.arrived, line.left
        print(f"  {line.node:<12} {line.text}", flush=True)
    print("it leaves the cloud" if left else "it arrives" if arrived else "it does not arrive")
    if not arrived:
        raise typer.Exit(FAILED)


@contextmanager
def _place(lab: str, state: str, reach: str) -> Iterator[tuple[Run, str]]:
    """How nodes are reached, and where the controller's state is: in a lab, or here."""
    here = bool(state) or ControllerConfig().store_file.exists()
    if lab or not here:
        with failures():
            found = the_lab(lab)
            yield _in_lab(found), str(found.directory("controller") / "disk" / "var-lib-futago" / "controller")
        return
    yield _by_command(reach), state


def _in_lab(lab: Lab) -> Run:
    from futago.lab.errors import LabError
    from futago.trace.cloud import NoTrace

    def run(node: str, command: Sequence[str]) -> str:
        try:
            return lab.exec(node, command).stdout
        except LabError as error:
            raise NoTrace(str(error)) from error

    return run


def _by_command(reach: str) -> Run:
    from futago.trace.cloud import NoTrace

    def run(node: str, command: Sequence[str]) -> str:
        prefix = [word.replace("{}", node) for word in shlex.split(reach)]
        # ssh joins its words, and has a shell take them apart again.
        words = [shlex.join(command)] if Path(prefix[0]).name == "ssh" else command
        try:
            done = subprocess.run(
                [*prefix, *words],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoTrace(f"{node} is not reached: {error}") from error
        if done.returncode != 0:
            raise NoTrace(f"{node}: `{shlex.join(command)}`: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    return run


def _known(protocol: str) -> str:
    if protocol not in {"icmp", "tcp", "udp"}:
        raise ValueError(f"{protocol} is not icmp, tcp or udp")
    return protocol
