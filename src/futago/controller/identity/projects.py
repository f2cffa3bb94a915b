"""Projects: `/v3/projects`."""

from typing import Annotated, Any, Final

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity import crud
from futago.controller.identity.crud import Kind
from futago.controller.identity.directory import project_key, projects_of
from futago.controller.identity.documents import project_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.project_tags import Tags, has_wanted_tags
from futago.controller.identity.release import release_project
from futago.controller.identity.service import Identity, Session
from futago.controller.identity.web import Answer, Call, Document, bad_request, collection, forbidden, found, route
from futago.controller.store.database import Transaction
from futago.controller.store.identity_rows import Project, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class ProjectFields(msgspec.Struct, frozen=True):
    name: Name
    domain_id: str = DEFAULT_DOMAIN
    description: str = ""
    enabled: bool = True
    parent_id: str = ""
    is_domain: bool = False
    tags: Tags = ()


def project_routes(identity: Identity) -> list[BaseRoute]:
    """Projects are for administrators, but everybody may see the one of their token."""
    return [
        *crud.routes(identity, PROJECTS),
        route(identity, "/v3/users/{user_id}/projects", GET=_projects_of_user),
    ]


def _columns(given: Document) -> dict[str, Any]:
    """The domain as the parent is written as none; a project that acts as a domain is made as a domain."""
    if given.get("is_domain") is True:
        raise bad_request("A project that acts as a domain is made at /v3/domains.")
    return {"parent_id": ""} if given.get("parent_id") == given.get("domain_id", DEFAULT_DOMAIN) else {}


def _check(_call: Call, txn: Transaction, row: Project) -> None:
    if row.parent_id and found(txn, Project, "project", id=row.parent_id).domain_id != row.domain_id:
        raise bad_request("A project and its parent must be in one domain.")


def _changed(call: Call, txn: Transaction, old: Project, new: Project) -> None:
    if old.enabled and not new.enabled:
        call.identity.revoke_all(txn, project_key(new.id))


def _release(_call: Call, txn: Transaction, row: Project) -> None:
    if txn.count(Project, parent_id=row.id):
        raise forbidden(f"cannot delete the project {row.id} since it is not a leaf in the hierarchy")
    release_project(txn, row)


def _is_own(_call: Call, session: Session, document: Document) -> bool:
    return bool(document["id"] == session.token.project_id)


def _projects_of_user(call: Call) -> Answer:
    session = call.session()
    user_id = call.path["user_id"]
    if session.token.user_id != user_id and not session.admin:
        raise forbidden("identity:list_user_projects")
    with call.identity.database.read() as view:
        found(view, User, "user", id=user_id)
        rows = projects_of(view, user_id)
    return collection("projects", [project_document(row, call.base) for row in rows], call)


PROJECTS: Final = Kind(
    name="project",
    row=Project,
    fields=ProjectFields,
    document=project_document,
    filters=("name", "domain_id", "enabled", "parent_id", "is_domain"),
    fixed=("domain_id", "parent_id"),
    columns=_columns,
    check=_check,
    changed=_changed,
    release=_release,
    visible=_is_own,
    wanted=has_wanted_tags,
)
