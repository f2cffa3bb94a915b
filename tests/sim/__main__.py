"""`./run sim`: run many schedules on all cores, or replay one with its timeline."""

import argparse
import os
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from sim.laws import bounds
from sim.schedule import SECOND, Schedule, draw
from sim.shrink import Smallest, shrink
from sim.world import broken_by

CHUNK = 50
SHOW_EVERY = 2.0
SHOW_FAILURES = 10


def try_seed(seed: int) -> Smallest | None:
    """Run one schedule; if a law is broken, the smallest part of it that breaks one."""
    schedule = draw(seed)
    broken = broken_by(schedule)
    return shrink(schedule, broken) if broken else None


def run_many(first: int, number: int, jobs: int) -> int:
    """Run the schedules of these seeds; how many break a law."""
    failures, done, started, shown = 0, 0, time.monotonic(), time.monotonic()
    with _tried(range(first, first + number), jobs) as tried:
        for done, failure in enumerate(tried, start=1):
            if failure:
                failures += 1
                _tell_failure(failure, failures)
            if time.monotonic() - shown > SHOW_EVERY:
                shown = time.monotonic()
                rate = done / (shown - started)
                print(f"{done:,} of {number:,} schedules, {rate:,.0f}/s, {failures} failed", file=sys.stderr)
    if done != number:
        raise RuntimeError(f"only {done:,} of {number:,} schedules were run")
    seconds = time.monotonic() - started
    print(f"{number:,} schedules in {seconds:.1f} s ({number / seconds:,.0f}/s), {failures} failed")
    return failures


@contextmanager
def _tried(seeds: Iterable[int], jobs: int) -> Iterator[Iterable[Smallest | None]]:
    if jobs == 1:
        yield map(try_seed, seeds)
        return
    with get_context("fork").Pool(jobs) as pool:
        yield pool.imap_unordered(try_seed, seeds, CHUNK)


def _tell_failure(failure: Smallest, number: int) -> None:
    if number <= SHOW_FAILURES:
        print(f"seed {failure.seed} breaks a law: {failure.broken}\n    {failure.command}")
    elif number == SHOW_FAILURES + 1:
        print("(further failures are counted, not shown)")


def replay(schedule: Schedule, *, verbose: bool) -> bool:
    """Run one schedule again, with its timeline; whether it breaks a law."""
    if verbose:
        for number, member in enumerate(schedule.members):
            c = member.config
            who = f"host {number}: VRRPv{c.version.value} {c.source} priority {c.priority} every {c.advert_interval} ms"
            print(who + (", preempts" if c.preempt else ""))
        print(f"one active {bounds(schedule).one_active / SECOND:.3f} s after the last event")
    broken = broken_by(schedule, _print_line if verbose else None)
    print(f"seed {schedule.seed}: " + (f"breaks a law: {broken}" if broken else "every law holds"))
    return broken is not None


def _print_line(at: int, host: int | None, what: str) -> None:
    print(f"{at / SECOND:10.3f}  {'network' if host is None else f'host {host}':8} {what}")


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    os.nice(10)
    if options.replay is None:
        return 1 if run_many(options.seed, options.schedules, options.jobs) else 0
    schedule = draw(options.replay)
    if options.events is not None:
        schedule = schedule.only(options.events)
    return 1 if replay(schedule, verbose=options.verbose) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="./run sim", description="Run VRRP engines on simulated networks.")
    parser.add_argument("--schedules", type=int, default=10_000, metavar="N", help="how many (default: 10000)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the first seed (default: 0)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one for each core)")
    parser.add_argument("--replay", type=int, metavar="SEED", help="run the schedule of this seed alone")
    parser.add_argument("--events", type=_numbers, metavar="1,4", help="with --replay: only these events, or `none`")
    parser.add_argument("-v", "--verbose", action="store_true", help="with --replay: print the timeline")
    return parser


def _numbers(text: str) -> frozenset[int]:
    return frozenset(() if text == "none" else map(int, text.split(",")))


if __name__ == "__main__":
    sys.exit(main())
