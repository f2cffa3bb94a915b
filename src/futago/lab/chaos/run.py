"""Run rounds of chaos: faults at their times, then calm, then the judgement."""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self

from futago.lab.api import wait_for
from futago.lab.chaos import inventory, judge, schedule
from futago.lab.chaos.judge import Span
from futago.lab.chaos.schedule import Fault
from futago.lab.cloud import describe
from futago.lab.demo import walkthrough
from futago.lab.drill.capture import Capture
from futago.lab.drill.probes import OUTSIDE, CrowdPing, SteadyPing
from futago.lab.drill.scene import FUTAGO, Scene
from futago.lab.drill.timeline import spans
from futago.lab.drill.watch import Watch
from futago.lab.errors import LabError

EVERY: Final = 0.02
"""Seconds between two requests of a ping."""
WATCHED: Final = 4.0
"""Seconds of calm in which nothing may fall silent again, after the time in which routers must be served."""
SETTLED: Final = 60.0
"""Seconds in which every router has both its nodes again, and nothing is left over."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is asked of a round."""

    served: float = 2.0
    """Seconds after the last fault was undone."""
    both: float
    """Seconds for which two nodes that hear each other may both be active."""


@dataclass(slots=True)
class Round:
    """What happened in one round, as it happened."""

    number: int
    faults: tuple[Fault, ...]
    active: str = ""
    """The node that was active before."""
    began: float = 0.0
    ended: float = 0.0
    """When the last fault had been undone."""
    over: float = 0.0
    deaf: list[Span] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    broken: bool = False
    """A fault could not be undone: nothing can be told of what comes after it."""
    served: float | None = None
    """Seconds after `ended`, of the router that was last."""
    both: float = 0.0
    """The longest time in seconds for which two were active that could hear each other."""


class Chaos:
    """Rounds over one scene. Use it in a `with`: it listens at every cable meanwhile."""

    def __init__(self, scene: Scene, seed: int, limits: Limits, tell: Tell, *, controller: bool = True) -> None:
        self._scene, self._seed, self._limits, self._tell = scene, seed, limits, tell
        self._controller = controller
        self._capture = Capture(scene.lab)
        self._watch = Watch(scene.lab, scene.cloud.router_id, walkthrough.GATEWAY)
        self._before: dict[str, frozenset[str]] = {}

    def __enter__(self) -> Self:
        self._scene.settle()
        self._before = inventory.of(self._scene) | inventory.of_roles(self._scene)
        self._capture.__enter__()
        self._watch.__enter__()
        return self

    def __exit__(self, *problem: object) -> None:
        self._watch.__exit__(None, None, None)
        self._capture.__exit__(None, None, None)

    def round(self, number: int) -> Round:
        """Faults, calm, judgement. What is not as it must be is in `complaints`; nothing is raised for it."""
        faults = [fault for fault in schedule.round_of(self._seed, number) if self._possible(fault)]
        self._begin_with(schedule.active_in(self._seed, number))
        found = Round(number, tuple(faults), active=self._scene.active, began=time.time())
        self._capture.forget(found.began)
        served = self._live_through(found)
        self._judge_service(found, served)
        self._judge_state(found)
        self._judge_actives(found)
        return found

    def _live_through(self, found: Round) -> dict[str, float | None]:
        """The faults and the calm after them; seconds after the last fault until each kind of traffic flowed."""
        cloud = self._scene.cloud
        with ExitStack() as stack:
            inward = stack.enter_context(self._pinging("ext", "", cloud.floating_ip))
            crowd = stack.enter_context(CrowdPing(self._scene)) if self._scene.crowd else None
            _Happening(self._scene, found, self._tell).run()
            outward = stack.enter_context(self._pinging(cloud.vm2.host, cloud.vm2.netns, OUTSIDE))
            time.sleep(self._limits.served + WATCHED)  # the span that is judged
            found.over = time.time()
            answers = {
                "from outside": [reply.time for reply in inward.replies()],
                "from an instance": [found.ended, *(reply.time for reply in outward.replies())],
            }
            silent = crowd.silent() if crowd else []
        served = {name: judge.served_after(times, found.ended, found.over) for name, times in answers.items()}
        if crowd:
            served["through the further routers"] = judge.all_served_after(silent, found.ended, found.over)
        return served

    def save(self, found: Round, directory: Path) -> None:
        """Write what may explain a round: the complaints, the state and the logs of all, and every cable's capture."""
        directory.mkdir(parents=True, exist_ok=True)
        lines = [
            f"{found.active} was active",
            *map(str, found.faults),
            "",
            *found.complaints,
            "",
            describe(self._scene.lab),
        ]
        (directory / "round.txt").write_text("\n".join(lines) + "\n")
        self._capture.save(directory)
        for path in sorted(self._scene.lab.directory("net1").parent.glob("*/log/*.log")):
            (directory / f"{path.parent.parent.name}-{path.name}").write_bytes(path.read_bytes()[-500_000:])

    def _begin_with(self, active: str) -> None:
        """What moves the router is not part of the round. One that cannot be moved is a complaint already made."""
        scene = self._scene
        with contextlib.suppress(LabError):
            scene.settle()
            if scene.active != active:
                scene.lab.exec(scene.active, [*FUTAGO, "vrrp", "resign", scene.cloud.router_id, "--wait", "5"])
                scene.settle()

    def _possible(self, fault: Fault) -> bool:
        return self._controller or (fault.host != schedule.CONTROLLER and not fault.what.needs_controller)

    def _pinging(self, host: str, netns: str, address: str) -> SteadyPing:
        return SteadyPing(self._scene.lab, host, address, every=EVERY, netns=netns)

    def _judge_service(self, found: Round, served: Mapping[str, float | None]) -> None:
        known = [after for after in served.values() if after is not None]
        found.served = max(known) if len(known) == len(served) else None
        for name, after in served.items():
            if after is None:
                found.complaints.append(f"not served {name} within {self._limits.served + WATCHED:.0f} s")
            elif after > self._limits.served:
                found.complaints.append(f"served {name} only after {after:.2f} s")

    def _judge_state(self, found: Round) -> None:
        try:
            self._scene.settle()
            self._wait_for_nothing_left_over()
            if self._controller:
                self._wait_for_the_truth_in_the_api()
        except LabError as error:
            found.complaints.append(str(error))

    def _wait_for_nothing_left_over(self) -> None:
        def differences() -> list[str]:
            return judge.left_over(self._before, inventory.of(self._scene) | inventory.of_roles(self._scene))

        wait_for("nothing is left over", lambda: not differences(), seconds=SETTLED, state=lambda: f": {differences()}")

    def _wait_for_the_truth_in_the_api(self) -> None:
        lab, router_id = self._scene.lab, self._scene.cloud.router_id
        wait_for(
            "the API shows the active node",
            lambda: lab.active_of(router_id) == self._scene.holder(),
            seconds=SETTLED,
            state=lambda: f": {lab.agents_of(router_id)}",
        )

    def _judge_actives(self, found: Round) -> None:
        most = self._limits.both
        now = time.time()
        advertised = judge.advertising(self._capture.sightings(found.began), most)
        held = {host: list(spans(self._watch.changes, host, now)) for host in self._scene.cloud.nodes}
        # What lies before the round is as excusable as what nobody could help.
        excused = [*found.deaf, (0.0, found.began)]
        for how, by_host in [*((f"advertised {about}", by) for about, by in advertised.items()), ("held", held)]:
            for one, other, (began, ended) in judge.both(by_host, excused):
                found.both = max(found.both, ended - began)
                if ended - began > most:
                    found.complaints.append(
                        f"{one} and {other} were both active ({how}) for {ended - began:.2f} s,"
                        f" from {began - found.began:.2f} s on"
                    )


class _Happening:
    """The faults of a round, each in a thread of its own."""

    def __init__(self, scene: Scene, found: Round, tell: Tell) -> None:
        self._scene, self._found, self._tell = scene, found, tell
        self._lock = threading.Lock()
        self._over = {fault: threading.Event() for fault in found.faults}

    def run(self) -> None:
        """Let every fault happen and be undone at its time; returns when all are."""
        with ThreadPoolExecutor(max_workers=schedule.MOST) as pool:
            for done in [pool.submit(self._one, fault) for fault in self._found.faults]:
                done.result()
        self._found.ended = time.time()

    def _one(self, fault: Fault) -> None:
        here = replace(self._scene, active=fault.host)
        _wait_until(self._found.began + fault.at)
        for other in self._found.faults:
            if other < fault and schedule.conflict(other, fault):
                self._over[other].wait()  # to undo it may take longer than was planned
        began = time.time()
        try:
            fault.what.do(here)
            self._say(fault, "happened")
        except LabError as error:
            self._say(fault, f"did not happen: {str(error).splitlines()[0]}")
        _wait_until(began + fault.seconds)
        try:
            fault.what.undo(here)
            self._say(fault, "undone")
        except LabError as error:
            self._complain(f"{fault.host}: {fault.event} was not undone: {error}")
        finally:
            self._over[fault].set()
        if fault.what.deafens and fault.host in self._scene.cloud.nodes:
            with self._lock:
                self._found.deaf.append((began, time.time()))

    def _complain(self, text: str) -> None:
        with self._lock:
            self._found.complaints.append(text)
            self._found.broken = True

    def _say(self, fault: Fault, what: str) -> None:
        passed = time.time() - self._found.began
        self._tell(f"round {self._found.number}, {passed:5.2f} s: {fault.host}: {fault.event} {what}")


def _wait_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.time()))
