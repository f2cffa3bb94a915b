"""Who may do what: admins everything, members what is their project's, readers look."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from futago.controller.api.body import is_given
from futago.controller.caller import Caller
from futago.controller.resources import errors
from futago.controller.resources.definition import Reading, Rendered, Resource

_CHANGING_ROLES: Final = frozenset({"admin", "manager", "member"})


def check_create(resource: Resource[Any], caller: Caller, values: Mapping[str, Any]) -> None:
    """See that the caller may make one with these values."""
    named = [
        field.name
        for field in resource.fields
        if field.admin_sets and is_given(values.get(field.name)) and values[field.name] != field.default
    ]
    _check(f"create_{resource.name}", caller, named)


def check_create_within(resource: Resource[Any], reading: Reading, within: Mapping[str, Sequence[str]]) -> None:
    """See that the caller may give parts to the parent that `within` names, if the resource has one."""
    if resource.parent is not None:
        parent = resource.parent.resource
        for row in parent.find(reading, {"id": within[resource.parent.column]}):
            _check_owned(f"create_{parent.name}_{resource.name}", parent, reading, row)


def check_update(resource: Resource[Any], reading: Reading, row: Any, values: Mapping[str, Any]) -> None:
    """See that the caller may change these attributes of this one."""
    named = [field.name for field in resource.fields if field.admin_sets and field.name in values]
    _check(f"update_{resource.name}", reading.caller, named)
    _check_owned(f"update_{resource.name}", resource, reading, row)


def check_delete(resource: Resource[Any], reading: Reading, row: Any) -> None:
    """See that the caller may delete this one."""
    _check(f"delete_{resource.name}", reading.caller, [])
    _check_owned(f"delete_{resource.name}", resource, reading, row)


def shown(resource: Resource[Any], caller: Caller, rendered: Rendered) -> Rendered:
    """What the caller may know of one."""
    if caller.admin:
        return rendered
    hidden = {field.name for field in resource.fields if field.admin_sees}
    return {name: value for name, value in rendered.items() if name not in hidden}


def _check(action: str, caller: Caller, named: list[str]) -> None:
    if not caller.roles & _CHANGING_ROLES:
        raise errors.PolicyNotAuthorized(rules=f"rule:{action}")
    if named and not caller.admin:
        rules = " and ".join(f"rule:{action}:{name}" for name in named)
        raise errors.PolicyNotAuthorized(rules=f"(rule:{action} and {rules})")


def _check_owned(action: str, resource: Resource[Any], reading: Reading, row: Any) -> None:
    if not resource.owned(reading, row):
        raise errors.PolicyNotAuthorized(rules=f"rule:{action}")
