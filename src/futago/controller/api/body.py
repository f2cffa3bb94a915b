"""From a request's body to typed values, by a resource's table of fields."""

from typing import Any

from futago.controller.api.call import decode
from futago.controller.caller import Caller
from futago.controller.resources import errors, parse
from futago.controller.resources.definition import ABSENT, REQUIRED, Absent, Field, Resource

Item = dict[str, Any]


def items(body: bytes, resource: Resource[Any]) -> tuple[list[Item], bool]:
    """The objects that a POST makes, and whether it came as a list."""
    document = _document(body)
    found = document.get(resource.collection)
    single = resource.name == resource.collection and isinstance(found, dict)  # some are called what many are
    if resource.collection not in document or single:
        return [_inside(document, resource.name)], False
    if not found:
        raise errors.HTTPBadRequest(message="Resources required")
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise errors.HTTPBadRequest(message="Body contains invalid data")
    return [_inside(item if resource.name in item else {resource.name: item}, resource.name) for item in found], True


def item(body: bytes, resource: Resource[Any]) -> Item:
    """The object in the body of a PUT."""
    return _inside(_document(body), resource.name)


def values_to_create(resource: Resource[Any], caller: Caller, given: Item) -> Item:
    """All attributes of a POST, those that it leaves open with their defaults."""
    project_id = _project(resource, caller, given)
    _check_known(resource, given)
    for field in resource.fields:
        if field.name in given and not field.post:
            raise errors.HTTPBadRequest(message=f"Attribute '{field.name}' not allowed in POST")
        if field.post and field.name not in given and field.default is REQUIRED:
            sentence = f"Failed to parse request. Required attribute '{field.name}' not specified"
            raise errors.HTTPBadRequest(message=sentence)
    values = {
        field.name: _parsed(field, given[field.name]) if field.name in given else field.default
        for field in resource.fields
        if field.post
    }
    if "project_id" in values:
        values |= {"project_id": project_id, "tenant_id": project_id}
    return values


def values_to_update(resource: Resource[Any], caller: Caller, given: Item) -> Item:
    """The attributes that a PUT names."""
    _project(resource, caller, given)
    _check_known(resource, given)
    values = {}
    for name, value in given.items():
        field = resource.field(name)
        if field is None or not field.put:
            raise errors.HTTPBadRequest(message=f"Cannot update read-only attribute {name}")
        values[name] = _parsed(field, value)
    return values


def _document(body: bytes) -> Item:
    document = decode(body) if body else {}
    if not isinstance(document, dict):
        raise errors.HTTPBadRequest(message="Body contains invalid data")
    return document


def _inside(document: Item, name: str) -> Item:
    value = document.get(name)
    if value is None:
        raise errors.HTTPBadRequest(message=f"Unable to find '{name}' in request body")
    if not isinstance(value, dict):
        raise errors.HTTPBadRequest(message=f"Object '{name}' contains invalid data")
    return value


def _check_known(resource: Resource[Any], given: Item) -> None:
    unknown = [name for name in given if resource.field(name) is None]
    if unknown:
        raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")


def _parsed(field: Field, value: Any) -> Any:
    if field.name in {"project_id", "tenant_id"} and value is None:
        return ABSENT
    try:
        return field.parse(value)
    except parse.Unfit as error:
        raise errors.HTTPBadRequest(message=f"Invalid input for {field.name}. Reason: {error}.") from error


def _project(resource: Resource[Any], caller: Caller, given: Item) -> str | None:
    """Whose it is to be; None is no single project's, where the field takes that word."""
    field = resource.field("project_id")
    kinds = (str, type(None)) if field is not None and field.default is None else (str,)
    words = (given[name] for name in ("project_id", "tenant_id") if name in given)
    named = {word for word in words if isinstance(word, kinds)}
    if len(named) > 1:
        raise errors.HTTPBadRequest(message="'project_id' and 'tenant_id' do not match")
    project_id = named.pop() if named else caller.project_id
    if project_id != caller.project_id and not (caller.admin or caller.names_projects):
        sentence = (
            "Specifying 'project_id' other than the authenticated project in request "
            "is not allowed for the current user."
        )
        raise errors.HTTPBadRequest(message=sentence)
    return project_id


def is_given(value: object) -> bool:
    """Whether a request says something about an attribute."""
    return not isinstance(value, Absent) and value is not None
