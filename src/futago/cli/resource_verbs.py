"""The verbs of one resource as commands, made from its table of fields; they ask the public API."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any, Final

import typer

from futago.cli.store import BAD_USE, FAILED, fail
from futago.client import ApiClient, ApiRefused, Body, NoCredentials
from futago.controller.resources.catalog import RESOURCES
from futago.controller.resources.definition import REQUIRED, Field, Resource
from futago.controller.resources.schema import Schema
from futago.controller.resources.schema import of as schema_of

_WIDE: Final = 1000
"""Characters: where nobody looks at a terminal, nothing is folded."""
_PARENT: Final = "parent"
"""What holds, among what was given, what a thing is a part of."""
_BESIDE: Final = frozenset(
    f"{field.name}_id"
    for resource in RESOURCES
    for field in resource.fields
    if resource.field(f"{field.name}_id") is not None
)
"""Ids whose attributes keep their names whole: without `_id` they are those of others."""
_ID: Final = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


def group(name: str) -> typer.Typer | None:
    """The verbs of the resource of this name; None where there is no such resource."""
    resource = next((one for one in RESOURCES if one.name.replace("_", "-") == name), None)
    if resource is None:
        return None
    words = resource.name.replace("_", " ")
    made = typer.Typer(
        name=name,
        help=f"Make, list, show, change and delete {words}s.",
        no_args_is_help=True,
        rich_markup_mode="rich",
        add_completion=False,
    )
    if resource.create is not None:
        _add(made, resource, "create", _create(resource))
    _add(made, resource, "list", _list(resource))
    _add(made, resource, "show", _show(resource))
    if resource.update is not None:
        _add(made, resource, "update", _update(resource))
    if resource.delete is not None:
        _add(made, resource, "delete", _delete(resource))
    return made


@dataclass(frozen=True, slots=True)
class _Verb:
    """What a verb says of itself, what it takes, and what it does with it."""

    text: str
    parameters: list[Parameter]
    run: Callable[[ApiClient, Body], None]


def _create(resource: Resource[Any]) -> _Verb:
    fields = [field for field in resource.fields if field.post]
    named = any(field.name == "name" for field in fields)

    def run(client: ApiClient, given: Body) -> None:
        values = _values(client, fields, given) | ({"name": given["name"]} if given.get("name") else {})
        _show_one(client.create(_path(client, resource, given), resource.name, values), as_json=given["as_json"])

    name = [_parameter("name", str, typer.Argument("", metavar="NAME", show_default=False))] if named else []
    options = [
        _option(field, needed=field.default is REQUIRED)
        for field in fields
        if _settable(field) and field.name != "name"
    ]
    return _Verb("Make one.", [*name, *_parent(resource), *options, _as_json()], run)


def _list(resource: Resource[Any]) -> _Verb:
    fields = [field for field in resource.fields if field.filterable and field.name != "tenant_id"]

    def run(client: ApiClient, given: Body) -> None:
        query = {name: str(value) for name, value in _values(client, fields, given).items()}
        found = client.list(_path(client, resource, given), **query)
        if given["as_json"]:
            print(json.dumps(found, indent=2))
        else:
            _print_table(given["column"] or _columns(resource), found)

    column = typer.Option([], "-c", "--column", metavar="ATTRIBUTE", help="Show this; may be repeated.")
    options = [_filter(field) for field in fields]
    parameters = [*_parent(resource), *options, _parameter("column", list[str], column), _as_json()]
    return _Verb("List those that have these attributes, or all.", parameters, run)


def _show(resource: Resource[Any]) -> _Verb:
    def run(client: ApiClient, given: Body) -> None:
        found = client.get(_path(client, resource, given), _id(client, resource, given["reference"]))
        _show_one(found, as_json=given["as_json"])

    return _Verb("Show one.", [_reference(), *_parent(resource), _as_json()], run)


def _update(resource: Resource[Any]) -> _Verb:
    fields = [field for field in resource.fields if field.put]

    def run(client: ApiClient, given: Body) -> None:
        values = _values(client, fields, given)
        if not values:
            raise ApiRefused("say what to change; --help lists it")
        object_id = _id(client, resource, given["reference"])
        _show_one(
            client.change(_path(client, resource, given), resource.name, object_id, values), as_json=given["as_json"]
        )

    options = [_option(field, needed=False) for field in fields if _settable(field)]
    return _Verb("Change one.", [_reference(), *_parent(resource), *options, _as_json()], run)


def _delete(resource: Resource[Any]) -> _Verb:
    def run(client: ApiClient, given: Body) -> None:
        for reference in given["reference"]:
            client.delete(_path(client, resource, given), _id(client, resource, reference))

    several = _parameter("reference", list[str], typer.Argument(..., metavar="NAME-OR-ID…"))
    return _Verb("Delete one, or several.", [several, *_parent(resource)], run)


def _add(app: typer.Typer, resource: Resource[Any], name: str, verb: _Verb) -> None:
    """A command with the verb's parameters, which typer reads from a function's signature."""
    program = f"futago {resource.name.replace('_', '-')} {name}"

    def command(**given: Any) -> None:
        try:
            verb.run(ApiClient(os.environ), given)
        except NoCredentials as error:
            fail(program, str(error), BAD_USE)
        except ApiRefused as error:
            fail(program, str(error), FAILED)

    command.__dict__["__signature__"] = Signature(verb.parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in verb.parameters}
    app.command(name, help=verb.text, epilog=_examples(resource, name, program))(command)


def _parameter(name: str, kind: Any, info: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=info, annotation=kind)


def _examples(resource: Resource[Any], verb: str, program: str) -> str:
    needed = [field for field in resource.fields if field.post and field.default is REQUIRED and field.name != "name"]
    required = "".join(f" {_flag(field)} {field.name.upper()}" for field in needed)
    named = resource.field("name")
    of = "ID" if named is None else f"my-{resource.name.replace('_', '-')}"
    made = f" {of}" if named is not None and named.post else ""
    within = "" if resource.above is None else f" {_parent_flag(resource)} NAME-OR-ID"
    lines = {
        "create": [f"{program}{made}{within}{required}", f"{program}{made}{within}{required} --json"],
        "list": [f"{program}{within}", f"{program}{within} --json", f"{program}{within} -c id"],
        "show": [f"{program} {of}{within}"],
        "update": [f"{program} {of}{within} {_change(resource)}"],
        "delete": [f"{program} {of}{within}"],
    }
    shown = "".join(f"  {line}\n" for line in (". admin-openrc    # who asks", *lines[verb]))
    return f"[b]Examples[/b]\n\n{shown}"


def _change(resource: Resource[Any]) -> str:
    """The first attribute that can be changed, as an option."""
    field = next((field for field in resource.fields if field.put), None)
    if field is None:
        return ""
    return "--name its-new-name" if field.name == "name" else f"{_flag(field)} {field.name.upper()}"


def _reference() -> Parameter:
    return _parameter("reference", str, typer.Argument(..., metavar="NAME-OR-ID"))


def _parent(resource: Resource[Any]) -> list[Parameter]:
    """What is a part of something is named with it."""
    if resource.above is None:
        return []
    return [_parameter(_PARENT, str, typer.Option(..., _parent_flag(resource), metavar="NAME-OR-ID"))]


def _parent_flag(resource: Resource[Any]) -> str:
    return "" if resource.above is None else f"--{resource.above.resource.name.replace('_', '-')}"


def _path(client: ApiClient, resource: Resource[Any], given: Body) -> str:
    if resource.above is None:
        return resource.path
    return resource.path.format(parent_id=_id(client, resource.above.resource, given[_PARENT]))


def _as_json() -> Parameter:
    return _parameter("as_json", bool, typer.Option(False, "--json", help="Print JSON."))


def _option(field: Field, *, needed: bool) -> Parameter:
    """An option that sets the attribute; its type follows from what the field's parser takes."""
    schema = schema_of(field.parse)
    kinds = _kinds(schema)
    flag, help_ = _flag(field), "For administrators." if field.admin_sets else ""
    default: Any = ... if needed else None
    if kinds == {"boolean"}:
        both = f"{flag}/--no-{flag.removeprefix('--')}"
        return _parameter(_variable(field), bool | None, typer.Option(default, both, help=help_))
    if "array" in kinds:
        metavar = _metavar(field, schema.get("items", {}))
        info = typer.Option(default, flag, metavar=metavar, help=f"May be repeated. {help_}".strip())
        return _parameter(_variable(field), list[str] | None, info)
    kind = int | None if "integer" in kinds else str | None
    return _parameter(_variable(field), kind, typer.Option(default, flag, metavar=_metavar(field, schema), help=help_))


def _filter(field: Field) -> Parameter:
    metavar = "NAME-OR-ID" if _target(field) is not None else "TEXT"
    return _parameter(_variable(field), str | None, typer.Option(None, _flag(field), metavar=metavar))


def _metavar(field: Field, schema: Schema) -> str:
    if _target(field) is not None:
        return "NAME-OR-ID"
    if "enum" in schema:
        return "|".join(str(value) for value in schema["enum"])
    kinds = _kinds(schema)
    if "integer" in kinds:
        return "NUMBER"
    return "TEXT" if "string" in kinds else "JSON" if "object" in kinds else "VALUE"


def _kinds(schema: Schema) -> set[str | None]:
    """The types of JSON that a value may have, besides null."""
    return {option.get("type") for option in [schema, *schema.get("anyOf", [])]} - {"null", None}


def _settable(field: Field) -> bool:
    """Whether it has an option: not the old name of `project_id`, nor what takes nothing but null."""
    return field.name != "tenant_id" and schema_of(field.parse) != {"type": "null"}


def _flag(field: Field) -> str:
    short = field.name.removesuffix("_id")
    name = short if _target(field) is not None and field.name not in _BESIDE else field.name
    return "--" + re.sub("[_:]", "-", name)


def _variable(field: Field) -> str:
    return re.sub("[^a-z0-9]", "_", field.name)


def _target(field: Field) -> Resource[Any] | None:
    """The resource that the attribute names by its id: `network_id` and `floating_network_id` name a network."""
    for resource in RESOURCES:
        if field.name == resource.collection or re.fullmatch(rf"(.*_)?{resource.name}_id", field.name):
            return resource
    return None


def _values(client: ApiClient, fields: Iterable[Field], given: Body) -> Body:
    """The attributes that the command line names, ids in the place of names."""
    found = {}
    for field in fields:
        value = given.get(_variable(field))
        if value not in (None, [], ()):
            found[field.name] = (
                [_value(client, field, one) for one in value]
                if isinstance(value, tuple)
                else _value(client, field, value)
            )
    return found


def _value(client: ApiClient, field: Field, value: Any) -> Any:
    target = _target(field)
    if target is not None and isinstance(value, str) and value:
        return _id(client, target, value)
    looks = isinstance(value, str) and (value[:1] in {"{", "["} or value == "null")
    if not looks:
        return value
    try:
        return json.loads(value)
    except ValueError as error:
        raise ApiRefused(f"{_flag(field)} {value}: this is no JSON ({error})") from error


def _id(client: ApiClient, resource: Resource[Any], reference: str) -> str:
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


def _columns(resource: Resource[Any]) -> list[str]:
    """What tells them apart: id, name, what a POST must give, status."""
    needed = [field.name for field in resource.fields if field.post and field.default is REQUIRED]
    wanted = dict.fromkeys(["id", "name", *needed, "status"])
    known = {field.name for field in resource.fields}
    return [name for name in wanted if name in known]


def _show_one(found: Body, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        _print_table(["attribute", "value"], [{"attribute": name, "value": found[name]} for name in sorted(found)])


def _print_table(columns: list[str], rows: list[Body]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row.get(column)) for column in columns))
    width = None if sys.stdout.isatty() else _WIDE
    Console(highlight=False, markup=False, width=width).print(table)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    if isinstance(value, dict):
        return json.dumps(value)
    return "" if value is None else str(value)
