"""A slice of `./run sim`, and the proof that the simulation would notice: engines that are broken on purpose."""

from collections.abc import Callable, Sequence
from itertools import islice

import pytest
from msgspec.structs import replace

from futago.values import Millis
from futago.vrrp import machine, timing
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import Announce, Effect, Event, Heard, Put, Remove, SendAdvert
from futago.vrrp.machine import Step
from futago.vrrp.virtual_router import Machine
from sim import __main__ as command
from sim.schedule import draw
from sim.shrink import Smallest
from sim.world import broken_by

_contend = machine._contend
SLICE = 2000
NOTICED_WITHIN = 500
"""Schedules in which every sabotage must have been noticed."""

Sabotage = Callable[[pytest.MonkeyPatch], None]


def test_a_slice_of_the_schedules_breaks_no_law(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--schedules", str(SLICE)]) == 0, capsys.readouterr().out


def test_a_seed_gives_the_same_run_each_time() -> None:
    def timeline() -> list[str]:
        lines: list[str] = []
        broken_by(draw(7), lambda at, host, what: lines.append(f"{at} {host} {what}"))
        return lines

    assert timeline() == timeline() != []


def _without(kind: type[Effect]) -> Sabotage:
    """The machine forgets one kind of effect."""

    def sabotage(patch: pytest.MonkeyPatch) -> None:
        real = machine.step

        def step(m: Machine, event: Event, now: Millis) -> Step:
            after, effects = real(m, event, now)
            return after, [e for e in effects if not isinstance(e, kind)]

        patch.setattr("futago.vrrp.engine.step", step)

    return sabotage


def _instead(name: str, function: Callable[..., object]) -> Sabotage:
    return lambda patch: patch.setattr(machine, name, function)


def _yields_in_silence(patch: pytest.MonkeyPatch) -> None:
    real = machine._contend

    def contend(m: Machine, heard: Heard, now: Millis) -> Step:
        after, effects = real(m, heard, now)
        return after, _but_adverts(effects) if after.role is not m.role else effects

    patch.setattr(machine, "_contend", contend)


def _but_adverts(effects: Sequence[Effect]) -> list[Effect]:
    return [e for e in effects if not isinstance(e, SendAdvert)]


def _elects_the_worse(m: Machine, heard: Heard, now: Millis) -> Step:
    return _contend(m, replace(heard, priority=255 - heard.priority), now)


def _never_yields(m: Machine, heard: Heard, now: Millis) -> Step:
    return machine._survive(m, heard, now)


def _survives_in_silence(m: Machine, _heard: Heard, _now: Millis) -> Step:
    return m, []


def _forgets_what_it_had(m: Machine, config: VirtualRouterConfig, _: Millis) -> Step:
    return replace(m, config=config), []


SABOTAGES: dict[str, Sabotage] = {
    "takes no addresses": _without(Put),
    "keeps its addresses": _without(Remove),
    "never announces": _without(Announce),
    "never advertises": _without(SendAdvert),
    "never yields": _instead("_contend", _never_yields),
    "elects the worse": _instead("_contend", _elects_the_worse),
    "yields in silence": _yields_in_silence,
    "survives in silence": _instead("_survive", _survives_in_silence),
    "waits too long": _instead("after", lambda now, wait: Millis(now + wait * 2)),
    "is impatient": lambda patch: patch.setattr(timing, "down_after", lambda _, interval: interval),
    "believes anybody": lambda patch: patch.setattr("futago.vrrp.auth.verify", lambda *_: None),
    "forgets what it had": _instead("_reconfigure_active", _forgets_what_it_had),
}


@pytest.mark.parametrize("sabotage", SABOTAGES.values(), ids=SABOTAGES.keys())
def test_a_broken_engine_breaks_a_law(sabotage: Sabotage, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch)
    broken = next((found for seed in range(NOTICED_WITHIN) if (found := broken_by(draw(seed)))), None)
    assert broken is not None
    assert broken.__cause__ is None, "the sabotage itself has failed, and says nothing about the laws"


def test_a_failing_schedule_shrinks_to_the_events_that_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    SABOTAGES["never yields"](monkeypatch)
    found = (failure for seed in range(NOTICED_WITHIN) if (failure := command.try_seed(seed)))
    smallest = min(islice(found, 5), key=lambda failure: len(failure.kept))
    assert len(smallest.kept) <= 1
    assert _breaks(smallest)
    assert smallest.command.startswith(f"./run sim --replay {smallest.seed} --events ")


def _breaks(smallest: Smallest) -> bool:
    return broken_by(draw(smallest.seed).only(frozenset(smallest.kept))) is not None


def test_a_replay_prints_the_timeline(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--replay", "7", "-v"]) == 0
    timeline = capsys.readouterr().out
    assert "backup -> active" in timeline
    assert timeline.endswith("seed 7: every law holds\n")
