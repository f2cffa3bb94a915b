"""Several engines on one link that loses and delays packets and falls apart, with a clock that the tests move."""

import heapq
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from futago.values import IPv4Address, Millis, Role
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.engine import Engine, Order, Transmit
from futago.vrrp.events import Put, Remove
from unit.vrrp.samples import ip_packet, router, router_v2

NAME = "router80"
START = Millis(0)
STORM = 12_000
"""Milliseconds during which the link is bad."""


@dataclass
class Weather:
    """What the link does to the packets that are sent while the storm lasts."""

    fates: list[int]
    """For one delivery after the other, in turn: its delay in milliseconds; negative is lost."""
    split: frozenset[int] = frozenset()
    """Nodes that hear, and are heard by, only each other."""


@dataclass
class Link:
    """Engines, the packets on their way, and the time."""

    configs: list[VirtualRouterConfig]
    weather: Weather
    now: Millis = START
    engines: list[Engine] = field(default_factory=list)
    holding: list[set[object]] = field(default_factory=list)
    """The addresses that each node has been told to have."""
    flying: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    storm_until: int = STORM

    def __post_init__(self) -> None:
        self._serial = count()
        self.dead: set[int] = set()
        for node, config in enumerate(self.configs):
            self.engines.append(Engine())
            self.holding.append(set())
            self.carry_out(node, self.engines[node].start(config, self.now, adopt=False))

    def run_until(self, end: int) -> None:
        while (at := self.next_event()) is not None and at <= end:
            self.now = Millis(max(self.now, at))
            while self.flying and self.flying[0][0] <= self.now:
                _, _, node, data = heapq.heappop(self.flying)
                if node not in self.dead:
                    self.carry_out(node, self.engines[node].receive(NAME, data, self.now))
            for node, engine in enumerate(self.engines):
                if node not in self.dead:
                    self.carry_out(node, engine.timers(self.now))
        self.now = Millis(end)

    def next_event(self) -> int | None:
        timers = [e.deadline() for node, e in enumerate(self.engines) if node not in self.dead]
        times = [at for at in timers if at is not None] + [flight[0] for flight in self.flying[:1]]
        return min(times, default=None)

    def carry_out(self, node: int, orders: list[Order]) -> None:
        for order in orders:
            match order.action:
                case Transmit(data):
                    self.send(node, ip_packet(data, source=IPv4Address(self.configs[node].source)))
                case Put(addresses):
                    self.holding[node].update(addresses)
                case Remove(addresses):
                    self.holding[node].difference_update(addresses)

    def send(self, sender: int, data: bytes) -> None:
        for node in range(len(self.engines)):
            delay = self.fate(sender, node)
            if node != sender and delay >= 0:
                heapq.heappush(self.flying, (self.now + delay, next(self._serial), node, data))

    def fate(self, sender: int, node: int) -> int:
        if self.now >= self.storm_until:
            return 1
        if (sender in self.weather.split) != (node in self.weather.split):
            return -1
        turn = next(self._serial) % len(self.weather.fates)
        return self.weather.fates[turn]

    def active(self) -> list[int]:
        return [n for n, e in enumerate(self.engines) if n not in self.dead and e.role(NAME) is Role.ACTIVE]

    def with_addresses(self) -> list[int]:
        return [n for n, addresses in enumerate(self.holding) if addresses and n not in self.dead]


def nodes(priorities: list[int], *, preempt: bool, version: int) -> list[VirtualRouterConfig]:
    one = router if version == 3 else router_v2
    return [
        one(source=IPv4Address(f"169.254.192.{n + 1}"), priority=priority, preempt=preempt)
        for n, priority in enumerate(priorities)
    ]


def quiet_after(configs: list[VirtualRouterConfig]) -> int:
    """The storm, a delayed packet that still flies, the longest wait of a backup and three intervals."""
    return STORM + 1000 + 3 * max(c.advert_interval for c in configs) * 3


CALM = Weather(fates=[1])
priorities = st.lists(st.integers(1, 254), min_size=2, max_size=5)
storms = st.builds(
    Weather,
    fates=st.lists(st.integers(-3, 900), min_size=1, max_size=30),
    split=st.frozensets(st.integers(0, 4), max_size=3),
)


@pytest.mark.parametrize("version", [2, 3])
@settings(max_examples=60, deadline=None)
@given(ranks=priorities, weather=storms, preempt=st.booleans())
def test_after_any_storm_exactly_one_is_active_and_has_the_addresses(
    version: int, ranks: list[int], weather: Weather, *, preempt: bool
) -> None:
    configs = nodes(ranks, preempt=preempt, version=version)
    link = Link(configs, weather)
    link.run_until(quiet_after(configs))
    assert len(link.active()) == 1
    assert link.with_addresses() == link.active()


@settings(max_examples=40, deadline=None)
@given(ranks=priorities, weather=storms)
def test_with_preemption_the_best_is_active_in_the_end(ranks: list[int], weather: Weather) -> None:
    configs = nodes(ranks, preempt=True, version=3)
    link = Link(configs, weather)
    link.run_until(quiet_after(configs))
    (chosen,) = link.active()
    assert configs[chosen].priority == max(ranks)


@settings(max_examples=40, deadline=None)
@given(ranks=priorities, preempt=st.booleans())
def test_when_the_active_dies_another_is_active_within_three_intervals_and_a_skew(
    ranks: list[int], *, preempt: bool
) -> None:
    configs = nodes(ranks, preempt=preempt, version=3)
    link = Link(configs, CALM)
    link.run_until(quiet_after(configs))
    died = set(link.active())
    link.dead |= died
    link.run_until(link.now + 4 * 1000 + 10)
    assert len(link.active()) == 1
    assert link.active() != sorted(died)


def test_without_preemption_a_better_router_that_comes_back_takes_nothing_over() -> None:
    configs = nodes([50, 200], preempt=False, version=3)
    link = Link(configs, CALM)
    link.run_until(10_000)
    assert link.active() == [1]
    link.carry_out(1, link.engines[1].stop(NAME, link.now))
    link.run_until(20_000)
    assert link.active() == [0]
    link.carry_out(1, link.engines[1].start(configs[1], link.now, adopt=False))
    link.run_until(40_000)
    assert link.active() == [0]


def test_two_backups_of_different_rank_never_both_become_active() -> None:
    """Their skews differ by 3.9 ms; a skew counted in whole seconds would have them collide each time."""
    configs = nodes([100, 101], preempt=False, version=3)
    link = Link(configs, CALM)
    link.run_until(30_000)
    assert link.active() == [1]
    assert link.engines[0].counters(NAME).sent == 0


def test_a_restart_within_the_hold_changes_no_role() -> None:
    configs = nodes([100, 100], preempt=False, version=3)
    link = Link(configs, CALM)
    link.run_until(20_000)
    (was,) = link.active()
    link.carry_out(was, link.engines[was].hold(Millis(3000), link.now))
    link.dead.add(was)
    link.run_until(link.now + 3500)
    assert link.active() == []
    link.dead.clear()
    link.engines[was] = Engine()
    link.carry_out(was, link.engines[was].start(configs[was], link.now, adopt=True))
    link.run_until(link.now + 20_000)
    assert link.active() == [was]
