"""What one virtual router has sent and heard, and what that tells of lost advertisements and of two actives. Pure."""

from collections import Counter
from dataclasses import dataclass, field

from futago.values import IPAddress, Millis, Role
from futago.vrrp.events import Cause, Heard, RoleChanged
from futago.vrrp.packet import DropReason
from futago.vrrp.peers import LEAST_PRIORITY


@dataclass(slots=True, kw_only=True)
class Hearing:
    """Follows who else is active.

    An active says at each interval that it is, so it was active from one advertisement to the next, if that came in
    time. An advertisement that does not come is lost if the same active is heard again; if it is not, it may never
    have been sent.
    """

    lost: int = 0
    """Advertisements that a backup has missed between two of the same active."""
    dual_active: int = 0
    """Milliseconds in which we were active and heard, all that time, that somebody else was."""
    took_at: Millis | None = None
    """When we last became active by an election; None after going on as the active one that a former engine was."""
    silence: Millis | None = None
    """How long before that the last advertisement was heard; None if none was, as a backup."""
    _last: Heard | None = None
    _heard_at: int = 0
    _spoke: bool = False
    """The last one heard has not said that it goes."""
    _missing: int = 0
    """Advertisements that have not come: lost, unless they come late and all at once."""
    _active_since: Millis | None = None

    def hear(self, heard: Heard, now: Millis) -> None:
        """Take in a valid advertisement of another router, before it changes our role."""
        gap, last = now - self._heard_at, self._last
        if last is not None and self._spoke:
            if self._active_since is not None:
                self._count_dual(last, gap, now)
            elif heard.source == last.source:
                self._count_lost(last, gap)
        if last is None or heard.source != last.source:
            self._missing = 0
        self._last, self._heard_at = heard, now
        self._spoke = heard.priority > LEAST_PRIORITY

    def role_changed(self, change: RoleChanged, now: Millis) -> None:
        self._missing = 0
        if change.now is Role.ACTIVE:
            self._active_since = now
            elected = change.cause is not Cause.ADOPTED
            self.took_at = now if elected else None
            self.silence = Millis(now - self._heard_at) if elected and self._last is not None else None
            return
        if self._active_since is not None and self._heard_at < self._active_since:
            self._last = None  # of before we were active: it tells nothing of the next takeover
        self._active_since = None

    def _count_dual(self, last: Heard, gap: int, now: Millis) -> None:
        assert self._active_since is not None
        if 2 * gap <= 3 * last.interval:
            self.dual_active += now - max(self._heard_at, self._active_since)

    def _count_lost(self, last: Heard, gap: int) -> None:
        """A late one is followed at once by those that were held up with it, and these are not lost."""
        missed = (2 * gap + last.interval) // (2 * last.interval) - 1 if last.interval else 0
        if missed > 0:
            self._missing += missed
        elif missed < 0:
            self._missing = max(0, self._missing - 1)
        else:
            self.lost, self._missing = self.lost + self._missing, 0


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
    hearing: Hearing = field(default_factory=Hearing)
