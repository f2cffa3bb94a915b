"""Every event at the active node: the longest gap and what becomes of TCP, beside a plain keepalived pair.

Each round lets each event happen once, with pings (100 a second) and TCP connections through the floating IP and
through SNAT. The keepalived pair is active on the same node and meets the same power cuts and cut links; its address is
pinged in the same rounds, so the ratio is of medians of one run. With --routers, further routers are active on the same
node, and the table says when the first and the last of those that fell silent answered again. Each of them is asked a
thousand times a second divided by their number, so at 250 that is known to a quarter of a second.
"""

import argparse
import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.table import Table

import _keepalived
import _kit
from futago.cli.drill import teller
from futago.config import Profile
from futago.lab.drill import events, report, stage
from futago.lab.drill.events import Event
from futago.lab.drill.outcome import INWARD, OUTWARD, THROUGH_FLOATING_IP, THROUGH_SNAT, Outcome
from futago.lab.drill.run import Settings, run
from futago.lab.drill.scene import Scene
from futago.lab.errors import LabError

REFERENCE = "keepalived"
MET_BY_BOTH = ("power", "external")
"""What happens to the node itself, and not to one of our programs."""


def one_drill(scene: Scene, event: Event, connections: int, *, reference: bool) -> Outcome:
    """One event; where the keepalived pair meets it too, beside that."""
    settings = Settings(connections=connections)
    if reference and event.name in MET_BY_BOTH:
        scene.settle()
        _keepalived.start_missing(scene.lab, scene.cloud.nodes, scene.active)
        settings = Settings(connections=connections, others={REFERENCE: _keepalived.ADDRESS})
    outcome, _ = run(scene, event, settings, teller())
    return outcome


def tell(number: int, outcome: Outcome) -> None:
    """One line for each drill, at once."""
    gaps = ", ".join(f"{ping.name} {ping.event.longest.seconds:.2f} s" for ping in outcome.pings)
    tcp = ", ".join(f"{one.name} {one.alive} of {one.connections}" for one in outcome.tcp)
    last = f"; last router {report.last_return(outcome)}" if outcome.returned else ""
    line = f"run {number}, {outcome.event.name}: {gaps}; {tcp}; {outcome.resets} resets{last}; load {outcome.load:.1f}"
    _kit.console.print(line, soft_wrap=True)


def gaps(found: Sequence[Outcome], name: str) -> list[float]:
    return [ping.event.longest.seconds for one in found for ping in one.pings if ping.name == name]


def alive(found: Sequence[Outcome], name: str) -> str:
    all_of_them = [tcp for one in found for tcp in one.tcp if tcp.name == name]
    return f"{sum(tcp.alive for tcp in all_of_them)} of {sum(tcp.connections for tcp in all_of_them)}"


def seconds(values: Sequence[float]) -> str:
    """The median, then the minimum and the maximum."""
    low, median, high = _kit.spread(values)
    return f"{median} ({low}–{high})"


def row(found: Sequence[Outcome]) -> tuple[str, ...]:
    """An event's line in the table, over its runs."""
    undone = [ping.undoing.longest.seconds for one in found for ping in one.pings if ping.name in {INWARD, OUTWARD}]
    first = [min(one.returned.values()) for one in found if one.returned]
    last = [max(one.returned.values()) for one in found if one.returned]
    return (
        found[0].event.name,
        seconds(gaps(found, INWARD)),
        seconds(gaps(found, OUTWARD)),
        f"{max(undone):.2f}",
        alive(found, THROUGH_FLOATING_IP),
        alive(found, THROUGH_SNAT),
        f"{statistics.median(one.resets for one in found):.0f}",
        seconds(first) if first else "-",
        _never(found) or (seconds(last) if last else "-"),
        f"{statistics.median(one.load for one in found):.1f}",
        "✘" if failed(found) else "✔",
    )


def _never(found: Sequence[Outcome]) -> str:
    missing = sum(one.missing for one in found)
    return f"{missing} never" if missing else ""


def failed(found: Sequence[Outcome]) -> dict[str, int]:
    """What was not as expected, and in how many runs."""
    return Counter(check.what for one in found for check in one.checks() if not check.holds)


def show(found: dict[str, list[Outcome]], title: str) -> None:
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    columns = (
        "event",
        "gap in s:\nfloating IP",
        "\nSNAT",
        "when\nundone",
        "TCP alive:\nfloating IP",
        "\nSNAT",
        "reset",
        "router after s:\nfirst",
        "\nlast",
        "load",
        "",
    )
    for column in columns:
        table.add_column(column)
    for outcomes in found.values():
        table.add_row(*row(outcomes))
    _kit.console.print(table)
    for name, outcomes in found.items():
        for what, times in failed(outcomes).items():
            _kit.console.print(f"✘ {name}: {what}: {times} of {len(outcomes)} runs", soft_wrap=True)
    for name in (name for name in MET_BY_BOTH if name in found):
        ours, theirs = gaps(found[name], INWARD), gaps(found[name], REFERENCE)
        if theirs:
            ratio = statistics.median(ours) / statistics.median(theirs)
            spread = " / ".join(_kit.spread(theirs))
            _kit.console.print(
                f"{name}: keepalived pair {spread} s; ratio of medians, Futago / keepalived: {ratio:.2f}"
            )


def options() -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="./run bench failover",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Examples: ./run bench failover --events power --runs 5; … --events power --routers 250",
    )
    made.add_argument("--events", default="all", help=f"with commas: {', '.join(events.EVENTS)}; default: all")
    made.add_argument("--runs", type=int, default=5, help="how often each event happens (5)")
    made.add_argument("--routers", type=int, default=1, help="so many routers are active on the node (1)")
    made.add_argument("--connections", type=int, default=10, help="TCP connections each way (10)")
    made.add_argument("--profile", type=Profile, choices=list(Profile), default=Profile.DEFAULT)
    made.add_argument("--without-controller", action="store_true", help="it is down during all of it")
    made.add_argument("--without-reference", action="store_true", help="no keepalived pair beside it")
    made.add_argument("--name", default=_kit.NAME, help="the lab's name; one that is up is used and left")
    made.add_argument("--reports", type=Path, help="write the report of each drill under this directory")
    return made.parse_args()


def main() -> None:
    chosen = options()
    wanted = events.find(chosen.events)
    if chosen.without_controller:
        wanted = [event for event in wanted if not event.needs_controller]
    if not chosen.without_reference:
        _keepalived.require()
    routers = chosen.routers
    if chosen.without_controller:
        routers = max(routers, *(event.routers for event in wanted))
    found: dict[str, list[Outcome]] = defaultdict(list)
    few = [event for event in wanted if event.routers <= chosen.routers]
    many = [event for event in wanted if event.routers > chosen.routers]
    with stage.stage(
        chosen.name, chosen.profile, routers=routers, controller=not chosen.without_controller, tell=teller()
    ) as scene:
        rounds = [(number, event) for number in range(1, chosen.runs + 1) for event in few]
        rounds += [(number, event) for number in range(1, chosen.runs + 1) for event in many]
        for number, event in rounds:
            stage.fill(scene, event.routers, teller())
            try:
                outcome = one_drill(scene, event, chosen.connections, reference=not chosen.without_reference)
            except LabError as error:
                _kit.console.print(f"run {number}, {event.name}: FAILED: {str(error).splitlines()[0]}", soft_wrap=True)
                raise
            tell(number, outcome)
            found[event.name].append(outcome)
            if chosen.reports:
                report.write(outcome, chosen.reports / f"{event.name}-{number}")
    show(found, f"Events at the active node, {chosen.runs} runs, profile {chosen.profile}, {chosen.routers} routers")


if __name__ == "__main__":
    _kit.run(main)
