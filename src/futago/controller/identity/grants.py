"""Who has which role where: `/v3/{projects,domains,system}/…/{users,groups}/…/roles`, `/v3/role_assignments`."""

from typing import Any, Final, get_args

from starlette.routing import BaseRoute

from futago.controller.identity.documents import assignment_document, named, role_document
from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    Handler,
    collection,
    flag,
    forbidden,
    found,
    matches,
    route,
)
from futago.controller.store.database import View
from futago.controller.store.identity_rows import (
    SYSTEM,
    Actor,
    Assignment,
    Domain,
    Group,
    Implication,
    Membership,
    Project,
    RoleRow,
    Target,
    User,
)

_ACTORS: Final[dict[Actor, Any]] = {"user": User, "group": Group}
_PLACES: Final[dict[str, Any]] = {"project": Project, "domain": Domain}


def grant_routes(identity: Identity) -> list[BaseRoute]:
    """All of it is for administrators."""
    made: list[BaseRoute] = [route(identity, "/v3/role_assignments", GET=_list_assignments)]
    for target in get_args(Target):
        for actor in get_args(Actor):
            place = "system" if target == "system" else f"{target}s/{{target_id}}"
            path = f"/v3/{place}/{actor}s/{{actor_id}}/roles"
            made.append(route(identity, path, GET=_bound(_list_granted, actor, target)))
            made.append(
                route(
                    identity,
                    path + "/{role_id}",
                    GET=_bound(_check_granted, actor, target),
                    PUT=_bound(_grant, actor, target),
                    DELETE=_bound(_take_away, actor, target),
                )
            )
    return made


def _bound(work: Any, actor: Actor, target: Target) -> Handler:
    """A handler that knows the kinds of the path's actor and target."""
    return lambda call: work(call, {"actor_kind": actor, "target_kind": target, "target_id": SYSTEM, **call.path})


def _list_granted(call: Call, key: dict[str, Any]) -> Answer:
    call.admin("identity:list_grants")
    with call.identity.database.read() as view:
        _check_ends(view, key)
        rows = view.find(RoleRow, id=[row.role_id for row in view.find(Assignment, **key)])
    return collection("roles", [role_document(row, call.base) for row in rows], call)


def _check_granted(call: Call, key: dict[str, Any]) -> Answer:
    call.admin("identity:check_grant")
    with call.identity.database.read() as view:
        found(view, Assignment, "role assignment", **key)
    return NO_CONTENT


def _grant(call: Call, key: dict[str, Any]) -> Answer:
    call.admin("identity:create_grant")
    with call.identity.database.note() as txn:
        _check_ends(txn, key)
        role = found(txn, RoleRow, "role", id=key["role_id"])
        if role.domain_id and role.domain_id != _domain_of(txn, key):
            raise forbidden("a role of one domain is not given in another")
        if txn.get(Assignment, **key) is None:
            txn.add(Assignment(**key))
    return NO_CONTENT


def _take_away(call: Call, key: dict[str, Any]) -> Answer:
    call.admin("identity:revoke_grant")
    with call.identity.database.note() as txn:
        txn.remove(found(txn, Assignment, "role assignment", **key))
    return NO_CONTENT


def _check_ends(view: View, key: dict[str, Any]) -> None:
    if key["target_kind"] in _PLACES:
        found(view, _PLACES[key["target_kind"]], key["target_kind"], id=key["target_id"])
    found(view, _ACTORS[key["actor_kind"]], key["actor_kind"], id=key["actor_id"])


def _domain_of(view: View, key: dict[str, Any]) -> str:
    if key["target_kind"] != "project":
        return str(key["target_id"])
    return found(view, Project, "project", id=key["target_id"]).domain_id


def _list_assignments(call: Call) -> Answer:
    """`effective` lists what users have by their groups and by what roles imply, `include_names` adds names to ids."""
    call.admin("identity:list_role_assignments")
    with call.identity.database.read() as view:
        rows = view.find(Assignment)
        if flag(call.query, "effective"):
            rows = _effective(view, rows)
        documents = [assignment_document(row, call.base) for row in rows if _is_wanted(row, call)]
        if flag(call.query, "include_names"):
            documents = _with_names(view, documents)
    return collection("role_assignments", documents, call)


def _is_wanted(row: Assignment, call: Call) -> bool:
    """A filter on one kind of actor or target lets no other through."""
    if "scope.system" in call.query and row.target_kind != "system":
        return False
    ids = {f"{kind}.id": "" for kind in _ACTORS} | {f"scope.{kind}.id": "" for kind in _PLACES}
    ids |= {f"{row.actor_kind}.id": row.actor_id, f"scope.{row.target_kind}.id": row.target_id, "role.id": row.role_id}
    return matches(ids, call.query, tuple(ids))


def _effective(view: View, rows: list[Assignment]) -> list[Assignment]:
    members: dict[str, list[str]] = {}
    for membership in view.find(Membership):
        members.setdefault(membership.group_id, []).append(membership.user_id)
    implied: dict[str, list[str]] = {}
    for rule in view.find(Implication):
        implied.setdefault(rule.prior_id, []).append(rule.implied_id)
    of_domains = {role.id for role in view.find(RoleRow) if role.domain_id}
    return list(
        dict.fromkeys(
            Assignment(
                actor_kind="user",
                actor_id=user_id,
                target_kind=row.target_kind,
                target_id=row.target_id,
                role_id=role_id,
            )
            for row in rows
            for user_id in ([row.actor_id] if row.actor_kind == "user" else members.get(row.actor_id, []))
            for role_id in _with_implied(row.role_id, implied)
            if role_id not in of_domains
        )
    )


def _with_implied(role_id: str, implied: dict[str, list[str]]) -> list[str]:
    """The role, then what it implies, directly or not."""
    reached = [role_id]
    for each in reached:
        reached += [other for other in implied.get(each, []) if other not in reached]
    return reached


def _with_names(view: View, documents: list[Document]) -> list[Document]:
    domains = {domain.id: domain for domain in view.find(Domain)}
    names: dict[str, dict[str, Any]] = {
        "role": {role.id: _named_role(role, domains) for role in view.find(RoleRow)},
        "domain": {domain.id: {"id": domain.id, "name": domain.name} for domain in domains.values()},
    }
    for kind, rows in (("user", view.find(User)), ("group", view.find(Group)), ("project", view.find(Project))):
        names[kind] = {row.id: named(row, domains) for row in rows}
    return [each | _names_of(each, names) for each in documents]


def _names_of(document: Document, names: dict[str, dict[str, Any]]) -> Document:
    """The parts of an assignment's document, with names."""
    parts = {kind: names[kind][part["id"]] for kind, part in document.items() if kind in names}
    ((target, place),) = document["scope"].items()
    return parts | {"scope": {target: names[target][place["id"]] if target in names else place}}


def _named_role(role: RoleRow, domains: dict[str, Domain]) -> Document:
    home = {"domain": {"id": role.domain_id, "name": domains[role.domain_id].name}} if role.domain_id else {}
    return {"id": role.id, "name": role.name, **home}
