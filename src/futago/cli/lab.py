"""`futago lab …` and `futago demo`: many hosts on one machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from futago.config import Profile

if TYPE_CHECKING:
    from futago.lab.lab import Lab

Name = Annotated[str, typer.Option("--name", help="Which lab, where there are several.")]
Host = Annotated[str, typer.Argument(help="controller, net1, net2, compute1, compute2 or ext.")]
Network = Annotated[str, typer.Argument(help="underlay or external1.")]
Program = Annotated[str, typer.Argument(help="controller, node or vrrpd.")]
Timers = Annotated[Profile, typer.Option("--profile", help="The routers' timers: seed is VRRPv2 every 2 s.")]

lab_app = typer.Typer(
    help="Many hosts on one machine, in namespaces: build, look around, break, repair.",
    epilog="Begin with: futago lab up; then: futago lab exec net1 -- ip netns",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add `lab` and `demo` to the command."""
    app.add_typer(lab_app, name="lab")
    app.command()(demo)


def demo(
    profile: Timers = Profile.DEFAULT,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up, to look around in it.")] = False,
) -> None:
    """Build a lab, lose a network node under an ssh session, and see that it goes on.

    Needs root. Takes about a minute and leaves nothing behind.
    """
    with _failures():
        from futago.lab.demo.story import run

        _require_root()
        raise typer.Exit(run(profile, keep=keep))


@lab_app.command(epilog="Example: futago lab up --profile seed")
def up(name: Name = "default", profile: Timers = Profile.DEFAULT) -> None:
    """Build the lab: a controller, two network and two compute nodes, and a host outside. Does nothing if it is up."""
    with _failures():
        from futago.lab import lab

        _require_root()
        if lab.is_up(name):
            print(f"lab {name} is up already")
            return
        made = lab.up(name, profile)
        print(f"lab {name} is up: {', '.join(made.powered)}")


@lab_app.command()
def down(name: Name = "default") -> None:
    """Take the lab away, also one that a crash left in pieces."""
    with _failures():
        from futago.lab import lab

        _require_root()
        print(f"lab {name} is gone" if lab.down(name) else f"there was no lab {name}")


@lab_app.command()
def status(name: Name = "default") -> None:
    """Show each host, what runs on it and how much memory that takes, and the routers with their nodes."""
    with _failures():
        from futago.lab import status as report

        for line in report.lines(_lab(name)):
            print(line)


@lab_app.command(
    name="exec",
    epilog="Example: futago lab exec ext -- ping 10.0.80.101, or: futago lab exec net1 --netns qrouter-… -- ip addr",
    context_settings={"ignore_unknown_options": True},
)
def exec_(
    host: Host,
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    name: Name = "default",
    netns: Annotated[str, typer.Option(help="A network namespace of that host.")] = "",
) -> None:
    """Run a command on a host."""
    with _failures():
        from futago.lab import namespaces

        argv = namespaces.inside(_lab(name).process(host), command, netns=netns)
        raise typer.Exit(subprocess.run(argv, check=False, env=namespaces.environment()).returncode)


@lab_app.command(name="power-off", epilog="Example: futago lab power-off net1")
def power_off(host: Host, name: Name = "default") -> None:
    """Cut the power: cables dead, every process killed at once; the disk stays."""
    with _failures():
        _lab(name).power_off(host)


@lab_app.command(name="power-on")
def power_on(host: Host, name: Name = "default") -> None:
    """Boot a host again from its disk."""
    with _failures():
        _lab(name).power_on(host)


@lab_app.command(epilog="Example: futago lab cut net1 external1")
def cut(host: Host, network: Network, name: Name = "default") -> None:
    """Pull the cable between a host and a network."""
    with _failures():
        _lab(name).cut(host, network)


@lab_app.command()
def restore(host: Host, network: Network, name: Name = "default") -> None:
    """Plug the cable in again."""
    with _failures():
        _lab(name).restore(host, network)


@lab_app.command(epilog="Example: futago lab restart net1 vrrpd")
def restart(host: Host, program: Program, name: Name = "default") -> None:
    """Restart one of Futago's programs (SIGTERM, then start); one that is down is started."""
    with _failures():
        _lab(name).restart(host, program)


@lab_app.command(epilog="Example: futago lab kill net1 node")
def kill(host: Host, program: Program, name: Name = "default") -> None:
    """Kill one of Futago's programs with -9; `restart` starts it again."""
    with _failures():
        _lab(name).kill(host, program)


@lab_app.command()
def logs(host: Host, name: Name = "default") -> None:
    """Print what the programs of a host have logged."""
    with _failures():
        for path in sorted((_lab(name).directory(host) / "log").glob("*.log")):
            for line in path.read_text(errors="replace").splitlines():
                print(f"{path.stem}: {line}")


@contextmanager
def _failures() -> Iterator[None]:
    """What is not a bug is told in one line."""
    from futago.lab.errors import LabError

    try:
        yield
    except LabError as error:
        print(f"futago: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


def _lab(name: str) -> "Lab":
    from futago.lab.lab import Lab

    _require_root()
    return Lab(name)


def _require_root() -> None:
    from futago.lab.errors import LabError

    if os.geteuid() != 0:
        raise LabError("network namespaces need root; run it with sudo")
