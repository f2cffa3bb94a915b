"""Groups of users: `/v3/groups`."""

from typing import Annotated, Final

import msgspec
from starlette.routing import BaseRoute

from futago.controller.identity import crud
from futago.controller.identity.crud import Kind
from futago.controller.identity.documents import group_document, user_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.release import release_group
from futago.controller.identity.service import Identity
from futago.controller.identity.web import NO_CONTENT, Answer, Call, collection, forbidden, found, matches, route
from futago.controller.store.identity_rows import Group, Membership, User

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class GroupFields(msgspec.Struct, frozen=True):
    name: Name
    domain_id: str = DEFAULT_DOMAIN
    description: str = ""


def group_routes(identity: Identity) -> list[BaseRoute]:
    """Groups are for administrators, but everybody may see in which ones they are."""
    return [
        *crud.routes(identity, GROUPS),
        route(identity, "/v3/groups/{group_id}/users", GET=_list_members),
        route(identity, "/v3/groups/{group_id}/users/{user_id}", GET=_check, PUT=_add, DELETE=_remove),
        route(identity, "/v3/users/{user_id}/groups", GET=_groups_of_user),
    ]


def _list_members(call: Call) -> Answer:
    call.admin("identity:list_users_in_group")
    with call.identity.database.read() as view:
        found(view, Group, "group", id=call.path["group_id"])
        ids = [row.user_id for row in view.find(Membership, group_id=call.path["group_id"])]
        documents = [user_document(row, call.base) for row in view.find(User, id=ids)]
    return collection("users", [each for each in documents if matches(each, call.query, ("name", "enabled"))], call)


def _groups_of_user(call: Call) -> Answer:
    user_id = call.path["user_id"]
    session = call.session()
    if session.token.user_id != user_id and not session.admin:
        raise forbidden("identity:list_groups_for_user")
    with call.identity.database.read() as view:
        found(view, User, "user", id=user_id)
        ids = [row.group_id for row in view.find(Membership, user_id=user_id)]
        documents = [group_document(row, call.base) for row in view.find(Group, id=ids)]
    return collection("groups", [each for each in documents if matches(each, call.query, ("name",))], call)


def _check(call: Call) -> Answer:
    call.admin("identity:check_user_in_group")
    with call.identity.database.read() as view:
        found(view, Membership, "membership", **call.path)
    return NO_CONTENT


def _add(call: Call) -> Answer:
    call.admin("identity:add_user_to_group")
    with call.identity.database.note() as txn:
        found(txn, User, "user", id=call.path["user_id"])
        found(txn, Group, "group", id=call.path["group_id"])
        if txn.get(Membership, **call.path) is None:
            txn.add(Membership(**call.path))
    return NO_CONTENT


def _remove(call: Call) -> Answer:
    call.admin("identity:remove_user_from_group")
    with call.identity.database.note() as txn:
        txn.remove(found(txn, Membership, "membership", **call.path))
    return NO_CONTENT


GROUPS: Final = Kind(
    name="group",
    row=Group,
    fields=GroupFields,
    document=group_document,
    filters=("name", "domain_id"),
    release=lambda _call, txn, row: release_group(txn, row),
)
