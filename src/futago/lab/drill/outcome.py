"""What a drill found: plain values, made from what probes printed and what was captured. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from futago.config import Profile
from futago.lab.demo import checks
from futago.lab.demo.checks import Check
from futago.lab.drill.events import Event
from futago.lab.drill.sightings import Sighting, What
from futago.lab.drill.watch import Change
from futago.lab.measure import Loss, Reply

THROUGH_FLOATING_IP: Final = "TCP, floating IP"
THROUGH_SNAT: Final = "TCP, SNAT"
INWARD: Final = "ping, floating IP"
OUTWARD: Final = "ping, SNAT"
LATE: Final = 1.0
"""Seconds by which an answer may be late that is not lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PingOutcome:
    """A steady ping during an event."""

    name: str
    event: Loss
    """From the event until it was undone."""
    undoing: Loss
    """From then on."""
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Silence:
    """A TCP connection said nothing for a while."""

    connection: int
    began: float
    ended: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpOutcome:
    """A set of TCP connections during an event."""

    name: str
    connections: int
    deaths: tuple[str, ...]
    """Why each that ended did."""
    hung: int
    """Neither ended nor heard at the last."""
    silences: tuple[Silence, ...]
    ports: frozenset[int] = frozenset()
    """The clients' own ports: what names a connection."""

    @property
    def alive(self) -> int:
        return self.connections - len(self.deaths) - self.hung

    def longest(self, since: float, until: float = float("inf")) -> float:
        """The longest silence that began between these times, in seconds; 0 if all was well."""
        found = [silence.ended - silence.began for silence in self.silences if since - 0.1 <= silence.began < until]
        return max(found, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A whole drill."""

    event: Event
    profile: Profile
    active: str
    """The node to which it happened."""
    survivor: str
    """The node that was active before it was undone; "" if that was not one node."""
    began: float
    undone: float
    ended: float
    pings: tuple[PingOutcome, ...]
    tcp: tuple[TcpOutcome, ...]
    sightings: tuple[Sighting, ...] = ()
    changes: tuple[Change, ...] = ()
    load: float = 0.0
    """The machine's load average then."""
    returned: dict[int, float] = field(default_factory=dict)
    """Of the further routers, those that fell silent: seconds after the event until each answered again."""
    missing: int = 0
    """How many of them never did before the event was undone."""

    @property
    def resets(self) -> int:
        """How many of the connections somebody sent a TCP reset for, between the event and the end of the drill."""
        ours = {port for tcp in self.tcp for port in tcp.ports}
        resets = [one for one in self.sightings if one.what is What.RESET and self.began <= one.time <= self.ended]
        return len(ours & {port for one in resets for port in _ports(one.about)})

    def first(self, what: What, host: str) -> float | None:
        """Seconds from the event until a host was first seen to send this."""
        times = [seen.time for seen in self.sightings if seen.what is what and seen.host == host]
        after = [time - self.began for time in times if time >= self.began]
        return min(after, default=None)

    def checks(self) -> list[Check]:
        """What was expected beside what was seen."""
        wanted = self.event.expectation
        blind = self.profile in wanted.blind
        limit = wanted.gap.get(self.profile, wanted.gap[Profile.DEFAULT])
        found: list[Check] = []
        for ping in self.pings:
            if ping.name not in {INWARD, OUTWARD}:
                continue
            if not blind:
                found += [
                    _quiet(f"{ping.name}: longest gap", limit, ping.event),
                    checks.equal(f"{ping.name}: answered before it was undone", "yes", _yes(ping)),
                ]
            found.append(_quiet(f"{ping.name}: longest gap when it is undone", limit, ping.undoing))
        moved = "yes" if self.survivor != self.active else "no"
        found.append(checks.equal("another node is active", "yes" if wanted.moves and not blind else "no", moved))
        if wanted.connections_live:
            found += [checks.equal(f"{tcp.name}: connections alive", tcp.connections, tcp.alive) for tcp in self.tcp]
        return found


def _ports(about: str) -> list[int]:
    """The two ports of a reset, as a sighting names them."""
    return [int(end.rpartition(":")[2]) for end in about.split(" > ")]


def _quiet(what: str, limit: float, loss: Loss) -> Check:
    """No silence is too long in which nothing was lost: on a busy machine, every answer may be late together."""
    seconds = round(loss.longest.seconds, 3)
    if loss.lost == 0 and loss.ended and limit <= seconds < LATE:
        return Check(what, f"under {limit:g} s, or none lost", f"{seconds:.2f} s, none lost", holds=True)
    return checks.below(what, limit, seconds, "s")


def _yes(ping: PingOutcome) -> str:
    return "yes" if ping.event.ended or ping.event.lost == 0 else "no"


def tcp_outcome(name: str, connections: int, lines: Iterable[str], until: float) -> TcpOutcome:
    """Read what the client of `streams` printed; silences that had not ended at `until` count until then."""
    silences: list[Silence] = []
    ports: set[int] = set()
    deaths: dict[int, str] = {}
    flowing = 0
    for words in map(str.split, lines):
        match words:
            case ["open", _, port]:
                ports.add(int(port))
            case ["gap", number, began, ended]:
                silences.append(Silence(int(number), float(began), min(float(ended), until)))
            case ["dead", number, _, reason]:
                deaths[int(number)] = reason
            case ["flowing", count, _]:
                flowing = int(count)
    hung = max(0, connections - len(deaths) - flowing)
    return TcpOutcome(
        name=name,
        connections=connections,
        deaths=tuple(deaths.values()),
        hung=hung,
        silences=tuple(silences),
        ports=frozenset(ports),
    )


def returned(lines: Sequence[str], since: float, until: float) -> dict[int, float]:
    """When each address of a crowd that fell silent answered again, in seconds after `since` (`echo`'s lines)."""
    found: dict[int, float] = {}
    for words in map(str.split, lines):
        match words:
            case ["heard", number, time] if since <= float(time) < until:
                found[int(number)] = float(time) - since
    return found


def silent(lines: Iterable[str]) -> list[tuple[float, int]]:
    """The times at which a crowd was looked at, and how many of it were silent then (`echo`'s lines)."""
    told = (words for words in map(str.split, lines) if words[:1] == ["silent"])
    return [(float(time), int(count)) for _, count, time in told]
