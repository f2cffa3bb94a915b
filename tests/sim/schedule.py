"""What happens in one run: the routers, the network's weather and the misfortunes, all drawn from one seed.

Every event undoes itself after a while, so any part of a schedule is a schedule too; that is what lets `shrink` drop
events. Times are microseconds of the world's clock; a host's own clock drifts.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import Final

import msgspec

from futago.contract.keys import SharedKey
from futago.values import (
    IPAddress,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    Millis,
)
from futago.vrrp.config import (
    AuthMode,
    Checksum,
    Peer,
    Version,
    VirtualAddress,
    VirtualRoute,
    VirtualRouterConfig,
)
from futago.vrrp.peers import YIELDS_BELOW

SECOND: Final = 1_000_000
MILLI: Final = 1_000
OWNER: Final = 255
LEAST: Final = 2
"""The least priority of hosts that know each other: of one that wants to be rid of its router."""

ADDRESSES: Final = tuple(
    VirtualAddress(interface=interface, address=IPv4Interface(address))
    for interface, address in (
        ("qr-1", "192.168.80.1/24"),
        ("qr-1", "192.168.80.2/24"),
        ("qg-1", "10.0.80.101/24"),
        ("qg-1", "10.0.80.105/32"),
    )
) + tuple(
    VirtualAddress(interface="qr-1", address=IPv6Interface(address)) for address in ("fe80::80:1/64", "2001:db8::1/64")
)
KEYS: Final = (SharedKey(key_id=1, secret=bytes(range(32))), SharedKey(key_id=2, secret=bytes(range(32, 64))))
WRONG_KEY: Final = SharedKey(key_id=1, secret=bytes(32))
DEFAULT_ROUTE: Final = VirtualRoute(
    destination=IPv4Network("0.0.0.0/0"), next_hop=IPv4Address("10.0.80.1"), interface="qg-1"
)


_KINDS: Final = (
    *("cut", "cut", "rain", "freeze", "kill", "power off", "restart", "leave", "resign", "attack"),
    *("reconfigure", "reconfigure"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Packets from the first to the second host of each of these pairs are lost."""

    at: int
    until: int
    links: frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rain:
    """Every link loses, doubles and delays packets."""

    at: int
    until: int
    loss: float
    doubled: float
    delay: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """The process stands still (SIGSTOP) while its host keeps its addresses and its sockets fill."""

    at: int
    until: int
    host: int
    timers_first: bool
    """Afterwards: whether the engine looks at its timers or at its packets first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """The engine dies at once; its addresses stay until the guard removes them, and the next engine adopts them."""

    at: int
    until: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerOff:
    """The host dies with its addresses, and boots."""

    at: int
    until: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The engine asks the others to wait, ends, and starts again."""

    at: int
    until: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The router is taken off this host properly, and comes back."""

    at: int
    until: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Resign:
    """An operator wants another host to be active."""

    at: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """Somebody without the key sends packets of all kinds to this host; they must move nobody."""

    at: int
    until: int
    host: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigure:
    """New settings for good; None leaves one as it is."""

    at: int
    host: int
    priority: int | None = None
    interval: Millis | None = None
    addresses: tuple[VirtualAddress, ...] | None = None
    send_key: int | None = None


Event = Cut | Rain | Freeze | Kill | PowerOff | Restart | Leave | Resign | Attack | Reconfigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One host."""

    config: VirtualRouterConfig
    starts_at: int
    drift: int
    """How many microseconds its clock gains in a second."""
    offset: int
    """What its clock shows at the beginning, in microseconds."""
    wrong: float
    """How many seconds its time of day is ahead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One run, whole."""

    seed: int
    members: tuple[Member, ...]
    events: tuple[Event, ...]
    delay: int
    """The longest way of a packet in good weather."""
    doubled: float
    """The share of packets that arrive twice in good weather."""
    lateness: int
    """The longest time between a deadline and the engine's being called."""
    hold: Millis
    """How long addresses wait for a restart before the guard removes them."""

    def only(self, kept: frozenset[int]) -> "Schedule":
        """The same run without the other events."""
        return replace(self, events=tuple(e for i, e in enumerate(self.events) if i in kept))

    @property
    def calm_from(self) -> int:
        """When the last event has passed."""
        ends = [e.at if isinstance(e, Resign | Reconfigure) else e.until for e in self.events]
        return max(ends + [m.starts_at for m in self.members])

    @property
    def preempt_delay(self) -> Millis:
        return max(m.config.preempt_delay for m in self.members)

    @property
    def longest_interval(self) -> Millis:
        """The longest interval by which any backup may judge an active at any time (Active_Adver_Interval)."""
        intervals = [m.config.advert_interval for m in self.members]
        intervals += [e.interval for e in self.events if isinstance(e, Reconfigure) and e.interval]
        if any(isinstance(e, Restart) for e in self.events):
            intervals.append(Millis(self.hold // 2))
        return max(intervals)


def draw(seed: int) -> Schedule:
    """The schedule of this seed."""
    dice = Random(seed)
    version = Version.V2 if dice.random() < 0.25 else Version.V3
    interval = Millis(dice.choice((1000, 2000) if version is Version.V2 else (100, 300, 1000, 2000)))
    number = dice.choice((2, 2, 3, 3, 4))
    members = _members(dice, number, _alike(dice, version, interval))
    delay = dice.choice((MILLI, 5 * MILLI, min(100 * MILLI, interval * MILLI // 3)))
    span = dice.randint(4, 30) * interval * MILLI
    events = [_event(dice, number, span, members[0].config) for _ in range(dice.randint(1, 8))]
    if Random(f"{seed}/acquainted").random() < 0.4:
        members, events = _acquainted(members), [_ordinary(event) for event in events]
    return Schedule(
        seed=seed,
        members=members,
        events=tuple(sorted(events, key=lambda e: e.at)),
        delay=delay,
        doubled=dice.choice((0.0, 0.0, 0.1)),
        lateness=dice.choice((500, 5 * MILLI, 20 * MILLI)),
        hold=Millis(dice.choice((500, 1000, 3000))),
    )


def _members(dice: Random, number: int, alike: VirtualRouterConfig) -> tuple[Member, ...]:
    interval = alike.advert_interval * MILLI
    equal = dice.random() < 0.4
    preempt = dice.choice((True, False, None))
    priorities = [100] * number if equal else [dice.choice((1, 50, 100, 101, 200, 254)) for _ in range(number)]
    if dice.random() < 0.05:
        priorities[dice.randrange(number)] = OWNER
    return tuple(
        Member(
            config=msgspec.structs.replace(
                alike,
                source=_source(host + 1, ipv6=alike.ipv6),
                priority=priority,
                preempt=dice.random() < 0.5 if preempt is None else preempt,
                checksum=dice.choice(tuple(Checksum)),
            ),
            starts_at=dice.choice((0, dice.randint(0, 5 * interval))),
            drift=dice.randint(-10 * MILLI, 10 * MILLI),
            offset=dice.randint(0, 1000 * SECOND),
            wrong=dice.uniform(-1, 1),
        )
        for host, priority in enumerate(priorities)
    )


def _acquainted(members: tuple[Member, ...]) -> tuple[Member, ...]:
    """Hosts that know each other, as Futago's own do: with what they agree on beside the RFC, but for sessions."""
    configs = [
        msgspec.structs.replace(m.config, priority=max(m.config.priority, LEAST), yields_below=YIELDS_BELOW)
        for m in members
    ]
    peers = [Peer(source=config.source, priority=config.priority) for config in configs]
    return tuple(
        replace(
            member, config=msgspec.structs.replace(config, peers=tuple(p for p in peers if p.source != config.source))
        )
        for member, config in zip(members, configs, strict=True)
    )


def _ordinary(event: Event) -> Event:
    """Among those, priority 1 is a last word, and no router has it."""
    if isinstance(event, Reconfigure) and event.priority is not None:
        return replace(event, priority=max(event.priority, LEAST))
    return event


def _source(host: int, *, ipv6: bool) -> IPAddress:
    return IPv6Address(f"fe80::{host}") if ipv6 else IPv4Address(f"169.254.192.{host}")


def _alike(dice: Random, version: Version, interval: Millis) -> VirtualRouterConfig:
    """What all members have in common."""
    ipv6 = version is Version.V3 and dice.random() < 0.3
    authenticated = dice.random() < 0.3
    return VirtualRouterConfig(
        name="router80",
        namespace="",
        interface="ha-1",
        source=_source(1, ipv6=ipv6),
        vrid=1,
        priority=100,
        advert_interval=interval,
        version=version,
        preempt_delay=Millis(dice.choice((0, 0, 0, 2 * interval))),
        password="openstack" if version is Version.V2 else "",
        auth_mode=AuthMode.ENFORCE if authenticated else AuthMode.OFF,
        keys=KEYS if authenticated else (),
        send_key=1 if authenticated else 0,
        advertised=(IPv6Address("fe80::1") if ipv6 else IPv4Address("169.254.0.1"),),
        addresses=ADDRESSES[:3],
        routes=(DEFAULT_ROUTE,),
    )


def _event(dice: Random, number: int, span: int, alike: VirtualRouterConfig) -> Event:  # noqa: PLR0911 - one for each kind
    at, host = dice.randint(0, span), dice.randrange(number)
    until = at + dice.choice((dice.randint(0, SECOND), dice.randint(0, span)))
    span_of = {"at": at, "until": until}
    match dice.choice(_KINDS):
        case "cut":
            return Cut(**span_of, links=_links(dice, number))
        case "rain":
            loss, doubled = dice.choice((0.1, 0.5, 0.9)), dice.choice((0.0, 0.3))
            return Rain(**span_of, loss=loss, doubled=doubled, delay=dice.choice((0, 50 * MILLI, 2 * SECOND)))
        case "freeze":
            return Freeze(**span_of, host=host, timers_first=dice.random() < 0.5)
        case "kill":
            return Kill(**span_of, host=host)
        case "power off":
            return PowerOff(**span_of, host=host)
        case "restart":
            return Restart(**span_of, host=host)
        case "leave":
            return Leave(**span_of, host=host)
        case "attack" if alike.keys:
            return Attack(**span_of, host=host)
        case "resign":
            return Resign(at=at, host=host)
        case _:
            return _reconfigure(dice, at, host, alike)


def _links(dice: Random, number: int) -> frozenset[tuple[int, int]]:
    """A full partition in two, one host deaf or mute, or a single direction between two hosts."""
    hosts = range(number)
    pairs = [(a, b) for a in hosts for b in hosts if a != b]
    one = dice.randrange(number)
    match dice.choice(("split", "split", "deaf", "mute", "one way")):
        case "split":
            side = {host for host in hosts if dice.random() < 0.5} or {one}
            return frozenset((a, b) for a, b in pairs if (a in side) != (b in side))
        case "deaf":
            return frozenset((a, b) for a, b in pairs if b == one)
        case "mute":
            return frozenset((a, b) for a, b in pairs if a == one)
        case _:
            return frozenset({dice.choice(pairs)})


def _reconfigure(dice: Random, at: int, host: int, alike: VirtualRouterConfig) -> Reconfigure:
    match dice.choice(("priority", "addresses", "addresses", "interval", "nothing", "key")):
        case "priority":
            return Reconfigure(at=at, host=host, priority=dice.choice((1, 50, 100, 150, 254)))
        case "interval" if alike.version is Version.V3:
            return Reconfigure(at=at, host=host, interval=Millis(dice.choice((100, 300, 1000))))
        case "key" if alike.keys:
            return Reconfigure(at=at, host=host, send_key=dice.choice((1, 2)))
        case "addresses":
            chosen = tuple(a for a in ADDRESSES if dice.random() < 0.6) or ADDRESSES[:1]
            return Reconfigure(at=at, host=host, addresses=chosen)
        case _:
            return Reconfigure(at=at, host=host)


def changed(config: VirtualRouterConfig, event: Reconfigure) -> VirtualRouterConfig:
    """The settings after this event."""
    return msgspec.structs.replace(
        config,
        priority=config.priority if event.priority is None else event.priority,
        advert_interval=config.advert_interval if event.interval is None else event.interval,
        addresses=config.addresses if event.addresses is None else event.addresses,
        send_key=config.send_key if event.send_key is None else event.send_key,
    )
