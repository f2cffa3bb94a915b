"""All the virtual routers of a host: packets, time and configuration in, effects and the next deadline out.

Still pure: whoever runs it owns the clocks and the sockets (`daemon`), or a list of packets in flight (the tests).
There are two clocks: `now` runs evenly and times the elections; `wall` is the time of day in seconds, and only
authenticated advertisements need it.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from futago.values import IPAddress, Millis, Role
from futago.vrrp import auth, packet
from futago.vrrp.auth import Sequences
from futago.vrrp.config import KEY_BYTES, AuthMode, Checksum, Version, VirtualRouterConfig
from futago.vrrp.machine import (
    OWNER_PRIORITY,
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
    Withdrawn,
    step,
)
from futago.vrrp.packet import Advert, BadPacket, Datagram, DropReason, Ends
from futago.vrrp.receive import judge


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
    goodbyes_sent: int = 0
    """Of those, with priority 0."""
    goodbyes_received: int = 0
    other_addresses: int = 0
    """Received and used, although they list other addresses than ours (RFC 9568, 7.1: a misconfiguration)."""
    other_owners: int = 0
    """Received and used, although we own the addresses (RFC 9568, 7.1, erratum 8298: a misconfiguration)."""
    became_active: int = 0
    dropped: Counter[DropReason] = field(default_factory=Counter)
    peer: IPAddress | None = None
    """The source of the last advertisement that was used."""


@dataclass(slots=True, kw_only=True)
class _Slot:
    machine: Machine
    counters: Counters = field(default_factory=Counters)
    sequences: Sequences = field(default_factory=Sequences)


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

    def sequences(self) -> dict[str, Sequences]:
        """What the routers with authentication must not forget, by name."""
        return {name: slot.sequences for name, slot in self._slots.items() if slot.machine.config.keys}

    def patience(self) -> Millis:
        """How long the peers of our most urgent active router wait for it; 0 if we have none."""
        active = (name for name, slot in self._slots.items() if slot.machine.role is Role.ACTIVE)
        return min(map(self.patience_of, active), default=Millis(0))

    def patience_of(self, name: str) -> Millis:
        """How long the peers of an active router wait for it."""
        return Millis(3 * self._slots[name].machine.active_interval)

    def deadline(self) -> Millis | None:
        """When `timers` is to be called next."""
        while self._timers:
            at, name = self._timers[0]
            slot = self._slots.get(name)
            if slot and slot.machine.deadline == at:
                return at
            heapq.heappop(self._timers)  # a timer that has been moved or belongs to a router that has gone
        return None

    def start(
        self,
        router: VirtualRouterConfig,
        now: Millis,
        *,
        adopt: bool,
        wall: float = 0.0,
        sequences: Sequences | None = None,
    ) -> list[Order]:
        """Let a new router take part; with `adopt` as the active one that it was before."""
        self._slots[router.name] = _Slot(machine=Machine(router), sequences=sequences or Sequences())
        return self._step(router.name, Adopted() if adopt else Started(), now, wall)

    def configure(self, router: VirtualRouterConfig, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Change a router that takes part."""
        return self._step(router.name, Configured(router), now, wall)

    def stop(self, name: str, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Take a router out of the election, properly: the others are told."""
        orders = self._step(name, Stopped(), now, wall)
        del self._slots[name]
        return orders

    def forget(self, name: str) -> None:
        """Take out a router whose interfaces are gone: there is nothing left to withdraw and nobody to tell."""
        self._slots.pop(name, None)

    def resign(self, name: str, now: Millis, *, wall: float = 0.0) -> list[Order]:
        return self._step(name, Resigned(), now, wall)

    def hold(self, duration: Millis, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """A restart is coming: ask the others to wait for `duration`."""
        return [order for name in self.names() for order in self._step(name, Held(duration), now, wall)]

    def withdrawn(self, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Somebody has withdrawn all addresses in our stead."""
        return [order for name in self.names() for order in self._step(name, Withdrawn(), now, wall)]

    def timers(self, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Do what is due."""
        orders: list[Order] = []
        while (at := self.deadline()) is not None and at <= now:
            _, name = heapq.heappop(self._timers)
            orders.extend(self._step(name, TimerFired(), now, wall))
        return orders

    def receive(self, name: str, data: bytes | Datagram, now: Millis, *, wall: float = 0.0) -> list[Order]:
        """Take in one packet, IP header included, that came in on the router's interface."""
        slot = self._slots.get(name)
        if slot is None:
            return []
        try:
            datagram = packet.take_apart(data) if isinstance(data, bytes) else data
            advert = judge(datagram, slot.machine.config, slot.sequences, wall)
        except BadPacket as bad:
            slot.counters.dropped[bad.reason] += 1
            return []
        _count(slot, datagram, advert)
        heard = Heard(source=datagram.source, priority=advert.priority, interval=advert.interval)
        return self._step(name, heard, now, wall)

    def _step(self, name: str, event: Event, now: Millis, wall: float) -> list[Order]:
        slot = self._slots[name]
        before = slot.machine
        slot.machine, effects = step(before, event, now)
        deadline = slot.machine.deadline
        if deadline is not None and (deadline != before.deadline or isinstance(event, TimerFired)):
            heapq.heappush(self._timers, (deadline, name))
        return self._orders(slot, effects, wall)

    def _orders(
        self, slot: _Slot, effects: Sequence[SendAdvert | Put | Remove | Announce | RoleChanged], wall: float
    ) -> list[Order]:
        config, counters = slot.machine.config, slot.counters
        orders: list[Order] = []
        for effect in effects:
            if isinstance(effect, SendAdvert):
                counters.sent += 1
                counters.goodbyes_sent += effect.priority == 0
                orders.append(Order(config, Transmit(to_wire(config, effect, slot.sequences, wall))))
                continue
            counters.became_active += isinstance(effect, RoleChanged) and effect.now is Role.ACTIVE
            orders.append(Order(config, effect))
        return orders


def to_wire(config: VirtualRouterConfig, effect: SendAdvert, sequences: Sequences, wall: float) -> bytes:
    """The advertisement that a router sends, as it follows the IP header."""
    advert = advert_of(config, effect)
    ends = Ends(config.source, packet.GROUP_IPV6 if config.ipv6 else packet.GROUP)
    with_pseudo_header = config.ipv6 or (config.version is Version.V3 and config.checksum is Checksum.PSEUDO_HEADER)
    trailer = b""
    if config.auth_mode.signs:
        sequences.sent = auth.next_sequence(sequences.sent, wall)
        key = next(key for key in config.keys if key.key_id == config.send_key)
        trailer = auth.sign(packet.without_checksum(advert), config.source, key, sequences.sent)
    return packet.encode(advert, ends if with_pseudo_header else None, trailer)


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
    seen: dict[tuple[str, str, int, int], str] = {}
    names: set[str] = set()
    for router in routers:
        place = (router.namespace, router.interface, router.source.version, router.vrid)
        reason = _flaw(router)
        if router.name in names:
            reason = "name: two routers have this name"
        elif place in seen:
            reason = f"vrid: router {seen[place]} has the same virtual router id on the same interface"
        names.add(router.name)
        seen.setdefault(place, router.name)
        if reason:
            refused[router.name] = reason
    return refused


def _count(slot: _Slot, datagram: Datagram, advert: Advert) -> None:
    config, counters = slot.machine.config, slot.counters
    counters.received += 1
    counters.goodbyes_received += advert.priority == 0
    counters.other_addresses += set(advert.addresses) != set(config.advertised)
    counters.other_owners += config.priority == OWNER_PRIORITY
    counters.peer = datagram.source


def _flaw(router: VirtualRouterConfig) -> str | None:
    interval = router.advert_interval
    v2 = router.version is Version.V2
    longest = packet.MAX_INTERVAL_V2 if v2 else packet.MAX_INTERVAL_V3
    unit = 1000 if v2 else 10
    checks = (
        (bool(router.name), "a router needs a name"),
        (1 <= router.vrid <= 255, f"vrid {router.vrid} is not in 1..255"),
        (1 <= router.priority <= OWNER_PRIORITY, f"priority {router.priority} is not in 1..255"),
        (unit <= interval <= longest, f"advert_interval {interval} ms is not in {unit}..{longest} ms"),
        (interval % unit == 0, _not_a_multiple(interval, unit, router.version)),
        (1 <= len(router.advertised) <= 255, "advertised: 1 to 255 addresses are needed"),
        (v2 or not router.password, "password: VRRPv3 has no passwords; say version = 2, or use keys"),
        (router.preempt_delay >= 0, "preempt_delay: a delay cannot be negative"),
    )
    wrong = next((text for fine, text in checks if not fine), None)
    return wrong or _flaw_of_family(router) or _flaw_of_keys(router)


def _not_a_multiple(interval: Millis, unit: int, version: Version) -> str:
    below = interval // unit * unit
    can = f"{below} or {below + unit}" if below else str(unit)
    return f"advert_interval {interval} ms is not a multiple of {unit}, as VRRPv{version} needs; {can} can be said"


def _flaw_of_family(router: VirtualRouterConfig) -> str | None:
    """RFC 9568, 5.1.2.1 and 5.2.9."""
    v3 = router.version is Version.V3
    checks = (
        (
            all(a.version == router.source.version for a in router.advertised),
            "advertised: all must be of the family of the source",
        ),
        (v3 or not router.ipv6, "version: VRRPv2 has no IPv6; say version = 3"),
        (not router.ipv6 or router.source.is_link_local, f"source: the source {router.source} is not link-local"),
        (
            not router.ipv6 or router.advertised[0].is_link_local,
            "advertised: the first advertised address is not link-local",
        ),
    )
    return next((text for fine, text in checks if not fine), None)


def _flaw_of_keys(router: VirtualRouterConfig) -> str | None:
    ids = [key.key_id for key in router.keys]
    mode = router.auth_mode
    checks = (
        (all(1 <= key_id <= 255 for key_id in ids), "keys: key ids run from 1 to 255"),
        (len(set(ids)) == len(ids), "keys: two keys have the same id"),
        (
            all(len(key.secret) in KEY_BYTES for key in router.keys),
            "keys: a key has 32 to 64 bytes; `openssl rand -base64 32` makes one",
        ),
        (mode is AuthMode.OFF or bool(ids), f"auth_mode: authentication is {mode} without a key"),
        (not mode.signs or router.send_key in ids, f"send_key: there is no key {router.send_key} to send with"),
    )
    return next((text for fine, text in checks if not fine), None)
