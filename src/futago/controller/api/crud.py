"""The usual five requests, for any resource."""

from typing import Any

import structlog

from futago.controller.api import body, policy
from futago.controller.api.call import Answer, Call, Service
from futago.controller.api.query import matching, narrowed, page, parse_query
from futago.controller.resources import errors, lookup, quota
from futago.controller.resources.definition import Reading, Rendered, Resource, Writing

log = structlog.get_logger()


def show_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """The list, narrowed and ordered as the query says."""
    query = parse_query(resource, call)
    if resource.wanting is not None and resource.provide is not None and service.read(call, resource.wanting):
        service.write(call, resource.provide)

    def rendered(reading: Reading) -> list[Rendered]:
        found = resource.find(reading, {**query.columns(resource), **_within(reading, resource, call)})
        return [policy.shown(resource, call.caller, item) for item in resource.render(reading, found)]

    part = page(query, call, matching(resource, query, service.read(call, rendered)))
    payload: Rendered = {resource.collection: [narrowed(query, item) for item in part.items]}
    if part.links:
        payload[f"{resource.collection}_links"] = part.links
    return Answer(200, payload)


def show(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """One of them."""
    fields = frozenset(value for name, value in call.query if name == "fields" and value)

    def rendered(reading: Reading) -> Rendered:
        return _rendered(reading, resource, _row(reading, resource, call))

    item = service.read(call, rendered)
    kept = {name: value for name, value in item.items() if name in fields} if fields else item
    return Answer(200, {resource.name: kept})


def create(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Make one, or all of a list or none."""
    make = resource.create
    if make is None:
        raise errors.HTTPNotFound
    given, several = body.items(call.body, resource)
    wishes = [body.values_to_create(resource, call.caller, item) for item in given]
    for values in wishes:
        policy.check_create(resource, call.caller, values)

    def work(writing: Writing) -> list[Rendered]:
        made = []
        within = _within(writing.reading, resource, call)
        policy.check_create_within(resource, writing.reading, within)
        for wish in wishes:
            values = wish | {name: ids[0] for name, ids in within.items()}
            if resource.limited:
                quota.check(writing.txn, values["project_id"], resource.name, 1)
            made.append(make(writing, values))
        shown = resource.render(writing.reading, made)
        return [policy.shown(resource, call.caller, item) for item in shown]

    shown = service.write(call, work)
    for item in shown:
        log.info("created", kind=resource.name, id=item["id"], project=item.get("project_id", ""))
    return Answer(201, {resource.collection: shown} if several else {resource.name: shown[0]})


def update(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Change one."""
    change = resource.update
    if change is None:
        raise errors.HTTPNotFound
    values = body.values_to_update(resource, body.item(call.body, resource))

    def work(writing: Writing) -> Rendered:
        row = _row(writing.reading, resource, call)
        policy.check_update(resource, writing.reading, row, values)
        _check_revision(call, row)
        return _rendered(writing.reading, resource, change(writing, row, values))

    return Answer(200, {resource.name: service.write(call, work)})


def delete(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Delete one."""
    end = resource.delete
    if end is None:
        raise errors.HTTPNotFound

    def work(writing: Writing) -> None:
        row = _row(writing.reading, resource, call)
        policy.check_delete(resource, writing.reading, row)
        _check_revision(call, row)
        end(writing, row)

    service.write(call, work)
    log.info("deleted", kind=resource.name, id=call.params["id"])
    return Answer(204)


def _row(reading: Reading, resource: Resource[Any], call: Call) -> Any:
    return lookup.one(reading, resource, call.params["id"], _within(reading, resource, call))


def _within(reading: Reading, resource: Resource[Any], call: Call) -> dict[str, list[str]]:
    """The values that all parts of the parent have which the path names.

    Raises:
        ApiError: the caller may see no such parent.

    """
    if resource.parent is None:
        return {}
    parent = lookup.one(reading, resource.parent.resource, call.params["parent_id"])
    return {resource.parent.column: [parent.id]}


def _rendered(reading: Reading, resource: Resource[Any], row: Any) -> Rendered:
    return policy.shown(resource, reading.caller, resource.render(reading, [row])[0])


def _check_revision(call: Call, row: Any) -> None:
    """`If-Match: revision_number=N` makes a change depend on nobody having been quicker."""
    if call.if_match is None or not hasattr(row, "revision_number"):
        return
    name, _, number = call.if_match.strip().strip('"').partition("=")
    if name != "revision_number" or not number.isdecimal():
        raise errors.HTTPBadRequest(message="Invalid value for If-Match header.")
    if int(number) != row.revision_number:
        raise errors.RevisionMismatch(expected=number, actual=row.revision_number)
