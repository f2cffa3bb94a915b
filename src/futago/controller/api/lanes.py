"""How many requests are worked on at the same time.

One interpreter runs one thread at a time, and SQLite's driver lets go of it at each row: readers that contend for it
take twice as long as one after the other. Writers are not counted, since those who wait share commits (`store.turns`).
"""

from typing import Final

from anyio import CapacityLimiter
from starlette.requests import Request

from futago.controller.api.query import RESERVED

_OVER_A_NETWORK: Final = 4
"""A database that is a server has others wait for it."""


class Lanes:
    """Places for those who read: of their own for those who ask for a whole collection, which may take long."""

    def __init__(self, *, local: bool, held_up: bool = False) -> None:
        """`local`: the database is a file; `held_up`: requests may wait for another service, and nobody for them."""
        self._held_up = held_up
        share = 1 if local else _OVER_A_NETWORK
        self._wide = CapacityLimiter(share)
        self._narrow = CapacityLimiter(2 * share)

    def of(self, request: Request) -> CapacityLimiter | None:
        """Where a request waits for its turn; None: with all others."""
        if request.method != "GET" or self._held_up:
            return None
        whole = not request.path_params and RESERVED.issuperset(request.query_params)
        return self._wide if whole else self._narrow
