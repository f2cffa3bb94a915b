"""Tags of projects: `/v3/projects/…/tags`, and the filters of lists that name them."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

import msgspec
from msgspec.structs import replace
from starlette.routing import BaseRoute

from futago.controller.identity.service import Identity
from futago.controller.identity.web import (
    NO_CONTENT,
    Answer,
    Call,
    Document,
    forbidden,
    found,
    not_found,
    parse,
    route,
)
from futago.controller.store.identity_rows import Project

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=255, pattern="^[^,/]+$")]
Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=80)]


class TagFields(msgspec.Struct, frozen=True):
    tags: Tags


def project_tag_routes(identity: Identity) -> list[BaseRoute]:
    path = "/v3/projects/{project_id}/tags"
    return [
        route(identity, path, GET=_show_all, PUT=_replace_all, DELETE=_remove_all),
        route(identity, path + "/{tag}", GET=_show, PUT=_add, DELETE=_remove),
    ]


def has_wanted_tags(call: Call, document: Document) -> bool:
    """Whether a document has, or lacks, the tags that a list's query names."""
    have = set(document["tags"])
    asked = {name: set(value.split(",")) for name, value in call.query.items()}
    return (
        ("tags" not in asked or asked["tags"] <= have)
        and ("tags-any" not in asked or bool(asked["tags-any"] & have))
        and ("not-tags" not in asked or not asked["not-tags"] <= have)
        and ("not-tags-any" not in asked or not asked["not-tags-any"] & have)
    )


def _show_all(call: Call) -> Answer:
    return Answer(document={"tags": list(_tags(call)), "links": {"self": call.url}})


def _replace_all(call: Call) -> Answer:
    wanted = parse(call.body_document(), TagFields).tags
    _set(call, lambda _: wanted)
    return _show_all(call)


def _remove_all(call: Call) -> Answer:
    _set(call, lambda _: ())
    return NO_CONTENT


def _show(call: Call) -> Answer:
    if call.path["tag"] not in _tags(call):
        raise not_found("project tag", call.path["tag"])
    return NO_CONTENT


def _add(call: Call) -> Answer:
    tags = parse({"tags": [call.path["tag"]]}, TagFields).tags
    _set(call, lambda have: tuple(dict.fromkeys((*have, *tags))))
    return Answer(HTTPStatus.CREATED)


def _remove(call: Call) -> Answer:
    _show(call)
    _set(call, lambda have: tuple(tag for tag in have if tag != call.path["tag"]))
    return NO_CONTENT


def _tags(call: Call) -> tuple[str, ...]:
    session = call.session()
    if not session.admin and session.token.project_id != call.path["project_id"]:
        raise forbidden("identity:list_project_tags")
    with call.identity.database.read() as view:
        return found(view, Project, "project", id=call.path["project_id"]).tags


def _set(call: Call, change: Callable[[tuple[str, ...]], tuple[str, ...]]) -> None:
    call.admin("identity:update_project_tags")
    with call.identity.database.note() as txn:
        old = found(txn, Project, "project", id=call.path["project_id"])
        txn.replace(old, replace(old, tags=parse({"tags": change(old.tags)}, TagFields).tags))
