"""Questions to the store about users, projects and roles."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import select
from sqlalchemy.sql import ColumnElement

from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.tokens import Token
from futago.controller.store.database import View
from futago.controller.store.rows import Domain, Project, Revocation, RoleRow, User
from futago.controller.store.tables import assignments, domains, projects, revocations, roles, users

_IMPLIED = {"admin": "manager", "manager": "member", "member": "reader"}
"""Who has the first has the second too, as in Keystone."""


class DomainName(msgspec.Struct, frozen=True):
    """A domain as requests name it: by id or by name."""

    id: str | None = None
    name: str | None = None


class ProjectName(msgspec.Struct, frozen=True):
    """A project as requests name it: by id, or by name within a domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainName | None = None


def find_domain(view: View, wanted: DomainName | None) -> Domain | None:
    """The domain, if it is enabled; the default one where the request names none."""
    key = {"id": DEFAULT_DOMAIN}
    if wanted is not None and wanted.id is not None:
        key = {"id": wanted.id}
    elif wanted is not None and wanted.name is not None:
        key = {"name": wanted.name}
    return view.get(Domain, enabled=True, **key)


def find_user(view: View, *, user_id: str | None, name: str | None, domain: DomainName | None) -> User | None:
    """The user, if it and its domain are enabled."""
    if user_id is not None:
        found = view.get(User, id=user_id, enabled=True)
    else:
        home = find_domain(view, domain)
        found = view.get(User, name=name, domain_id=home.id, enabled=True) if home else None
    return found if found and find_domain(view, DomainName(id=found.domain_id)) else None


def find_project(view: View, wanted: ProjectName) -> Project | None:
    """The project, if it and its domain are enabled."""
    if wanted.id is not None:
        found = view.get(Project, id=wanted.id, enabled=True)
    else:
        home = find_domain(view, wanted.domain)
        found = view.get(Project, name=wanted.name, domain_id=home.id, enabled=True) if home else None
    return found if found and find_domain(view, DomainName(id=found.domain_id)) else None


def roles_in(view: View, user_id: str, project_id: str) -> tuple[RoleRow, ...]:
    """What the user may be in the project, with what that implies; empty if either or its domain is disabled."""
    users_domain, projects_domain = domains.alias(), domains.alias()
    statement = (
        select(roles.c.id, roles.c.name)
        .join(assignments, assignments.c.role_id == roles.c.id)
        .join(users, users.c.id == assignments.c.user_id)
        .join(projects, projects.c.id == assignments.c.project_id)
        .join(users_domain, users_domain.c.id == users.c.domain_id)
        .join(projects_domain, projects_domain.c.id == projects.c.domain_id)
        .where(assignments.c.user_id == user_id, assignments.c.project_id == project_id)
        .where(*(table.c.enabled for table in (users, projects, users_domain, projects_domain)))
    )
    direct = [RoleRow(**row) for row in view.execute(statement)]
    missing = with_implied(role.name for role in direct) - {role.name for role in direct}
    implied = view.find(RoleRow, name=missing) if missing else []
    return tuple(sorted([*direct, *implied], key=lambda role: role.name))


def with_implied(names: Iterable[str]) -> frozenset[str]:
    """The roles, and those that they imply."""
    found = set(names)
    waiting = list(found)
    while waiting:
        implied = _IMPLIED.get(waiting.pop())
        if implied and implied not in found:
            found.add(implied)
            waiting.append(implied)
    return frozenset(found)


def projects_of(view: View, user_id: str) -> list[Project]:
    """The enabled projects in which the user has a role."""
    theirs = select(assignments.c.project_id).where(assignments.c.user_id == user_id)
    clauses: list[ColumnElement[bool]] = [projects.c.id.in_(theirs), projects.c.enabled]
    return view.search(Project, *clauses, order_by=[projects.c.name])


def revoked(view: View, token: Token) -> bool:
    """Whether the token itself was revoked, or all of its user's until some time after it."""
    itself = token.audit_ids[0]
    found = view.search(Revocation, revocations.c.audit_id.in_([itself, user_key(token.user_id)]))
    return any(row.audit_id == itself or token.issued_at < row.before for row in found)


def user_key(user_id: str) -> str:
    """How a revocation of all of a user's tokens is called."""
    return f"user/{user_id}"
