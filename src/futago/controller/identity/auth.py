"""Versions, tokens and the catalog: `/identity`, `/identity/v3`, `/identity/v3/auth/…`."""

from http import HTTPStatus
from typing import Final

from starlette.routing import BaseRoute

from futago.controller.caller import Unauthorized
from futago.controller.identity.catalog import Catalog
from futago.controller.identity.directory import domains_of, projects_of, roles_in
from futago.controller.identity.documents import domain_document, project_document, token_document
from futago.controller.identity.login import Login, Methods
from futago.controller.identity.service import Identity, Place, Session
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    bad_request,
    collection,
    forbidden,
    not_found,
    parse,
    route,
)
from futago.controller.store.identity_rows import SYSTEM, ApplicationCredential, Domain, Project, User

_VERSION: Final = "v3.14"
_VERSION_DATE: Final = "2020-04-07T00:00:00Z"


def version_routes(identity: Identity) -> list[BaseRoute]:
    """What is here, for anybody."""
    return [
        route(identity, "/identity", GET=_versions),
        route(identity, "/identity/", GET=_versions),
        route(identity, "/identity/v3", GET=_version),
        route(identity, "/identity/v3/", GET=_version),
    ]


def auth_routes(identity: Identity, catalog: Catalog) -> list[BaseRoute]:
    """Getting, checking and giving back tokens, and what a token is good for."""

    def create(call: Call) -> Answer:
        return _create_token(call, catalog)

    def show(call: Call) -> Answer:
        return _show_token(call, catalog)

    def show_catalog(call: Call) -> Answer:
        call.session()
        return Answer(document={"catalog": catalog.shown(call), "links": {"self": call.url}})

    return [
        route(identity, "/v3/auth/tokens", slow=["POST"], POST=create, GET=show, DELETE=_revoke_token),
        route(identity, "/v3/auth/catalog", GET=show_catalog),
        route(identity, "/v3/auth/projects", GET=_own_projects),
        route(identity, "/v3/auth/domains", GET=_own_domains),
        route(identity, "/v3/auth/system", GET=_own_systems),
    ]


def _versions(call: Call) -> Answer:
    return Answer(HTTPStatus.MULTIPLE_CHOICES, {"versions": {"values": [_version_document(call)]}})


def _version(call: Call) -> Answer:
    return Answer(document={"version": _version_document(call)})


def _version_document(call: Call) -> Document:
    return {
        "id": _VERSION,
        "status": "stable",
        "updated": _VERSION_DATE,
        "links": [{"rel": "self", "href": f"{call.base}/"}],
        "media-types": [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}],
    }


def _create_token(call: Call, catalog: Catalog) -> Answer:
    login = parse(call.document("auth"), Login)
    for method in login.identity.methods:
        if method not in Methods.__struct_fields__[1:]:
            known = ", ".join(Methods.__struct_fields__[1:])
            raise bad_request(f"Authentication method '{method}' is not supported; supported are: {known}.")
        if getattr(login.identity, method) is None:
            raise bad_request(f"Expecting to find '{method}' in identity.")
    text, session = call.identity.log_in(login)
    document = _token(call, session, catalog)
    return Answer(HTTPStatus.CREATED, document, {"X-Subject-Token": text})


def _show_token(call: Call, catalog: Catalog) -> Answer:
    subject = _subject(call, "identity:validate_token")
    return Answer(document=_token(call, subject, catalog), headers={"X-Subject-Token": call.subject_token})


def _revoke_token(call: Call) -> Answer:
    call.identity.revoke(_subject(call, "identity:revoke_token").token)
    return NO_CONTENT


def _subject(call: Call, action: str) -> Session:
    """The session of X-Subject-Token, which an administrator, a service or its own user may ask about."""
    session = call.session()
    try:
        subject = call.identity.session(call.subject_token)
    except Unauthorized as error:
        raise not_found("token", "it is unknown, expired or revoked") from error
    service = any(role.name == "service" for role in session.roles)
    if not (session.admin or service or subject.token.user_id == session.token.user_id):
        raise forbidden(action)
    return subject


def _token(call: Call, session: Session, catalog: Catalog) -> Document:
    token = session.token
    with call.identity.database.read() as view:
        user = view.get(User, id=token.user_id)
        credential = view.get(ApplicationCredential, id=token.credential_id) if token.credential_id else None
        domains = {domain.id: domain for domain in view.find(Domain)}
        project = view.get(Project, id=token.project_id) if token.project_id else None
    if user is None:
        raise Unauthorized
    target: Place = SYSTEM if token.system else project or domains.get(token.domain_id or "")
    document = token_document(session, user, target, domains, credential)
    if target is not None and "nocatalog" not in call.query:
        document["catalog"] = catalog.shown(call)
    return {"token": document}


def _own_projects(call: Call) -> Answer:
    user_id = call.session().token.user_id
    with call.identity.database.read() as view:
        found = projects_of(view, user_id)
    return collection("projects", [project_document(row, call.base) for row in found], call)


def _own_domains(call: Call) -> Answer:
    user_id = call.session().token.user_id
    with call.identity.database.read() as view:
        found = domains_of(view, user_id)
    return collection("domains", [domain_document(row, call.base) for row in found], call)


def _own_systems(call: Call) -> Answer:
    """The system, where the user has a role in it."""
    user_id = call.session().token.user_id
    with call.identity.database.read() as view:
        system = [{SYSTEM: True}] if roles_in(view, user_id, "system", SYSTEM) else []
    return collection("system", system, call)
