"""Tells hosts of the routers here that have no election, as the VRRP engine does of all others."""

from collections.abc import Collection

from futago.vrrp.alarm import awake_or_asleep
from futago.vrrp.config import RouterOfHosts
from futago.vrrp.radv_sender import Advertisers


class HostsTold:
    """To be used within the event loop. What is told again and again needs no memory of an agent that was before."""

    def __init__(self) -> None:
        self._advertisers = Advertisers(awake_or_asleep)
        self._names: set[str] = set()

    def configure(self, routers: Collection[RouterOfHosts]) -> None:
        """Tell of these, and of no others; the addresses that they have lost must be there still, to say so."""
        names = {router.name for router in routers}
        for name in self._names - names:
            self._advertisers.forget(name)
        for router in routers:
            self._advertisers.follow(router, active=True)
        self._names = names
