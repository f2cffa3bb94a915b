"""Tags: short words that anything can carry."""

from typing import Any, Final

from msgspec.structs import replace

from futago.controller.api import policy
from futago.controller.api.call import Answer, Call, Service, decode
from futago.controller.resources import errors, lookup
from futago.controller.resources.definition import Reading, Resource, Writing
from futago.controller.store.rows import StandardRow

_LONGEST: Final = 255
_MOST: Final = 50


def show_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """The tags of one thing."""
    return Answer(200, {"tags": service.read(call, lambda reading: _tags(reading, resource, call))})


def show(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Whether it has this tag."""
    if call.params["tag"] not in service.read(call, lambda reading: _tags(reading, resource, call)):
        raise errors.TagNotFound(tag=call.params["tag"])
    return Answer(204)


def replace_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Give it these tags and no others."""
    document = decode(call.body)
    wanted = document.get("tags") if isinstance(document, dict) else None
    if not isinstance(wanted, list) or len(wanted) > _MOST or not all(_valid(tag) for tag in wanted):
        raise errors.HTTPBadRequest(message="Invalid tags body")
    return Answer(200, {"tags": list(_set(service, resource, call, tuple(dict.fromkeys(wanted))))})


def add(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Give it one more."""
    tag = call.params["tag"]
    if not _valid(tag):
        raise errors.HTTPBadRequest(message=f"Invalid input for operation: '{tag}' is not a valid tag.")

    def work(writing: Writing) -> None:
        row = _row(writing.reading, resource, call)
        policy.check_update(resource, writing.reading, row, {})
        writing.txn.replace(row, replace(row, tags=tuple(dict.fromkeys((*row.tags, tag)))))

    service.write(call, work)
    return Answer(201)


def remove(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Take one off."""
    tag = call.params["tag"]

    def work(writing: Writing) -> None:
        row = _row(writing.reading, resource, call)
        policy.check_update(resource, writing.reading, row, {})
        if tag not in row.tags:
            raise errors.TagNotFound(tag=tag)
        writing.txn.replace(row, replace(row, tags=tuple(other for other in row.tags if other != tag)))

    service.write(call, work)
    return Answer(204)


def remove_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Take all off."""
    _set(service, resource, call, ())
    return Answer(204)


def _set(service: Service, resource: Resource[Any], call: Call, tags: tuple[str, ...]) -> tuple[str, ...]:
    def work(writing: Writing) -> tuple[str, ...]:
        row = _row(writing.reading, resource, call)
        policy.check_update(resource, writing.reading, row, {})
        return writing.txn.replace(row, replace(row, tags=tags)).tags

    return service.write(call, work)


def _row(reading: Reading, resource: Resource[Any], call: Call) -> StandardRow:
    row = lookup.one(reading, resource, call.params["id"])
    assert isinstance(row, StandardRow), "only what belongs to projects has tags"
    return row


def _tags(reading: Reading, resource: Resource[Any], call: Call) -> list[str]:
    return list(_row(reading, resource, call).tags)


def _valid(tag: Any) -> bool:
    return isinstance(tag, str) and 0 < len(tag) <= _LONGEST and "," not in tag and "\0" not in tag
