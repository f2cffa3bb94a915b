"""What can be done with a resource beside the usual five verbs, as commands: made from the list of actions and tags."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from inspect import Parameter
from typing import Any, Final

import typer

from futago.cli.resource_options import flag, id_of, named, parameter, schema_option
from futago.cli.resource_tables import show_many, show_one
from futago.client import ApiClient, Body
from futago.controller.resources.catalog import ACTIONS
from futago.controller.resources.definition import Action, Resource
from futago.controller.resources.schema import Schema

_PATH: Final = re.compile(r"/([^{}]+)/{\w+}/([\w-]+)")
_COLUMNS: Final = ("id", "name", "host", "ha_state", "status", "port_id", "segmentation_id")
"""What tells the members of a list apart, as far as they have it."""


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb says of itself, what it takes, what it does with it, and an example's arguments."""

    text: str
    parameters: list[Parameter]
    run: Callable[[ApiClient, Body], None]
    example: str = ""


def reference() -> Parameter:
    """The argument that says which one."""
    return parameter("reference", str, typer.Argument(..., metavar="NAME-OR-ID"))


def as_json() -> Parameter:
    """The option of all that show something."""
    return parameter("as_json", bool, typer.Option(False, "--json", help="Print JSON."))


def actions_of(resource: Resource[Any]) -> dict[str, Verb]:
    """Verbs by their names."""
    found = dict(_actions(resource))
    if resource.tagged and resource.above is None:
        found["set-tags"] = _set_tags(resource)
    return found


def _actions(resource: Resource[Any]) -> Iterator[tuple[str, Verb]]:
    for action in ACTIONS:
        found = _PATH.fullmatch(action.path)
        if found is None or found[1] != resource.path:
            continue
        name = found[2].replace("_", "-")
        if action.method == "PUT" and action.takes is not None:
            yield name, _change(resource, action, found[2])
        elif action.method == "GET":
            yield name.removeprefix("get-"), _look(resource, action, found[2])


def _change(resource: Resource[Any], action: Action, last: str) -> Verb:
    assert action.takes is not None
    envelope, inner = _unwrapped(action.takes)
    schemas, required = inner["properties"], inner.get("required", [])

    def run(client: ApiClient, given: Body) -> None:
        body = named(client, schemas, given)
        path = f"{resource.path}/{id_of(client, resource, given['reference'])}/{last}"
        answer = client.act("PUT", path, {envelope: body} if envelope else body)
        if isinstance(answer, list):
            show_many(_shown(answer), answer, as_json=given["as_json"])
        else:
            (only,) = answer.values() if len(answer) == 1 else [answer]
            show_one(only if isinstance(only, dict) else answer, as_json=given["as_json"])

    options = [schema_option(name, one, needed=name in required) for name, one in schemas.items()]
    example = "".join(f" {flag(name)} …" for name in [*required, *schemas][:1])
    return Verb(_text(action), [reference(), *options, as_json()], run, example)


def _look(resource: Resource[Any], action: Action, last: str) -> Verb:
    def run(client: ApiClient, given: Body) -> None:
        answer = client.act("GET", f"{resource.path}/{id_of(client, resource, given['reference'])}/{last}")
        (members,) = (value for value in answer.values() if isinstance(value, list))
        show_many(_shown(members), members, as_json=given["as_json"])

    return Verb(_text(action), [reference(), as_json()], run)


def _set_tags(resource: Resource[Any]) -> Verb:
    def run(client: ApiClient, given: Body) -> None:
        path = f"{resource.path}/{id_of(client, resource, given['reference'])}/tags"
        show_one(client.act("PUT", path, {"tags": list(given["tag"] or ())}), as_json=given["as_json"])

    tags = parameter("tag", list[str] | None, typer.Argument(None, metavar="TAG…", show_default=False))
    return Verb("Give one these tags and no others.", [reference(), tags, as_json()], run, " blue green")


def _unwrapped(taken: Schema) -> tuple[str, Schema]:
    """The name under which a body has what is meant, and the schema of that; no name where it is the body itself."""
    properties = taken["properties"]
    if len(properties) == 1:
        ((name, inner),) = properties.items()
        if "properties" in inner:
            return name, inner
    return "", taken


def _shown(members: list[Body]) -> list[str]:
    """The columns of a list."""
    known = dict.fromkeys(key for member in members for key in member)
    return [name for name in _COLUMNS if name in known] or [*known]


def _text(action: Action) -> str:
    work = action.read or action.write
    return ((work.__doc__ if work else None) or "").strip().partition("\n")[0]
