"""Runs one schedule: hosts, links between them, and a heap of what happens when."""

import heapq
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import permutations
from random import Random

import msgspec

from futago.values import Role
from futago.vrrp import packet, send
from futago.vrrp.config import AuthMode, VirtualRouterConfig
from futago.vrrp.engine import Engine, Order, Transmit
from futago.vrrp.events import Cause, RoleChanged, SendAdvert
from futago.vrrp.packet import Datagram
from sim import laws
from sim.host import SOCKET_HOLDS, Host
from sim.laws import Broken
from sim.schedule import (
    MILLI,
    OWNER,
    SECOND,
    WRONG_KEY,
    Attack,
    Cut,
    Event,
    Freeze,
    Kill,
    Leave,
    PowerOff,
    Rain,
    Reconfigure,
    Resign,
    Restart,
    Schedule,
    changed,
)

RECORDING_IS_OLD = 10 * SECOND
"""Older than what any engine takes for fresh, with all clocks as wrong as they get."""

Tell = Callable[[int, int | None, str], None]
"""Hears (time, host, what happened)."""


def broken_by(schedule: Schedule, tell: Tell | None = None) -> Broken | None:
    """Run the schedule; the law that it breaks, if any."""
    try:
        World(schedule, tell).run()
    except Broken as broken:
        return broken
    return None


class World:
    """One run."""

    def __init__(self, schedule: Schedule, tell: Tell | None = None) -> None:
        self._schedule = schedule
        self._tell = tell
        self._dice = Random(schedule.seed ^ 0x5EED)
        self._now = 0
        self._agenda: list[tuple[int, int, Callable[[], None]]] = []
        self._entries = 0
        self._hosts = [Host(n, m, m.config) for n, m in enumerate(schedule.members)]
        self._cuts: Counter[tuple[int, int]] = Counter()
        self._rains: list[Rain] = []
        self._bounds = laws.bounds(schedule)
        self._quiet_from = 0
        self._disturbances = 0
        self._settled: set[int] = set()
        """The hosts whose roles must stay as they are."""
        self._outranked_at: dict[int, int] = {}
        """When a host stepped down before another active one that could hear it."""
        self._recorded: list[tuple[int, Datagram]] = []

    def run(self) -> None:
        """To the end, or until a law is broken.

        Raises:
            Broken: a law does not hold.

        """
        for host in self._hosts:
            self._at(host.member.starts_at, partial(self._begin, host))
        for event in self._schedule.events:
            self._at(event.at, partial(self._happen, event))
        quiet = self._schedule.calm_from + max(
            (e.delay for e in self._schedule.events if isinstance(e, Rain)), default=0
        )
        end = quiet + self._bounds.announced + 3 * self._schedule.longest_interval * MILLI
        while self._agenda and self._agenda[0][0] <= end:
            self._now, _, do = heapq.heappop(self._agenda)
            do()

    # The agenda

    def _at(self, time: int, do: Callable[[], None]) -> None:
        self._entries += 1
        heapq.heappush(self._agenda, (time, self._entries, do))

    def _say(self, host: int | None, text: str) -> None:
        if self._tell:
            self._tell(self._now, host, text)

    # What happens

    def _happen(self, event: Event) -> None:
        self._say(getattr(event, "host", None), f"-- {event}")
        match event:
            case Cut(links=links):
                self._cuts.update(links)
                self._at(event.until, lambda: self._mend(event))
            case Rain():
                self._rains.append(event)
                self._at(event.until, lambda: self._clear_up(event))
            case Freeze():
                self._hosts[event.host].frozen += 1
                self._at(event.until, lambda: self._thaw(event))
            case Kill(host=number):
                self._die(self._hosts[number])
                self._return_at(event.until, self._hosts[number])
            case PowerOff(host=number):
                self._die(self._hosts[number])
                self._hosts[number].kernel.clear()
                self._return_at(event.until, self._hosts[number])
            case Attack(host=number):
                self._attack(event, self._hosts[number])
                return
            case Leave() | Restart() | Resign() | Reconfigure():
                self._when_moving(self._hosts[event.host], lambda: self._operate(event))
        if not isinstance(event, Reconfigure):
            self._disturb()

    def _operate(self, event: Leave | Restart | Resign | Reconfigure) -> None:
        host = self._hosts[event.host]
        if not isinstance(event, Reconfigure):
            self._disturb()
        match event:
            case Leave():
                self._step(host, lambda e: e.stop(host.config.name, host.clock(self._now), wall=host.wall(self._now)))
                self._end_for_now(host, event.until)
            case Restart():
                self._step(
                    host, lambda e: e.hold(self._schedule.hold, host.clock(self._now), wall=host.wall(self._now))
                )
                self._guard(host)
                self._end_for_now(host, event.until)
            case Resign() if host.config.priority != OWNER:
                self._step(host, lambda e: e.resign(host.config.name, host.clock(self._now), wall=host.wall(self._now)))
            case Reconfigure():
                before, host.config = host.config, changed(host.config, event)
                if (before.priority, before.advert_interval) != (host.config.priority, host.config.advert_interval):
                    self._disturb()
                self._step(host, lambda e: e.configure(host.config, host.clock(self._now), wall=host.wall(self._now)))

    def _end_for_now(self, host: Host, until: int) -> None:
        if host.engine:
            host.lose_engine()
        host.down += 1
        self._return_at(max(until, self._now), host)

    def _die(self, host: Host) -> None:
        if host.engine:
            self._guard(host)
            host.lose_engine()
        host.down += 1

    def _return_at(self, time: int, host: Host) -> None:
        def come_back() -> None:
            host.down -= 1
            self._begin(host)

        self._at(time, lambda: self._when_moving(host, come_back))

    def _guard(self, host: Host) -> None:
        """Withdraw the addresses, and say so, if no other engine has come when the hold is over."""
        death = host.deaths + 1

        def withdraw() -> None:
            if host.engine is None and host.deaths == death and not host.kernel.empty:
                self._say(host.number, "the guard withdraws the addresses")
                host.kernel.clear()
                self._disturb()
                goodbye = SendAdvert(0, host.config.advert_interval)
                self._transmit(host, send.to_wire(host.config, goodbye, host.marks, host.wall(self._now)))

        self._at(self._now + self._schedule.hold * MILLI, withdraw)

    def _begin(self, host: Host) -> None:
        if host.down or host.engine:
            return
        if host.frozen:
            host.waiting.append(lambda: self._begin(host))
            return
        host.engine = Engine()
        adopt = any(a in host.kernel.addresses for a in host.config.addresses)
        if not adopt:
            host.kernel.clear()
        else:
            strays = tuple(a for a in host.kernel.addresses if a not in host.config.addresses)
            host.kernel.remove(strays, ())
        self._say(host.number, "an engine starts" + (" and adopts" if adopt else ""))
        self._disturb()
        clock, wall = host.clock(self._now), host.wall(self._now)
        self._step(host, lambda e: e.start(host.config, clock, adopt=adopt, wall=wall, marks=host.marks))

    def _mend(self, cut: Cut) -> None:
        self._say(None, f"-- mended: {sorted(cut.links)}")
        self._cuts.subtract(cut.links)
        self._disturb()

    def _clear_up(self, rain: Rain) -> None:
        self._say(None, "-- the rain is over")
        self._rains.remove(rain)
        self._disturb(lasting=rain.delay)

    def _thaw(self, freeze: Freeze) -> None:
        host = self._hosts[freeze.host]
        host.frozen -= 1
        if host.frozen:
            return
        self._say(host.number, "-- thawed")
        self._disturb()
        if freeze.timers_first:
            self._step(host, lambda e: e.timers(host.clock(self._now), wall=host.wall(self._now)))
        waiting, host.packets_waiting = list(host.waiting), 0
        host.waiting.clear()
        for do in waiting:
            do()
        self._step(host, lambda e: e.timers(host.clock(self._now), wall=host.wall(self._now)))

    def _when_moving(self, host: Host, do: Callable[[], None]) -> None:
        if host.frozen:
            host.waiting.append(do)
        else:
            do()

    # The engines

    def _step(self, host: Host, call: Callable[[Engine], Sequence[Order]]) -> None:
        if host.engine is None:
            return
        before = host.role
        try:
            orders = call(host.engine)
        except Exception as error:
            raise Broken(self._now, f"the engine of host {host.number} failed: {error!r}") from error
        laws.after_step(host, before, orders, self._now)
        for order in orders:
            self._look_at(host, order)
        self._arm(host)

    def _look_at(self, host: Host, order: Order) -> None:
        match order.action:
            case Transmit(data):
                self._transmit(host, data)
            case RoleChanged() as change:
                self._say(host.number, f"{change.was} -> {change.now} ({change.cause})")
                if host.number in self._settled:
                    raise Broken(self._now, f"host {host.number} became {change.now} without a reason: {change.cause}")
                if change.cause is Cause.OUTRANKED and self._everyone_hears(host):
                    self._outranked_at[host.number] = self._now
            case action:
                self._say(host.number, type(action).__name__)

    def _everyone_hears(self, host: Host) -> bool:
        others = [h for h in self._hosts if h is not host]
        return not self._rains and all(self._cuts[host.number, h.number] <= 0 and not h.frozen for h in others)

    def _arm(self, host: Host) -> None:
        deadline = host.engine.deadline() if host.engine else None
        if deadline is None:
            return
        at = max(self._now, host.when(deadline)) + int(self._dice.random() * self._schedule.lateness)
        if host.wake_at is None or at < host.wake_at:
            host.wake_at = at
            self._at(at, lambda: self._wake(host, at))

    def _wake(self, host: Host, armed_for: int) -> None:
        if host.wake_at != armed_for:
            return
        host.wake_at = None
        if not host.frozen:
            self._step(host, lambda e: e.timers(host.clock(self._now), wall=host.wall(self._now)))

    # The network

    def _transmit(self, sender: Host, data: bytes) -> None:
        if self._tell:
            self._say(sender.number, f"advertises priority {data[2]}")
        whole = _datagram(sender.config, data)
        self._recorded.append((self._now, whole))
        for host in self._hosts:
            if host is not sender and self._cuts[sender.number, host.number] <= 0:
                self._carry(whole, host)

    def _carry(self, data: Datagram, host: Host) -> None:
        random = self._dice.random
        if any(random() < rain.loss for rain in self._rains):
            return
        doubled = max([self._schedule.doubled, *(rain.doubled for rain in self._rains)])
        extra = sum(rain.delay for rain in self._rains)
        for _ in range(2 if random() < doubled else 1):
            delay = self._schedule.delay * (0.1 + 0.9 * random()) + extra * random()
            self._at(self._now + int(delay), lambda: self._arrive(host, data))

    def _arrive(self, host: Host, data: Datagram) -> None:
        def receive() -> None:
            self._step(
                host, lambda e: e.receive(host.config.name, data, host.clock(self._now), wall=host.wall(self._now))
            )

        if not host.frozen:
            receive()
        elif host.engine and host.packets_waiting < SOCKET_HOLDS:
            host.packets_waiting += 1
            host.waiting.append(receive)

    def _attack(self, attack: Attack, target: Host) -> None:
        """Once in a while until it ends, without rest for the engine: recordings, and forgeries with another key."""
        if self._now > attack.until:
            return
        old = [d for at, d in self._recorded if at < self._now - RECORDING_IS_OLD]
        like = self._dice.choice([h for h in self._hosts if h is not target])
        if old and self._dice.random() < 0.5:
            self._arrive(target, self._dice.choice(old))
        else:
            self._arrive(target, self._forge(like))
        self._at(self._now + self._dice.randint(1, 200) * MILLI, lambda: self._attack(attack, target))

    def _forge(self, like: Host) -> Datagram:
        keys, signed = ((WRONG_KEY,), AuthMode.ENFORCE) if self._dice.random() < 0.5 else ((), AuthMode.OFF)
        config = msgspec.structs.replace(like.config, keys=keys, send_key=WRONG_KEY.key_id, auth_mode=signed)
        effect = SendAdvert(self._dice.choice((0, 1, OWNER)), config.advert_interval)
        return _datagram(config, send.to_wire(config, effect, {}, like.wall(self._now)))

    # The laws of the whole network

    def _disturb(self, lasting: int = 0) -> None:
        self._settled.clear()
        self._quiet_from = max(self._quiet_from, self._now + lasting)
        self._disturbances += 1
        undisturbed = self._disturbances
        for wait, check in ((self._bounds.one_active, self._settle), (self._bounds.announced, self._check_announced)):
            self._at(self._quiet_from + wait, partial(self._unless_disturbed, undisturbed, check))

    def _unless_disturbed(self, undisturbed: int, check: Callable[[Host, list[Host]], None]) -> None:
        if undisturbed != self._disturbances or self._rains:
            return
        numbers = range(len(self._hosts))
        hears = [link for link in permutations(numbers, 2) if self._cuts[link] <= 0]
        for group in laws.components(self._hosts, hears):
            check(laws.one_active(group, self._now), group)

    def _settle(self, active: Host, group: list[Host]) -> None:
        self._say(active.number, "is rightly active")
        self._settled.update(host.number for host in group)

    def _check_announced(self, active: Host, group: list[Host]) -> None:
        left = max((self._outranked_at.get(h.number, -1) for h in group if h is not active), default=-1)
        if active.role is Role.ACTIVE:
            laws.announced_since(active, left, self._now)


def _datagram(config: VirtualRouterConfig, payload: bytes) -> Datagram:
    group = packet.GROUP_IPV6 if config.ipv6 else packet.GROUP
    return Datagram(source=config.source, destination=group, ttl=packet.TTL, payload=payload)
