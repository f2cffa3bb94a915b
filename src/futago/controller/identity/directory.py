"""Questions to the store about users, projects and roles."""

import msgspec
from sqlalchemy import Select, exists, or_, select
from sqlalchemy.sql import ColumnElement

from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.tokens import Token
from futago.controller.store.database import View
from futago.controller.store.identity_rows import Domain, Project, Revocation, RoleRow, Target, User
from futago.controller.store.identity_tables import (
    assignments,
    domains,
    implications,
    memberships,
    projects,
    revocations,
    roles,
    users,
)


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


def roles_in(view: View, user_id: str, kind: Target, target_id: str) -> tuple[RoleRow, ...]:
    """What the user may be there, by itself and by its groups, with what that implies; of one statement.

    Empty if either, or the domain of either, is disabled.
    """
    held = select(assignments.c.role_id).where(
        _acts(user_id), assignments.c.target_kind == kind, assignments.c.target_id == target_id
    )
    all_held = held.cte("held", recursive=True)
    all_held = all_held.union(
        select(implications.c.implied_id).join(all_held, implications.c.prior_id == all_held.c.role_id)
    )
    user = select(users.c.id).join(domains).where(users.c.id == user_id, users.c.enabled, domains.c.enabled)
    if kind == "project":
        there = select(projects.c.id).join(domains).where(projects.c.id == target_id, projects.c.enabled)
    elif kind == "domain":
        there = select(domains.c.id).where(domains.c.id == target_id)
    else:
        there = select(domains.c.id)  # the system is there as long as anything is
    found = view.search(
        RoleRow,
        roles.c.id.in_(select(all_held.c.role_id)),
        roles.c.domain_id == "",
        exists(user),
        exists(there.where(domains.c.enabled)),
        order_by=[roles.c.name],
    )
    return tuple(found)


def projects_of(view: View, user_id: str) -> list[Project]:
    """The enabled projects in which the user has a role."""
    clauses = [projects.c.id.in_(_targets(user_id, "project")), projects.c.enabled]
    return view.search(Project, *clauses, order_by=[projects.c.name])


def domains_of(view: View, user_id: str) -> list[Domain]:
    """The enabled domains in which, as such, the user has a role."""
    clauses = [domains.c.id.in_(_targets(user_id, "domain")), domains.c.enabled]
    return view.search(Domain, *clauses, order_by=[domains.c.name])


def _targets(user_id: str, kind: Target) -> Select[tuple[str]]:
    return select(assignments.c.target_id).where(_acts(user_id), assignments.c.target_kind == kind)


def _acts(user_id: str) -> ColumnElement[bool]:
    """An assignment is the user's, or that of a group of its."""
    theirs = select(memberships.c.group_id).where(memberships.c.user_id == user_id)
    return or_(assignments.c.actor_id == user_id, assignments.c.actor_id.in_(theirs))


def revoked(view: View, token: Token) -> bool:
    """Whether the token itself was revoked, or all of its user's or project's until some time after it."""
    itself = token.audit_ids[0]
    wider = [user_key(token.user_id), *([project_key(token.project_id)] if token.project_id else [])]
    found = view.search(Revocation, revocations.c.audit_id.in_([itself, *wider]))
    return any(row.audit_id == itself or token.issued_at < row.before for row in found)


def user_key(user_id: str) -> str:
    """How a revocation of all of a user's tokens is called."""
    return f"user/{user_id}"


def project_key(project_id: str) -> str:
    """How a revocation of all tokens in a project is called."""
    return f"project/{project_id}"
