"""What can happen to the active node of a router: each event is a value, for drills, benchmarks and chaos alike.

Another event is another entry of `EVENTS`. An event acts on a scene that is settled; `undo` brings back what it took,
and may find that the event did not get far.
"""

import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from futago.config import Profile
from futago.lab import processes
from futago.lab.drill.scene import FUTAGO, Scene
from futago.lab.errors import LabError
from futago.lab.topology import EXTERNAL, UNDERLAY, Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What must be so for a drill to pass."""

    gap: Mapping[Profile, float]
    """The longest time without an answer to a ping, either way, in seconds; also when the event is undone.

    A profile that is not named is judged as the default one.
    """
    moves: bool
    """Whether another node is active afterwards."""
    blind: frozenset[Profile] = frozenset()
    """The profiles in which nothing tells of it, and the router is dark until it is undone."""
    connections_live: bool = True
    """Whether TCP connections, through the floating IP and through SNAT, must survive."""


class Part(StrEnum):
    """What an event takes away; two that take the same, or one that takes the host, do not go together."""

    HOST = "host"
    UNDERLAY = "underlay"
    EXTERNAL = "external"
    ENGINE = "engine"
    AGENT = "agent"


OUTBOUND, INBOUND = Direction.OUTBOUND, Direction.INBOUND
UNPLANNED: Final = Expectation(gap={Profile.DEFAULT: 2.0, Profile.SEED: 8.0}, moves=True)
PLANNED: Final = Expectation(gap={Profile.DEFAULT: 0.5, Profile.SEED: 3.0}, moves=True)
DEAF: Final = Expectation(gap={Profile.DEFAULT: 2.0, Profile.SEED: 8.0}, moves=True, blind=frozenset({Profile.SEED}))
"""By its advertisements alone, an active that hears nothing is as it should be: it takes BFD to know."""
UNNOTICED: Final = Expectation(gap={Profile.DEFAULT: 0.1, Profile.SEED: 0.1}, moves=False)
BOOT: Final = Expectation(gap={Profile.DEFAULT: 30.0, Profile.SEED: 40.0}, moves=False, connections_live=False)


def nothing(_: Scene) -> None:
    """What happened needs no undoing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens to the active node."""

    name: str
    what: str
    """In a few words, after "the active node:"."""
    do: Callable[[Scene], None]
    undo: Callable[[Scene], None] = nothing
    expectation: Expectation
    touches: Part
    """What of the node it is about."""
    serves: bool = True
    """Whether the node can be active until the event is undone."""
    deafens: bool = False
    """Whether the network nodes cannot hear each other until it is undone."""
    needs_controller: bool = False
    routers: int = 1
    """With how many routers it makes sense at least."""


def _power_off(scene: Scene) -> None:
    scene.lab.power_off(scene.active)


def _power_on(scene: Scene) -> None:
    if scene.active not in scene.lab.powered:
        scene.lab.power_on(scene.active)


def _power_on_all(scene: Scene) -> None:
    for host in scene.cloud.nodes:
        if host not in scene.lab.powered:
            scene.lab.power_on(host)


def _freeze(scene: Scene) -> None:
    scene.lab.freeze(scene.active)


def _thaw(scene: Scene) -> None:
    scene.lab.thaw(scene.active)


def _freeze_program(what: str) -> Callable[[Scene], None]:
    def freeze(scene: Scene) -> None:
        for pid in processes.find(scene.lab.process(scene.active), what):
            os.kill(pid, signal.SIGSTOP)

    return freeze


def _cut(network: str) -> Callable[[Scene], None]:
    return lambda scene: scene.lab.cut(scene.active, network)


def _restore(network: str) -> Callable[[Scene], None]:
    return lambda scene: scene.lab.restore(scene.active, network)


def _lose(network: str, direction: Direction) -> Callable[[Scene], None]:
    return lambda scene: scene.lab.cut_one_way(scene.active, network, direction)


def _carry(network: str, direction: Direction) -> Callable[[Scene], None]:
    return lambda scene: scene.lab.restore_one_way(scene.active, network, direction)


def _restart(program: str) -> Callable[[Scene], None]:
    return lambda scene: scene.lab.restart(scene.active, program)


def _kill_worker(scene: Scene) -> None:
    """Only the process that elects; its parent is there to start another."""
    running = processes.of_futago(scene.lab.process(scene.active))
    engine = [one for one in running if one.what == "futago vrrpd"]
    workers = [one.pid for one in engine if one.parent in {other.pid for other in engine}]
    if not workers:
        raise LabError(f"no VRRP engine runs on {scene.active}")
    scene.mark()
    for pid in workers:
        os.kill(pid, signal.SIGKILL)


def _kill_engine(scene: Scene) -> None:
    scene.lab.kill(scene.active, "vrrpd")


def _start_programs(scene: Scene) -> None:
    lab = scene.lab
    for program in lab.plan(scene.active).programs:
        if not lab.running(scene.active, program):
            lab.restart(scene.active, program)


def _shut_down(scene: Scene) -> None:
    """As systemd does: give the routers away, stop the services in the reverse order of their start, then the power."""
    scene.lab.exec(scene.active, [*FUTAGO, "vrrp", "resign", "--all", "--wait", "5"], check=False)
    for program in reversed(scene.lab.plan(scene.active).programs):
        scene.lab.stop(scene.active, program)
    scene.lab.power_off(scene.active)


def _move(scene: Scene) -> None:
    """Another node gets one router."""
    scene.lab.exec("controller", [*FUTAGO, "router", "failover", scene.cloud.router_id])


def _drain(scene: Scene) -> None:
    """Other nodes get every router of this one."""
    scene.lab.exec("controller", [*FUTAGO, "node", "drain", scene.active])


def _undrain(scene: Scene) -> None:
    scene.lab.exec("controller", [*FUTAGO, "node", "undrain", scene.active])


def _remove_router(scene: Scene) -> None:
    scene.lab.api().call("DELETE", f"/v2.0/agents/{_agent(scene)}/l3-routers/{scene.cloud.router_id}")


def _add_router(scene: Scene) -> None:
    if scene.active not in scene.lab.agents_of(scene.cloud.router_id):
        body = {"router_id": scene.cloud.router_id}
        scene.lab.api().call("POST", f"/v2.0/agents/{_agent(scene)}/l3-routers", json=body)


def _agent(scene: Scene) -> str:
    (agent,) = scene.lab.api().list("agents", host=scene.active, agent_type="L3 agent")
    return str(agent["id"])


def _boot_alone(scene: Scene) -> None:
    """Every network node is off, then one of them boots from its disk."""
    for host in scene.cloud.nodes:
        scene.lab.power_off(host)
    scene.mark()
    scene.lab.power_on(scene.active)


EVENTS: Final = {
    event.name: event
    for event in (
        Event(
            name="power",
            what="its power is lost",
            do=_power_off,
            undo=_power_on,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="frozen",
            what="every process of it is stopped",
            do=_freeze,
            undo=_thaw,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="underlay",
            what="its underlay link is cut",
            do=_cut(UNDERLAY),
            undo=_restore(UNDERLAY),
            expectation=UNPLANNED,
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="underlay-mute",
            what="nothing that it sends into the underlay arrives",
            expectation=UNPLANNED,
            do=_lose(UNDERLAY, OUTBOUND),
            undo=_carry(UNDERLAY, OUTBOUND),
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="underlay-deaf",
            what="it hears nothing from the underlay",
            expectation=DEAF,
            do=_lose(UNDERLAY, INBOUND),
            undo=_carry(UNDERLAY, INBOUND),
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="external",
            what="its external link is cut",
            do=_cut(EXTERNAL),
            undo=_restore(EXTERNAL),
            expectation=UNPLANNED,
            touches=Part.EXTERNAL,
        ),
        Event(
            name="switch-frozen",
            what="Open vSwitch is stopped where it is",
            do=_freeze_program("ovs-vswitchd"),
            undo=_thaw,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="worker-killed",
            what="the process that elects is killed; its parent starts another",
            do=_kill_worker,
            expectation=UNNOTICED,
            touches=Part.ENGINE,
        ),
        Event(
            name="engine-killed",
            what="the VRRP engine is killed for good",
            do=_kill_engine,
            undo=_start_programs,
            expectation=Expectation(gap={Profile.DEFAULT: 6.0, Profile.SEED: 12.0}, moves=True),
            touches=Part.ENGINE,
            serves=False,
        ),
        Event(
            name="engine-frozen",
            what="the VRRP engine, parent and child, is stopped where it is",
            do=_freeze_program("futago vrrpd"),
            undo=_thaw,
            expectation=UNPLANNED,
            touches=Part.ENGINE,
            serves=False,
            deafens=True,
        ),
        Event(
            name="agent-restart",
            what="the agent is restarted",
            do=_restart("node"),
            expectation=UNNOTICED,
            touches=Part.AGENT,
        ),
        Event(
            name="engine-restart",
            what="the engine is restarted",
            do=_restart("vrrpd"),
            expectation=UNNOTICED,
            touches=Part.ENGINE,
        ),
        Event(
            name="shutdown",
            what="it is shut down in order",
            do=_shut_down,
            undo=_power_on,
            expectation=PLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="drain",
            what="it is drained",
            do=_drain,
            undo=_undrain,
            expectation=PLANNED,
            touches=Part.ENGINE,
            needs_controller=True,
        ),
        Event(
            name="move",
            what="the router is moved to the other node",
            do=_move,
            expectation=PLANNED,
            touches=Part.ENGINE,
            needs_controller=True,
        ),
        Event(
            name="remove",
            what="the router is taken off it through the API",
            do=_remove_router,
            undo=_add_router,
            expectation=PLANNED,
            touches=Part.HOST,
            needs_controller=True,
        ),
        Event(
            name="boot",
            what="after a blackout of all network nodes it boots alone",
            do=_boot_alone,
            undo=_power_on_all,
            expectation=BOOT,
            touches=Part.HOST,
            serves=False,
            deafens=True,
            routers=21,
        ),
    )
}
"""Every event by its name, in the order in which a table shows them."""


def find(names: str) -> list[Event]:
    """The events of a list with commas; "all" is every one.

    Raises:
        LabError: there is no such event; names those that there are.

    """
    if names == "all":
        return list(EVENTS.values())
    unknown = [name for name in names.split(",") if name not in EVENTS]
    if unknown:
        raise LabError(f"there is no event {unknown[0]}; the events are {', '.join(EVENTS)}")
    return [EVENTS[name] for name in names.split(",")]
