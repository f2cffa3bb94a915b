"""Who asks: what identity says of a token, and all that the API's policy looks at."""

from typing import Protocol

import msgspec


class Unauthorized(Exception):
    """The token is missing, unknown, expired or revoked."""


class IdentityUnavailable(Exception):
    """Nobody can say whose a token is at present; the text says why."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """The user behind a request, in one project."""

    user_id: str
    project_id: str
    roles: frozenset[str]

    @property
    def admin(self) -> bool:
        """An admin sees and changes everything, everywhere."""
        return "admin" in self.roles


class Authenticator(Protocol):
    """The embedded identity or the client of a real Keystone."""

    def caller(self, token: str) -> Caller:
        """Whose token this is.

        Raises:
            Unauthorized: it is no good.
            IdentityUnavailable: nobody can say.

        """
        ...
