"""Attributes as options of the command line: made from the schemas of what the API takes, and read back into JSON."""

import json
import re
from collections.abc import Iterable, Sequence
from inspect import Parameter
from typing import Any, Final

import typer

from futago.client import ApiClient, ApiRefused, Body
from futago.controller.resources.catalog import RESOURCES
from futago.controller.resources.definition import Field, Resource
from futago.controller.resources.schema import Schema
from futago.controller.resources.schema import of as schema_of

_BESIDE: Final = frozenset(
    f"{field.name}_id"
    for resource in RESOURCES
    for field in resource.fields
    if resource.field(f"{field.name}_id") is not None
)
"""Ids whose attributes keep their names whole: without `_id` they are those of others."""
_ID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def parameter(name: str, kind: Any, info: Any) -> Parameter:
    """A parameter of a command, as typer reads it from a signature."""
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def option(field: Field, *, needed: bool) -> Parameter:
    """An option that sets the attribute."""
    help_ = "For administrators." if field.admin_sets else ""
    return schema_option(field.name, schema_of(field.parse), needed=needed, help_=help_)


def schema_option(name: str, taken: Schema, *, needed: bool, help_: str = "") -> Parameter:
    """An option for what a request takes under a name; its type follows from the schema."""
    kinds, default = _kinds(taken), (... if needed else None)
    if kinds == {"boolean"}:
        both = f"{flag(name)}/--no-{flag(name).removeprefix('--')}"
        return parameter(_variable(name), bool | None, typer.Option(default, both, help=help_))
    if "array" in kinds:
        metavar = _metavar(name, taken.get("items", {}))
        text = f"May be repeated; '[]' is none. {help_}".strip()
        return parameter(
            _variable(name), list[str] | None, typer.Option(default, flag(name), metavar=metavar, help=text)
        )
    kind = int | None if kinds == {"integer"} else str | None
    return parameter(
        _variable(name), kind, typer.Option(default, flag(name), metavar=_metavar(name, taken), help=help_)
    )


def filter_option(field: Field) -> Parameter:
    """An option for a list: only those that have this."""
    metavar = "NAME-OR-ID" if _target(field.name) is not None else "TEXT"
    return parameter(_variable(field.name), str | None, typer.Option(None, flag(field.name), metavar=metavar))


def settable(field: Field) -> bool:
    """Whether it has an option: not the old name of `project_id`, nor what takes nothing but null."""
    return field.name != "tenant_id" and schema_of(field.parse) != {"type": "null"}


def flag(name: str) -> str:
    """The option of an attribute."""
    short = name.removesuffix("_id")
    return "--" + re.sub("[_:]", "-", short if _target(name) is not None and name not in _BESIDE else name)


def values_of(client: ApiClient, fields: Iterable[Field], given: Body) -> Body:
    """The attributes that the command line names, ids in the place of names."""
    return named(client, {field.name: schema_of(field.parse) for field in fields}, given)


def named(client: ApiClient, schemas: dict[str, Schema], given: Body) -> Body:
    """The same, for names with their schemas."""
    found: Body = {}
    for name, taken in schemas.items():
        value = given.get(_variable(name))
        if isinstance(value, (list, tuple)):
            found |= {name: _list(client, name, taken.get("items", {}), value)} if value else {}
        elif value is not None:
            found[name] = _value(client, name, taken, value)
    return found


def filters_of(client: ApiClient, fields: Iterable[Field], given: Body) -> dict[str, str]:
    """What a list is asked for."""
    found = {}
    for field in fields:
        value, target = given.get(_variable(field.name)), _target(field.name)
        if value is not None:
            found[field.name] = id_of(client, target, value) if target is not None and value else value
    return found


def id_of(client: ApiClient, resource: Resource[Any], reference: str) -> str:
    """The id of what is named by its name or its id."""
    if _ID.fullmatch(reference) or resource.field("name") is None:
        return reference
    found = client.list(resource.path, name=reference)
    words = resource.name.replace("_", " ")
    if len(found) != 1:
        several = ", ".join(one["id"] for one in found)
        raise ApiRefused(
            f"{reference} is several {words}s: {several}; name one by its id"
            if found
            else f"there is no {words} {reference}"
        )
    return str(found[0]["id"])


def _list(client: ApiClient, name: str, items: Schema, given: Sequence[str]) -> Any:
    """The options one by one, or a whole list in one of them."""
    if len(given) == 1 and given[0].startswith("["):
        return _json(name, given[0])
    return [_value(client, name, items, one) for one in given]


def _value(client: ApiClient, name: str, taken: Schema, value: Any) -> Any:
    """A name as the id that it stands for, KEY=VALUE,… or JSON as an object, text as it is."""
    if not isinstance(value, str) or not value:
        return value
    kinds, target, object_ = _kinds(taken), _target(name), _object_of(taken)
    if value == "null" and (not kinds or {"type": "null"} in taken.get("anyOf", [])):
        return None
    if value[0] in "{[" and kinds != {"string"}:
        return _json(name, value)
    if target is not None:
        return id_of(client, target, value)
    return value if object_ is None else _object(client, flag(name), object_, value)


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ApiRefused(f"{flag(name)} {text}: this is no JSON ({error})") from error


def _object(client: ApiClient, of: str, taken: Schema, text: str) -> Body:
    known: dict[str, Schema] = taken.get("properties", {})
    found: Body = {}
    for pair in text.split(","):
        word, equals, value = pair.partition("=")
        key = next((key for key in (word, word.replace("-", "_"), f"{word}_id") if key in known), word)
        if not equals or (known and key not in known):
            raise ApiRefused(f"{of} {text}: expected {_keys(known)}, or JSON")
        kinds = _kinds(known.get(key, {}))
        literal = value.lstrip("-").isdecimal() if kinds == {"integer"} else value in {"true", "false"}
        plain = kinds not in ({"integer"}, {"boolean"}) or not literal
        found[key] = _value(client, key, known.get(key, {}), value) if plain else json.loads(value)
    return found


def _object_of(taken: Schema) -> Schema | None:
    """The schema itself, or its alternative to null, if it is an object's."""
    return next((one for one in [taken, *taken.get("anyOf", [])] if one.get("type") == "object"), None)


def _keys(known: dict[str, Schema]) -> str:
    return ",".join(f"{key}=…" for key in known) or "KEY=VALUE,…"


def _metavar(name: str, taken: Schema) -> str:
    if _target(name) is not None:
        return "NAME-OR-ID"
    kinds, object_ = _kinds(taken), _object_of(taken)
    choices = [value for one in [taken, *taken.get("anyOf", [])] for value in one.get("enum", [])]
    if choices:
        return "|".join(str(value) for value in choices)
    if object_ is not None:
        return _keys(object_.get("properties", {}))
    if "integer" in kinds:
        return "NUMBER"
    return "TEXT" if "string" in kinds else "VALUE"


def _kinds(taken: Schema) -> set[str | None]:
    """The types of JSON that a value may have, besides null."""
    return {one.get("type") for one in [taken, *taken.get("anyOf", [])]} - {"null", None}


def _variable(name: str) -> str:
    return re.sub("[^a-z0-9]", "_", name)


def _target(name: str) -> Resource[Any] | None:
    """The resource that an attribute names by its id: `network_id` and `floating_network_id` name a network."""
    for resource in RESOURCES:
        if name == resource.collection or re.fullmatch(rf"(.*_)?{resource.name}_id", name):
            return resource
    return None
