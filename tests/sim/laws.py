"""What must hold in every run, whatever happens.

At once, after every step of every engine:
- a host has exactly its addresses and routes while its router is active, and none otherwise;
- only an active router transmits or announces (a resigning one says so while it steps down), and what an active one
  says of itself is true when it says it;
- watchers are told every change of role;
- no host floods the network.

Among hosts that all hear each other, once nothing has happened for as long as the timers need (`Bounds`):
- exactly one is active, and nobody who may preempt has a higher priority;
- it stays so;
- the one that survived a contention has announced itself after the other's addresses were gone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from futago.values import Role
from futago.vrrp.config import Version
from futago.vrrp.engine import Order, Transmit
from futago.vrrp.events import Announce, Put, Remove, RoleChanged
from futago.vrrp.timing import ANNOUNCE_AGAIN_AFTER
from sim.host import Host
from sim.schedule import MILLI, OWNER, SECOND, Schedule

MOST_ADVERTS = 300
"""How many times a host may advertise in a second: it answers others, and their packets may be doubled."""


class Broken(Exception):
    """A law does not hold; the text says which, where and when."""

    def __init__(self, at: int, law: str) -> None:
        super().__init__(f"{at / SECOND:.3f} s: {law}")
        self.at = at
        self.law = law


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long after the last event the laws of the whole network hold, in microseconds."""

    one_active: int
    announced: int


def bounds(schedule: Schedule) -> Bounds:
    """The times that follow from the timers (RFC 9568, 6.1 and 6.4).

    The slowest way to one active router: the last advertisement was heard just now, so the next active is elected after
    Active_Down_Interval (3 intervals and a skew of less than one; in VRRPv2 of less than a second). If others were
    elected beside it they hear it within a delay, or, as RFC 3768 does not answer a lower priority, at its next
    advertisement. A delayed preemption begins when the worse one is first heard; when the delay is over, the last
    advertisement that was obeyed still counts. Clocks that drift by 1 % and calls that come late make it all longer.
    """
    interval = schedule.longest_interval * MILLI
    v2 = schedule.members[0].config.version is Version.V2
    skew = max(SECOND, interval) if v2 else interval
    down_after = 3 * interval + skew
    timers = down_after + (interval if v2 else 0)
    if schedule.preempt_delay:
        timers += schedule.preempt_delay * MILLI + down_after
    slack = 4 * (schedule.delay + schedule.lateness) + 10 * MILLI
    one_active = timers + timers // 50 + slack
    repeats = interval + ANNOUNCE_AGAIN_AFTER[-1] * MILLI
    return Bounds(one_active=one_active, announced=one_active + repeats + repeats // 50 + slack)


def after_step(host: Host, before: Role, orders: Sequence[Order], at: int) -> None:
    """Carry the orders out in the host's kernel and hold every one of them against the laws."""
    told = before
    for order in orders:
        match order.action:
            case Put(addresses, routes):
                host.kernel.put(addresses, routes)
            case Remove(addresses, routes):
                host.kernel.remove(addresses, routes)
            case Announce():
                _demand(host.role is Role.ACTIVE, host, at, "announced without being active")
                _demand(host.kernel.holds(host.config), host, at, "announced addresses that it does not have")
                host.announced_at = at
            case Transmit():
                _demand(host.adverts_within(at, SECOND) < MOST_ADVERTS, host, at, "floods the network")
                _demand(Role.ACTIVE in {before, host.role}, host, at, "transmitted without being active")
            case RoleChanged() as change:
                _demand(change.was is told, host, at, f"told a change from {change.was}, but was {told}")
                told = change.now
    _demand(told is host.role, host, at, f"became {host.role} and told {told}")
    _settle_addresses(host, before, orders, at)


def _settle_addresses(host: Host, before: Role, orders: Sequence[Order], at: int) -> None:
    if host.role is Role.ACTIVE:
        _demand(host.kernel.holds(host.config), host, at, "is active without exactly its addresses and routes")
        if before is not Role.ACTIVE:
            _demand(host.announced_at == at, host, at, "took over without an announcement")
            _demand(any(isinstance(o.action, Transmit) for o in orders), host, at, "took over without an advertisement")
    else:
        _demand(host.kernel.empty, host, at, f"has addresses or routes and is {host.role}")


def _demand(true: bool, host: Host, at: int, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not true:
        raise Broken(at, f"host {host.number} {otherwise}")


def components(hosts: Sequence[Host], hears: Iterable[tuple[int, int]]) -> list[list[Host]]:
    """The groups of running hosts that all hear each other and nobody else; hosts in doubtful groups are left out."""
    running = {h.number: h for h in hosts if h.takes_part}
    heard = {(a, b) for a, b in hears if a in running and b in running}
    groups: list[list[Host]] = []
    for number in running:
        group = {number} | {b for a, b in heard if a == number} | {a for a, b in heard if b == number}
        whole = all((a, b) in heard for a in group for b in group if a != b)
        alone = not any((a in group) != (b in group) for a, b in heard)
        if whole and alone and number == min(group):
            groups.append([running[n] for n in sorted(group)])
    return groups


def one_active(group: Sequence[Host], at: int) -> Host:
    """The right one is active, alone."""
    active = [h for h in group if h.role is Role.ACTIVE]
    names = [h.number for h in group]
    if len(active) != 1:
        raise Broken(at, f"of the hosts {names}, which hear each other, {[h.number for h in active]} are active")
    priority = active[0].config.priority
    better = [h for h in group if _may_take_over(h) and h.config.priority > priority]
    if better:
        raise Broken(at, f"host {active[0].number} is active, but {[h.number for h in better]} should be")
    return active[0]


def _may_take_over(host: Host) -> bool:
    """The owner of the addresses always preempts (RFC 9568, 6.1)."""
    return host.config.preempt or host.config.priority == OWNER


def announced_since(survivor: Host, contention: int, at: int) -> None:
    """Law 5 of the architecture: after any split the survivor announces itself again."""
    _demand(
        survivor.announced_at >= contention,
        survivor,
        at,
        f"has not announced itself since another stepped down for it, at {contention / SECOND:.3f} s",
    )
