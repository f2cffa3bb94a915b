"""Tags: short words that anything can carry."""

from collections.abc import Callable
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.api import policy
from futago.controller.api.call import Answer, Call, Service, decode
from futago.controller.resources import errors, lookup, parse
from futago.controller.resources.definition import Reading, Resource, Writing
from futago.controller.store.rows import StandardRow

_LONGEST: Final = 255
_MOST: Final = 50


def show_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """The tags of one thing."""
    return Answer(200, {"tags": service.read(call, lambda reading: _tags(reading, resource, call))})


def show(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Whether it has this tag."""
    tag = _named(call)
    if tag not in service.read(call, lambda reading: _tags(reading, resource, call)):
        raise errors.TagNotFound(tag=tag)
    return Answer(204)


def add_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Give it these tags besides those that it has."""
    wanted = _asked(call)
    _change(service, resource, call, "create", lambda tags: (*tags, *wanted))
    return Answer(200, {"tags": list(wanted)})


def replace_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Give it these tags and no others."""
    wanted = _asked(call)
    _change(service, resource, call, "update", lambda _tags: wanted)
    return Answer(200, {"tags": list(wanted)})


def add(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Give it one more."""
    tag = _named(call)
    _change(service, resource, call, "update", lambda tags: (*tags, tag))
    return Answer(201)


def remove(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Take one off."""
    tag = _named(call)

    def without(tags: tuple[str, ...]) -> tuple[str, ...]:
        if tag not in tags:
            raise errors.TagNotFound(tag=tag)
        return tuple(other for other in tags if other != tag)

    _change(service, resource, call, "delete", without)
    return Answer(204)


def remove_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Take all off."""
    _change(service, resource, call, "delete", lambda _tags: ())
    return Answer(204)


def _change(
    service: Service,
    resource: Resource[Any],
    call: Call,
    action: str,
    change: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> None:
    def work(writing: Writing) -> None:
        row = _row(writing.reading, resource, call)
        policy.check_tags(action, resource, writing.reading, row)
        tags = tuple(dict.fromkeys(change(row.tags)))
        if len(tags) > _MOST:
            reason = f"The number of tags exceed the per-resource limit of {_MOST}"
            raise errors.BadRequest(resource=resource.collection, reason=reason)
        writing.txn.replace(row, replace(row, tags=tags))

    service.write(call, work)


def _asked(call: Call) -> tuple[str, ...]:
    document = decode(call.body)
    if not isinstance(document, dict) or "tags" not in document:
        raise errors.InvalidInput(reason="Invalid tags body")
    try:
        return parse.tags(document["tags"])
    except parse.Unfit as error:
        raise errors.InvalidInput(reason=str(error)) from error


def _named(call: Call) -> str:
    try:
        return parse.text(_LONGEST)(call.params["tag"])
    except parse.Unfit as error:
        raise errors.InvalidInput(reason=str(error)) from error


def _row(reading: Reading, resource: Resource[Any], call: Call) -> StandardRow:
    row = lookup.one(reading, resource, call.params["id"])
    assert isinstance(row, StandardRow), "only what belongs to projects has tags"
    return row


def _tags(reading: Reading, resource: Resource[Any], call: Call) -> list[str]:
    row = _row(reading, resource, call)
    policy.check_tags("get", resource, reading, row)
    return list(row.tags)
