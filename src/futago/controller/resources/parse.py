"""From JSON to typed values, with Neutron's conversions and its sentences about what does not convert.

Old clients send booleans and numbers as strings; these are taken for what they say. A parser raises `Unfit` with a
reason, to which the field's name is added, or an `InvalidInput` where Neutron does not name the field.
"""

import re
import uuid
from collections.abc import Callable, Collection
from ipaddress import ip_address, ip_network
from typing import Any, Final, TypeVar

from futago.controller.resources.errors import InvalidInput
from futago.values import IPAddress, IPNetwork, Mac

T = TypeVar("T")

Schema = dict[str, Any]
"""JSON Schema: what the API's description says of a value."""

_MAC: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_IPV6: Final = 6
_TRUE: Final = frozenset({"true", "1", "t", "y", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "f", "n", "no", "off"})


class Unfit(ValueError):
    """A value cannot be what its field takes; the text says why."""


def described(schema: Schema) -> Callable[[Callable[[Any], T]], Callable[[Any], T]]:
    """A decorator for a parser: which JSON it is meant for."""

    def note(parser: Callable[[Any], T]) -> Callable[[Any], T]:
        parser.__dict__["schema"] = schema
        return parser

    return note


def schema_of(parser: Callable[[Any], Any]) -> Schema:
    """Which JSON a parser is meant for; any, where it does not say."""
    found: Schema = getattr(parser, "schema", {})
    return found


def anything(value: Any) -> Any:
    """The value as it is."""
    return value


@described({"type": "boolean"})
def boolean(value: Any) -> bool:
    """true, "True", "1", 1… or the contrary."""
    text = str(value).lower() if isinstance(value, (bool, int, str)) else ""
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise InvalidInput(reason=f"'{value}' cannot be converted to boolean")


def text(limit: int) -> Callable[[Any], str]:
    """A string of at most `limit` characters."""

    @described({"type": "string", "maxLength": limit})
    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise Unfit(f"'{value}' is not a valid string")
        if len(value) > limit:
            raise Unfit(f"'{value}' exceeds maximum length of {limit}")
        if "\0" in value:
            raise Unfit("a string cannot contain the character NUL")
        return value

    return parse


def nullable(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Null, or what `parse` takes."""

    @described(_or_null(parse))
    def parse_nullable(value: Any) -> T | None:
        return None if value is None else parse(value)

    return parse_nullable


def empty_as_none(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Null or "", or what `parse` takes."""

    @described(_or_null(parse))
    def parse_unless_empty(value: Any) -> T | None:
        return None if value in (None, "") else parse(value)

    return parse_unless_empty


def _or_null(parse: Callable[[Any], Any]) -> Schema:
    schema = schema_of(parse)
    return {"anyOf": [schema, {"type": "null"}]} if schema else {}


@described({"type": "null"})
def nothing(value: Any) -> None:
    """Null: the attribute belongs to a feature that is not there."""
    if value is not None:
        raise Unfit(f"'{value}' cannot be set: this version does not support it")


@described({"type": "string", "format": "uuid"})
def identifier(value: Any) -> str:
    """A UUID."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError) as error:
        raise Unfit(f"'{value}' is not a valid UUID") from error


def integer(lowest: int, highest: int) -> Callable[[Any], int]:
    """A whole number, or a string that is one."""

    @described({"type": "integer", "minimum": lowest, "maximum": highest})
    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(reason=f"'{value}' is not an integer")
        if not lowest <= value <= highest:
            raise Unfit(f"'{value}' is not in range {lowest} through {highest}")
        return value

    return parse


def one_of(*values: str) -> Callable[[Any], str]:
    """One of these words."""

    @described({"enum": list(values)})
    def parse(value: Any) -> str:
        if value not in values:
            raise Unfit(f"'{value}' is not in {list(values)}")
        return str(value)

    return parse


@described({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
def address(value: Any) -> IPAddress:
    """An address of either family, without a zone."""
    if isinstance(value, str) and "%" not in value:
        try:
            return ip_address(value)
        except ValueError:
            pass
    raise Unfit(f"'{value}' is not a valid IP address")


@described({"type": "string", "examples": ["192.168.80.0/24"]})
def cidr(value: Any) -> IPNetwork:
    """A network of either family; an IPv4 one is written without host bits."""
    if isinstance(value, str) and "%" not in value:
        try:
            network = ip_network(value, strict=False)
        except ValueError:
            pass
        else:
            if str(network) == value or (network.version == _IPV6 and "/" in value):
                return network
            raise Unfit(f"'{value}' isn't a recognized IP subnet cidr, '{network}' is recommended")
    raise Unfit(f"'{value}' is not a valid IP subnet")


@described({"type": "string", "pattern": "^[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}$"})
def mac(value: Any) -> Mac:
    """A MAC address of a single host, in any case."""
    if isinstance(value, str) and _MAC.fullmatch(value.lower().replace("-", ":")):
        lower = value.lower().replace("-", ":")
        if not int(lower[:2], 16) & 1 and lower != "00:00:00:00:00:00":
            return Mac(lower)
    raise Unfit(f"'{value}' is not a valid MAC address")


@described({"type": "string", "maxLength": 255})
def hostname(value: Any) -> str:
    """A host's name as it stands in DNS, in lower case, or "" (RFC 1123, 2.1)."""
    name = text(255)("" if value is None else value).lower()
    if name and not all(_LABEL.fullmatch(label) for label in name.removesuffix(".").split(".")):
        raise Unfit(f"'{value}' not a valid PQDN or FQDN")
    return name


def list_of(parse: Callable[[Any], T], *, distinct: bool = True) -> Callable[[Any], tuple[T, ...]]:
    """A list whose items `parse` takes; null is the empty one."""

    @described({"type": "array", "items": schema_of(parse), "uniqueItems": distinct})
    def parse_list(value: Any) -> tuple[T, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise Unfit(f"'{value}' is not a list")
        items = tuple(parse(item) for item in value)
        if distinct and len(_distinct(items)) != len(items):
            raise Unfit(f"Duplicate items in the list: '{', '.join(str(item) for item in value)}'")
        return items

    return parse_list


def _distinct(items: Collection[object]) -> set[str]:
    return {repr(item) for item in items}


@described({"type": "object"})
def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; null and "" are the empty one."""
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise Unfit(f"'{value}' is not a dictionary")
    return value


def entry(known: dict[str, Callable[[Any], Any]], required: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """A JSON object with these keys and no others."""
    properties = {key: schema_of(parse) for key, parse in known.items()}

    @described({"type": "object", "properties": properties, "required": list(required), "additionalProperties": False})
    def parse(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Unfit(f"'{value}' is not a dictionary")
        if missing := [key for key in required if key not in value]:
            raise Unfit(f"Expected keys not found: {missing}")
        if unknown := [key for key in value if key not in known]:
            raise Unfit(f"Unexpected keys supplied: {unknown}")
        return {key: known[key](item) for key, item in value.items()}

    return parse
