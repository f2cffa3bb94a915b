"""From JSON to typed values, with Neutron's conversions and its sentences about what does not convert.

Old clients send booleans and numbers as strings; these are taken for what they say. A parser raises `Unfit` with a
reason, to which the field's name is added, or an `InvalidInput` where Neutron does not name the field.
"""

import re
import unicodedata
import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from ipaddress import ip_address, ip_network
from typing import Any, Final, TypeVar

from futago.controller.resources import schema
from futago.controller.resources.errors import InvalidInput
from futago.controller.resources.schema import described
from futago.values import IPAddress, IPNetwork, Mac

T = TypeVar("T")

_MAC: Final = re.compile(r"(?i)[0-9a-f]{2}([:-]?)[0-9a-f]{2}(\1[0-9a-f]{2}){4}|[0-9a-f]{4}(\.[0-9a-f]{4}){2}")
_DOTTED: Final = re.compile(r"\d{1,9}(\.\d{1,9}){3}", re.ASCII)
_BLANK: Final = re.compile(r"\s")
_LABEL: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_OCTET: Final = 255
_BEYOND_BMP: Final = 0xFFFF
_LONGEST_NAME: Final = 255
_LONGEST_DOMAIN: Final = 253
_LONGEST_RELATIVE: Final = 252
_TRUE: Final = frozenset({"true", "1", "t", "y", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "f", "n", "no", "off"})


class Unfit(ValueError):
    """A value cannot be what its field takes; the text says why."""


def anything(value: Any) -> Any:
    """The value as it is."""
    return value


@described(schema.FLAG)
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

    @described(schema.text(limit))
    def parse(value: Any) -> str:
        if not isinstance(value, str) or "\0" in value:
            raise Unfit(f"'{value}' is not a valid string")
        if len(value) > limit:
            raise Unfit(f"'{value}' exceeds maximum length of {limit}")
        return value

    return parse


@described(schema.NAME)
def name(value: Any) -> str:
    """At most 255 characters that can be printed, of the Basic Multilingual Plane, with no blank at either end."""
    parsed = text(255)(value)
    if parsed != parsed.strip() or not all(_printable(character) for character in parsed):
        raise Unfit(f"'{value}' is not a valid string")
    return parsed


def _printable(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] != "C" and (category[0] != "Z" or category == "Zs") and ord(character) < _BEYOND_BMP


def nullable(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Null, or what `parse` takes."""

    @described(schema.or_null(schema.of(parse)))
    def parse_nullable(value: Any) -> T | None:
        return None if value is None else parse(value)

    return parse_nullable


def empty_as_none(parse: Callable[[Any], T]) -> Callable[[Any], T | None]:
    """Null or "", or what `parse` takes."""

    @described(schema.or_null(schema.of(parse)))
    def parse_unless_empty(value: Any) -> T | None:
        return None if value in (None, "") else parse(value)

    return parse_unless_empty


@described(schema.NULL)
def nothing(value: Any) -> None:
    """Null: the attribute belongs to a feature that is not there."""
    if value is not None:
        raise Unfit(f"'{value}' cannot be set: this version does not support it")


@described(schema.UUID)
def identifier(value: Any) -> str:
    """A UUID."""
    try:
        return str(uuid.UUID(value))
    except (ValueError, AttributeError, TypeError) as error:
        raise Unfit(f"'{value}' is not a valid UUID") from error


@described({"type": "integer"})
def whole(value: Any) -> int:
    """A whole number, or what Python's `int` makes one of, as Neutron does: "4", true, 4.7."""
    try:
        return int(value)
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidInput(reason=f"'{value}' is not an integer") from error


@described(schema.number(0, (1 << 31) - 1))
def non_negative(value: Any) -> int:
    """A whole number that is not below 0."""
    number = whole(value)
    if number < 0:
        raise Unfit(f"'{number}' should be non-negative")
    return number


def between(lowest: int, highest: int) -> Callable[[Any], int]:
    """A whole number of this range, both ends included."""

    @described(schema.number(lowest, highest))
    def parse(value: Any) -> int:
        number = whole(value)
        if number < lowest:
            raise Unfit(f"'{number}' is too small - must be at least '{lowest}'")
        if number > highest:
            raise Unfit(f"'{number}' is too large - must be no larger than '{highest}'")
        return number

    return parse


def integer(lowest: int, highest: int) -> Callable[[Any], int]:
    """A whole number, or a string that is one."""

    @described(schema.number(lowest, highest))
    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,12}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidInput(reason=f"'{value}' is not an integer")
        if not lowest <= value <= highest:
            raise Unfit(f"'{value}' is not in range {lowest} through {highest}")
        return value

    return parse


def one_of(*values: Any) -> Callable[[Any], Any]:
    """One of these values."""

    @described(schema.one_of(values))
    def parse(value: Any) -> Any:
        if value not in values:
            raise Unfit(f"{value} is not in valid_values")
        return value

    return parse


@described(schema.ADDRESS)
def address(value: Any) -> IPAddress:
    """An address of either family, without a zone and without leading zeros in an IPv4 one."""
    if isinstance(value, str) and "%" not in value:
        try:
            return ip_address(value)
        except ValueError:
            if _DOTTED.fullmatch(value):
                plain = ".".join(str(int(part)) for part in value.split("."))
                if all(int(part) <= _OCTET for part in plain.split(".")):
                    raise Unfit(f"'{value}' is not an accepted IP address, '{plain}' is recommended") from None
    raise Unfit(f"'{value}' is not a valid IP address")


@described(schema.CIDR)
def cidr(value: Any) -> IPNetwork:
    """A network of either family; host bits are cut off, and an address is a network of its own."""
    if isinstance(value, str) and "%" not in value and not _BLANK.search(value):
        try:
            return ip_network(value, strict=False)
        except ValueError:
            pass
    raise InvalidInput(reason=f"{value} is not in a CIDR format")


@described(schema.PREFIX)
def prefix(value: Any) -> IPNetwork:
    """A network as a list names it: with its length."""
    if isinstance(value, str) and "/" in value and "%" not in value:
        try:
            return ip_network(value, strict=False)
        except ValueError:
            pass
    raise Unfit(f"'{value}' is not a valid IP subnet")


@described(schema.PREFIX)
def destination(value: Any) -> IPNetwork:
    """Where a route leads: a network without host bits that is not this host's own."""
    if isinstance(value, str) and "/" in value and "%" not in value:
        try:
            network = ip_network(value)
        except ValueError:
            pass
        else:
            if network.network_address.is_loopback:
                raise Unfit(f"'{value}' is not a routable CIDR")
            return network
    raise Unfit(f"'{value}' is not a valid CIDR")


@described(schema.MAC)
def mac(value: Any) -> Mac:
    """A MAC address of a single host, in any case and in any of its usual forms."""
    if isinstance(value, str) and _MAC.fullmatch(value):
        digits = re.sub(r"[^0-9a-f]", "", value.lower())
        lower = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
        if not int(lower[:2], 16) & 1 and int(digits, 16):
            return Mac(lower)
    raise Unfit(f"'{value}' is not a valid MAC address")


@described(schema.HOST_NAME)
def hostname(value: Any) -> str:
    """A host's name as it stands in DNS, in lower case, or "" (RFC 1123, 2.1)."""
    if not isinstance(value, str):
        raise InvalidInput(reason=f"Input value {value} must be string type")
    name = value.lower()
    if name and (wrong := _wrong_name(name.removesuffix("."))):
        raise Unfit(f"'{name}' not a valid PQDN or FQDN. Reason: {wrong}")
    return name


@described(schema.ZONE)
def domain(value: Any) -> str:
    """The name of a zone, which ends with a dot, or ""."""
    name = hostname(value) if not isinstance(value, str) or value.endswith(".") else value.lower()
    if name and not name.endswith("."):
        raise Unfit(f"'{name}' is not a FQDN")
    if len(name) > _LONGEST_DOMAIN:
        raise Unfit(
            f"'{name}' contains {len(name)} characters. Adding a sub-domain will cause it to exceed "
            f"the maximum length of a FQDN of '{_LONGEST_NAME}'"
        )
    return name


@described(schema.RELATIVE_NAME)
def relative_name(value: Any) -> str:
    """A name within a zone, or ""."""
    if isinstance(value, str) and value.endswith("."):
        raise Unfit(f"'{value.lower()}' is a FQDN. It should be a relative domain name")
    name = hostname(value)
    if len(name) > _LONGEST_RELATIVE:
        raise Unfit(
            f"'{name}' contains {len(name)} characters. Adding a domain name will cause it to exceed "
            f"the maximum length of a FQDN of '{_LONGEST_NAME}'"
        )
    return name


def _wrong_name(name: str) -> str | None:
    if len(name) > _LONGEST_NAME:
        return f"'{name}' exceeds the {_LONGEST_NAME} character FQDN limit"
    labels = name.split(".")
    for label in labels:
        if not label:
            return "Encountered an empty component"
        if label.startswith("-") or label.endswith("-"):
            return f"Name '{label}' must not start or end with a hyphen"
        if not _LABEL.fullmatch(label):
            return f"Name '{label}' must be 1-63 characters long, each of which can only be alphanumeric or a hyphen"
    return f"TLD '{labels[-1]}' must not be all numeric" if len(labels) > 1 and labels[-1].isdecimal() else None


def list_of(parse: Callable[[Any], T], *, distinct: bool = True) -> Callable[[Any], tuple[T, ...]]:
    """A list whose items `parse` takes; null is the empty one."""

    @described(schema.array(schema.of(parse), distinct=distinct))
    def parse_list(value: Any) -> tuple[T, ...]:
        if value is None:
            return ()
        if not isinstance(value, list):
            raise Unfit(f"'{value}' is not a list")
        if distinct and (twice := repeated(value)):
            raise Unfit(f"Duplicate items in the list: '{', '.join(str(item) for item in twice)}'")
        return tuple(parse(item) for item in value)

    return parse_list


def repeated(items: Sequence[object]) -> list[object]:
    """Those that a list has more than once, each once."""
    if len({repr(item) for item in items}) == len(items):
        return []
    twice: list[object] = []
    for position, item in enumerate(items):
        if item in items[:position] and item not in twice:
            twice.append(item)
    return twice


@described(schema.array(schema.text(255)))
def tags(value: Any) -> tuple[str, ...]:
    """Different words, of at most 255 characters."""
    if value is None:
        raise Unfit("'None' is not a list")
    return list_of(text(255))(value)


@described(schema.OBJECT)
def mapping(value: Any) -> dict[str, Any]:
    """A JSON object; null and "" are the empty one."""
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise Unfit(f"'{value}' is not a dictionary")
    return value


def entry(known: dict[str, Callable[[Any], Any]], required: Collection[str]) -> Callable[[Any], dict[str, Any]]:
    """A JSON object with these keys and no others."""
    properties = {key: schema.of(parse) for key, parse in known.items()}

    @described(schema.keyed(properties, required))
    def parse(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Unfit(f"'{value}' is not a dictionary")
        if any(key not in value for key in required):
            raise Unfit(wrong_keys(required, value))
        if unknown := [key for key in value if key not in known]:
            raise Unfit(f"Unexpected keys supplied: {', '.join(unknown)}")
        return {key: known[key](item) for key, item in value.items()}

    return parse


def exactly(known: dict[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    """A JSON object with all of these keys and no others."""
    properties = {key: schema.of(parse) for key, parse in known.items()}

    @described(schema.keyed(properties, known))
    def parse(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            keys = list(known)
            raise Unfit(f"Invalid input. '{value}' must be a dictionary with keys: {keys}")
        if value.keys() != known.keys():
            raise Unfit(wrong_keys(known, value))
        return {key: convert(value[key]) for key, convert in known.items()}

    return parse


def wrong_keys(expected: Iterable[str], given: Iterable[str]) -> str:
    """What is said of a JSON object whose keys are others than those expected."""
    return f"Validation of dictionary's keys failed. Expected keys: {_keys(expected)} Provided keys: {_keys(given)}"


def _keys(names: Iterable[str]) -> str:
    return f"{{{', '.join(repr(name) for name in sorted(names))}}}" if names else "set()"
