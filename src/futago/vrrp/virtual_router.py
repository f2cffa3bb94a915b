"""One virtual router between two events, as `machine` knows it."""

from typing import Final

import msgspec

from futago.values import IPAddress, Millis, Role
from futago.vrrp import timing
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.events import Cause, Put, Remove, SendAdvert

_UNKNOWN: Final = Millis(0)


class Machine(msgspec.Struct, frozen=True, gc=False):
    """One virtual router between two events."""

    config: VirtualRouterConfig
    role: Role = Role.INITIALIZE
    election_at: Millis | None = None
    """BACKUP: the Active_Down_Timer; ACTIVE: the Adver_Timer (RFC 9568, 6.2)."""
    announcements: tuple[Millis, ...] = ()
    """When the gratuitous ARPs are repeated, in order."""
    active_interval: Millis = _UNKNOWN
    """The interval by which the active is judged; VRRPv3 learns it from the active (Active_Adver_Interval)."""
    learned: bool = False
    """BACKUP: it is the active's own, which has been heard."""
    expects: Cause = Cause.SILENCE
    """BACKUP: why it will be active, if nothing more is heard."""
    active: IPAddress | None = None
    """BACKUP: the source of the advertisement by which it waits."""
    isolated: bool = False
    """Its host reaches no other one, so it elects nobody."""
    yields_until: Millis | None = None
    """ACTIVE that was asked to resign: until then, whoever takes over is right."""
    obeys_until: Millis | None = None
    """BACKUP that may preempt: when the worse active that it hears is no longer obeyed (RFC 8347: hold-time)."""

    @property
    def deadline(self) -> Millis | None:
        """When `TimerFired` is due."""
        if not self.announcements:
            return self.election_at
        announce_at = self.announcements[0]
        return announce_at if self.election_at is None else min(self.election_at, announce_at)

    @property
    def skew(self) -> Millis:
        """Skew_Time."""
        return timing.skew(self.config, self.active_interval)

    @property
    def down_after(self) -> Millis:
        """Active_Down_Interval."""
        return timing.down_after(self.config, self.active_interval)

    @property
    def hears(self) -> bool:
        """BACKUP: somebody else is active, as far as is known."""
        return self.active is not None and self.expects is Cause.SILENCE

    def overslept(self, now: Millis) -> bool:
        """ACTIVE, but silent for so long that the best of the others may have elected itself."""
        if self.role is not Role.ACTIVE or self.election_at is None:
            return False
        return now - self.election_at > 2 * self.active_interval

    @property
    def advert(self) -> SendAdvert:
        return SendAdvert(self.config.priority, self.config.advert_interval)

    @property
    def goodbye(self) -> SendAdvert:
        """The active leaves (RFC 9568, 6.4.3: priority 0)."""
        return SendAdvert(0, self.config.advert_interval)

    @property
    def put_all(self) -> Put:
        return Put(self.config.addresses, self.config.routes)

    @property
    def remove_all(self) -> Remove:
        return Remove(self.config.addresses, self.config.routes)
