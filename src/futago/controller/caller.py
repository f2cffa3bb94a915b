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
    is_admin: bool | None = None
    """As the rule `context_is_admin` has it; None: nobody has asked it, the role tells."""
    sees_all: bool = False
    """A service, or who has been given a look at everything: projects do not bound what it finds."""
    names_projects: bool = False
    """It may make things for other projects."""

    @property
    def admin(self) -> bool:
        """An admin sees and changes everything, everywhere."""
        return "admin" in self.roles if self.is_admin is None else self.is_admin

    @property
    def unbounded(self) -> bool:
        """It finds what belongs to any project."""
        return self.admin or self.sees_all


class Authenticator(Protocol):
    """The embedded identity or the client of a real Keystone."""

    def caller(self, token: str, service_token: str = "", /) -> Caller:
        """Whose token this is; `service_token` is that of the service which sends it on, if one does.

        Raises:
            Unauthorized: it is no good.
            IdentityUnavailable: nobody can say.

        """
        ...
