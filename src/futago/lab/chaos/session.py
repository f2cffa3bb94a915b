"""A whole session of chaos: rounds until the time is up, a log, and what to say at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TextIO

from futago.lab.chaos.run import Chaos, Limits, Round
from futago.lab.drill.scene import Scene

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a session is to do."""

    seed: int
    seconds: float
    first: int = 1
    """The number of the first round."""
    rounds: int | None = None
    """How many at most."""
    controller: bool = True


@dataclass(slots=True)
class Summary:
    """What a session has found."""

    rounds: list[Round] = field(default_factory=list)

    @property
    def bad(self) -> list[Round]:
        return [one for one in self.rounds if one.complaints]

    @property
    def faults(self) -> int:
        return sum(len(one.faults) for one in self.rounds)

    @property
    def both(self) -> float:
        """The longest time in seconds for which two were active that could hear each other."""
        return max((one.both for one in self.rounds), default=0.0)

    def served(self) -> list[float]:
        """Of each round, the seconds after its last fault until the router was served; without those that were not."""
        return [one.served for one in self.rounds if one.served is not None]


def run(scene: Scene, plan: Plan, limits: Limits, tell: Tell, directory: Path) -> Summary:
    """Rounds until the time is up; `directory` gets the log, and what may explain each bad round."""
    directory.mkdir(parents=True, exist_ok=True)
    summary = Summary()
    deadline = time.monotonic() + plan.seconds
    with (directory / "log.txt").open("a") as log:
        say = _both(tell, log)
        say(f"chaos: seed {plan.seed}, two actives at most {limits.both} s, served within {limits.served} s")
        with Chaos(scene, plan.seed, limits, say, controller=plan.controller) as chaos:
            number = plan.first
            while time.monotonic() < deadline and (plan.rounds is None or len(summary.rounds) < plan.rounds):
                found = chaos.round(number)
                summary.rounds.append(found)
                _tell(found, say)
                if found.complaints:
                    chaos.save(found, directory / f"round-{number}")
                number += 1
                if found.broken:
                    say("the lab cannot be trusted any more")
                    break
    return summary


def _tell(found: Round, say: Tell) -> None:
    served = "never" if found.served is None else f"{found.served:.2f} s after the last fault"
    both = f", two actives for {found.both:.2f} s" if found.both else ""
    what = f"{found.active} was active, {len(found.faults)} faults, served {served}{both}"
    what += f", {len(found.complaints)} complaints"
    say(f"round {found.number}: {what}")
    for complaint in found.complaints:
        say(f"round {found.number}: COMPLAINT: {complaint}")


def _both(tell: Tell, log: TextIO) -> Tell:
    def say(text: str) -> None:
        tell(text.splitlines()[0])
        log.write(f"{datetime.now().astimezone().isoformat(timespec='milliseconds')} {text}\n")
        log.flush()

    return say
