"""Application credentials: `/v3/users/…/application_credentials`. Everybody keeps their own."""

import secrets
import time
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity.documents import credential_document
from futago.controller.identity.passwords import hash_password
from futago.controller.identity.service import Identity, Session
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    bad_request,
    collection,
    conflict,
    forbidden,
    found,
    matches,
    not_found,
    parse,
    route,
)
from futago.controller.store.database import View
from futago.controller.store.identity_rows import ApplicationCredential, RoleRow, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Secret = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class RoleName(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class CredentialFields(msgspec.Struct, frozen=True):
    name: Name
    secret: Secret | None = None
    """One is made where none is given."""
    description: str | None = None
    expires_at: str | None = None
    roles: tuple[RoleName, ...] | None = None
    """Those of the token, where they are not named."""
    unrestricted: bool | None = False
    access_rules: tuple[dict[str, Any], ...] | None = None


def credential_routes(identity: Identity) -> list[BaseRoute]:
    """Only their user may make and delete them; an administrator may look."""
    path = "/v3/users/{user_id}/application_credentials"
    return [
        route(identity, path, slow=["POST"], GET=_list, POST=_create),
        route(identity, path + "/{id}", GET=_show, DELETE=_delete),
    ]


def _list(call: Call) -> Answer:
    _session(call, "identity:list_application_credentials")
    with call.identity.database.read() as view:
        found(view, User, "user", id=call.path["user_id"])
        rows = view.find(ApplicationCredential, user_id=call.path["user_id"])
        roles = _all_roles(view)
        documents = [credential_document(row, roles, call.base) for row in rows]
    return collection(
        "application_credentials", [each for each in documents if matches(each, call.query, ("name",))], call
    )


def _show(call: Call) -> Answer:
    _session(call, "identity:get_application_credential")
    with call.identity.database.read() as view:
        document = credential_document(_stored(view, call), _all_roles(view), call.base)
    return Answer(document={"application_credential": document})


def _create(call: Call) -> Answer:
    """The secret stands in this answer, and nowhere else ever again."""
    session = _own_session(call, "identity:create_application_credential")
    fields = parse(call.document("application_credential"), CredentialFields)
    if fields.access_rules:
        raise bad_request(
            "Access rules are not supported: an application credential is good for all that its roles allow."
        )
    secret = fields.secret or secrets.token_urlsafe(64)
    hashed = hash_password(secret)
    project_id = session.token.project_id
    if project_id is None:
        raise bad_request("An application credential is made with a token of a project.")
    with call.identity.database.note() as txn:
        row = ApplicationCredential(
            id=uuid.uuid4().hex,
            user_id=session.token.user_id,
            project_id=project_id,
            name=fields.name,
            description=fields.description or "",
            secret_hash=hashed,
            role_ids=_chosen(fields.roles, session),
            expires_at=_expiry(fields.expires_at),
            unrestricted=bool(fields.unrestricted),
        )
        if txn.get(ApplicationCredential, user_id=row.user_id, name=row.name):
            raise conflict("application_credential", f"Duplicate entry found with name {row.name}")
        txn.add(row)
        document = credential_document(row, _all_roles(txn), call.base)
    return Answer(HTTPStatus.CREATED, {"application_credential": document | {"secret": secret}})


def _delete(call: Call) -> Answer:
    _own_session(call, "identity:delete_application_credential")
    with call.identity.database.note() as txn:
        txn.remove(_stored(txn, call))
    return NO_CONTENT


def _session(call: Call, action: str) -> Session:
    session = call.session()
    if session.token.user_id != call.path["user_id"] and not session.admin:
        raise forbidden(action)
    return session


def _own_session(call: Call, action: str) -> Session:
    """A program with a restricted credential makes no others, which would outlive it."""
    session = call.session()
    if session.restricted or session.token.user_id != call.path["user_id"]:
        raise forbidden(action)
    return session


def _stored(view: View, call: Call) -> ApplicationCredential:
    row = found(view, ApplicationCredential, "application credential", id=call.path["id"])
    if row.user_id != call.path["user_id"]:
        raise not_found("application credential", call.path["id"])
    return row


def _all_roles(view: View) -> dict[str, RoleRow]:
    return {role.id: role for role in view.find(RoleRow)}


def _chosen(wanted: tuple[RoleName, ...] | None, session: Session) -> tuple[str, ...]:
    """Of the roles of the token those that are named, or all."""
    if wanted is None:
        return tuple(role.id for role in session.roles)
    chosen = []
    for name in wanted:
        role = next((role for role in session.roles if name.id == role.id or name.name == role.name), None)
        if role is None:
            raise bad_request(f"The role {name.name or name.id} is none that you have in this project.")
        chosen.append(role.id)
    return tuple(dict.fromkeys(chosen))


def _expiry(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_request(f"'{text}' is not a time, as 2030-01-31T12:00:00Z.") from error
    seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if seconds <= time.time():
        raise bad_request("The expiration time is over.")
    return seconds
