"""The usual five requests of identity, for any kind of thing that it keeps.

A kind says which attributes a client may give (a struct, whose names are columns of the row); attributes that it does
not know are kept and shown as they came, as Keystone does.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec.structs import asdict
from starlette.routing import BaseRoute

from futago.controller.identity.service import Identity, Session
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    Handler,
    bad_request,
    collection,
    conflict,
    forbidden,
    found,
    matches,
    parse,
    route,
)
from futago.controller.store.database import Transaction, View
from futago.controller.store.identity_rows import Domain, IdentityRow

R = TypeVar("R", bound=IdentityRow)

_OURS: Final = ("id", "links", "extra", "tags")
"""Attributes of documents that no client makes up."""


def _nothing(_call: Call, _txn: Transaction, _row: Any) -> None:
    """What a kind without rules of its own does."""


def _unchanged(_call: Call, _txn: Transaction, _old: Any, _new: Any) -> None:
    """What follows of a change of a kind from which nothing follows."""


def _no_columns(_given: Document) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[R]):
    """A kind of thing, by its name in requests."""

    name: str
    row: type[R]
    fields: type[msgspec.Struct]
    """What a client says of one; a PATCH is laid over what is there."""
    document: Callable[[R, str], Document]
    filters: tuple[str, ...]
    unique: tuple[str, ...] = ("name", "domain_id")
    fixed: tuple[str, ...] = ("domain_id",)
    """What no PATCH changes."""
    chosen_id: bool = False
    """A client may choose the id, in the body of a POST or by a PUT."""
    columns: Callable[[Document], dict[str, Any]] = _no_columns
    """Columns that take time to make of a request; this happens outside the transaction."""
    check: Callable[[Call, Transaction, R], None] = _nothing
    """Refuses what cannot be stored."""
    changed: Callable[[Call, Transaction, R, R], None] = _unchanged
    """What follows of a change, from old to new."""
    release: Callable[[Call, Transaction, R], None] = _nothing
    """Refuses a deletion, or takes away what refers to the row."""
    visible: Callable[[Call, Session, Document], bool] = lambda _call, _session, _document: False
    """Whether somebody who is no administrator may see one."""
    built_in: Callable[[Call], list[Document]] = lambda _call: []
    """Those that follow from the settings: nobody changes them."""
    wanted: Callable[[Call, Document], bool] = lambda _call, _document: True
    """What a list's query asks for besides the filters."""
    slow: tuple[str, ...] = ()
    """Methods that hash a password."""

    @property
    def plural(self) -> str:
        return f"{self.name}s"


def routes(identity: Identity, kind: Kind[Any]) -> list[BaseRoute]:
    """The collection and its members."""

    def bound(work: Callable[[Kind[Any], Call], Answer]) -> Handler:
        return lambda call: work(kind, call)

    path = f"/v3/{kind.plural}"
    chosen = {"PUT": bound(_create)} if kind.chosen_id else {}
    return [
        route(identity, path, slow=kind.slow, GET=bound(_list), POST=bound(_create)),
        route(
            identity,
            f"{path}/{{id}}",
            slow=kind.slow,
            GET=bound(_show),
            PATCH=bound(_update),
            DELETE=bound(_delete),
            **chosen,
        ),
    ]


def _list(kind: Kind[R], call: Call) -> Answer:
    session = call.session()
    columns = {name: call.query[name] for name in kind.filters if name in call.query and _is_text(kind, name)}
    with call.identity.database.read() as view:
        rows = view.find(kind.row, **columns)
    documents = [*kind.built_in(call), *(kind.document(row, call.base) for row in rows)]
    if not session.admin and not (documents and all(kind.visible(call, session, document) for document in documents)):
        raise forbidden(f"identity:list_{kind.plural}")
    shown = [each for each in documents if matches(each, call.query, kind.filters) and kind.wanted(call, each)]
    return collection(kind.plural, shown, call)


def _create(kind: Kind[R], call: Call) -> Answer:
    call.admin(f"identity:create_{kind.name}")
    given = _given(call.document(kind.name))
    fields = parse(given, kind.fields)
    columns = _columns(kind, fields) | kind.columns(given)
    chosen = (call.path.get("id") or given.get("id")) if kind.chosen_id else None
    row = kind.row(id=chosen or uuid.uuid4().hex, extra=_extra(kind, given), **columns)
    with call.identity.database.note() as txn:
        _check(kind, call, txn, row)
        txn.add(row)
    return Answer(HTTPStatus.CREATED, {kind.name: kind.document(row, call.base)})


def _show(kind: Kind[R], call: Call) -> Answer:
    session = call.session()
    document = _built_in(kind, call)
    if document is None:
        with call.identity.database.read() as view:
            document = kind.document(found(view, kind.row, kind.name, id=call.path["id"]), call.base)
    if not session.admin and not kind.visible(call, session, document):
        raise forbidden(f"identity:get_{kind.name}")
    return Answer(document={kind.name: document})


def _update(kind: Kind[R], call: Call) -> Answer:
    call.admin(f"identity:update_{kind.name}")
    change = call.document(kind.name)
    columns = kind.columns(change)
    with call.identity.database.note() as txn:
        old = _stored(kind, call, txn)
        known = {name: getattr(old, name) for name in kind.fields.__struct_fields__ if hasattr(old, name)}
        given = _given(known | change)
        columns = _columns(kind, parse(given, kind.fields)) | columns
        row = msgspec.structs.replace(old, extra=old.extra | _extra(kind, given), **columns)
        for name in kind.fixed:
            if getattr(row, name) != getattr(old, name):
                raise bad_request(f"The {name} of a {kind.name} cannot be changed.")
        _check(kind, call, txn, row)
        txn.replace(old, row)
        kind.changed(call, txn, old, row)
    return Answer(document={kind.name: kind.document(row, call.base)})


def _delete(kind: Kind[R], call: Call) -> Answer:
    call.admin(f"identity:delete_{kind.name}")
    with call.identity.database.note() as txn:
        row = _stored(kind, call, txn)
        kind.release(call, txn, row)
        txn.remove(row)
    return NO_CONTENT


def _stored(kind: Kind[R], call: Call, view: View) -> R:
    if _built_in(kind, call) is not None:
        raise forbidden(f"changing a {kind.name} that follows from the controller's settings")
    return found(view, kind.row, kind.name, id=call.path["id"])


def _built_in(kind: Kind[R], call: Call) -> Document | None:
    return next((each for each in kind.built_in(call) if each["id"] == call.path["id"]), None)


def _given(document: Document) -> Document:
    """Null is what was not given."""
    return {name: value for name, value in document.items() if value is not None}


def _columns(kind: Kind[R], fields: msgspec.Struct) -> dict[str, Any]:
    return {
        name: value for name, value in asdict(fields).items() if name in kind.row.__struct_fields__ and name != "id"
    }


def _extra(kind: Kind[R], given: Document) -> dict[str, Any]:
    known = {*_OURS, *kind.fields.__struct_fields__}
    return {name: value for name, value in given.items() if name not in known}


def _check(kind: Kind[R], call: Call, txn: Transaction, row: R) -> None:
    domain_id = getattr(row, "domain_id", "")
    if domain_id:
        found(txn, Domain, "domain", id=domain_id)
    key = {name: getattr(row, name) for name in kind.unique if hasattr(row, name)}
    other = txn.get(kind.row, **key) if key else None
    if other is not None and other.id != row.id:
        where = f" at domain ID {domain_id}" if domain_id else ""
        raise conflict(kind.name, f"Duplicate entry found with name {key['name']}{where}")
    kind.check(call, txn, row)


def _is_text(kind: Kind[Any], name: str) -> bool:
    """Whether a filter is a column that the database can look up as it stands in the query."""
    return name in {"id", "name", "domain_id"} and name in kind.row.__struct_fields__
