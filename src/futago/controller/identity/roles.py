"""Roles, and which imply which: `/v3/roles`, `/v3/role_inferences`."""

from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity import crud
from futago.controller.identity.crud import Kind
from futago.controller.identity.documents import role_document
from futago.controller.identity.first_start import BUILT_IN_ROLES
from futago.controller.identity.release import release_role
from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    bad_request,
    forbidden,
    found,
    route,
)
from futago.controller.store.database import Transaction, View
from futago.controller.store.identity_rows import Implication, RoleRow

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class RoleFields(msgspec.Struct, frozen=True):
    name: Name
    domain_id: str = ""
    description: str = ""


def role_routes(identity: Identity) -> list[BaseRoute]:
    """All of it is for administrators."""
    return [
        *crud.routes(identity, ROLES),
        route(identity, "/v3/roles/{prior_id}/implies", GET=_list_implied),
        route(
            identity,
            "/v3/roles/{prior_id}/implies/{implied_id}",
            GET=_show_implied,
            HEAD=_check_implied,
            PUT=_imply,
            DELETE=_imply_no_more,
        ),
        route(identity, "/v3/role_inferences", GET=_list_inferences),
    ]


def _changed(_call: Call, _txn: Transaction, old: RoleRow, new: RoleRow) -> None:
    if _is_built_in(old) and new.name != old.name:
        raise forbidden(f"renaming the role '{old.name}', which the service itself uses")


def _release(_call: Call, txn: Transaction, row: RoleRow) -> None:
    if _is_built_in(row):
        raise forbidden(f"deleting the role '{row.name}', which the service itself uses")
    release_role(txn, row)


def _is_built_in(row: RoleRow) -> bool:
    return row.name in BUILT_IN_ROLES and not row.domain_id


def _is_wanted(call: Call, document: Document) -> bool:
    """A domain's own roles are listed only where the query names the domain."""
    return bool((document["domain_id"] or "") == call.query.get("domain_id", ""))


def _list_implied(call: Call) -> Answer:
    call.admin("identity:list_implied_roles")
    with call.identity.database.read() as view:
        prior = found(view, RoleRow, "role", id=call.path["prior_id"])
        document = _inference(view, prior, call)
    return Answer(document={"role_inference": document, "links": {"self": call.url}})


def _show_implied(call: Call) -> Answer:
    call.admin("identity:get_implied_role")
    with call.identity.database.read() as view:
        found(view, Implication, "implied role", **call.path)
        document = _pair(view, call)
    return Answer(document=document)


def _check_implied(call: Call) -> Answer:
    _show_implied(call)
    return NO_CONTENT


def _imply(call: Call) -> Answer:
    """No role but its own implies `admin`: whoever may give a small role must not give that."""
    call.admin("identity:create_implied_role")
    with call.identity.database.note() as txn:
        document = _pair(txn, call)
        implied = found(txn, RoleRow, "role", id=call.path["implied_id"])
        if implied.name == "admin" and not implied.domain_id:
            raise forbidden("implying the role 'admin'")
        prior = found(txn, RoleRow, "role", id=call.path["prior_id"])
        if implied.domain_id and not prior.domain_id:
            raise forbidden("implying a role of one domain by a role of all")
        if implied.id == prior.id:
            raise bad_request("A role does not imply itself.")
        if txn.get(Implication, **call.path) is None:
            txn.add(Implication(**call.path))
    return Answer(HTTPStatus.CREATED, document)


def _imply_no_more(call: Call) -> Answer:
    call.admin("identity:delete_implied_role")
    with call.identity.database.note() as txn:
        txn.remove(found(txn, Implication, "implied role", **call.path))
    return NO_CONTENT


def _list_inferences(call: Call) -> Answer:
    call.admin("identity:list_role_inference_rules")
    with call.identity.database.read() as view:
        priors = {row.prior_id for row in view.find(Implication)}
        documents = [_inference(view, role, call) for role in view.find(RoleRow, id=priors)]
    return Answer(document={"role_inferences": documents, "links": {"self": call.url}})


def _pair(view: View, call: Call) -> Document:
    prior, implied = (found(view, RoleRow, "role", id=call.path[f"{which}_id"]) for which in ("prior", "implied"))
    inference = {"prior_role": role_document(prior, call.base), "implies": role_document(implied, call.base)}
    return {"role_inference": inference, "links": {"self": call.url}}


def _inference(view: View, prior: RoleRow, call: Call) -> Document:
    ids = [row.implied_id for row in view.find(Implication, prior_id=prior.id)]
    implied = [role_document(row, call.base) for row in view.find(RoleRow, id=ids)]
    return {"prior_role": role_document(prior, call.base), "implies": implied}


ROLES: Final = Kind(
    name="role",
    row=RoleRow,
    fields=RoleFields,
    document=role_document,
    filters=("name",),
    changed=_changed,
    release=_release,
    wanted=_is_wanted,
)
