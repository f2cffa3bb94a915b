"""The usual five requests, for any resource."""

from dataclasses import replace
from typing import Any

import structlog

from futago.controller.api import body, policy
from futago.controller.api.call import Answer, Call, Service
from futago.controller.api.query import Page, Query, check_marker, matching, narrowed, page, parse_query, whole_page
from futago.controller.resources import errors, lookup, quota
from futago.controller.resources.definition import Reading, Rendered, Resource, Window, Writing

log = structlog.get_logger()


def show_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """The list, narrowed and ordered as the query says."""
    query = parse_query(resource, call)
    if resource.wanting is not None and resource.provide is not None and service.read(call, resource.wanting):
        service.write(call, resource.provide)

    def listed(reading: Reading) -> Page:
        order = query.order(resource)
        if order is not None:
            return whole_page(query, call, _shown(reading, resource, _cut(reading, resource, query, order)))
        found = resource.find(reading, query.columns(resource))
        return page(query, call, matching(resource, query, _shown(reading, resource, found)))

    part = service.read(call, listed)
    payload: Rendered = {resource.collection: [narrowed(query, item) for item in part.items]}
    if part.links:
        payload[f"{resource.collection}_links"] = part.links
    return Answer(200, payload)


def show(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """One of them."""
    fields = frozenset(value for name, value in call.query if name == "fields" and value)

    def rendered(reading: Reading) -> Rendered:
        return _rendered(reading, resource, lookup.one(reading, resource, call.params["id"]))

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
        for values in wishes:
            if resource.limited:
                quota.check(writing.txn, values["project_id"], resource.name, 1)
            made.append(make(writing, values))
        return _shown(writing.reading, resource, made)

    shown = service.write(call, work)
    for item in shown:
        log.info("created", kind=resource.name, id=item["id"], project=item["project_id"])
    return Answer(201, {resource.collection: shown} if several else {resource.name: shown[0]})


def update(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Change one."""
    change = resource.update
    if change is None:
        raise errors.HTTPNotFound
    values = body.values_to_update(resource, body.item(call.body, resource))

    def work(writing: Writing) -> Rendered:
        row = lookup.one(writing.reading, resource, call.params["id"])
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
        row = lookup.one(writing.reading, resource, call.params["id"])
        policy.check_delete(resource, writing.reading, row)
        _check_revision(call, row)
        end(writing, row)

    service.write(call, work)
    log.info("deleted", kind=resource.name, id=call.params["id"])
    return Answer(204)


def _cut(reading: Reading, resource: Resource[Any], query: Query, order: tuple[tuple[str, bool], ...]) -> list[Any]:
    """The rows of the page that is asked for."""
    wanted, after, limit = query.columns(resource), None, query.limit
    assert limit is not None, "without a limit there is no page"
    if query.marker is not None:
        found = resource.find(reading, {**wanted, "id": [query.marker]})
        check_marker(query, known=bool(found))
        after = found[0]
    window = Window(resource.kind, order, after, limit, query.reverse)
    return resource.find(replace(reading, window=window), wanted)


def _shown(reading: Reading, resource: Resource[Any], found: list[Any]) -> list[Rendered]:
    return [policy.shown(resource, reading.caller, item) for item in resource.render(reading, found)]


def _rendered(reading: Reading, resource: Resource[Any], row: Any) -> Rendered:
    return _shown(reading, resource, [row])[0]


def _check_revision(call: Call, row: Any) -> None:
    """`If-Match: revision_number=N` makes a change depend on nobody having been quicker."""
    if call.if_match is None:
        return
    name, _, number = call.if_match.strip().strip('"').partition("=")
    if name != "revision_number" or not number.isdecimal():
        raise errors.HTTPBadRequest(message="Invalid value for If-Match header.")
    if int(number) != row.revision_number:
        raise errors.RevisionMismatch(expected=number, actual=row.revision_number)
