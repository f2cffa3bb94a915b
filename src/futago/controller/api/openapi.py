"""The API described by itself: OpenAPI 3.1, made from the tables of fields and the list of actions.

Whatever `resources.catalog` serves is described; nothing here names a resource.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from futago import __version__
from futago.controller.resources.catalog import ACTIONS, RESOURCES
from futago.controller.resources.definition import REQUIRED, Action, Field, Resource
from futago.controller.resources.schema import of as schema_of

Document = dict[str, Any]

PREFIX: Final = "/v2.0"

_STATUSES: Final = {
    200: "It is so.",
    201: "It was made.",
    204: "It is so; there is nothing to say.",
    400: "The request cannot be understood, or contradicts itself.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The caller may not do this.",
    404: "There is no such thing, or the caller may not see it.",
    409: "It contradicts what is there: something is in use, taken or used up.",
    412: "Somebody was quicker (If-Match).",
    413: "The body is too large.",
    503: "Identity does not answer.",
}
_READING: Final = (400, 401, 403, 404, 503)
_WRITING: Final = (400, 401, 403, 404, 409, 412, 413, 503)
_IDENTITY_ERROR: Final = "IdentityError"
_ERROR: Final = "NeutronError"

_TEXT: Final[Document] = {"type": "string"}
_SCHEMAS: Final[Document] = {
    _ERROR: {
        "type": "object",
        "required": [_ERROR],
        "properties": {
            _ERROR: {
                "type": "object",
                "required": ["type", "message", "detail"],
                "properties": {
                    "type": {"type": "string", "description": "The error's name, as in Neutron."},
                    "message": {"type": "string", "description": "What is wrong, in a sentence."},
                    "detail": _TEXT,
                },
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    },
    _IDENTITY_ERROR: {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "title", "message"],
                "properties": {"code": {"type": "integer"}, "title": _TEXT, "message": _TEXT},
            }
        },
    },
    "Tags": {
        "type": "object",
        "required": ["tags"],
        "properties": {"tags": {"type": "array", "items": _TEXT}},
    },
    "Object": {"type": "object"},
}
_PAGES: Final[tuple[tuple[str, Document, str], ...]] = (
    ("fields", {"type": "array", "items": _TEXT}, "Show only these attributes."),
    ("sort_key", {"type": "array", "items": _TEXT}, "Order by these attributes."),
    ("sort_dir", {"type": "array", "items": {"enum": ["asc", "desc"]}}, "The direction for each sort_key."),
    ("limit", {"type": "integer", "minimum": 0}, "At most so many; `…_links` says where the next are."),
    ("marker", _TEXT, "Only those after the one with this id."),
    ("page_reverse", {"type": "boolean"}, "The page before the marker instead."),
)


def document() -> Document:
    """All of the API."""
    paths: Document = {}
    schemas: Document = dict(_SCHEMAS)
    for resource in RESOURCES:
        schemas |= _resource_schemas(resource)
        for path, method, operation in _resource_operations(resource):
            paths.setdefault(path, {})[method] = operation
    for action in ACTIONS:
        paths.setdefault(PREFIX + action.path, {})[action.method.lower()] = _action(action)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Futago: Networking API v2.0",
            "version": __version__,
            "description": "Get a token from identity (POST /identity/v3/auth/tokens) and send it as X-Auth-Token.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {path: _with_parameters(path, operations) for path, operations in paths.items()},
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}},
        },
        "security": [{"token": []}],
    }


def _resource_schemas(resource: Resource[Any]) -> Document:
    name = _schema_name(resource)
    shown = {field.name: _shown(field) for field in resource.fields if field.shown}
    made = {field.name: _asked(field) for field in resource.fields if field.post}
    required = [field.name for field in resource.fields if field.post and field.default is REQUIRED]
    changed = {field.name: schema_of(field.parse) for field in resource.fields if field.put}
    found: Document = {name: _object(shown)}
    if resource.create is not None:
        found[f"{name}Create"] = _object(made) | ({"required": required} if required else {})
    if resource.update is not None:
        found[f"{name}Update"] = _object(changed)
    return found


def _resource_operations(resource: Resource[Any]) -> Iterator[tuple[str, str, Document]]:
    """The path, method and description of every request that a resource answers."""
    name = _schema_name(resource)
    every, one = f"{PREFIX}/{resource.path}", f"{PREFIX}/{resource.path}/{{id}}"
    words, plural = resource.name.replace("_", " "), resource.collection.replace("_", " ")
    tag = {"tags": [resource.collection]}
    links = {f"{resource.collection}_links": {"type": "array", "items": {"type": "object"}}}
    listed = _object({resource.collection: {"type": "array", "items": _ref(name)}, **links})
    single = _envelope(resource.name, name)
    yield every, "get", _operation(f"List {plural}.", 200, listed, _READING) | tag | {"parameters": _query(resource)}
    yield one, "get", _operation(f"Show a {words}.", 200, single, _READING) | tag
    if resource.create is not None:
        many = _object({resource.collection: {"type": "array", "items": _ref(f"{name}Create"), "minItems": 1}})
        body = {"anyOf": [_envelope(resource.name, f"{name}Create"), many | {"required": [resource.collection]}]}
        made = {"anyOf": [single, listed]}
        yield every, "post", _operation(f"Make a {words}, or several.", 201, made, _WRITING, body) | tag
    if resource.update is not None:
        body = _envelope(resource.name, f"{name}Update")
        yield one, "put", _operation(f"Change a {words}.", 200, single, _WRITING, body) | tag
    if resource.delete is not None:
        yield one, "delete", _operation(f"Delete a {words}.", 204, None, _WRITING) | tag
    if resource.tagged:
        for path, method, operation in _tag_operations(one, words):
            yield path, method, operation | tag


def _tag_operations(one: str, words: str) -> Iterator[tuple[str, str, Document]]:
    every, single = f"{one}/tags", f"{one}/tags/{{tag}}"
    tags = _ref("Tags")
    yield every, "get", _operation(f"List the tags of a {words}.", 200, tags, _READING)
    yield every, "put", _operation(f"Give a {words} these tags and no others.", 200, tags, _WRITING, tags)
    yield every, "delete", _operation(f"Take all tags off a {words}.", 204, None, _WRITING)
    yield single, "get", _operation(f"Ask whether a {words} has a tag.", 204, None, _READING)
    yield single, "put", _operation(f"Give a {words} a tag.", 201, {"type": "null"}, _WRITING)
    yield single, "delete", _operation(f"Take a tag off a {words}.", 204, None, _WRITING)


def _action(action: Action) -> Document:
    work = action.read or action.write
    answer = None if action.status == 204 else _ref("Object")
    body = action.takes or (_ref("Object") if action.write is not None and action.method != "DELETE" else None)
    statuses = _WRITING if action.write is not None else _READING
    operation = _operation(
        _first_sentence(work), action.status, answer, statuses, body, required=action.takes is not None
    )
    return operation | {"tags": [action.path.split("/")[1].replace("-", "_")]}


def _operation(
    summary: str,
    status: int,
    answer: Document | None,
    errors: tuple[int, ...],
    body: Document | None = None,
    *,
    required: bool = True,
) -> Document:
    responses = {str(status): _response(status, answer)}
    for code in errors:
        responses[str(code)] = _response(code, _ref(_IDENTITY_ERROR if code == 401 else _ERROR))
    operation: Document = {"summary": summary, "responses": responses}
    if body is not None:
        operation["requestBody"] = {"required": required, "content": _json(body)}
    return operation


def _response(status: int, schema: Document | None) -> Document:
    response: Document = {"description": _STATUSES[status]}
    if schema is not None:
        response["content"] = _json(schema)
    if status == 404:
        response["content"]["text/html"] = {"schema": _TEXT}
    return response


def _query(resource: Resource[Any]) -> list[Document]:
    filters = [
        _parameter(
            field.name, "query", {"type": "array", "items": _TEXT}, f"Only those with one of these {field.name}."
        )
        for field in resource.fields
        if field.filterable
    ]
    return [*(_parameter(name, "query", schema, text) for name, schema, text in _PAGES), *filters]


def _with_parameters(path: str, operations: Document) -> Document:
    names = re.findall(r"{(\w+)}", path)
    return {**({"parameters": [_parameter(name, "path", _TEXT, "") for name in names]} if names else {}), **operations}


def _parameter(name: str, where: str, schema: Document, description: str) -> Document:
    parameter = {"name": name, "in": where, "required": where == "path", "schema": schema}
    return parameter | ({"description": description} if description else {})


def _asked(field: Field) -> Document:
    schema = dict(schema_of(field.parse))
    if isinstance(field.default, str | int | float):
        schema["default"] = field.default
    if field.admin_sets:
        schema["description"] = "For administrators."
    return schema


def _shown(field: Field) -> Document:
    """An attribute that requests give is shown in the same type, or as null; one that they do not is anything."""
    if field.name in {"id", "created_at", "updated_at"}:
        return _TEXT
    schema = schema_of(field.parse)
    kinds = {option.get("type") for option in schema.get("anyOf", [schema])} | {schema.get("type"), "null"}
    known = sorted(kind for kind in kinds if kind)
    return {"type": known} if known != ["null"] else {}


def _object(properties: Document) -> Document:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _envelope(name: str, schema: str) -> Document:
    return _object({name: _ref(schema)}) | {"required": [name]}


def _ref(name: str) -> Document:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Document) -> Document:
    return {"application/json": {"schema": schema}}


def _schema_name(resource: Resource[Any]) -> str:
    return "".join(part.capitalize() for part in resource.name.split("_"))


def _first_sentence(work: Callable[..., Any] | None) -> str:
    return ((work.__doc__ if work else None) or "").strip().partition("\n")[0]
