"""Users: `/v3/users`. A change of a password, or disabling a user, ends all of its tokens."""

import uuid
from http import HTTPStatus
from typing import Annotated

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity.documents import user_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.passwords import hash_password
from futago.controller.identity.service import Identity, PasswordUser
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
from futago.controller.store.rows import Assignment, Domain, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class UserFields(msgspec.Struct, frozen=True):
    """What a client says of a user; a PATCH is laid over what is there."""

    name: Name
    domain_id: str = DEFAULT_DOMAIN
    password: Password | None = None
    """Never given: the user cannot log in by password."""
    enabled: bool = True
    default_project_id: str | None = None
    email: str | None = ""
    description: str | None = ""


class OwnPassword(msgspec.Struct, frozen=True):
    password: Password
    original_password: str


def user_routes(identity: Identity) -> list[BaseRoute]:
    """Users are for administrators, but everybody may see themselves and change their password."""
    return [
        route(identity, "/v3/users", slow=["POST"], GET=_list_users, POST=_create_user),
        route(identity, "/v3/users/{user_id}", slow=["PATCH"], GET=_show_user, PATCH=_update_user, DELETE=_delete_user),
        route(identity, "/v3/users/{user_id}/password", slow=["POST"], POST=_change_password),
    ]


def _list_users(call: Call) -> Answer:
    call.admin("identity:list_users")
    with call.identity.database.read() as view:
        documents = [user_document(row, call.base) for row in view.find(User)]
    wanted = ("name", "domain_id", "enabled")
    return collection("users", [each for each in documents if matches(each, call.query, wanted)], call)


def _create_user(call: Call) -> Answer:
    call.admin("identity:create_user")
    fields = parse(call.document("user"), UserFields)
    row = _user(uuid.uuid4().hex, fields, hash_password(fields.password) if fields.password else "")
    with call.identity.database.note() as txn:
        if txn.get(Domain, id=row.domain_id) is None:
            raise not_found("domain", row.domain_id)
        _check_name(txn, row)
        txn.add(row)
    return Answer(HTTPStatus.CREATED, {"user": user_document(row, call.base)})


def _show_user(call: Call) -> Answer:
    session = call.session()
    with call.identity.database.read() as view:
        if session.token.user_id != call.path["user_id"] and not session.admin:
            raise forbidden("identity:get_user")
        row = _found(view, call)
    return Answer(document={"user": user_document(row, call.base)})


def _update_user(call: Call) -> Answer:
    call.admin("identity:update_user")
    change = call.document("user")
    password = change.get("password")
    hashed = hash_password(password) if isinstance(password, str) and password else None
    with call.identity.database.note() as txn:
        old = _found(txn, call)
        row = _user(old.id, parse(_fields(old) | change, UserFields), hashed or old.password_hash)
        if row.domain_id != old.domain_id:
            raise bad_request("A user cannot move to another domain.")
        _check_name(txn, row)
        txn.replace(old, row)
        if hashed or (old.enabled and not row.enabled):
            call.identity.revoke_user(txn, row.id)
    return Answer(document={"user": user_document(row, call.base)})


def _delete_user(call: Call) -> Answer:
    """Nobody deletes themselves: the last administrator would be gone for good."""
    session = call.admin("identity:delete_user")
    if session.token.user_id == call.path["user_id"]:
        raise forbidden("deleting the user that you are")
    with call.identity.database.note() as txn:
        row = _found(txn, call)
        for assignment in txn.find(Assignment, user_id=row.id):
            txn.remove(assignment)
        txn.remove(row)
    return NO_CONTENT


def _change_password(call: Call) -> Answer:
    """One's own, by showing the old one."""
    user_id = call.path["user_id"]
    if call.session().token.user_id != user_id:
        raise forbidden("identity:change_password")
    wish = parse(call.document("user"), OwnPassword)
    call.identity.check_password(PasswordUser(id=user_id, password=wish.original_password))
    hashed = hash_password(wish.password)
    with call.identity.database.note() as txn:
        old = _found(txn, call)
        txn.replace(old, msgspec.structs.replace(old, password_hash=hashed))
        call.identity.revoke_user(txn, user_id)
    return NO_CONTENT


def _found(view: View, call: Call) -> User:
    row = view.get(User, id=call.path["user_id"])
    if row is None:
        raise not_found("user", call.path["user_id"])
    return row


def _check_name(txn: Transaction, row: User) -> None:
    other = txn.get(User, name=row.name, domain_id=row.domain_id)
    if other is not None and other.id != row.id:
        message = f"Conflict: the domain {row.domain_id} has a user named '{row.name}' already."
        raise Refused(HTTPStatus.CONFLICT, message)


def _user(user_id: str, fields: UserFields, password_hash: str) -> User:
    return User(
        id=user_id,
        domain_id=fields.domain_id,
        name=fields.name,
        password_hash=password_hash,
        enabled=fields.enabled,
        default_project_id=fields.default_project_id,
        email=fields.email or "",
        description=fields.description or "",
    )


def _fields(row: User) -> dict[str, object]:
    return {
        "name": row.name,
        "domain_id": row.domain_id,
        "enabled": row.enabled,
        "default_project_id": row.default_project_id,
        "email": row.email,
        "description": row.description,
    }
