"""The rows of identity: who asks, in which project or domain, and in which role."""

from typing import Any, Final, Literal

import msgspec

from futago.controller.store.rows import Row

Actor = Literal["user", "group"]
Target = Literal["project", "domain", "system"]
"""The system is one: its id is `SYSTEM`."""
Interface = Literal["public", "internal", "admin"]
SYSTEM: Final = "all"


class IdentityRow(Row, frozen=True, kw_only=True):
    """What everything that clients can make has."""

    id: str
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """Attributes that clients gave and that mean nothing here."""


class Domain(IdentityRow, frozen=True, kw_only=True):
    """A name space of projects, users and groups."""

    name: str
    description: str = ""
    enabled: bool = True
    tags: tuple[str, ...] = ()


class Project(IdentityRow, frozen=True, kw_only=True):
    """Who owns things."""

    domain_id: str
    name: str
    description: str = ""
    enabled: bool = True
    parent_id: str = ""
    """A project of the same domain; "" is the domain itself."""
    tags: tuple[str, ...] = ()


class User(IdentityRow, frozen=True, kw_only=True):
    """Who asks for a token."""

    domain_id: str
    name: str
    password_hash: str = ""
    """"": the user cannot log in by password."""
    enabled: bool = True
    default_project_id: str | None = None
    email: str = ""
    description: str = ""


class LoginFailures(Row, frozen=True, kw_only=True):
    """Bad passwords in a row; a good one ends the row."""

    user_id: str
    count: int
    last: float
    """Seconds since the Unix epoch."""


class Group(IdentityRow, frozen=True, kw_only=True):
    """Users who share their roles."""

    domain_id: str
    name: str
    description: str = ""


class Membership(Row, frozen=True, kw_only=True):
    user_id: str
    group_id: str


class RoleRow(IdentityRow, frozen=True, kw_only=True):
    """What one may be in a project or domain."""

    name: str
    domain_id: str = ""
    """A role of one domain stands in no token: it is good only for what it implies. "": of all."""
    description: str = ""


class Implication(Row, frozen=True, kw_only=True):
    """Whoever has the prior role has the implied one, too."""

    prior_id: str
    implied_id: str


class Assignment(Row, frozen=True, kw_only=True):
    """A user or group has a role in a project, in a domain, or in the system."""

    actor_kind: Actor
    actor_id: str
    target_kind: Target
    target_id: str
    role_id: str


class ApplicationCredential(IdentityRow, frozen=True, kw_only=True):
    """Lets a program be its user in one project, without the user's password."""

    user_id: str
    project_id: str
    name: str
    description: str = ""
    secret_hash: str
    role_ids: tuple[str, ...] = ()
    expires_at: float | None = None
    """Seconds since the Unix epoch; None: never."""
    unrestricted: bool = False
    """It may make and delete application credentials."""


class Service(IdentityRow, frozen=True, kw_only=True):
    """A service of the catalog that is not ours."""

    type: str
    name: str = ""
    description: str = ""
    enabled: bool = True


class Region(IdentityRow, frozen=True, kw_only=True):
    description: str = ""
    parent_region_id: str | None = None


class Endpoint(IdentityRow, frozen=True, kw_only=True):
    """Where a service of the catalog is."""

    service_id: str
    interface: Interface
    region_id: str | None = None
    url: str
    enabled: bool = True


class Revocation(Row, frozen=True, kw_only=True):
    """A token that is no longer good, or all of a user's before a time."""

    audit_id: str
    """The token's; or `user/<id>`."""
    before: float
    """Seconds since the Unix epoch: tokens issued before it are refused."""
