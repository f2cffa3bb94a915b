"""One host of the simulation: a clock that drifts, a kernel that keeps addresses, and an engine that comes and goes."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from futago.values import Millis, Role
from futago.vrrp.auth import Marks
from futago.vrrp.config import VirtualAddress, VirtualRoute, VirtualRouterConfig
from futago.vrrp.engine import Engine
from sim.schedule import MILLI, SECOND, Member

START_OF_TIME = 1_800_000_000
SOCKET_HOLDS = 200
"""Packets that wait for a process that stands still; the kernel drops the rest."""


@dataclass(slots=True)
class Kernel:
    """The addresses and routes of a host, as Linux keeps them: they outlive the engine."""

    addresses: list[VirtualAddress] = field(default_factory=list)
    routes: set[VirtualRoute] = field(default_factory=set)

    def put(self, addresses: tuple[VirtualAddress, ...], routes: tuple[VirtualRoute, ...]) -> None:
        self.addresses += [a for a in addresses if a not in self.addresses]
        self.routes |= set(routes)

    def remove(self, addresses: tuple[VirtualAddress, ...], routes: tuple[VirtualRoute, ...]) -> None:
        """The first IPv4 address of a subnet takes the later ones along (promote_secondaries is off by default)."""
        for address in addresses:
            if address in self.addresses:
                subnet = [a for a in self.addresses if _same_subnet(a, address)]
                gone = subnet if subnet[:1] == [address] else [address]
                self.addresses = [a for a in self.addresses if a not in gone]
        self.routes -= set(routes)

    def clear(self) -> None:
        self.addresses, self.routes = [], set()

    def holds(self, config: VirtualRouterConfig) -> bool:
        """Exactly what an active router has."""
        return set(self.addresses) == set(config.addresses) and self.routes == set(config.routes)

    @property
    def empty(self) -> bool:
        return not self.addresses and not self.routes


def _same_subnet(a: VirtualAddress, b: VirtualAddress) -> bool:
    """IPv6 has no such order."""
    return a.interface == b.interface and a.address.version == 4 and a.address.network == b.address.network


@dataclass(slots=True)
class Host:
    """Its engine runs one router, `config`."""

    number: int
    member: Member
    config: VirtualRouterConfig
    kernel: Kernel = field(default_factory=Kernel)
    engine: Engine | None = None
    deaths: int = 0
    """How many engines have come to an end here; tells whether a later look finds the same one."""
    down: int = 0
    """How many misfortunes keep the engine from running."""
    frozen: int = 0
    """How many misfortunes make the process stand still."""
    waiting: deque[Callable[[], None]] = field(default_factory=deque)
    """What happens once the process moves again."""
    packets_waiting: int = 0
    wake_at: int | None = None
    """When the engine will be called for its timers; an early call is followed by another."""
    announced_at: int = -1
    marks: Marks = field(default_factory=dict[bytes, int])
    """They outlive the engine, as a mapped file does."""
    recent_adverts: deque[int] = field(default_factory=deque)

    @property
    def role(self) -> Role:
        return self.engine.role(self.config.name) if self.engine else Role.INITIALIZE

    @property
    def takes_part(self) -> bool:
        return self.engine is not None and not self.frozen

    def clock(self, at: int) -> Millis:
        """What this host's monotonic clock shows."""
        return Millis((self.member.offset + at + at * self.member.drift // SECOND) // MILLI)

    def wall(self, at: int) -> float:
        """Its time of day, in seconds since the Unix epoch."""
        return START_OF_TIME + at / SECOND + self.member.wrong

    def when(self, shown: Millis) -> int:
        """When the clock shows this."""
        ahead = shown * MILLI - self.member.offset
        return ahead * SECOND // (SECOND + self.member.drift) + 1

    def adverts_within(self, at: int, span: int) -> int:
        """How many advertisements it has sent lately, with the one that it sends now."""
        recent = self.recent_adverts
        recent.append(at)
        while recent[0] < at - span:
            recent.popleft()
        return len(recent)

    def lose_engine(self) -> None:
        self.engine, self.wake_at = None, None
        self.deaths += 1
