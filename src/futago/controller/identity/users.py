"""Users: `/v3/users`. A change of a password, or disabling a user, ends all of its tokens."""

from typing import Annotated, Any, Final

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity import crud
from futago.controller.identity.crud import Kind
from futago.controller.identity.directory import user_key
from futago.controller.identity.documents import user_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.login import PasswordUser
from futago.controller.identity.passwords import hash_password
from futago.controller.identity.release import release_user
from futago.controller.identity.service import Identity, Session
from futago.controller.identity.web import NO_CONTENT, Answer, Call, Document, forbidden, found, parse, route
from futago.controller.store.database import Transaction
from futago.controller.store.identity_rows import LoginFailures, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Password = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]


class UserFields(msgspec.Struct, frozen=True):
    name: Name
    domain_id: str = DEFAULT_DOMAIN
    password: Password | None = None
    """Never given: the user cannot log in by password."""
    enabled: bool = True
    default_project_id: str | None = None
    email: str = ""
    description: str = ""


class OwnPassword(msgspec.Struct, frozen=True):
    password: Password
    original_password: str


def user_routes(identity: Identity) -> list[BaseRoute]:
    """Users are for administrators, but everybody may see themselves and change their password."""
    return [
        *crud.routes(identity, USERS),
        route(identity, "/v3/users/{user_id}/password", slow=["POST"], POST=_change_password),
    ]


def _hashed(given: Document) -> dict[str, Any]:
    password = given.get("password")
    return {"password_hash": hash_password(password)} if isinstance(password, str) and password else {}


def _is_oneself(_call: Call, session: Session, document: Document) -> bool:
    return bool(document["id"] == session.token.user_id)


def _changed(call: Call, txn: Transaction, old: User, new: User) -> None:
    password = old.password_hash != new.password_hash
    if password or (old.enabled and not new.enabled):
        call.identity.revoke_all(txn, user_key(new.id))
    if password and (failures := txn.get(LoginFailures, user_id=new.id)):
        txn.remove(failures)


def _release(call: Call, txn: Transaction, row: User) -> None:
    """Nobody deletes themselves: the last administrator would be gone for good."""
    if call.session().token.user_id == row.id:
        raise forbidden("deleting the user that you are")
    release_user(txn, row)


def _change_password(call: Call) -> Answer:
    """Whoever has the old one may, as it would also give a token."""
    user_id = call.path["user_id"]
    wish = parse(call.document("user"), OwnPassword)
    call.identity.check_password(PasswordUser(id=user_id, password=wish.original_password))
    hashed = hash_password(wish.password)
    with call.identity.database.note() as txn:
        old = found(txn, User, "user", id=user_id)
        new = txn.replace(old, msgspec.structs.replace(old, password_hash=hashed))
        _changed(call, txn, old, new)
    return NO_CONTENT


USERS: Final = Kind(
    name="user",
    row=User,
    fields=UserFields,
    document=user_document,
    filters=("name", "domain_id", "enabled"),
    columns=_hashed,
    changed=_changed,
    release=_release,
    visible=_is_oneself,
    slow=("POST", "PATCH"),
)
