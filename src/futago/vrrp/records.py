"""What is told of a router: what the engine has counted, and what the daemon remembers beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import structlog

from futago.values import Millis, Role
from futago.vrrp.control import RouterStatus, Statistics
from futago.vrrp.counters import Counters, Hearing
from futago.vrrp.events import RoleChanged
from futago.vrrp.packet import DropReason
from futago.vrrp.takeovers import Takeover

LOG_EVERY: Final = 60.0
"""Seconds."""
_LENGTH: Final = (DropReason.SHORT, DropReason.LENGTH, DropReason.NOT_IP)
_AUTHENTICATION: Final = (
    DropReason.AUTH_TYPE,
    DropReason.PASSWORD,
    DropReason.NO_PROOF,
    DropReason.SCHEME,
    DropReason.KEY,
    DropReason.PROOF,
    DropReason.STALE,
    DropReason.REPLAY,
)
_ADDRESSES: Final = (DropReason.NO_ADDRESS, DropReason.FIRST_ADDRESS)

log = structlog.get_logger()


@dataclass(slots=True)
class Record:
    """What the daemon remembers of a router."""

    since: float
    role: Role = Role.INITIALIZE
    cause: str = "not started"
    transitions: int = 0
    errors: dict[str, str] = field(default_factory=dict)
    """By what was being done."""
    logged: dict[str, tuple[int, float]] = field(default_factory=dict)
    """How many packets that are odd in this way had been written to the log, and when the last ones were."""
    takeover: Takeover | None = None
    """The last one."""

    @property
    def error(self) -> str | None:
        return "; ".join(self.errors.values()) or None

    def note(self, name: str, doing: str, problem: str | None) -> bool:
        """Keep what does not work, and log when it starts and when it ends; between is silence. True if it is news."""
        if self.errors.get(doing) == problem:
            return False
        if problem is None:
            del self.errors[doing]
            log.info("vrrp router works again", router=name, doing=doing)
        else:
            self.errors[doing] = problem
            log.warning("vrrp router has a problem", router=name, doing=doing, problem=problem)
        return True

    def change(self, change: RoleChanged, wall: float) -> None:
        self.role, self.cause, self.since = change.now, change.cause.value, wall
        self.transitions += 1


def takeover_of(hearing: Hearing, now: Millis) -> Takeover | None:
    """The takeover that has just been carried out; None if it was none."""
    if hearing.took_at is None:
        return None
    silence = None if hearing.silence is None else hearing.silence / 1000
    return Takeover(duration=(now - hearing.took_at) / 1000, silence=silence)


def oddities(record: Record, counters: Counters, now: float) -> list[tuple[str, int]]:
    """What is to be logged of packets that were dropped, or used though they tell of a slip in somebody's settings.

    Each kind is told once in `LOG_EVERY` seconds, with the number since (RFC 9568, 7.1: rate-limited).
    """
    told: list[tuple[str, int]] = []
    for what, number in _odd(counters):
        seen, at = record.logged.get(what, (0, -LOG_EVERY))
        if number > seen and now >= at + LOG_EVERY:
            record.logged[what] = number, now
            told.append((what, number - seen))
    return told


def _odd(counters: Counters) -> Iterator[tuple[str, int]]:
    yield from ((reason.value, number) for reason, number in counters.dropped.items())
    if counters.other_addresses:
        yield "lists other addresses than ours", counters.other_addresses
    if counters.other_owners:
        yield "somebody else is active for addresses that we own", counters.other_owners


def status_of(name: str, record: Record, counters: Counters) -> RouterStatus:
    """All that is told of a router."""
    return RouterStatus(
        name=name,
        role=record.role,
        since=record.since,
        cause=record.cause,
        transitions=record.transitions,
        peer=counters.peer,
        adverts_sent=counters.sent,
        adverts_received=counters.received,
        adverts_lost=counters.hearing.lost,
        dropped={reason.value: number for reason, number in counters.dropped.items()},
        dual_active=counters.hearing.dual_active / 1000,
        takeover=record.takeover,
        statistics=statistics_of(counters),
        error=record.error,
    )


def statistics_of(counters: Counters) -> Statistics:
    """Our counters under the names of RFC 8347."""

    def dropped(*reasons: DropReason) -> int:
        return sum(counters.dropped[reason] for reason in reasons)

    return Statistics(
        master_transitions=counters.became_active,
        advertisement_rcvd=counters.received,
        advertisement_sent=counters.sent,
        interval_errors=dropped(DropReason.INTERVAL),
        priority_zero_pkts_rcvd=counters.goodbyes_received,
        priority_zero_pkts_sent=counters.goodbyes_sent,
        invalid_type_pkts_rcvd=dropped(DropReason.TYPE),
        address_list_errors=counters.other_addresses + dropped(*_ADDRESSES),
        packet_length_errors=dropped(*_LENGTH),
        checksum_errors=dropped(DropReason.CHECKSUM),
        version_errors=dropped(DropReason.VERSION),
        vrid_errors=dropped(DropReason.VRID),
        ip_ttl_errors=dropped(DropReason.TTL),
        authentication_errors=dropped(*_AUTHENTICATION),
        address_owner_errors=counters.other_owners,
    )
