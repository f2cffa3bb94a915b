"""Roles, and who has which where: `/v3/roles`, `/v3/projects/…/users/…/roles`, `/v3/role_assignments`."""

import uuid
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity.directory import with_implied
from futago.controller.identity.documents import assignment_document, named, role_document
from futago.controller.identity.first_start import BUILT_IN_ROLES
from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    Refused,
    collection,
    flag,
    forbidden,
    matches,
    not_found,
    parse,
    route,
)
from futago.controller.store.database import View
from futago.controller.store.rows import Assignment, Domain, Project, RoleRow, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class RoleFields(msgspec.Struct, frozen=True):
    name: Name


def role_routes(identity: Identity) -> list[BaseRoute]:
    """All of it is for administrators."""
    of_user = "/v3/projects/{project_id}/users/{user_id}/roles"
    return [
        route(identity, "/v3/roles", GET=_list_roles, POST=_create_role),
        route(identity, "/v3/roles/{role_id}", GET=_show_role, DELETE=_delete_role),
        route(identity, of_user, GET=_list_granted),
        route(identity, of_user + "/{role_id}", GET=_check_granted, PUT=_grant, DELETE=_take_away),
        route(identity, "/v3/role_assignments", GET=_list_assignments),
    ]


def _list_roles(call: Call) -> Answer:
    call.admin("identity:list_roles")
    with call.identity.database.read() as view:
        documents = [role_document(row, call.base) for row in view.find(RoleRow)]
    return collection("roles", [each for each in documents if matches(each, call.query, ("name",))], call)


def _create_role(call: Call) -> Answer:
    call.admin("identity:create_role")
    row = RoleRow(id=uuid.uuid4().hex, name=parse(call.document("role"), RoleFields).name)
    with call.identity.database.note() as txn:
        if txn.get(RoleRow, name=row.name):
            raise Refused(HTTPStatus.CONFLICT, f"Conflict: there is a role named '{row.name}' already.")
        txn.add(row)
    return Answer(HTTPStatus.CREATED, {"role": role_document(row, call.base)})


def _show_role(call: Call) -> Answer:
    call.admin("identity:get_role")
    with call.identity.database.read() as view:
        row = _found_role(view, call.path["role_id"])
    return Answer(document={"role": role_document(row, call.base)})


def _delete_role(call: Call) -> Answer:
    call.admin("identity:delete_role")
    with call.identity.database.note() as txn:
        row = _found_role(txn, call.path["role_id"])
        if row.name in BUILT_IN_ROLES:
            raise forbidden(f"deleting the role '{row.name}', which the service itself uses")
        for assignment in txn.find(Assignment, role_id=row.id):
            txn.remove(assignment)
        txn.remove(row)
    return NO_CONTENT


def _list_granted(call: Call) -> Answer:
    call.admin("identity:list_grants")
    with call.identity.database.read() as view:
        _check_project_and_user(view, call)
        granted = view.find(Assignment, user_id=call.path["user_id"], project_id=call.path["project_id"])
        found = view.find(RoleRow, id=[row.role_id for row in granted])
    return collection("roles", [role_document(row, call.base) for row in found], call)


def _check_granted(call: Call) -> Answer:
    call.admin("identity:check_grant")
    with call.identity.database.read() as view:
        _found_assignment(view, call)
    return NO_CONTENT


def _grant(call: Call) -> Answer:
    call.admin("identity:create_grant")
    with call.identity.database.note() as txn:
        _check_project_and_user(txn, call)
        _found_role(txn, call.path["role_id"])
        if txn.get(Assignment, **call.path) is None:
            txn.add(Assignment(**call.path))
    return NO_CONTENT


def _take_away(call: Call) -> Answer:
    call.admin("identity:revoke_grant")
    with call.identity.database.note() as txn:
        txn.remove(_found_assignment(txn, call))
    return NO_CONTENT


def _list_assignments(call: Call) -> Answer:
    """`effective` also lists the roles that others imply, `include_names` gives names beside ids."""
    call.admin("identity:list_role_assignments")
    with call.identity.database.read() as view:
        rows = view.find(Assignment)
        roles = {role.id: role for role in view.find(RoleRow)}
        if flag(call.query, "effective"):
            rows = _effective(rows, roles)
        documents = [assignment_document(row, call.base) for row in rows]
        found = [each for each in documents if _is_wanted(each, call)]
        if flag(call.query, "include_names"):
            found = _with_names(view, found, roles)
    return collection("role_assignments", found, call)


def _is_wanted(document: Document, call: Call) -> bool:
    """Group, domain and system assignments do not exist here: whoever asks for these alone gets nothing."""
    if any(name in call.query for name in ("group.id", "scope.domain.id", "scope.system")):
        return False
    values = {
        "user.id": document["user"]["id"],
        "role.id": document["role"]["id"],
        "scope.project.id": document["scope"]["project"]["id"],
    }
    return matches(values, call.query, tuple(values))


def _effective(rows: list[Assignment], roles: dict[str, RoleRow]) -> list[Assignment]:
    ids = {role.name: role.id for role in roles.values()}
    names = [(row, name) for row in rows for name in sorted(with_implied([roles[row.role_id].name]))]
    found = [
        Assignment(user_id=row.user_id, project_id=row.project_id, role_id=ids[name])
        for row, name in names
        if name in ids
    ]
    return list(dict.fromkeys(found))


def _with_names(view: View, documents: list[Document], roles: dict[str, RoleRow]) -> list[Document]:
    domains = {domain.id: domain for domain in view.find(Domain)}
    users = {user.id: named(user, domains) for user in view.find(User)}
    projects = {project.id: named(project, domains) for project in view.find(Project)}
    return [
        each
        | {
            "role": {"id": each["role"]["id"], "name": roles[each["role"]["id"]].name},
            "user": users[each["user"]["id"]],
            "scope": {"project": projects[each["scope"]["project"]["id"]]},
        }
        for each in documents
    ]


def _found_role(view: View, role_id: str) -> RoleRow:
    row = view.get(RoleRow, id=role_id)
    if row is None:
        raise not_found("role", role_id)
    return row


def _found_assignment(view: View, call: Call) -> Assignment:
    row = view.get(Assignment, **call.path)
    if row is None:
        raise not_found("role assignment", "/".join(call.path.values()))
    return row


def _check_project_and_user(view: View, call: Call) -> None:
    if view.get(Project, id=call.path["project_id"]) is None:
        raise not_found("project", call.path["project_id"])
    if view.get(User, id=call.path["user_id"]) is None:
        raise not_found("user", call.path["user_id"])
