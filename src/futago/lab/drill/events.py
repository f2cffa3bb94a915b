"""What can happen to the active node of a router: each event is a value, for drills, benchmarks and chaos alike.

Another event is another entry of `EVENTS`; what it does and undoes are `deeds`.
"""

import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from futago.config import Profile
from futago.lab.drill import deeds
from futago.lab.drill.deeds import Deed, nothing
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
    DATABASE = "database"
    DHCP = "dhcp"
    REPLICATOR = "replicator"


OUTBOUND, INBOUND = Direction.OUTBOUND, Direction.INBOUND
STOP, CONT, KILL = signal.SIGSTOP, signal.SIGCONT, signal.SIGKILL


def _within(seconds: float, *, seed: float) -> dict[Profile, float]:
    return {Profile.DEFAULT: seconds, Profile.FAST: seconds, Profile.SEED: seed}


UNPLANNED: Final = Expectation(gap=_within(2.0, seed=8.0), moves=True)
DEAF: Final = Expectation(gap=_within(2.0, seed=8.0), moves=True, blind=frozenset({Profile.SEED}))
"""By its advertisements alone, an active that hears nothing is as it should be: it takes BFD to know."""
PLANNED: Final = Expectation(gap=_within(0.5, seed=3.0), moves=True)
UNNOTICED: Final = Expectation(gap=_within(0.1, seed=0.1), moves=False)
BOOT: Final = Expectation(gap=_within(30.0, seed=40.0), moves=False, connections_live=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens to the active node."""

    name: str
    what: str
    """In a few words, after "the active node:"."""
    do: Deed
    undo: Deed = nothing
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


EVENTS: Final = {
    event.name: event
    for event in (
        Event(
            name="power",
            what="its power is lost",
            do=deeds.power_off,
            undo=deeds.power_on,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="frozen",
            what="every process of it is stopped",
            do=deeds.freeze,
            undo=deeds.thaw,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="underlay",
            what="its underlay link is cut",
            do=deeds.cut(UNDERLAY),
            undo=deeds.restore(UNDERLAY),
            expectation=UNPLANNED,
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="underlay-mute",
            what="nothing that it sends into the underlay arrives",
            expectation=UNPLANNED,
            do=deeds.lose(UNDERLAY, OUTBOUND),
            undo=deeds.carry(UNDERLAY, OUTBOUND),
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="underlay-deaf",
            what="it hears nothing from the underlay",
            expectation=DEAF,
            do=deeds.lose(UNDERLAY, INBOUND),
            undo=deeds.carry(UNDERLAY, INBOUND),
            touches=Part.UNDERLAY,
            deafens=True,
        ),
        Event(
            name="external",
            what="its external link is cut",
            do=deeds.cut(EXTERNAL),
            undo=deeds.restore(EXTERNAL),
            expectation=UNPLANNED,
            touches=Part.EXTERNAL,
        ),
        Event(
            name="external-mute",
            what="nothing that it sends outside arrives",
            do=deeds.lose(EXTERNAL, OUTBOUND),
            undo=deeds.carry(EXTERNAL, OUTBOUND),
            expectation=UNPLANNED,
            touches=Part.EXTERNAL,
        ),
        Event(
            name="external-deaf",
            what="it hears nothing from outside",
            do=deeds.lose(EXTERNAL, INBOUND),
            undo=deeds.carry(EXTERNAL, INBOUND),
            expectation=UNPLANNED,
            touches=Part.EXTERNAL,
        ),
        Event(
            name="switch-frozen",
            what="Open vSwitch is stopped where it is",
            do=deeds.signal_program("ovs-vswitchd", STOP),
            undo=deeds.signal_program("ovs-vswitchd", CONT),
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="switch-killed",
            what="Open vSwitch is killed for good",
            do=deeds.signal_program("ovs-vswitchd", KILL),
            undo=deeds.start_open_vswitch,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="database-frozen",
            what="the database of Open vSwitch is stopped where it is",
            do=deeds.signal_program("ovsdb-server", STOP),
            undo=deeds.signal_program("ovsdb-server", CONT),
            expectation=UNNOTICED,
            touches=Part.DATABASE,
        ),
        Event(
            name="database-killed",
            what="the database of Open vSwitch is killed for good; a userspace switch forwards nothing without it",
            do=deeds.signal_program("ovsdb-server", KILL),
            undo=deeds.start_open_vswitch,
            expectation=UNPLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="worker-killed",
            what="the process that elects is killed; its parent starts another",
            do=deeds.kill_worker,
            expectation=UNNOTICED,
            touches=Part.ENGINE,
        ),
        Event(
            name="engine-killed",
            what="the VRRP engine is killed for good",
            do=deeds.kill("vrrpd"),
            undo=deeds.start("vrrpd"),
            expectation=Expectation(gap=_within(6.0, seed=12.0), moves=True),
            touches=Part.ENGINE,
            serves=False,
        ),
        Event(
            name="engine-frozen",
            what="the VRRP engine, parent and child, is stopped where it is",
            do=deeds.signal_program("futago vrrpd", STOP),
            undo=deeds.signal_program("futago vrrpd", CONT),
            expectation=UNPLANNED,
            touches=Part.ENGINE,
            serves=False,
            deafens=True,
        ),
        Event(
            name="agent-restart",
            what="the agent is restarted",
            do=deeds.restart("node"),
            expectation=UNNOTICED,
            touches=Part.AGENT,
        ),
        Event(
            name="agent-killed",
            what="the agent is killed for good",
            do=deeds.kill("node"),
            undo=deeds.start("node"),
            expectation=UNNOTICED,
            touches=Part.AGENT,
        ),
        Event(
            name="agent-frozen",
            what="the agent is stopped where it is",
            do=deeds.signal_program("futago node", STOP),
            undo=deeds.signal_program("futago node", CONT),
            expectation=UNNOTICED,
            touches=Part.AGENT,
        ),
        Event(
            name="replicator-killed",
            what="the process that replicates connections is killed for good",
            do=deeds.kill("conntrackd"),
            undo=deeds.start("conntrackd"),
            expectation=UNNOTICED,
            touches=Part.REPLICATOR,
        ),
        Event(
            name="dhcp-killed",
            what="its DHCP servers are killed; the agent starts others",
            do=deeds.signal_program("dnsmasq", KILL),
            expectation=UNNOTICED,
            touches=Part.DHCP,
        ),
        Event(
            name="engine-restart",
            what="the engine is restarted",
            do=deeds.restart("vrrpd"),
            expectation=UNNOTICED,
            touches=Part.ENGINE,
        ),
        Event(
            name="shutdown",
            what="it is shut down in order",
            do=deeds.shut_down,
            undo=deeds.power_on,
            expectation=PLANNED,
            touches=Part.HOST,
            serves=False,
            deafens=True,
        ),
        Event(
            name="drain",
            what="it is drained",
            do=deeds.drain,
            undo=deeds.undrain,
            expectation=PLANNED,
            touches=Part.ENGINE,
            needs_controller=True,
        ),
        Event(
            name="move",
            what="the router is moved to the other node",
            do=deeds.move,
            expectation=PLANNED,
            touches=Part.ENGINE,
            needs_controller=True,
        ),
        Event(
            name="remove",
            what="the router is taken off it through the API",
            do=deeds.remove_router,
            undo=deeds.add_router,
            expectation=PLANNED,
            touches=Part.HOST,
            needs_controller=True,
        ),
        Event(
            name="boot",
            what="after a blackout of all network nodes it boots alone",
            do=deeds.boot_alone,
            undo=deeds.power_on_all,
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
