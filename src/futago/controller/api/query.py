"""What a list request narrows and orders: filters, fields, sorting, pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from futago.controller.api.call import Call
from futago.controller.resources import errors, parse, window
from futago.controller.resources.definition import Field, Rendered, Resource

RESERVED: Final = frozenset({"fields", "sort_key", "sort_dir", "limit", "marker", "page_reverse"})
"""Parameters that narrow nothing."""
_TAGS: Final = frozenset({"tags", "tags-any", "not-tags", "not-tags-any"})
_SINCE: Final = "changed_since"
_CONVERTED: Final = frozenset({parse.boolean, parse.whole, parse.non_negative})
"""What a value in a query has to be, too, if its attribute is of that kind."""

Order = tuple[tuple[str, bool], ...]
"""Names and whether downwards, the most significant first."""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and where its neighbours are."""

    items: list[Rendered]
    links: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Query:
    """The parsed query of a list request."""

    filters: dict[str, list[str]]
    fields: frozenset[str]
    sorts: Order
    limit: int | None
    marker: str | None
    reverse: bool

    def order(self, resource: Resource[Any]) -> Order | None:
        """The columns by which the database can cut this page; None if it takes more than columns to tell."""
        if self.limit is None or not resource.paged or resource.field("id") is None:
            return None
        if "id" in self.filters or set(self.filters) - set(resource.columns):
            return None
        order = [(window.sortable(resource, key), downwards) for key, downwards in (*self.sorts, ("id", False))]
        known = tuple((name, downwards) for name, downwards in order if name is not None)
        return known if len(known) == len(order) else None

    def names(self, item: Rendered) -> bool:
        """Whether the page comes after this."""
        return _identity(item) == self.marker

    def columns(self, resource: Resource[Any]) -> dict[str, list[str]]:
        """The filters that the database can look up."""
        return {name: values for name, values in self.filters.items() if name in resource.columns}


def parse_query(resource: Resource[Any], call: Call) -> Query:
    """Read the query of a list request.

    Raises:
        errors.HTTPBadRequest: a filter or sort key that there is not.
        errors.BadRequest: a limit that is no number.
        errors.InvalidInput: a value that an attribute cannot have.

    """
    given: dict[str, list[str]] = {}
    for name, value in call.query:
        given.setdefault("project_id" if name == "tenant_id" else name, []).append(value)
    filters = {name: values for name, values in given.items() if name not in RESERVED}
    _check_filters(resource, filters)
    limit = _limit(given.get("limit", []))
    return Query(
        filters=filters,
        fields=frozenset(value for value in given.get("fields", []) if value),
        sorts=_sorts(resource, _named(given, "sort_key"), _named(given, "sort_dir")),
        limit=limit,
        marker=next(iter(given.get("marker", [])), None) if limit is not None else None,
        reverse=given.get("page_reverse", [""])[0].lower() == "true",
    )


def matching(resource: Resource[Any], query: Query, rendered: Sequence[Rendered]) -> list[Rendered]:
    """Those that every filter lets through; by what is never shown, `find` has filtered."""
    asked = ((name, values, resource.field(name)) for name, values in query.filters.items())
    tests = [
        (name, values, field) for name, values, field in asked if not (name in resource.columns and _unshown(field))
    ]
    if not tests:
        return list(rendered)
    return [item for item in rendered if all(_passes(item, name, values, field) for name, values, field in tests)]


def whole_page(query: Query, call: Call, items: list[Rendered]) -> Page:
    """What was cut out by the database."""
    return Page(items, _links(query, call, items))


def page(query: Query, call: Call, items: Sequence[Rendered], marker: Rendered | None = None) -> Page:
    """Sort, and cut out the page that is asked for: after the `marker`, which need not be in the list."""
    beside = [] if marker is None or any(_identity(item) == _identity(marker) for item in items) else [marker]
    ordered = _ordered(query, [*items, *beside])
    if marker is not None:
        position = next(i for i, item in enumerate(ordered) if _identity(item) == _identity(marker))
        ordered = ordered[:position] if query.reverse else ordered[position + 1 :]
    if query.limit is None:
        return Page(ordered, [])
    cut = ordered[-query.limit :] if query.reverse else ordered[: query.limit]
    return Page(cut, _links(query, call, cut))


def narrowed(query: Query, item: Rendered) -> Rendered:
    """Only the attributes asked for; all when none are named."""
    return {name: value for name, value in item.items() if name in query.fields} if query.fields else item


def _check_filters(resource: Resource[Any], filters: dict[str, list[str]]) -> None:
    tags = _TAGS if resource.tagged else frozenset()
    known = {field.name for field in resource.fields if field.filterable} | tags
    if resource.field("updated_at") is not None:
        known |= {_SINCE}
    unknown = [name for name in filters if name not in known]
    if unknown:
        raise errors.HTTPBadRequest(message=f"{unknown} is invalid attribute for filtering")
    for name, values in filters.items():
        field = resource.field(name)
        if field is not None and field.parse in _CONVERTED:
            for value in values:
                field.parse(value)
        if field is not None and field.pairs:
            _check_pairs(values)
    if _SINCE in filters:
        _moment(filters[_SINCE][0])


def _check_pairs(values: Sequence[str]) -> None:
    for value in values:
        key, separator, _ = value.partition("=")
        if not separator or not key.strip():
            raise errors.InvalidInput(reason=f"'{value}' is not of the form <key>=[value]")


def _moment(text: str) -> str:
    """A time as rows have it.

    Raises:
        errors.InvalidInput: it is none.

    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        reason = f"The input {_SINCE} must be in the following format: YYYY-MM-DDTHH:MM:SSZ"
        raise errors.InvalidInput(reason=reason) from error
    at = moment.astimezone(UTC) if moment.tzinfo is not None else moment
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _passes(item: Rendered, name: str, values: list[str], field: Field | None) -> bool:
    if name in _TAGS:
        return _tagged(set(item["tags"]), name, {tag for value in values for tag in value.split(",")})
    if name == _SINCE:
        return bool(item["updated_at"] >= _moment(values[0]))
    if name not in item:
        listed = item.get(field.listed_in, ()) if field is not None else ()
        return any(_passes(one, name, values, field) for one in listed)
    have = item[name]
    if isinstance(have, list):
        return _listed(have, values)
    return any(_equal(have, value, field) for value in values)


def _equal(have: Any, wanted: str, field: Field | None) -> bool:
    if isinstance(have, bool):
        return have is parse.boolean(wanted)
    if have is None:
        return False
    if str(have) == wanted:
        return True
    try:
        return field is not None and str(field.parse(wanted)) == str(have)
    except (parse.Unfit, errors.ApiError):
        return False


def _listed(have: list[Any], values: list[str]) -> bool:
    """Of a list of words one is named; of a list of objects one agrees for every `key=value`."""
    wanted: dict[str, set[str]] = {}
    for value in values:
        key, _, word = value.rpartition("=")
        wanted.setdefault(key, set()).add(word)
    return all(any(_member(entry, key, words) for entry in have) for key, words in wanted.items())


def _member(entry: Any, key: str, words: set[str]) -> bool:
    if not isinstance(entry, dict):
        return not key and entry in words
    if key.endswith("_substr"):
        return any(word in str(entry.get(key.removesuffix("_substr"), "")) for word in words)
    return str(entry.get(key)) in words


def _tagged(have: set[str], name: str, wanted: set[str]) -> bool:
    match name:
        case "tags":
            return wanted <= have
        case "tags-any":
            return bool(wanted & have)
        case "not-tags":
            return not wanted <= have
        case _:
            return not wanted & have


def _sorts(resource: Resource[Any], keys: list[str], directions: list[str]) -> Order:
    known = {field.name for field in resource.fields if field.sortable}
    if len(keys) != len(directions):
        raise errors.HTTPBadRequest(message="The number of sort_keys and sort_dirs must be same")
    unknown = [key for key in keys if key not in known]
    if unknown:
        raise errors.HTTPBadRequest(message=f"{unknown} is invalid attribute for sort_keys")
    wrong = [direction for direction in directions if direction not in {"asc", "desc"}]
    if wrong:
        sentence = f"{wrong} is invalid value for sort_dirs, valid value is 'asc' and 'desc'"
        raise errors.HTTPBadRequest(message=sentence)
    return (*((key, direction == "desc") for key, direction in zip(keys, directions, strict=True)),)


def _named(given: dict[str, list[str]], name: str) -> list[str]:
    return [value for value in given.get(name, []) if value]


def _limit(given: list[str]) -> int | None:
    if not given:
        return None
    if not given[0].isascii() or not given[0].isdecimal() or len(given[0]) > 9:
        reason = f"Limit must be an integer 0 or greater and not '{given[0]}'"
        raise errors.BadRequest(resource="limit", reason=reason)
    return int(given[0]) or None


def _ordered(query: Query, items: Sequence[Rendered]) -> list[Rendered]:
    """By the sort keys, then by id, so that pages fit together."""
    ordered = sorted(items, key=_identity) if query.sorts or query.limit else list(items)
    for key, downwards in reversed(query.sorts):
        ordered.sort(key=lambda item: _rank(item.get(key)), reverse=downwards)
    return ordered


def _unshown(field: Field | None) -> bool:
    return field is not None and not field.shown


def _identity(item: Rendered) -> str:
    """What tells it from the others: its id, or of what has none the first attribute."""
    return str(item.get("id", next(iter(item.values()), "")))


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, "" if value is None else str(value) if isinstance(value, (list, dict)) else value)


def _links(query: Query, call: Call, items: list[Rendered]) -> list[dict[str, str]]:
    """On a page that is full in both directions; on one that is not, back to where its reader comes from."""
    kept = [(name, value) for name, value in call.query if name not in {"marker", "page_reverse"}]
    short = query.limit is not None and len(items) < query.limit
    links = []
    if query.reverse or not short:
        ahead = [*kept, *(("marker", _identity(item)) for item in items[-1:])]
        links.append({"rel": "next", "href": f"{call.url}?{urlencode(ahead)}"})
    if not (query.reverse and short):
        back = [*kept, *(("marker", _identity(item)) for item in items[:1]), ("page_reverse", "True")]
        links.append({"rel": "previous", "href": f"{call.url}?{urlencode(back)}"})
    return links
