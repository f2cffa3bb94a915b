"""The segments of a network, as requests name them and as the API shows them: one, or a list."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from futago.controller.resources import errors, parse, schema, segment_errors, segments
from futago.controller.resources.definition import Field, Rendered, Values, Writing, chosen
from futago.controller.resources.segments import Asked
from futago.controller.store.rows import Segment
from futago.values import NetworkType

_NAMES: Final = {f"provider:{name}": name for name in Asked._fields}


def asked_for(values: Values) -> list[Asked]:
    """What a new network is to have: the list, or the one segment, which may be any.

    Raises:
        errors.InvalidInput: both are named, or a segment without a type, or one twice.

    """
    single = asked(values)
    several: Sequence[Asked] = values.get("segments") or ()
    if not several:
        return [single]
    if any(value is not None for value in single):
        raise segment_errors.SegmentsSetInConjunctionWithProviders
    if any(one.network_type is None for one in several):
        raise errors.InvalidInput(reason="network_type required")
    whole = [one for one in several if one.segmentation_id is not None or one.network_type == NetworkType.FLAT]
    if len(set(whole)) < len(whole):
        raise segment_errors.SegmentsContainDuplicateEntry
    return list(several)


def asked(values: Values, names: Mapping[str, str] = _NAMES) -> Asked:
    """The attributes of one segment, under these names; "" says nothing, too."""
    named = chosen(values, names)
    return Asked(*((named.get(name) if named.get(name) != "" else None) for name in Asked._fields))


def change(writing: Writing, held: Sequence[Segment], values: Values) -> None:
    """Let a network's segments be what a request names instead: the id of its one VLAN may change.

    Raises:
        errors.InvalidInput: it asks for more than that.

    """
    several = values.get("segments")
    if several and list(several) != [_as_asked(one) for one in held]:
        reason = "Plugin does not support updating the following provider network attributes: segments"
        raise errors.InvalidInput(reason=reason)
    segments.move(writing.txn, held, asked(values))


def render(held: Sequence[Segment]) -> Rendered:
    """The attributes of the one segment, or a list of several."""
    shown = [dict(zip(_NAMES, _as_asked(one), strict=True)) for one in held]
    if len(shown) > 1:
        return {"segments": shown}
    return shown[0] if shown else dict.fromkeys(_NAMES)


def _as_asked(segment: Segment) -> Asked:
    return Asked(segment.network_type.value, segment.physical_network or None, segment.segmentation_id or None)


_type, _physical = parse.nullable(parse.text(32)), parse.nullable(parse.text(64))


_KEYS: Final[schema.Schema] = {
    "provider:network_type": {"type": "string"},
    "provider:physical_network": {"type": "string"},
    "provider:segmentation_id": {"type": "integer"},
}


@schema.described(schema.array({"type": "object", "properties": _KEYS, "additionalProperties": False}, distinct=False))
def _segments(value: Any) -> tuple[Asked, ...]:
    if value in ("", {}):
        return ()
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise parse.Unfit(f"'{value}' is not a list of segments")
    return tuple(_segment(item) for item in value)


def _segment(item: dict[str, Any]) -> Asked:
    if unknown := [name for name in item if name not in _NAMES]:
        raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")
    kind, where, number = (item.get(name) or None for name in _NAMES)
    return Asked(_type(kind), _physical(where), parse.nullable(parse.whole)(number))


def _provider(name: str, convert: Callable[[Any], Any], **more: Any) -> Field:
    return Field(
        name=name, parse=convert, post=True, put=True, sortable=False, admin_sets=True, admin_sees=True, **more
    )


FIELDS: Final = (
    _provider("provider:network_type", parse.text(32), listed_in="segments"),
    _provider("provider:physical_network", parse.text(64), listed_in="segments"),
    _provider("provider:segmentation_id", parse.whole, listed_in="segments"),
    _provider("segments", _segments, filterable=False),
)
