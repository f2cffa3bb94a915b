"""What both sides do in turn; the tests of each foreign implementation make their own `talk`."""

import time
from dataclasses import dataclass

from host.vrrpd_kit import wait_for
from interop.peers import Dialect, Ours, Speaker
from interop.wire import Wire

BETTER, WORSE = 150, 100
SLACK = 0.6
"""Seconds by which a busy machine may be late."""


@dataclass(frozen=True)
class Talk:
    """Both sides, and what they speak."""

    wire: Wire
    dialect: Dialect
    ours: Ours
    theirs: Speaker

    def we_are_active(self) -> None:
        self.wire.wait_for_active(self.dialect.ours, self.dialect.interval)

    def they_are_active(self) -> None:
        self.wire.wait_for_active(self.dialect.theirs, self.dialect.interval)

    def first_of_ours(self, since: float) -> float:
        return self.wire.adverts(self.dialect.ours, since)[0].at

    def first_of_theirs(self, since: float) -> float:
        return self.wire.adverts(self.dialect.theirs, since)[0].at

    def they_lead(self) -> None:
        """They are active, we are their backup, and have not said a word."""
        self.theirs.start(BETTER)
        self.they_are_active()
        self.ours.start(WORSE)
        self.wire.wait_for_adverts(2, self.dialect.theirs, since=time.time())
        assert self.wire.adverts(self.dialect.ours) == []

    def we_lead(self) -> None:
        """We are active, they are our backup, and have not said a word."""
        self.ours.start(BETTER)
        self.we_are_active()
        self.theirs.start(WORSE)
        wait_for("they listen", self.theirs.listens, 60)
        self.wire.wait_for_adverts(2, self.dialect.ours, since=time.time())
        assert self.wire.adverts(self.dialect.theirs) == []
