"""One engine with a thousand routers: CPU, memory, lateness, false elections, takeover; beside it keepalived.

Two nodes on this machine, each with one `futago vrrpd`; each router has a namespace of its own on each node. Node a is
active for all routers and only sends, node b is backup for all and only hears: a real node does half of each. Their
advertisements are authenticated, but for one phase.

Late is an advertisement by as much as it comes more than its interval after the one before. The lateness of all of
them is taken on the wire, by the kernel's clock. A router answers when its first gratuitous ARP reaches the wire, from
the moment at which the active engine was killed; of that time most is the wait that the RFC demands (three intervals
and a skew since the last advertisement), so what comes after it is shown too.
"""

import argparse
import itertools
import os
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

import _kit
from _vrrp_nodes import PRIORITIES, Engine, Keepaliveds, Usage, engines, keepaliveds, usage, wait_for
from _vrrp_wire import Taps, Times, adverts, announcements
from _vrrp_world import World, world

DRAIN_EVERY = 10.0
"""Seconds after which what the taps have heard is taken, so that they never overflow."""
DOWN_AFTER = 3 + (256 - PRIORITIES["b"]) / 256
"""Seconds that a backup waits at one advertisement a second (RFC 9568, 6.1)."""
SLOW, FAST = 1000, 300
"""Milliseconds between two advertisements."""


@dataclass(frozen=True, slots=True)
class Phase:
    """What was seen while nothing was asked of the engines."""

    name: str
    cpu_active: float
    """Share of one core."""
    cpu_backup: float
    late: tuple[float, float, float]
    """Milliseconds: median, 99th percentile, maximum."""
    elections: int


@dataclass(frozen=True, slots=True)
class Takeover:
    """Seconds from the kill to each router's first announcement, and from the end of the wait that the RFC demands."""

    answered: list[float]
    after_wait: list[float]


@dataclass(frozen=True, slots=True)
class Competitor:
    """What one keepalived for each router took."""

    usage: Usage
    phase: Phase
    takeover: Takeover


def main() -> None:
    options = argparse.ArgumentParser(prog="./run bench vrrp", description=__doc__)
    options.add_argument("--routers", type=int, default=1000)
    options.add_argument("--minutes", type=float, default=10, help="how long to look for false elections")
    options.add_argument("--window", type=float, default=30, help="seconds in which CPU and lateness are taken")
    options.add_argument("--keepalived", type=int, default=100, help="routers that have a keepalived each; 0: none")
    chosen = options.parse_args()
    if chosen.keepalived and not Path("/usr/sbin/keepalived").exists():
        raise SystemExit("keepalived is missing (apt-get install keepalived); without it: --keepalived 0")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        measure(chosen)
    except KeyboardInterrupt:
        raise SystemExit("interrupted; everything has been taken away") from None


def measure(chosen: argparse.Namespace) -> None:
    with world(max(chosen.routers, chosen.keepalived)) as made, tempfile.TemporaryDirectory() as directory:
        ours = measure_engines(World(chosen.routers, made.owner), Path(directory), chosen)
        if chosen.keepalived:
            beside = World(chosen.keepalived, made.owner)
            compare(ours, measure_keepalived(beside, Path(directory), chosen.window), chosen.routers, chosen.keepalived)


@dataclass(frozen=True, slots=True)
class Ours:
    """What the engine took."""

    empty: Usage
    full: Usage
    configured: float
    phases: list[Phase]
    takeover: Takeover


def measure_engines(made: World, directory: Path, chosen: argparse.Namespace) -> Ours:
    with engines(made, directory) as (a, b):
        time.sleep(1)  # whatever an engine does at its start is over
        empty = usage(a.pids)
        began = time.monotonic()
        elect(a, b, SLOW)
        configured = time.monotonic() - began
        phases = list(look_at_phases(made, a, b, chosen))
        full = usage(a.pids)
        phases.append(look_at_plain(made, a, b, chosen.window))
        elect_anew(a, b, signed=True)
        takeover = take_over(made, a)
    ours = Ours(empty, full, configured, phases, takeover)
    show(ours, made.size)
    return ours


def elect(a: Engine, b: Engine, interval: int) -> None:
    """All routers on both nodes; a is active for all."""
    _kit.console.print(f"configuring {a.world.size} routers on both nodes …")
    a.configure(interval)
    wait_for("node a is active for all", lambda: a.all_are("active"))
    b.configure(interval)
    wait_for("node b is backup for all", lambda: b.all_are("backup"))


def look_at_phases(made: World, a: Engine, b: Engine, chosen: argparse.Namespace) -> Iterator[Phase]:
    with adverts(made, "b") as taps:
        yield look("1 s", a, b, taps, SLOW, chosen.window)
        with busy_core(60 * chosen.minutes):
            yield look(f"1 s, a core busy, {chosen.minutes:g} min", a, b, taps, SLOW, 60 * chosen.minutes)
        for engine in (a, b):
            engine.configure(FAST)
        time.sleep(2)  # the first advertisement at the new pace
        yield look("300 ms", a, b, taps, FAST, chosen.window)


def look_at_plain(made: World, a: Engine, b: Engine, window: float) -> Phase:
    """The same with advertisements that nothing proves."""
    elect_anew(a, b, signed=False)
    with adverts(made, "b") as taps:
        return look("1 s, plain", a, b, taps, SLOW, window)


def elect_anew(a: Engine, b: Engine, *, signed: bool) -> None:
    for engine in (a, b):
        engine.release()
        engine.signed = signed
    elect(a, b, SLOW)


def look(
    name: str, a: Engine | Keepaliveds, b: Engine | Keepaliveds, taps: Taps, interval: int, seconds: float
) -> Phase:
    """Leave the engines alone for so many seconds."""
    _kit.console.print(f"looking for {seconds:.0f} s: {name} …")
    before = transitions(a, b)
    time.sleep(0.5)  # what answering has cost is over
    taps.take()
    cpu_a, cpu_b, began = usage(a.pids).cpu, usage(b.pids).cpu, time.monotonic()
    heard: list[Times] = [[] for _ in taps.take()]
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, DRAIN_EVERY))
        for times, more in zip(heard, taps.take(), strict=True):
            times.extend(more)
    elapsed = time.monotonic() - began
    return Phase(
        name=name,
        cpu_active=(usage(a.pids).cpu - cpu_a) / elapsed,
        cpu_backup=(usage(b.pids).cpu - cpu_b) / elapsed,
        late=lateness(heard, interval / 1000),
        elections=transitions(a, b) - before,
    )


def transitions(a: Engine | Keepaliveds, b: Engine | Keepaliveds) -> int:
    """How often roles have changed; keepalived is not asked."""
    return sum(one.transitions() for one in (a, b) if isinstance(one, Engine))


def lateness(heard: Sequence[Times], interval: float) -> tuple[float, float, float]:
    late = sorted(1000 * (t - s - interval) for times in heard for s, t in itertools.pairwise(times))
    if not late:
        raise SystemExit("no advertisements were heard; is the window too short?")
    return statistics.median(late), late[int(0.99 * len(late))], late[-1]


@contextmanager
def busy_core(seconds: float) -> Iterator[None]:
    """Somebody else computes; not for ever, even if we are killed."""
    loop = ["timeout", f"{seconds + 60:.0f}", "sh", "-c", "while :; do :; done"]
    busy = subprocess.Popen(loop, start_new_session=True)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(busy.pid, signal.SIGTERM)
        busy.wait()


def take_over(made: World, a: Engine | Keepaliveds) -> Takeover:
    """Kill node a; node b takes over every router."""
    _kit.console.print("killing node a …")
    with adverts(made, "b") as last, announcements(made, "a") as first:
        time.sleep(2.5)  # each router is heard
        first.take()
        killed = time.time()
        a.kill()
        time.sleep(DOWN_AFTER + 1)
        heard, announced = last.take(), first.take()
        until = time.monotonic() + 60
        while not all(announced):
            if time.monotonic() > until:
                raise SystemExit(f"{announced.count([])} routers do not answer")
            time.sleep(0.5)
            announced = [times or more for times, more in zip(announced, first.take(), strict=True)]
    return Takeover(
        answered=[times[0] - killed for times in announced],
        after_wait=[new[0] - old[-1] - DOWN_AFTER for old, new in zip(heard, announced, strict=True)],
    )


def measure_keepalived(made: World, directory: Path, window: float) -> Competitor:
    _kit.console.print(f"starting {made.size} keepaliveds on both nodes …")
    with keepaliveds(made, directory) as (a, b), adverts(made, "b") as taps:
        time.sleep(5)  # their repeated announcements are over
        phase = look(f"keepalived, {made.size} routers, 1 s", a, b, taps, SLOW, window)
        used = usage(a.pids)
        return Competitor(used, phase, take_over(made, a))


def show(ours: Ours, routers: int) -> None:
    table = Table(title=f"futago vrrpd, {routers} routers on each of two nodes, authenticated advertisements")
    for column in ("adverts every", "CPU active", "CPU backup", "late: median", "p99", "max", "false elections"):
        table.add_column(column)
    for phase in ours.phases:
        late = (f"{value:.1f} ms" for value in phase.late)
        table.add_row(phase.name, f"{phase.cpu_active:.1%}", f"{phase.cpu_backup:.1%}", *late, str(phase.elections))
    _kit.console.print(table)
    judge(ours, routers)


def judge(ours: Ours, routers: int) -> None:
    quiet, *_ = ours.phases
    kib = (ours.full.kib - ours.empty.kib) / routers
    cpu = max(quiet.cpu_active, quiet.cpu_backup) * 1000 / routers
    late = max(phase.late[1] for phase in ours.phases)
    elections = sum(phase.elections for phase in ours.phases)
    table = Table(title="Against the targets")
    for column in ("", "measured", "target", ""):
        table.add_column(column)
    for what, measured, target, met in (
        ("memory per router above an empty engine", f"{kib:.0f} KiB", "150 KiB", kib <= 150),
        ("CPU for 1,000 routers at 1 s", f"{cpu:.1%}", "15 %", cpu <= 0.15),
        ("late, p99 of the worst phase", f"{late:.1f} ms", "20 ms", late < 20),
        ("false elections", str(elections), "0", elections == 0),
    ):
        table.add_row(what, measured, target, "met" if met else "[bold]missed[/bold]")
    _kit.console.print(table)
    _kit.console.print(
        f"an empty engine takes {ours.empty.kib / 1024:.1f} MiB, with all {ours.full.kib / 1024:.1f} MiB"
    )
    _kit.console.print(f"from nothing until both nodes have elected: {ours.configured:.1f} s")
    tell_takeover("node a killed", ours.takeover)


def tell_takeover(what: str, takeover: Takeover) -> None:
    answered, after = takeover.answered, [1000 * seconds for seconds in takeover.after_wait]
    _kit.console.print(
        f"{what}: first router answers after {min(answered):.2f} s, last after {max(answered):.2f} s; after the wait"
        f" of the RFC {statistics.median(after):.1f} ms (median), {max(after):.1f} ms (max)"
    )


def compare(ours: Ours, theirs: Competitor, routers: int, others: int) -> None:
    tell_takeover("keepalived killed", theirs.takeover)
    quiet, *_ = ours.phases
    rows = (
        ("memory, KiB (PSS)", ours.full.kib / routers, theirs.usage.kib / others),
        ("CPU of the active, % of a core", 100 * quiet.cpu_active / routers, 100 * theirs.phase.cpu_active / others),
        ("CPU of the backup, % of a core", 100 * quiet.cpu_backup / routers, 100 * theirs.phase.cpu_backup / others),
    )
    table = Table(title=f"Per router: Futago with {routers}, keepalived with {others} (a process pair each)")
    for column in ("", "Futago", "keepalived", "ratio"):
        table.add_column(column)
    for what, mine, other in rows:
        table.add_row(what, f"{mine:.4g}", f"{other:.4g}", f"{mine / other:.2f}" if other else "-")
    last, their_last = max(ours.takeover.answered), max(theirs.takeover.answered)
    table.add_row("last router answers, s (all)", f"{last:.2f}", f"{their_last:.2f}", f"{last / their_last:.2f}")
    late, their_late = quiet.late[1], theirs.phase.late[1]
    table.add_row("late, p99, ms", f"{late:.1f}", f"{their_late:.1f}", "-")
    _kit.console.print(table)


if __name__ == "__main__":
    main()
