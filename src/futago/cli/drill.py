"""`futago drill`: let something happen to a router's active node, and report what people who use it notice."""

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from futago.cli.lab import failures
from futago.config import Profile
from futago.lab.errors import PROGRAM

if TYPE_CHECKING:
    from futago.lab.chaos.session import Plan, Summary
    from futago.lab.drill.capture import Capture
    from futago.lab.drill.events import Event
    from futago.lab.drill.live import Live
    from futago.lab.drill.outcome import Outcome
    from futago.lab.drill.scene import Scene

_EXAMPLES = f"""\
{PROGRAM} drill --list                    what can happen

{PROGRAM} drill power                     in a lab of its own, which is taken away afterwards

{PROGRAM} drill move,remove --name demo   in the lab that demo --keep has left

futago drill move --router 0b1c… --target 203.0.113.7 --node net1='ssh root@net1' --node net2='ssh root@net2' --yes
"""


_LIVE = "A live router (what would be done is printed; with --yes it is done)"

LabProfile = Annotated[Profile | None, typer.Option(help="The routers' timers; default: those that the lab has.")]
Keep = Annotated[bool, typer.Option("--keep", help="Leave the lab up that was built.")]
WithoutController = Annotated[bool, typer.Option("--without-controller", help="It is down meanwhile.")]
_WHICH_LAB = typer.Option(help="Which lab; one that is not up is built and taken away again.")
Nodes = Annotated[
    list[str] | None,
    typer.Option(help="NAME=COMMAND for each node of a live router: net1='ssh root@net1'.", rich_help_panel=_LIVE),
]
RouterId = Annotated[str, typer.Option(help="The id of the live router.", rich_help_panel=_LIVE)]
Target = Annotated[str, typer.Option(help="What is pinged: a floating IP of it.", rich_help_panel=_LIVE)]
Source = Annotated[
    str, typer.Option("--from", help="COMMAND for the host that pings; default: here.", rich_help_panel=_LIVE)
]
Interface = Annotated[
    str, typer.Option(help="For underlay and external: the link that is taken away.", rich_help_panel=_LIVE)
]
Seconds = Annotated[float, typer.Option(min=0.1, max=60, help="For how long it is away.", rich_help_panel=_LIVE)]
Run = Annotated[
    str,
    typer.Option(metavar="COMMAND", help="Run here instead; {node} in it is the active node.", rich_help_panel=_LIVE),
]
Undo = Annotated[str, typer.Option(metavar="COMMAND", help="Run here to undo it.", rich_help_panel=_LIVE)]
Yes = Annotated[bool, typer.Option("--yes", help="Do it to the live router.", rich_help_panel=_LIVE)]
_CHAOS_EXAMPLES = f"""\
{PROGRAM} chaos --minutes 30 --seed 7

{PROGRAM} chaos --seed 7 --first 12 --rounds 1     what happened in round 12 again
"""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command(epilog=_EXAMPLES)(drill)
    app.command(epilog=_CHAOS_EXAMPLES)(chaos)


def drill(
    events: Annotated[str, typer.Argument(help="One or more events, with commas; all is every one.")] = "",
    list_: Annotated[bool, typer.Option("--list", help="Print the events and end.")] = False,
    name: Annotated[str, _WHICH_LAB] = "drill",
    keep: Keep = False,
    profile: LabProfile = None,
    routers: Annotated[int, typer.Option(min=1, help="So many routers fail over together.")] = 1,
    connections: Annotated[int, typer.Option(min=0, help="TCP connections each way; half of them only listen.")] = 10,
    without_controller: WithoutController = False,
    out: Annotated[Path, typer.Option(help="Where a directory for each report is made.")] = Path("drills"),
    node: Nodes = None,
    router: RouterId = "",
    target: Target = "",
    source: Source = "",
    interface: Interface = "",
    seconds: Seconds = 10,
    run: Run = "",
    undo: Undo = "",
    yes: Yes = False,
) -> None:
    """Let an EVENT happen to the active node of a router, in a lab or live, and report what was lost.

    Pings (100 a second) and TCP connections run both ways through the router meanwhile, and every cable is captured.
    The report is Markdown, HTML and a timeline as SVG. Needs root. It exits with 1 if something is not as expected.
    """
    from futago.lab.drill import events as known

    with failures():
        if list_ or not events:
            _print_events(0 if list_ else 2)
        chosen = known.find(events)
        if node:
            live = replace(_live(node, router, target, source, profile, interface, seconds), run=run, undo=undo)
            good = [_drill_live(live, event.name, out, yes=yes) for event in chosen]
        else:
            possible = [event for event in chosen if not (event.needs_controller and without_controller)]
            wanted = max(routers, *(event.routers for event in chosen))
            with _lab_scene(name, profile, keep=keep, routers=wanted, controller=not without_controller) as scene:
                good = [_drill_lab(scene, event, connections, out) for event in possible]
        raise typer.Exit(0 if all(good) else 1)


def _print_events(status: int) -> NoReturn:
    from futago.lab.drill.events import EVENTS

    for event in EVENTS.values():
        print(f"{event.name:18} {event.what}")
    raise typer.Exit(status)


@contextmanager
def _lab_scene(name: str, profile: Profile | None, *, keep: bool, routers: int, controller: bool) -> "Iterator[Scene]":
    from futago.lab.drill import stage

    require_root()
    tell = teller()
    with stage.stage(name, profile, keep=keep, routers=routers, controller=controller, tell=tell) as scene:
        yield scene


def _drill_lab(scene: "Scene", event: "Event", connections: int, out: Path) -> bool:
    """One event in a lab; whether all was as expected."""
    from futago.lab.drill.run import Settings, run

    outcome, capture = run(scene, event, Settings(connections=connections), teller())
    return _report(outcome, _directory(out, event.name, outcome.began), capture)


def _live(
    nodes: list[str], router: str, target: str, source: str, profile: Profile | None, interface: str, seconds: float
) -> "Live":
    """What the options say of a live router.

    Raises:
        LabError: something is missing.

    """
    from futago.lab.drill.live import Live
    from futago.lab.errors import LabError

    reached = {name: tuple(shlex.split(text)) for name, _, text in (one.partition("=") for one in nodes)}
    if not router or not target or not all(reached.values()):
        raise LabError(
            "a live router wants --router ID, --target ADDRESS, and --node NAME=COMMAND for each of its nodes"
        )
    return Live(
        router=router,
        target=target,
        nodes=reached,
        source=tuple(shlex.split(source)),
        profile=profile or Profile.DEFAULT,
        interface=interface,
        seconds=seconds,
    )


def _drill_live(live: "Live", event: str, out: Path, *, yes: bool) -> bool:
    """One event on a live router, or what it would be; whether all was as expected."""
    from futago.lab import interrupts
    from futago.lab.drill import live as lives

    with interrupts.as_ctrl_c():
        active = lives.active_of(live)
        if not yes:
            text = lives.command(live, event, active)
            lives.check(live, text, active)
            print(f"{active} is active for {live.router}; {'here' if live.run else 'there'}: {text}")
            print("nothing was done; --yes does it")
            return True
        directory = _directory(out, event, time.time())
        return _report(lives.run(live, event, active, directory, teller()), directory)


def chaos(
    minutes: Annotated[float, typer.Option(min=0.1, help="For how long; a round that was begun is finished.")] = 30,
    seed: Annotated[int | None, typer.Option(help="The same seed, the same faults. Default: a random one.")] = None,
    first: Annotated[int, typer.Option(min=1, help="The number of the first round.")] = 1,
    rounds: Annotated[int | None, typer.Option(min=1, help="So many rounds at most.")] = None,
    served: Annotated[float, typer.Option(help="Seconds after the last fault in which a router is served.")] = 2.0,
    both: Annotated[
        float | None, typer.Option(help="Seconds for which two nodes that hear each other may be active.")
    ] = None,
    name: Annotated[str, _WHICH_LAB] = "chaos",
    keep: Keep = False,
    profile: LabProfile = None,
    routers: Annotated[int, typer.Option(min=1, help="So many routers are to bear it.")] = 5,
    without_controller: WithoutController = False,
    out: Annotated[Path, typer.Option(help="Where a directory for the log is made.")] = Path("chaos"),
) -> None:
    """Break things in a lab at random, and judge from captures and kernels whether the routers bore it.

    A round is up to six faults that may overlap, then calm: every router is served within `--served` seconds, has one
    active and one backup node, and nothing is left over; and never are two nodes active that hear each other, for
    longer than it takes to detect a loss. Needs root. The exit status is 1 if something was not so.
    """
    import random

    from futago.lab.chaos.session import Plan

    with failures():
        chosen = random.randrange(1_000_000) if seed is None else seed  # noqa: S311 - any number will do
        controller = not without_controller
        plan = Plan(seed=chosen, seconds=minutes * 60, first=first, rounds=rounds, controller=controller)
        with _lab_scene(name, profile, keep=keep, routers=routers, controller=controller) as scene:
            summary = _chaos_in(scene, plan, served, both, out)
        _tell_summary(summary, chosen)
        raise typer.Exit(1 if summary.bad else 0)


def _chaos_in(scene: "Scene", plan: "Plan", served: float, both: float | None, out: Path) -> "Summary":
    from futago.lab.chaos import judge, session
    from futago.lab.chaos.run import Limits

    limits = Limits(served=served, both=both or judge.DETECTION[scene.lab.profile])
    directory = _directory(out, f"seed-{plan.seed}", time.time())
    summary = session.run(scene, plan, limits, teller(), directory)
    print(f"log: {directory}/log.txt")
    return summary


def _tell_summary(summary: "Summary", seed: int) -> None:
    print(f"seed {seed}: {summary.faults} faults in {len(summary.rounds)} rounds")
    for bad in summary.bad:
        print(f"round {bad.number}: {'; '.join(text.splitlines()[0] for text in bad.complaints)}")
        print(f"  again: {PROGRAM} chaos --seed {seed} --rounds 1 --first {bad.number}")
    if not summary.bad:
        served = max(summary.served(), default=0)
        print(f"no complaint; served at the latest {served:.2f} s after the last fault", end="")
        print(f", two actives for at most {summary.both:.2f} s")


def _report(outcome: "Outcome", directory: Path, capture: "Capture | None" = None) -> bool:
    """Print and write it; whether all was as expected."""
    from rich.console import Console

    from futago.lab.demo import checks
    from futago.lab.drill import report

    made = outcome.checks()
    console = Console(highlight=False)
    console.print(f"[bold]{report.title(outcome)}[/], load average {outcome.load:.1f}")
    console.print(report.shown(outcome))
    console.print(checks.table(made))
    written = report.write(outcome, directory, capture)
    console.print(f"report: {written[1]}, with the timeline and captures beside it", soft_wrap=True)
    return all(check.holds for check in made)


def _directory(out: Path, what: str, began: float) -> Path:
    return out / f"{what}-{datetime.fromtimestamp(began).astimezone():%Y%m%d-%H%M%S}"


def teller() -> Callable[[str], None]:
    """Prints each step to standard error, with the seconds since the first."""
    began = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - began:6.1f} s  {text}", file=sys.stderr, flush=True)

    return tell


def require_root() -> None:
    """A lab is made of namespaces.

    Raises:
        LabError: the caller is not root.

    """
    from futago.lab.errors import LabError

    if os.geteuid() != 0:
        raise LabError("network namespaces need root: run it with sudo")
