"""The tables of identity. A change here goes with a migration in `migrations/`."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from futago.controller.store import identity_rows as rows
from futago.controller.store.rows import Row
from futago.controller.store.table_parts import metadata

_ID: Final = String(64)
_NAME: Final = String(255)


def _key(name: str, to: str = "") -> Column[object]:
    return Column(name, _ID, *([ForeignKey(to)] if to else []), primary_key=True)


def _reference(name: str, to: str) -> Column[object]:
    return Column(name, _ID, ForeignKey(to), nullable=False, index=True)


def _made(name: str, *columns: Column[object] | UniqueConstraint) -> Table:
    """A table of what clients can make."""
    return Table(name, metadata, _key("id"), Column("extra", JSON, nullable=False), *columns)


def _text(name: str = "description") -> Column[object]:
    return Column(name, Text, nullable=False)


def _named(name: str = "name") -> Column[object]:
    return Column(name, _NAME, nullable=False)


def _flag(name: str = "enabled") -> Column[object]:
    return Column(name, Boolean, nullable=False)


domains = _made(
    "domains",
    Column("name", _NAME, nullable=False, unique=True),
    _text(),
    _flag(),
    Column("tags", JSON, nullable=False),
)
projects = _made(
    "projects",
    _reference("domain_id", "domains.id"),
    _named(),
    _text(),
    _flag(),
    Column("parent_id", _ID, nullable=False),
    Column("tags", JSON, nullable=False),
    UniqueConstraint("domain_id", "name"),
)
users = _made(
    "users",
    _reference("domain_id", "domains.id"),
    _named(),
    _named("password_hash"),
    _flag(),
    Column("default_project_id", _ID),
    _named("email"),
    _text(),
    UniqueConstraint("domain_id", "name"),
)
login_failures = Table(
    "login_failures",
    metadata,
    _key("user_id", "users.id"),
    Column("count", Integer, nullable=False),
    Column("last", Double, nullable=False),
)
groups = _made(
    "groups", _reference("domain_id", "domains.id"), _named(), _text(), UniqueConstraint("domain_id", "name")
)
memberships = Table("memberships", metadata, _key("user_id", "users.id"), _key("group_id", "groups.id"))
roles = _made(
    "roles", Column("domain_id", _ID, nullable=False), _named(), _text(), UniqueConstraint("domain_id", "name")
)
implications = Table("implications", metadata, _key("prior_id", "roles.id"), _key("implied_id", "roles.id"))
assignments = Table(
    "role_assignments",
    metadata,
    Column("actor_kind", String(16), primary_key=True),
    _key("actor_id"),
    Column("target_kind", String(16), primary_key=True),
    _key("target_id"),
    _key("role_id", "roles.id"),
)
application_credentials = _made(
    "application_credentials",
    _reference("user_id", "users.id"),
    _reference("project_id", "projects.id"),
    _named(),
    _text(),
    _named("secret_hash"),
    Column("role_ids", JSON, nullable=False),
    Column("expires_at", Double),
    _flag("unrestricted"),
    UniqueConstraint("user_id", "name"),
)
services = _made("services", _named("type"), _named(), _text(), _flag())
regions = Table(
    "regions",
    metadata,
    Column("id", _NAME, primary_key=True),
    Column("extra", JSON, nullable=False),
    _text(),
    Column("parent_region_id", _NAME),
)
endpoints = _made(
    "endpoints",
    _reference("service_id", "services.id"),
    Column("interface", String(16), nullable=False),
    Column("region_id", _NAME),
    _text("url"),
    _flag(),
)
revocations = Table(
    "revocations", metadata, Column("audit_id", _NAME, primary_key=True), Column("before", Double, nullable=False)
)

TABLES: Final[dict[type[Row], Table]] = {
    rows.Domain: domains,
    rows.Project: projects,
    rows.User: users,
    rows.LoginFailures: login_failures,
    rows.Group: groups,
    rows.Membership: memberships,
    rows.RoleRow: roles,
    rows.Implication: implications,
    rows.Assignment: assignments,
    rows.ApplicationCredential: application_credentials,
    rows.Service: services,
    rows.Region: regions,
    rows.Endpoint: endpoints,
    rows.Revocation: revocations,
}
"""Where the rows of each class live."""
