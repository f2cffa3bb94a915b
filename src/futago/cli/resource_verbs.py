"""The verbs of one resource as commands, made from its table of fields; they ask the public API."""

import os
from inspect import Parameter, Signature
from typing import Any, Final

import typer

from futago.cli.resource_actions import Verb, actions_of, as_json, reference
from futago.cli.resource_options import (
    filter_option,
    filters_of,
    flag,
    id_of,
    option,
    parameter,
    settable,
    values_of,
)
from futago.cli.resource_tables import show_many, show_one
from futago.cli.store import BAD_USE, FAILED, fail
from futago.client import ApiClient, ApiRefused, Body, NoCredentials
from futago.controller.resources.catalog import RESOURCES
from futago.controller.resources.definition import REQUIRED, Resource

_TELLING: Final = (
    "agent_type",
    "host",
    "alive",
    "cidr",
    "mac_address",
    "fixed_ips",
    "floating_ip_address",
    "fixed_ip_address",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "direction",
)
"""Attributes that a list shows, of those that have them."""
_PARENT: Final = "parent"
"""What holds, among what was given, what a thing is a part of."""


def group(name: str) -> typer.Typer | None:
    """The verbs of the resource of this name; None where there is no such resource."""
    resource = next((one for one in RESOURCES if one.name.replace("_", "-") == name), None)
    if resource is None:
        return None
    made = typer.Typer(
        name=name,
        help=f"Make, list, show, change and delete {resource.collection.replace('_', ' ')}.",
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
    for verb, does in actions_of(resource).items():
        _add(made, resource, verb, does)
    return made


def _create(resource: Resource[Any]) -> Verb:
    fields = [field for field in resource.fields if field.post]
    named = any(field.name == "name" for field in fields)

    def run(client: ApiClient, given: Body) -> None:
        values = values_of(client, fields, given) | ({"name": given["name"]} if given.get("name") else {})
        show_one(client.create(_path(client, resource, given), resource.name, values), as_json=given["as_json"])

    name = [parameter("name", str, typer.Argument("", metavar="NAME", show_default=False))] if named else []
    options = [
        option(field, needed=field.default is REQUIRED) for field in fields if settable(field) and field.name != "name"
    ]
    return Verb("Make one.", [*name, *_parent(resource), *options, as_json()], run)


def _list(resource: Resource[Any]) -> Verb:
    fields = [field for field in resource.fields if field.filterable and field.name != "tenant_id"]

    def run(client: ApiClient, given: Body) -> None:
        found = client.list(_path(client, resource, given), **filters_of(client, fields, given))
        show_many(given["column"] or _columns(resource), found, as_json=given["as_json"])

    column = typer.Option([], "-c", "--column", metavar="ATTRIBUTE", help="Show this; may be repeated.")
    options = [filter_option(field) for field in fields]
    parameters = [*_parent(resource), *options, parameter("column", list[str], column), as_json()]
    return Verb("List those that have these attributes, or all.", parameters, run)


def _show(resource: Resource[Any]) -> Verb:
    def run(client: ApiClient, given: Body) -> None:
        found = client.get(_path(client, resource, given), id_of(client, resource, given["reference"]))
        show_one(found, as_json=given["as_json"])

    return Verb("Show one.", [reference(), *_parent(resource), as_json()], run)


def _update(resource: Resource[Any]) -> Verb:
    fields = [field for field in resource.fields if field.put]

    def run(client: ApiClient, given: Body) -> None:
        values = values_of(client, fields, given)
        if not values:
            raise ApiRefused("say what to change; --help lists it")
        object_id = id_of(client, resource, given["reference"])
        show_one(
            client.change(_path(client, resource, given), resource.name, object_id, values), as_json=given["as_json"]
        )

    options = [option(field, needed=False) for field in fields if settable(field)]
    return Verb("Change one.", [reference(), *_parent(resource), *options, as_json()], run)


def _delete(resource: Resource[Any]) -> Verb:
    def run(client: ApiClient, given: Body) -> None:
        for one in given["reference"]:
            client.delete(_path(client, resource, given), id_of(client, resource, one))

    several = parameter("reference", list[str], typer.Argument(..., metavar="NAME-OR-ID…"))
    return Verb("Delete one, or several.", [several, *_parent(resource)], run)


def _add(app: typer.Typer, resource: Resource[Any], name: str, verb: Verb) -> None:
    """A command with the verb's parameters, which typer reads from a function's signature."""
    program = f"futago {resource.name.replace('_', '-')} {name}"

    def command(**given: Any) -> None:
        try:
            verb.run(ApiClient(os.environ), given)
        except NoCredentials as error:
            fail(program, str(error), BAD_USE)
        except (ApiRefused, OSError) as error:
            fail(program, str(error), FAILED)

    command.__dict__["__signature__"] = Signature(verb.parameters)
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in verb.parameters}
    app.command(name, help=verb.text, epilog=_examples(resource, name, program, verb.example))(command)


def _examples(resource: Resource[Any], verb: str, program: str, further: str) -> str:
    needed = [field for field in resource.fields if field.post and field.default is REQUIRED and field.name != "name"]
    required = "".join(f" {flag(field.name)} {field.name.upper()}" for field in needed)
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
    own = lines.get(verb, [f"{program} {of}{further}"])
    shown = "".join(f"  {line}\n" for line in (". admin-openrc    # who asks", *own))
    return f"[b]Examples[/b]\n\n{shown}"


def _change(resource: Resource[Any]) -> str:
    """The first attribute that can be changed, as an option."""
    field = next((field for field in resource.fields if field.put), None)
    if field is None:
        return ""
    return "--name its-new-name" if field.name == "name" else f"{flag(field.name)} {field.name.upper()}"


def _parent(resource: Resource[Any]) -> list[Parameter]:
    """What is a part of something is named with it."""
    if resource.above is None:
        return []
    return [parameter(_PARENT, str, typer.Option(..., _parent_flag(resource), metavar="NAME-OR-ID"))]


def _parent_flag(resource: Resource[Any]) -> str:
    return "" if resource.above is None else f"--{resource.above.resource.name.replace('_', '-')}"


def _path(client: ApiClient, resource: Resource[Any], given: Body) -> str:
    if resource.above is None:
        return resource.path
    return resource.path.format(parent_id=id_of(client, resource.above.resource, given[_PARENT]))


def _columns(resource: Resource[Any]) -> list[str]:
    """What tells them apart; all, where nothing of that is there."""
    needed = [field.name for field in resource.fields if field.post and field.default is REQUIRED]
    wanted = dict.fromkeys(["id", "name", *needed, *_TELLING, "status"])
    known = [field.name for field in resource.fields if field.shown]
    found = [name for name in wanted if name in known]
    return found if "id" in found else known
