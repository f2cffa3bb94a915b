"""Run one event on a scene: listen, let it happen, see it recover, undo it, see that nobody notices."""

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from futago.lab.api import wait_for
from futago.lab.drill.capture import Capture
from futago.lab.drill.deeds import nothing
from futago.lab.drill.events import Event
from futago.lab.drill.outcome import Outcome, PingOutcome
from futago.lab.drill.probes import Probes
from futago.lab.drill.scene import Scene
from futago.lab.errors import LabError
from futago.lab.measure import SLACK, Gap, Loss, loss

OBSERVE: Final = 6.0
"""Seconds after an event for which it is watched at least: an engine's addresses may go only after their hold time."""
TCP_PATIENCE: Final = 5.0
"""Seconds after the pings in which TCP, which waits ever longer before it sends again, must flow or end."""
LONG_TCP_PATIENCE: Final = 40.0
"""The same, after an event that was over only when it was undone."""
AFTERWARDS: Final = 3.0
"""Seconds for which the return is watched at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How a drill is run."""

    patience: float = 15.0
    """Seconds in which traffic must flow again by itself; then the event is undone all the same."""
    connections: int = 10
    """TCP connections through the floating IP, and as many through SNAT; half of each only listen."""
    others: Mapping[str, str] = field(default_factory=dict)
    """More addresses that are pinged from outside, by their names."""


def run(scene: Scene, event: Event, settings: Settings, tell: Callable[[str], None]) -> tuple[Outcome, Capture]:
    """Let the event happen to the active node.

    Raises:
        LabError: the scene does not settle, before or after; everything of the event is undone all the same.

    """
    tell("waiting until every router is in order")
    scene.settle()
    if scene.crowd:
        scene.gather()
        tell("waiting until the nodes trust each other's silence again")
    scene.wait_for_trust()
    with Probes(scene, connections=settings.connections, others=settings.others) as probes:
        load = os.getloadavg()[0]
        undone, survivor = _let_it_happen(scene, event, probes, settings, tell)
        _see_it_settle(scene, probes, settings, tell)
        ended = time.time()
        time.sleep(0.3)  # so that the last answers have been read
    return _outcome(scene, event, probes, (undone, ended), survivor, load), probes.capture


def _let_it_happen(
    scene: Scene, event: Event, probes: Probes, settings: Settings, tell: Callable[[str], None]
) -> tuple[float, str]:
    """The event, and its undoing; returns when it was undone, and who was active until then."""
    flowed = False
    tell(f"{scene.active}: {event.what}")
    scene.prepared = scene.began = time.time()
    try:
        event.do(scene)
        time.sleep(OBSERVE)  # a span of observation: to be over earlier is to miss what happens late
        flowed = _wait_for_flow(probes, settings.patience, tell)
        survivor = _survivor(scene)
    finally:
        undone = time.time()
        if event.undo is not nothing:
            tell(f"{scene.active}: that is undone")
        event.undo(scene)
    if not flowed:  # TCP that was silent for so long sends again only after as long
        with contextlib.suppress(LabError):
            wait_for("TCP flows again", probes.flowing, seconds=LONG_TCP_PATIENCE)
    return undone, survivor


def _survivor(scene: Scene) -> str:
    """Who serves now; a node that was cut off from its twin may hold the addresses all the same."""
    holders = scene.cloud.holders()
    return next((host for host in (scene.standby, scene.active) if host in holders), "")


def _wait_for_flow(probes: Probes, patience: float, tell: Callable[[str], None]) -> bool:
    """Whether traffic flowed by itself in time."""
    try:
        wait_for("every ping is answered", probes.answered, seconds=patience)
    except LabError:
        tell("not every ping is answered again")
        return False
    with contextlib.suppress(LabError):
        wait_for("TCP flows again", probes.flowing, seconds=TCP_PATIENCE)
    return True


def _see_it_settle(scene: Scene, probes: Probes, settings: Settings, tell: Callable[[str], None]) -> None:
    tell("waiting until every router has its second node again")
    active = scene.active
    scene.settle()
    scene.active = active
    time.sleep(AFTERWARDS)
    with contextlib.suppress(LabError):
        wait_for("every ping is answered", probes.answered, seconds=settings.patience)


def _from(began: float, found: Loss) -> Loss:
    """The silence without what of it was preparation."""
    gap = found.longest
    if gap.began < began - SLACK and gap.began + gap.seconds > began:
        return replace(found, longest=Gap(gap.began + gap.seconds - began, began))
    return found


def _outcome(
    scene: Scene, event: Event, probes: Probes, times: tuple[float, float], survivor: str, load: float
) -> Outcome:
    undone, ended = times
    pings = tuple(
        PingOutcome(
            name=name,
            event=_from(scene.began, loss(ping.replies(), scene.prepared, undone)),
            undoing=loss(ping.replies(), undone, ended),
            replies=tuple(ping.replies(scene.began - 2)),
        )
        for name, ping in probes.pings.items()
    )
    back = probes.returned(scene.began, undone)
    later = probes.returned(scene.began, ended)
    return Outcome(
        event=event,
        profile=scene.lab.profile,
        active=scene.active,
        survivor=survivor,
        began=scene.began,
        undone=undone,
        ended=ended,
        pings=pings,
        tcp=probes.tcp(ended),
        sightings=tuple(probes.capture.sightings(scene.began - 2)),
        changes=tuple(probes.watch.changes),
        load=load,
        returned=back,
        missing=len(set(later) - set(back)),
    )
