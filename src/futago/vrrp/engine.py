"""All the virtual routers of a host: packets, time and configuration in, effects and the next deadline out.

Still pure: whoever runs it owns the clock and the sockets (`daemon`), or a list of packets in flight (the tests).
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from futago.values import IPv4Address, Millis, Role
from futago.vrrp import packet
from futago.vrrp.config import Version, VirtualRouterConfig
from futago.vrrp.machine import (
    Adopted,
    Announce,
    Configured,
    Event,
    Heard,
    Held,
    Machine,
    Put,
    Remove,
    Resigned,
    RoleChanged,
    SendAdvert,
    Started,
    Stopped,
    TimerFired,
    step,
)
from futago.vrrp.packet import Advert, BadPacket, DropReason


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send this advertisement to the group."""

    data: bytes


Action = Transmit | Put | Remove | Announce | RoleChanged


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done for one router."""

    router: VirtualRouterConfig
    action: Action


@dataclass(slots=True, kw_only=True)
class Counters:
    """What a router has sent and heard."""

    sent: int = 0
    received: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    peer: IPv4Address | None = None
    """The source of the last advertisement that was used."""


@dataclass(slots=True, kw_only=True)
class _Slot:
    machine: Machine
    counters: Counters = field(default_factory=Counters)


def same_virtual_router(a: VirtualRouterConfig, b: VirtualRouterConfig) -> bool:
    """Whether one can turn into the other without leaving and joining the election anew."""

    def identity(c: VirtualRouterConfig) -> tuple[object, ...]:
        return c.namespace, c.interface, c.source, c.vrid, c.version

    return identity(a) == identity(b)


class Engine:
    """Many machines, by the name of their router."""

    def __init__(self) -> None:
        self._slots: dict[str, _Slot] = {}
        self._timers: list[tuple[Millis, str]] = []

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

    def deadline(self) -> Millis | None:
        """When `timers` is to be called next."""
        while self._timers:
            at, name = self._timers[0]
            slot = self._slots.get(name)
            if slot and slot.machine.deadline == at:
                return at
            heapq.heappop(self._timers)  # a timer that has been moved or belongs to a router that has gone
        return None

    def start(self, router: VirtualRouterConfig, now: Millis, *, adopt: bool) -> list[Order]:
        """Let a new router take part; with `adopt` as the active one that it was before."""
        self._slots[router.name] = _Slot(machine=Machine(router))
        return self._step(router.name, Adopted() if adopt else Started(), now)

    def configure(self, router: VirtualRouterConfig, now: Millis) -> list[Order]:
        """Change a router that takes part."""
        return self._step(router.name, Configured(router), now)

    def stop(self, name: str, now: Millis) -> list[Order]:
        """Take a router out of the election, properly: the others are told."""
        orders = self._step(name, Stopped(), now)
        del self._slots[name]
        return orders

    def forget(self, name: str) -> None:
        """Take out a router whose interfaces are gone: there is nothing left to withdraw and nobody to tell."""
        self._slots.pop(name, None)

    def resign(self, name: str, now: Millis) -> list[Order]:
        return self._step(name, Resigned(), now)

    def hold(self, duration: Millis, now: Millis) -> list[Order]:
        """A restart is coming: ask the others to wait for `duration`."""
        return [order for name in self.names() for order in self._step(name, Held(duration), now)]

    def timers(self, now: Millis) -> list[Order]:
        """Do what is due."""
        orders: list[Order] = []
        while (at := self.deadline()) is not None and at <= now:
            _, name = heapq.heappop(self._timers)
            orders.extend(self._step(name, TimerFired(), now))
        return orders

    def receive(self, name: str, data: bytes, now: Millis) -> list[Order]:
        """Take in one packet, IP header included, that came in on the router's interface."""
        slot = self._slots.get(name)
        if slot is None:
            return []
        try:
            source, advert = _judge(data, slot.machine.config)
        except BadPacket as bad:
            slot.counters.dropped[bad.reason] += 1
            return []
        slot.counters.received += 1
        slot.counters.peer = source
        return self._step(name, Heard(source=source, priority=advert.priority, interval=advert.interval), now)

    def _step(self, name: str, event: Event, now: Millis) -> list[Order]:
        slot = self._slots[name]
        before = slot.machine
        slot.machine, effects = step(before, event, now)
        deadline = slot.machine.deadline
        if deadline is not None and (deadline != before.deadline or isinstance(event, TimerFired)):
            heapq.heappush(self._timers, (deadline, name))
        return self._orders(slot, effects)

    def _orders(
        self, slot: _Slot, effects: Sequence[SendAdvert | Put | Remove | Announce | RoleChanged]
    ) -> list[Order]:
        config = slot.machine.config
        orders: list[Order] = []
        for effect in effects:
            if isinstance(effect, SendAdvert):
                slot.counters.sent += 1
                orders.append(Order(config, Transmit(packet.encode(advert_of(config, effect)))))
            else:
                orders.append(Order(config, effect))
        return orders


def advert_of(config: VirtualRouterConfig, effect: SendAdvert) -> Advert:
    """The advertisement that a router sends."""
    return Advert(
        version=config.version,
        vrid=config.vrid,
        priority=effect.priority,
        interval=effect.interval,
        addresses=config.advertised,
        password=packet.password_bytes(config.password),
    )


def refuse(routers: Iterable[VirtualRouterConfig]) -> dict[str, str]:
    """The routers that cannot be used as they are described, each with the reason."""
    refused: dict[str, str] = {}
    seen: dict[tuple[str, str, int], str] = {}
    names: set[str] = set()
    for router in routers:
        place = (router.namespace, router.interface, router.vrid)
        reason = _flaw(router)
        if router.name in names:
            reason = "two routers have this name"
        elif place in seen:
            reason = f"router {seen[place]} has the same virtual router id on the same interface"
        names.add(router.name)
        seen.setdefault(place, router.name)
        if reason:
            refused[router.name] = reason
    return refused


def _flaw(router: VirtualRouterConfig) -> str | None:
    interval = router.advert_interval
    v2 = router.version is Version.V2
    longest = packet.MAX_INTERVAL_V2 if v2 else packet.MAX_INTERVAL_V3
    unit = 1000 if v2 else 10
    checks = (
        (bool(router.name), "a router needs a name"),
        (1 <= router.vrid <= 255, f"virtual router id {router.vrid} is not in 1..255"),
        (1 <= router.priority <= 255, f"priority {router.priority} is not in 1..255"),
        (unit <= interval <= longest, f"interval {interval} ms is not in {unit}..{longest}"),
        (interval % unit == 0, f"interval {interval} ms is not a multiple of {unit}, as VRRPv{router.version} needs"),
        (1 <= len(router.advertised) <= 255, "1 to 255 addresses can be advertised"),
        (v2 or not router.password, "VRRPv3 has no passwords"),
    )
    return next((text for fine, text in checks if not fine), None)


def _judge(data: bytes, config: VirtualRouterConfig) -> tuple[IPv4Address, Advert]:
    """The checks of RFC 9568, 7.1 (and RFC 3768, 7.1) that need the configuration."""
    datagram = packet.take_apart(data)
    if datagram.ttl != packet.TTL:
        raise BadPacket(DropReason.TTL)
    if datagram.source == config.source:
        raise BadPacket(DropReason.OWN_SOURCE)
    advert = packet.decode(datagram.payload)
    if advert.version != config.version:
        raise BadPacket(DropReason.VERSION)
    if advert.vrid != config.vrid:
        raise BadPacket(DropReason.VRID)
    if config.version is Version.V2:
        _judge_v2(advert, config)
    return datagram.source, advert


def _judge_v2(advert: Advert, config: VirtualRouterConfig) -> None:
    expected = packet.password_bytes(config.password)
    if (advert.password is None) != (expected is None):
        raise BadPacket(DropReason.AUTH_TYPE)
    if advert.password != expected:
        raise BadPacket(DropReason.PASSWORD)
    if advert.interval != config.advert_interval:
        raise BadPacket(DropReason.INTERVAL)
