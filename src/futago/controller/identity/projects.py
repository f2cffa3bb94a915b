"""Projects and domains: `/v3/projects`, `/v3/domains`."""

import uuid
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity.directory import projects_of
from futago.controller.identity.documents import domain_document, project_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Refused,
    bad_request,
    collection,
    forbidden,
    matches,
    not_found,
    parse,
    route,
)
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Assignment, Domain, Project, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ProjectFields(msgspec.Struct, frozen=True):
    """What a client says of a project; a PATCH is laid over what is there."""

    name: Name
    domain_id: str = DEFAULT_DOMAIN
    description: str | None = ""
    enabled: bool = True
    parent_id: str | None = None
    is_domain: bool = False


class DomainFields(msgspec.Struct, frozen=True):
    name: Name
    description: str | None = ""
    enabled: bool = True


def project_routes(identity: Identity) -> list[BaseRoute]:
    """Projects are for administrators, but everybody may see the one of their token."""
    return [
        route(identity, "/v3/projects", GET=_list_projects, POST=_create_project),
        route(
            identity,
            "/v3/projects/{project_id}",
            GET=_show_project,
            PATCH=_update_project,
            DELETE=_delete_project,
        ),
        route(identity, "/v3/users/{user_id}/projects", GET=_projects_of_user),
        route(identity, "/v3/domains", GET=_list_domains, POST=_create_domain),
        route(identity, "/v3/domains/{domain_id}", GET=_show_domain, PATCH=_update_domain, DELETE=_delete_domain),
    ]


def _list_projects(call: Call) -> Answer:
    call.admin("identity:list_projects")
    with call.identity.database.read() as view:
        documents = [project_document(row, call.base) for row in view.find(Project)]
    wanted = ("name", "domain_id", "enabled", "parent_id", "is_domain")
    return collection("projects", [each for each in documents if matches(each, call.query, wanted)], call)


def _create_project(call: Call) -> Answer:
    call.admin("identity:create_project")
    fields = parse(call.document("project"), ProjectFields)
    row = _project(uuid.uuid4().hex, fields)
    with call.identity.database.note() as txn:
        _check_domain(txn, row.domain_id)
        _check_name(txn, row)
        txn.add(row)
    return Answer(HTTPStatus.CREATED, {"project": project_document(row, call.base)})


def _show_project(call: Call) -> Answer:
    session = call.session()
    with call.identity.database.read() as view:
        if session.token.project_id != call.path["project_id"] and not session.admin:
            raise forbidden("identity:get_project")
        row = _found_project(view, call)
    return Answer(document={"project": project_document(row, call.base)})


def _update_project(call: Call) -> Answer:
    call.admin("identity:update_project")
    change = call.document("project")
    with call.identity.database.note() as txn:
        old = _found_project(txn, call)
        row = _project(old.id, parse(_fields(old) | change, ProjectFields))
        if row.domain_id != old.domain_id:
            raise bad_request("A project cannot move to another domain.")
        _check_name(txn, row)
        txn.replace(old, row)
    return Answer(document={"project": project_document(row, call.base)})


def _delete_project(call: Call) -> Answer:
    """The project's assignments go with it; what it owns in the network stays, and is an administrator's to clear."""
    call.admin("identity:delete_project")
    with call.identity.database.note() as txn:
        row = _found_project(txn, call)
        for assignment in txn.find(Assignment, project_id=row.id):
            txn.remove(assignment)
        txn.remove(row)
    return NO_CONTENT


def _projects_of_user(call: Call) -> Answer:
    session = call.session()
    user_id = call.path["user_id"]
    if session.token.user_id != user_id and not session.admin:
        raise forbidden("identity:list_user_projects")
    with call.identity.database.read() as view:
        if view.get(User, id=user_id) is None:
            raise not_found("user", user_id)
        found = projects_of(view, user_id)
    return collection("projects", [project_document(row, call.base) for row in found], call)


def _list_domains(call: Call) -> Answer:
    call.admin("identity:list_domains")
    with call.identity.database.read() as view:
        documents = [domain_document(row, call.base) for row in view.find(Domain)]
    return collection("domains", [each for each in documents if matches(each, call.query, ("name", "enabled"))], call)


def _create_domain(call: Call) -> Answer:
    call.admin("identity:create_domain")
    fields = parse(call.document("domain"), DomainFields)
    row = _domain(uuid.uuid4().hex, fields)
    with call.identity.database.note() as txn:
        txn.add(row)
    return Answer(HTTPStatus.CREATED, {"domain": domain_document(row, call.base)})


def _show_domain(call: Call) -> Answer:
    call.admin("identity:get_domain")
    with call.identity.database.read() as view:
        row = _found_domain(view, call)
    return Answer(document={"domain": domain_document(row, call.base)})


def _update_domain(call: Call) -> Answer:
    call.admin("identity:update_domain")
    change = call.document("domain")
    with call.identity.database.note() as txn:
        old = _found_domain(txn, call)
        fields = parse(
            {"name": old.name, "description": old.description, "enabled": old.enabled} | change, DomainFields
        )
        row = _domain(old.id, fields)
        if old.id == DEFAULT_DOMAIN and not row.enabled:
            raise forbidden("disabling the default domain, with every administrator in it")
        txn.replace(old, row)
    return Answer(document={"domain": domain_document(row, call.base)})


def _delete_domain(call: Call) -> Answer:
    """Only a disabled and empty domain can go: no user vanishes by a slip."""
    call.admin("identity:delete_domain")
    with call.identity.database.note() as txn:
        row = _found_domain(txn, call)
        if row.enabled:
            raise forbidden("deleting a domain that is enabled, please disable it first")
        txn.remove(row)
    return NO_CONTENT


def _found_project(view: View, call: Call) -> Project:
    row = view.get(Project, id=call.path["project_id"])
    if row is None:
        raise not_found("project", call.path["project_id"])
    return row


def _found_domain(view: View, call: Call) -> Domain:
    row = view.get(Domain, id=call.path["domain_id"])
    if row is None:
        raise not_found("domain", call.path["domain_id"])
    return row


def _check_domain(view: View, domain_id: str) -> None:
    if view.get(Domain, id=domain_id) is None:
        raise not_found("domain", domain_id)


def _check_name(txn: Transaction, row: Project) -> None:
    other = txn.get(Project, name=row.name, domain_id=row.domain_id)
    if other is not None and other.id != row.id:
        message = f"Conflict: the domain {row.domain_id} has a project named '{row.name}' already."
        raise Refused(HTTPStatus.CONFLICT, message)


def _project(project_id: str, fields: ProjectFields) -> Project:
    if fields.is_domain or fields.parent_id not in {None, fields.domain_id}:
        raise bad_request("Projects are flat: a project's parent can only be its domain.")
    return Project(
        id=project_id,
        domain_id=fields.domain_id,
        name=fields.name,
        description=fields.description or "",
        enabled=fields.enabled,
    )


def _fields(row: Project) -> dict[str, object]:
    return {
        "name": row.name,
        "domain_id": row.domain_id,
        "description": row.description,
        "enabled": row.enabled,
    }


def _domain(domain_id: str, fields: DomainFields) -> Domain:
    return Domain(id=domain_id, name=fields.name, description=fields.description or "", enabled=fields.enabled)
