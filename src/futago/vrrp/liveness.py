"""Which hosts live, by the BFD sessions with them; a session that flaps is not believed for a while.

Pure: sessions' states and the time go in, the hosts that have just been lost come out. A loss ends an election's wait,
so a session that fails again and again, though its host lives, would have two actives again and again: after a few
losses the host's advertisements alone tell, until the session has been up for long enough.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from futago.values import IPAddress, Millis

FLAPS: Final = 3
"""So many losses within `MEMORY` are too many."""
MEMORY: Final = Millis(60_000)
STEADY: Final = Millis(20_000)
"""How long a session has to be up until its former losses are forgotten, and it is believed again if it flapped."""
BUSY_MILLIS_A_ROUTER: Final = 40
"""For so long after it has started a router, for each of them, a host believes no loss: a switch in userspace that gets
hundreds of ports at once hears nobody meanwhile (0.7 s of silence from all were measured with 250), and who then takes
over what its twin serves well has two actives, and is later still."""
TOGETHER: Final = Millis(100)
"""Sessions that one cut ends end within a packet's interval of each other (3 × 100 ms: within 100 ms)."""


@dataclass(slots=True)
class Session:
    """What is known of the session with one host."""

    since: Millis
    up: bool = False
    seen_up: bool = False
    """It has been up at least once: before that, its being down says nothing."""
    losses: int = 0
    """How often it went down."""
    recent: list[Millis] = field(default_factory=list)
    """When, within `MEMORY`."""
    damped: bool = False


class Liveness:
    """All sessions of this host, by the address at which the tunnel to the other one ends."""

    def __init__(self) -> None:
        self.sessions: dict[IPAddress, Session] = {}
        self.found: dict[IPAddress, Millis] = {}
        """The hosts that the last update has brought back, and since when each was not reached."""
        self._busy_until = Millis(0)

    def update(self, states: Mapping[IPAddress, bool], now: Millis) -> list[IPAddress]:
        """These are all sessions, and whether each is up; the hosts that are lost since the last time, and believed."""
        self.sessions = {address: self.sessions.get(address, Session(since=now)) for address in states}
        self.settle(now)
        lost = []
        self.found = {
            address: session.since
            for address, session in self.sessions.items()
            if states[address] and not session.up and (session.seen_up or session.since < now)
        }
        for address, up in states.items():
            session = self.sessions[address]
            if up == session.up:
                continue
            session.up, session.since = up, now
            session.seen_up |= up
            if not up and self._believed(session, now):
                lost.append(address)
        return lost

    def busy(self, routers: int, now: Millis) -> None:
        """This host has just started so many routers."""
        self._busy_until = max(self._busy_until, Millis(now + routers * BUSY_MILLIS_A_ROUTER))

    def settle(self, now: Millis) -> None:
        """Forget the losses of those that have been up for long enough since."""
        for session in self.sessions.values():
            if session.up and now - session.since >= STEADY:
                session.damped = False
                session.recent.clear()

    @property
    def isolated(self) -> bool:
        """Whether no other host is reached at all; with one session only, it is as likely the other one's fault."""
        known = [session for session in self.sessions.values() if session.seen_up]
        return len(known) > 1 and not any(session.up for session in known)

    def doubt(self, now: Millis) -> Millis:
        """How long to wait with a loss of just now: where several end together, it may be this host that is cut off."""
        ended = [one for one in self.sessions.values() if one.seen_up and not one.up and now - one.since < TOGETHER]
        return TOGETHER if len(ended) > 1 else Millis(0)

    def _believed(self, session: Session, now: Millis) -> bool:
        session.losses += 1
        if now < self._busy_until:
            return False
        session.recent = [at for at in session.recent if now - at < MEMORY]
        session.recent.append(now)
        session.damped |= len(session.recent) > FLAPS
        return not session.damped
