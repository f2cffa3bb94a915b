"""What the API's description says of a value: JSON Schema, kept with the parser that reads the value.

A schema says all of a parser's demands that it can express, in the form that is meant: that "4" is taken for 4, as old
clients send it, is not in it. What it cannot express (a range that ends before it begins) is refused with the reason.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")

Schema = dict[str, Any]

_OCTET: Final = "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_LABEL: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAMES: Final = rf"{_LABEL}(\.{_LABEL})*"
_V4: Final = rf"({_OCTET}\.){{3}}{_OCTET}"
_V6: Final = "[0-9a-fA-F:.]*:[0-9a-fA-F:.]*"
_LENGTH_V4: Final = "/(3[0-2]|[12]?[0-9])"
_LENGTH_V6: Final = "/(12[0-8]|1[01][0-9]|[1-9]?[0-9])"

UUID: Final[Schema] = {"type": "string", "format": "uuid"}
ADDRESS: Final[Schema] = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
MAC: Final[Schema] = {"type": "string", "pattern": "^[0-9a-fA-F][02468aceACE]([:-][0-9a-fA-F]{2}){5}$"}
"""Of a single host: the second digit is even."""
PREFIX: Final[Schema] = {
    "type": "string",
    "pattern": f"^({_V4}{_LENGTH_V4}|{_V6}{_LENGTH_V6})$",
    "examples": ["192.168.80.0/24"],
}
"""A network with its length."""
CIDR: Final[Schema] = PREFIX | {"pattern": f"^({_V4}({_LENGTH_V4})?|{_V6}({_LENGTH_V6})?)$"}
"""A network, or an address, which is one of its own."""
FLAG: Final[Schema] = {"type": "boolean"}
OBJECT: Final[Schema] = {"type": "object"}
NULL: Final[Schema] = {"type": "null"}
HOST_NAME: Final[Schema] = {"type": "string", "maxLength": 255, "pattern": rf"^({_NAMES}\.?)?$"}
ZONE: Final[Schema] = {"type": "string", "maxLength": 253, "pattern": rf"^({_NAMES}\.)?$"}
RELATIVE_NAME: Final[Schema] = {"type": "string", "maxLength": 252, "pattern": f"^({_NAMES})?$"}
NAME: Final[Schema] = {"type": "string", "maxLength": 255, "pattern": r"^(\S(.*\S)?)?$"}
"""Without a blank at either end."""


def described(schema: Schema) -> Callable[[Callable[[Any], T]], Callable[[Any], T]]:
    """A decorator for a parser: which JSON it is meant for."""

    def note(parser: Callable[[Any], T]) -> Callable[[Any], T]:
        parser.__dict__["schema"] = schema
        return parser

    return note


def of(parser: Callable[[Any], Any]) -> Schema:
    """Which JSON a parser is meant for; any, where it does not say."""
    found: Schema = getattr(parser, "schema", {})
    return found


def or_null(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, NULL]} if schema else {}


def text(limit: int) -> Schema:
    """So many characters."""
    return {"type": "string", "maxLength": limit, "pattern": r"^[^\u0000]*$"}


def number(lowest: int, highest: int) -> Schema:
    """Both ends included."""
    return {"type": "integer", "minimum": lowest, "maximum": highest}


def one_of(values: Iterable[Any]) -> Schema:
    """One of these, which are of one type, or null."""
    known = list(values)
    if None in known:
        return or_null(one_of(value for value in known if value is not None))
    kind = "string" if all(isinstance(value, str) for value in known) else "integer"
    return {"type": kind, "enum": known}


def array(items: Schema, *, distinct: bool = True) -> Schema:
    """A list."""
    return {"type": "array", "items": items, "uniqueItems": distinct}


def keyed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """An object with these keys and no others."""
    needed = list(required)
    found: Schema = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return found | ({"required": needed} if needed else {})


def enveloped(name: str, schema: Schema) -> Schema:
    """What a body has under a name."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}
