"""From a request's body to typed values, by a resource's table of fields."""

from typing import Any

from futago.controller.api.call import decode
from futago.controller.caller import Caller
from futago.controller.resources import errors, parse
from futago.controller.resources.definition import ABSENT, REQUIRED, Absent, Field, Resource

Item = dict[str, Any]


def items(body: bytes, resource: Resource[Any]) -> tuple[list[Item], bool]:
    """The objects that a POST makes, and whether it came as a list."""
    document = decode(body)
    if isinstance(document, dict) and isinstance(document.get(resource.collection), list):
        found = document[resource.collection]
        if not found:
            raise errors.HTTPBadRequest(message=f"Unable to find '{resource.collection}' in request body")
        return [_object(item, resource.collection) for item in found], True
    return [_inside(document, resource.name)], False


def item(body: bytes, resource: Resource[Any]) -> Item:
    """The object in the body of a PUT."""
    return _inside(decode(body), resource.name)


def values_to_create(resource: Resource[Any], caller: Caller, given: Item) -> Item:
    """All attributes of a POST, those that it leaves open with their defaults."""
    _check_known(resource, given)
    for name in given:
        field = resource.field(name)
        if field is not None and not field.post:
            raise errors.HTTPBadRequest(message=f"Attribute '{name}' not allowed in POST")
    values = {field.name: _initial(field, given) for field in resource.fields if field.post}
    if "project_id" in values:
        project_id = _project(caller, given)
        values |= {"project_id": project_id, "tenant_id": project_id}
    return values


def values_to_update(resource: Resource[Any], given: Item) -> Item:
    """The attributes that a PUT names."""
    _check_known(resource, given)
    values = {}
    for name, value in given.items():
        field = resource.field(name)
        if field is None or not field.put:
            raise errors.HTTPBadRequest(message=f"Cannot update read-only attribute {name}")
        values[name] = _parsed(field, value)
    return values


def _inside(document: Any, name: str) -> Item:
    if not isinstance(document, dict) or name not in document:
        raise errors.HTTPBadRequest(message=f"Unable to find '{name}' in request body")
    return _object(document[name], name)


def _object(value: Any, name: str) -> Item:
    if not isinstance(value, dict):
        raise errors.HTTPBadRequest(message=f"Body contains invalid data: '{name}' is not an object")
    return value


def _check_known(resource: Resource[Any], given: Item) -> None:
    unknown = [name for name in given if resource.field(name) is None]
    if unknown:
        raise errors.HTTPBadRequest(message=f"Unrecognized attribute(s) '{', '.join(unknown)}'")


def _initial(field: Field, given: Item) -> Any:
    if field.name in given:
        return _parsed(field, given[field.name])
    if field.default is REQUIRED:
        sentence = f"Failed to parse request. Required attribute '{field.name}' not specified"
        raise errors.HTTPBadRequest(message=sentence)
    return field.default


def _parsed(field: Field, value: Any) -> Any:
    if field.name in {"project_id", "tenant_id"} and value is None:
        return ABSENT
    try:
        return field.parse(value)
    except parse.Unfit as error:
        raise errors.HTTPBadRequest(message=f"Invalid input for {field.name}. Reason: {error}.") from error


def _project(caller: Caller, given: Item) -> str:
    named = {given[name] for name in ("project_id", "tenant_id") if isinstance(given.get(name), str)}
    if len(named) > 1:
        raise errors.HTTPBadRequest(message="'project_id' and 'tenant_id' do not match")
    project_id = named.pop() if named else caller.project_id
    if project_id != caller.project_id and not caller.admin:
        sentence = (
            "Specifying 'project_id' other than the authenticated project in request "
            "is not allowed for the current user."
        )
        raise errors.HTTPBadRequest(message=sentence)
    return project_id


def is_given(value: object) -> bool:
    """Whether a request says something about an attribute."""
    return not isinstance(value, Absent) and value is not None
