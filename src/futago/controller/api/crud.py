"""The usual five requests, for any resource."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import structlog

from futago.controller.api import body, policy
from futago.controller.api.call import Answer, Call, Service
from futago.controller.api.query import Order, Page, Query, matching, narrowed, page, parse_query, whole_page
from futago.controller.resources import errors, lookup, quota
from futago.controller.resources.definition import Reading, Rendered, Resource, Window, Writing

log = structlog.get_logger()

_REVISION: Final = "revision_number="
_MARKED: Final = frozenset({"network", "subnet", "port", "router", "floatingip"})
"""Of these a page after what there is not is refused; of all others it is the first one."""
_QUOTED: Final = re.compile(r'"([^"]*)"')
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


def show_all(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """The list, narrowed and ordered as the query says."""
    query = parse_query(resource, call)
    _provide(service, resource, call, query)

    def listed(reading: Reading) -> Page:
        order = query.order(resource)
        within = _within(reading, resource, call)
        wanted = {**query.columns(resource), **within}
        after = _marker(reading, resource, query, within)
        if order is not None:
            return whole_page(query, call, _cut(reading, resource, query, order, wanted, after))
        found = policy.permitted(resource, reading, policy.rendered(resource, reading, resource.find(reading, wanted)))
        marker = policy.rendered(resource, reading, [after])[0] if after is not None else None
        part = page(query, call, matching(resource, query, found), marker)
        return replace(part, items=policy.narrowed(resource, reading, part.items))

    part = service.read(call, listed)
    items = policy.visible(resource, part.items)
    payload: Rendered = {resource.collection: [narrowed(query, item) for item in items]}
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
        raise errors.HTTPMethodNotAllowed
    given, several = body.items(call.body, resource)
    wishes = [body.values_to_create(resource, call.caller, item) for item in given]

    def work(writing: Writing) -> list[Rendered]:
        made = []
        within = {} if resource.above is None else {resource.above.column: call.params["parent_id"]}
        for wish in wishes:
            values = wish | within
            policy.check_create(resource, writing.reading, values)
            _within(writing.reading, resource, call)
            if resource.limited:
                quota.check(writing, values["project_id"], resource.name, 1)
            made.append(make(writing, values))
        return policy.changed(resource, writing.reading, policy.rendered(resource, writing.reading, made))

    shown = service.write(call, work)
    for item in shown:
        log.info("created", kind=resource.name, id=item["id"], project=item.get("project_id"))
    return Answer(201, {resource.collection: shown} if several else {resource.name: shown[0]})


def update(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Change one."""
    change = resource.update
    if change is None:
        raise errors.HTTPMethodNotAllowed
    values = body.values_to_update(resource, call.caller, body.item(call.body, resource))

    def work(writing: Writing) -> Rendered:
        row = _row(writing.reading, resource, call)
        policy.check_update(resource, writing.reading, row, values)
        _check_revision(call, row)
        new = policy.rendered(resource, writing.reading, [change(writing, row, values)])
        return policy.changed(resource, writing.reading, new)[0]

    return Answer(200, {resource.name: service.write(call, work)})


def delete(service: Service, resource: Resource[Any], call: Call) -> Answer:
    """Delete one."""
    end = resource.delete
    if end is None:
        raise errors.HTTPMethodNotAllowed
    if call.body:
        raise errors.HTTPBadRequest(message="Request body is not supported in DELETE.")

    def work(writing: Writing) -> None:
        row = _row(writing.reading, resource, call)
        policy.check_delete(resource, writing.reading, row)
        _check_revision(call, row)
        end(writing, row)

    service.write(call, work)
    log.info("deleted", kind=resource.name, id=call.params["id"])
    return Answer(204)


def _provide(service: Service, resource: Resource[Any], call: Call, query: Query) -> None:
    """Make what is missing in a list: of the project that an admin names, else of the caller's own."""
    wanting, provide = resource.wanting, resource.provide
    if wanting is None or provide is None:
        return
    named = next(iter(query.filters.get("project_id", [])), "") if call.caller.admin else ""
    project_id = named or call.caller.project_id
    if service.read(call, lambda reading: wanting(reading, project_id)):
        service.write(call, lambda writing: provide(writing, project_id))


def _cut(
    reading: Reading,
    resource: Resource[Any],
    query: Query,
    order: Order,
    wanted: Mapping[str, Sequence[str]],
    after: Any,
) -> list[Rendered]:
    """The page that is asked for: as many more rows as the rules leave out of those that were found."""
    limit = query.limit
    assert limit is not None, "without a limit there is no page"
    items: list[Rendered] = []
    while True:
        window = Window(resource.kind, order, after, limit - len(items), query.reverse)
        found = resource.find(replace(reading, window=window), wanted)
        assert len(found) <= window.limit, f"the list of {resource.collection} is not cut"
        known = policy.known(resource, reading, policy.rendered(resource, reading, found))
        items = known + items if query.reverse else items + known
        if len(items) >= limit or len(found) < window.limit:
            return items
        after = found[0] if query.reverse else found[-1]


def _marker(reading: Reading, resource: Resource[Any], query: Query, within: Mapping[str, Sequence[str]]) -> Any:
    """What the page comes after, in the list or not; None for the first page.

    Raises:
        ApiError: there is no such thing, of a kind of which Neutron minds.

    """
    if query.marker is None:
        return None
    if resource.field("id") is None:
        found = [row for row in resource.find(reading, within) if query.names(resource.render(reading, [row])[0])]
    else:
        found = resource.find(reading, {**within, "id": [query.marker]})
    if found and policy.permitted(resource, reading, policy.rendered(resource, reading, found)):
        return found[0]
    if resource.name in _MARKED:
        raise resource.not_found(query.marker)
    return None


def _row(reading: Reading, resource: Resource[Any], call: Call) -> Any:
    return lookup.one(reading, resource, call.params["id"], _within(reading, resource, call))


def _within(reading: Reading, resource: Resource[Any], call: Call) -> dict[str, list[str]]:
    """The values that all parts of the parent have which the path names.

    Raises:
        ApiError: the caller may see no such parent.

    """
    if resource.above is None:
        return {}
    parent = lookup.one(reading, resource.above.resource, call.params["parent_id"])
    return {resource.above.column: [parent.id]}


def _rendered(reading: Reading, resource: Resource[Any], row: Any) -> Rendered:
    found = policy.visible(resource, policy.known(resource, reading, policy.rendered(resource, reading, [row])))
    if not found:
        raise errors.HTTPNotFound
    return found[0]


def _check_revision(call: Call, row: Any) -> None:
    """`If-Match: revision_number=N` makes a change depend on nobody having been quicker; other tags are not ours."""
    if call.if_match is None:
        return
    tags = _QUOTED.findall(call.if_match) or [call.if_match.strip()]
    wanted = [tag.removeprefix(_REVISION) for tag in tags if tag.startswith(_REVISION)]
    if len(wanted) > 1:
        raise errors.BadRequest(resource="if-match", reason="Multiple revision_number etags are not supported")
    if wanted and not _WHOLE.fullmatch(wanted[0]):
        reason = "Revision number etag must be in the format of revision_number=<int>"
        raise errors.BadRequest(resource="if-match", reason=reason)
    actual = getattr(row, "revision_number", None)  # not everything counts its changes
    if wanted and actual is not None and int(wanted[0]) != actual:
        raise errors.RevisionMismatch(expected=wanted[0], actual=actual)
