"""`futago lab …` and `futago demo`: many hosts on one machine."""

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from futago.config import Profile
from futago.lab.errors import PROGRAM
from futago.lab.topology import Direction, Topology

if TYPE_CHECKING:
    from futago.lab.lab import Lab

Name = Annotated[str, typer.Option("--name", help="Which lab, where several are up.")]
NewName = Annotated[str, typer.Option("--name", help="What to call the lab: a-z, 0-9 and -.")]
Host = Annotated[str, typer.Argument(help="controller, net1, net2, compute1, compute2 or ext.")]
Network = Annotated[
    str, typer.Argument(help="underlay or external1; in the seed's topology external2, external3, vlan.")
]
Only = Annotated[Direction | None, typer.Option("--only", help="Lose one direction, as the host sees it.")]
Program = Annotated[str, typer.Argument(help="controller, node, vrrpd or conntrackd.")]
Timers = Annotated[Profile, typer.Option("--profile", help="The routers' timers: seed is VRRPv2 every 2 s.")]

_INTERRUPTED: Final = 128 + signal.SIGINT
"""The exit status of what Ctrl-C ended, as a shell has it."""

lab_app = typer.Typer(
    help="Many hosts on one machine, in namespaces: build, look around, break, repair.",
    epilog=f"Begin with: {PROGRAM} lab up; then: {PROGRAM} lab exec net1 -- ip netns",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add `lab` and `demo` to the command."""
    app.add_typer(lab_app, name="lab")
    app.command(
        epilog=f"Example: {PROGRAM} demo --profile seed; or: {PROGRAM} demo --keep, then {PROGRAM} lab ssh vm1"
    )(demo)


def demo(
    profile: Timers = Profile.DEFAULT,
    name: NewName = "demo",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the lab up, to look around in it.")] = False,
) -> None:
    """Build a lab, lose a network node under an ssh session, and see that it goes on.

    Needs root. Takes about a minute and leaves nothing behind.
    """
    with failures():
        from futago.lab.demo.story import run

        _require_root()
        raise typer.Exit(run(profile, name=name, keep=keep))


@lab_app.command(epilog=f"Example: {PROGRAM} lab up --profile seed")
def up(
    name: NewName = "default",
    profile: Annotated[
        Profile | None, typer.Option("--profile", help="The routers' timers: seed is VRRPv2 every 2 s.")
    ] = None,
    topology: Annotated[
        Topology | None,
        typer.Option("--topology", help="The physical networks: seed has three external ones, and VLANs."),
    ] = None,
) -> None:
    """Build the lab: a controller, two network and two compute nodes, and a host outside. Does nothing if it is up."""
    with failures():
        from futago.lab import lab

        _require_root()
        was_up = lab.is_up(name)
        made = lab.up(name, profile, shape=topology)
        print(f"lab {name} is up{' already' if was_up else ''}, profile {made.profile}: {', '.join(made.powered)}")


@lab_app.command(epilog=f"Example: {PROGRAM} lab down")
def down(name: Name = "") -> None:
    """Take the lab away, or what a crash left of it."""
    with failures():
        from futago.lab import lab, state

        _require_root()
        chosen = name or _the_only(state.names()) or "default"
        print(f"lab {chosen} is gone" if lab.down(chosen) else f"there was no lab {chosen}")


@lab_app.command(epilog=f"Example: {PROGRAM} demo --keep; {PROGRAM} lab pipeline --write docs/pipeline.md")
def pipeline(
    name: Name = "",
    write: Annotated[
        Path | None, typer.Option(help="Make the blocks of this document anew, instead of printing.")
    ] = None,
) -> None:
    """Show the flow tables and a packet's way through them, from a lab with the walkthrough's cloud in it."""
    with failures():
        from futago.lab.pipeline import blocks, fill

        made = blocks(the_lab(name))
        if write is None:
            print("\n".join(f"{title}\n{text}" for title, text in made.items()))
        else:
            write.write_text(fill(write.read_text(), made))


@lab_app.command(epilog=f"Example: {PROGRAM} lab status")
def status(name: Name = "") -> None:
    """Show each host, what runs on it and how much memory that takes, and the routers with their nodes."""
    with failures():
        from futago.lab import status as report

        for line in report.lines(the_lab(name)):
            print(line)


@lab_app.command(
    epilog=f"Example: {PROGRAM} lab ssh vm1, or: {PROGRAM} lab ssh 10.0.80.102 -- uptime",
    context_settings={"ignore_unknown_options": True},
)
def ssh(
    instance: Annotated[str, typer.Argument(help="An instance with a floating IP, or an address.")],
    command: Annotated[list[str] | None, typer.Argument(help="A command and its arguments, after --.")] = None,
    name: Name = "",
) -> None:
    """Open a shell in an instance, by ssh from the host outside."""
    with failures():
        from futago.lab import instances

        lab = the_lab(name)
        address = instance if _is_address(instance) else instances.address_outside(lab, instance)
        _become(lab, "ext", instances.ssh_command(address, *(command or [])))


@lab_app.command(
    name="exec",
    epilog=f"Example: {PROGRAM} lab exec ext -- ping 10.0.80.101; or: … exec net1 --netns qrouter-… -- ip addr",
    context_settings={"ignore_unknown_options": True},
)
def exec_(
    host: Host,
    command: Annotated[list[str], typer.Argument(help="The command and its arguments, after --.")],
    name: Name = "",
    netns: Annotated[str, typer.Option(help="A network namespace of that host.")] = "",
) -> None:
    """Run a command on a host."""
    with failures():
        _become(the_lab(name), host, command, netns=netns)


@lab_app.command(name="power-off", epilog=f"Example: {PROGRAM} lab power-off net1")
def power_off(host: Host, name: Name = "") -> None:
    """Cut the power: cables dead, every process killed at once; the disk stays."""
    with failures():
        the_lab(name).power_off(host)


@lab_app.command(name="power-on", epilog=f"Example: {PROGRAM} lab power-on net1")
def power_on(host: Host, name: Name = "") -> None:
    """Boot a host again from its disk."""
    with failures():
        the_lab(name).power_on(host)


@lab_app.command(epilog=f"Example: {PROGRAM} lab cut net1 external1; or: … cut net1 underlay --only inbound")
def cut(host: Host, network: Network, only: Only = None, name: Name = "") -> None:
    """Pull the cable between a host and a network; or lose one direction of it, under a live carrier."""
    with failures():
        lab = the_lab(name)
        if only:
            lab.cut_one_way(host, network, only)
        else:
            lab.cut(host, network)


@lab_app.command(epilog=f"Example: {PROGRAM} lab restore net1 external1")
def restore(host: Host, network: Network, name: Name = "") -> None:
    """Plug the cable in again; both directions of it are carried then."""
    with failures():
        lab = the_lab(name)
        lab.restore(host, network)
        for direction in Direction:
            lab.restore_one_way(host, network, direction)


@lab_app.command(epilog=f"Example: {PROGRAM} lab freeze net1; … thaw net1")
def freeze(host: Host, name: Name = "") -> None:
    """Stop every process of a host where it is, as a paused machine."""
    with failures():
        the_lab(name).freeze(host)


@lab_app.command(epilog=f"Example: {PROGRAM} lab thaw net1")
def thaw(host: Host, name: Name = "") -> None:
    """Let a frozen host go on."""
    with failures():
        the_lab(name).thaw(host)


@lab_app.command(epilog=f"Example: {PROGRAM} lab restart net1 vrrpd")
def restart(host: Host, program: Program, name: Name = "") -> None:
    """Restart one of Futago's programs (SIGTERM, then start); one that is down is started."""
    with failures():
        the_lab(name).restart(host, program)


@lab_app.command(epilog=f"Example: {PROGRAM} lab kill net1 node")
def kill(host: Host, program: Program, name: Name = "") -> None:
    """Kill one of Futago's programs with -9; `restart` starts it again."""
    with failures():
        the_lab(name).kill(host, program)


@lab_app.command(epilog=f"Example: {PROGRAM} lab logs net1")
def logs(host: Host, name: Name = "") -> None:
    """Print what the programs of a host have logged."""
    with failures():
        lab = the_lab(name)
        lab.plan(host)
        for path in sorted((lab.directory(host) / "log").glob("*.log")):
            for line in path.read_text(errors="replace").splitlines():
                print(f"{path.stem}: {line}")


@contextmanager
def failures() -> Iterator[None]:
    """What is not a bug is told in one line."""
    from futago.lab.errors import LabError

    try:
        yield
    except LabError as error:
        print(f"futago: {error}", file=sys.stderr)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        print("futago: interrupted", file=sys.stderr)
        raise typer.Exit(_INTERRUPTED) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(1) from None


def the_lab(name: str) -> "Lab":
    """The lab of this name; without one, the only lab that is up."""
    from futago.lab import state
    from futago.lab.lab import Lab

    _require_root()
    return Lab(name or _the_only(state.up_names()) or "default")


def _the_only(names: Sequence[str]) -> str:
    """The one that need not be named, or "" if there is none."""
    from futago.lab.errors import LabError

    if len(names) > 1:
        raise LabError(f"several labs are up: {', '.join(names)}; say which with --name")
    return names[0] if names else ""


def _become(lab: "Lab", host: str, command: list[str], *, netns: str = "") -> NoReturn:
    """Go on as a command on a host: our terminal, its signals and its exit status are the command's."""
    from futago.lab import namespaces

    argv = namespaces.inside(lab.process(host), command, netns=netns)
    sys.stdout.flush()
    os.execvpe(argv[0], argv, namespaces.environment())  # noqa: S606 - no shell is wanted between


def _is_address(text: str) -> bool:
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def _require_root() -> None:
    from futago.lab.errors import LabError

    if os.geteuid() != 0:
        raise LabError("network namespaces need root: run it with sudo")
