"""All the virtual routers of a host: packets, time and configuration in, effects and the next deadline out.

Still pure: whoever runs it owns the clocks and the sockets (`daemon`), or a list of packets in flight (the tests).
There are two clocks: `now` runs evenly and times the elections; `wall` is the time of day in seconds, and only
authenticated advertisements need it.
"""

import heapq
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from futago.values import IPAddress, Millis, Role
from futago.vrrp import packet, timing
from futago.vrrp.auth import Marks
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.counters import Counters
from futago.vrrp.events import (
    Adopted,
    Announce,
    Configured,
    Effect,
    Event,
    Heard,
    Held,
    Isolated,
    Lost,
    Put,
    Rejoined,
    Remove,
    Resigned,
    RoleChanged,
    SendAdvert,
    Started,
    Stopped,
    TimerFired,
    Withdrawn,
)
from futago.vrrp.machine import OWNER_PRIORITY, step
from futago.vrrp.packet import Advert, BadPacket, Datagram
from futago.vrrp.receive import Listener
from futago.vrrp.send import Speaker
from futago.vrrp.use import UNKNOWN
from futago.vrrp.virtual_router import Machine


class Transmit(msgspec.Struct, frozen=True, gc=False):
    """Send this advertisement to the group."""

    data: bytes


_TIMER_FIRED: Final = TimerFired()
_NONE: Final = Millis(0)
_UNNOTICED: Final = Millis(2000)
"""A host may be deaf for so long before its session ends here: a few of BFD's intervals, and the last announcement."""
_ALONG_AT_ONCE: Final = 100
"""Routers that send early: a few milliseconds, and no more frames than a switch's socket holds."""

Action = Transmit | Put | Remove | Announce | RoleChanged


class Order(msgspec.Struct, frozen=True, gc=False):
    """What is to be done for one router."""

    router: VirtualRouterConfig
    action: Action


class _Slot:
    """One router: its machine, and how it speaks and listens."""

    def __init__(self, config: VirtualRouterConfig, marks: Marks) -> None:
        self.machine = Machine(config)
        self.counters = Counters()
        self.marks = marks
        self.wakes_at: Millis | None = None
        """When its one entry among the timers comes up; the machine's deadline may be later by then."""
        self.use = UNKNOWN
        self.changed_at = _NONE
        """When its role changed."""
        self.configure(config)

    def configure(self, config: VirtualRouterConfig) -> None:
        self.speaker = Speaker(config, self.marks)
        self.listener = Listener(config, self.marks)
        self.last: Advert | None = None
        """The last advertisement that was used."""
        self.other_addresses = False
        """It lists other addresses than ours."""


def same_virtual_router(a: VirtualRouterConfig, b: VirtualRouterConfig) -> bool:
    """Whether one can turn into the other without leaving and joining the election anew."""

    def identity(c: VirtualRouterConfig) -> tuple[object, ...]:
        return c.namespace, c.interface, c.source, c.vrid, c.version

    return identity(a) == identity(b)


class Engine:
    """Many machines, by the name of their router."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}
        self._timers: list[tuple[Millis, tuple[int, int], str]] = []
        self._isolated = False

    def __contains__(self, name: str) -> bool:
        return name in self._slots

    def names(self) -> tuple[str, ...]:
        return tuple(self._slots)

    def role(self, name: str) -> Role:
        """The router's role; one that is not here is not taking part."""
        slot = self._slots.get(name)
        return slot.machine.role if slot else Role.INITIALIZE

    def config(self, name: str) -> VirtualRouterConfig:
        return self._slots[name].machine.config

    def counters(self, name: str) -> Counters:
        slot = self._slots.get(name)
        return slot.counters if slot else Counters()

    def patience(self) -> Millis:
        """How long the peers of our most urgent active router wait for it; 0 if we have none."""
        machines = (slot.machine for slot in self._slots.values())
        shortest = min((m.active_interval for m in machines if m.role is Role.ACTIVE), default=0)
        return Millis(3 * shortest)

    def patience_of(self, name: str) -> Millis:
        """How long the peers of an active router wait for it."""
        return Millis(3 * self._slots[name].machine.active_interval)

    def deadline(self) -> Millis | None:
        """When `timers` is to be called next.

        An advertisement puts a backup's deadline off, a thousand times a second; its entry moves only when it comes up.
        """
        while self._timers:
            at, _, name = self._timers[0]
            slot = self._slots.get(name)
            if slot is None or slot.wakes_at != at:  # a router that has gone, or an entry before which another was made
                heapq.heappop(self._timers)
            elif slot.machine.deadline == at:
                return at
            else:
                heapq.heappop(self._timers)
                slot.wakes_at = None
                self._wake_for(name, slot)
        return None

    def start(
        self,
        router: VirtualRouterConfig,
        now: Millis,
        *,
        adopt: bool,
        wall: float = 0.0,
        marks: Marks | None = None,
    ) -> list[Order]:
        """Let a new router take part; with `adopt` as the active one that it was before.

        `marks` are read and written at each authenticated advertisement; they outlive this engine if a next one gets
        them too.
        """
        self._slots[router.name] = _Slot(router, {} if marks is None else marks)
        orders = self._step(router.name, Adopted() if adopt else Started(), now, wall)
        return orders + self._tell_reach(router.name, now, wall)

    def configure(self, router: VirtualRouterConfig, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Change a router that takes part."""
        self._slots[router.name].configure(router)
        orders = self._step(router.name, Configured(router), now, wall)
        return orders + self._tell_reach(router.name, now, wall)

    def stop(self, name: str, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Take a router out of the election, properly: the others are told."""
        orders = self._step(name, Stopped(), now, wall)
        del self._slots[name]
        return orders

    def resign(self, name: str, now: Millis, *, wall: float = 0.0) -> list[Order]:
        return self._step(name, Resigned(), now, wall)

    def lost(self, tunnel: IPAddress, now: Millis, *, doubt: Millis = _NONE, wall: float = 0.0) -> list[Order]:
        """The host at which tunnels to this address end is dead; or we are cut off, which will show within `doubt`."""
        return [
            order
            for name, slot in self._slots.items()
            for peer in slot.machine.config.peers
            if peer.tunnel == tunnel
            for order in self._step(name, Lost(peer.source, doubt), now, wall)
        ]

    def note_use(self, name: str, connections: int, now: Millis) -> None:
        """So many connections go through a router: where many are due together, it has its turn accordingly (`use`)."""
        if slot := self._slots.get(name):
            slot.use = slot.use.noted(connections, now)

    def found(self, tunnel: IPAddress, now: Millis, *, since: Millis, wall: float = 0.0) -> list[Order]:
        """The host at which tunnels to this address end is reached again; `since` then it was not.

        A peer may have been active beside us; any other's switch may not know that we are: it has not heard us say it.
        """
        return [
            order
            for name, slot in self._slots.items()
            if slot.machine.role is Role.ACTIVE and (_is_peer(slot, tunnel) or _was_unheard(slot, since))
            for order in self._step(name, Rejoined(), now, wall)
        ]

    def reach(self, *, nobody: bool, now: Millis, wall: float = 0.0) -> list[Order]:
        """This host reaches no other one through any tunnel, or some again."""
        self._isolated = nobody
        return [order for name in self.names() for order in self._tell_reach(name, now, wall)]

    def hold(self, duration: Millis, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """A restart is coming: ask the others to wait for `duration`."""
        return [order for name in self.names() for order in self._step(name, Held(duration), now, wall)]

    def withdrawn(self, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Somebody has withdrawn all addresses in our stead."""
        return [order for name in self.names() for order in self._step(name, Withdrawn(), now, wall)]

    def timers(self, now: Millis, *, wall: float = 0.0, at_most: int = sys.maxsize) -> list[Order]:
        """Do what is due, for `at_most` so many routers; then `deadline` says that there is more.

        What other active routers would send within a moment goes along, so that the host and its switch wake once for
        many. Each keeps its own rhythm: it is stepped at its own time.
        """
        orders: list[Order] = []
        due = along = 0
        while due < at_most and along < _ALONG_AT_ONCE and (at := self.deadline()) is not None:
            if at <= now:
                due += 1
            elif due and self._may_go_along(at, now):
                along += 1
            else:
                break
            _, _, name = heapq.heappop(self._timers)
            self._slots[name].wakes_at = None
            orders.extend(self._step(name, _TIMER_FIRED, max(at, now), wall))
        return orders

    def receive(self, name: str, data: bytes | Datagram, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Take in one packet, IP header included, that came in on the router's interface."""
        slot = self._slots.get(name)
        if slot is None:
            return []
        try:
            datagram = packet.take_apart(data) if isinstance(data, bytes) else data
            advert = slot.listener.hear(datagram, wall)
        except BadPacket as bad:
            slot.counters.dropped[bad.reason] += 1
            return []
        _count(slot, datagram, advert)
        heard = Heard(source=datagram.source, priority=advert.priority, interval=advert.interval)
        slot.counters.hearing.hear(heard, now)
        return self._step(name, heard, now, wall)

    def _may_go_along(self, at: Millis, now: Millis) -> bool:
        """Whether the next timer is for an active router's advertisement, and comes up soon."""
        machine = self._slots[self._timers[0][2]].machine
        is_advertisement = machine.role is Role.ACTIVE and machine.election_at == at
        return is_advertisement and at - now <= timing.early(machine.config)

    def _tell_reach(self, name: str, now: Millis, wall: float) -> list[Order]:
        """See that a router knows whether whom it serves can be reached from here."""
        machine = self._slots[name].machine
        alone = self._isolated and machine.config.behind_tunnels
        if alone == machine.isolated:
            return []
        return self._step(name, Isolated() if alone else Rejoined(), now, wall)

    def _step(self, name: str, event: Event, now: Millis, wall: float) -> list[Order]:
        slot = self._slots[name]
        slot.machine, effects = step(slot.machine, event, now)
        self._wake_for(name, slot)
        return self._orders(slot, effects, now, wall) if effects else []

    def _wake_for(self, name: str, slot: _Slot) -> None:
        """See that there is an entry among the timers that does not come too late."""
        deadline = slot.machine.deadline
        if deadline is not None and (slot.wakes_at is None or deadline < slot.wakes_at):
            slot.wakes_at = deadline
            heapq.heappush(self._timers, (deadline, slot.use.turn, name))

    def _orders(self, slot: _Slot, effects: Sequence[Effect], now: Millis, wall: float) -> list[Order]:
        config, counters = slot.machine.config, slot.counters
        orders: list[Order] = []
        for effect in effects:
            if isinstance(effect, SendAdvert):
                counters.sent += 1
                counters.goodbyes_sent += effect.priority == 0
                orders.append(Order(config, Transmit(slot.speaker.say(effect, wall))))
                continue
            if isinstance(effect, RoleChanged):
                counters.became_active += effect.now is Role.ACTIVE
                counters.hearing.role_changed(effect, now)
                slot.changed_at = now
            orders.append(Order(config, effect))
        return orders


def _is_peer(slot: _Slot, tunnel: IPAddress) -> bool:
    return any(peer.tunnel == tunnel for peer in slot.machine.config.peers)


def _was_unheard(slot: _Slot, since: Millis) -> bool:
    """Whether it has announced itself while a host behind tunnels did not hear: for longer than was noticed here."""
    return slot.machine.config.behind_tunnels and slot.changed_at > since - _UNNOTICED


def _count(slot: _Slot, datagram: Datagram, advert: Advert) -> None:
    config, counters = slot.machine.config, slot.counters
    counters.received += 1
    counters.goodbyes_received += advert.priority == 0
    if advert is not slot.last:
        slot.last, slot.other_addresses = advert, set(advert.addresses) != set(config.advertised)
    counters.other_addresses += slot.other_addresses
    counters.other_owners += config.priority == OWNER_PRIORITY
    counters.peer = datagram.source
