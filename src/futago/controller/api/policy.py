"""Who may do what to which resource: the rules, asked as Neutron asks them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from futago.controller.caller import Caller
from futago.controller.policy.defaults import ADMIN, ADMIN_OR_MEMBER, ADMIN_OR_READER, DEFAULTS
from futago.controller.policy.rules import Policy
from futago.controller.resources import errors, lookup
from futago.controller.resources.definition import Absent, Reading, Rendered, Resource
from futago.controller.resources.parents import EXT_PARENT, PARENTS, Parents

_NOT_AN_ATTRIBUTE: Final = "tags"
"""Rules with this name are those of the requests for tags."""
_SEEN_FIRST: Final = frozenset({"port"})
"""Who may not make one in a network that it does not see is told that there is no such network."""


def defaults(resources: Iterable[Resource[Any]]) -> dict[str, str]:
    """The rules of resources and attributes for which Neutron has none."""
    found: dict[str, str] = {}
    for resource in resources:
        found[f"get_{resource.rule}"] = ADMIN_OR_READER
        for action in ("create", "update", "delete"):
            found[f"{action}_{resource.rule}"] = ADMIN_OR_MEMBER
        for field in resource.fields:
            if field.admin_sets:
                found |= {f"{action}_{resource.rule}:{field.name}": ADMIN for action in ("create", "update")}
            if field.admin_sees:
                found[f"get_{resource.rule}:{field.name}"] = ADMIN
        if resource.tagged:
            found[f"get_{resource.rule}:tags"] = ADMIN_OR_READER
            found |= {f"{action}_{resource.rule}:tags": ADMIN_OR_MEMBER for action in ("create", "update", "delete")}
    return found


def check_create(resource: Resource[Any], reading: Reading, values: Mapping[str, Any]) -> None:
    """See that the caller may make one with these values."""
    action = f"create_{resource.rule}"
    named = {
        field.name: values[field.name]
        for field in resource.fields
        if field.post and not isinstance(values[field.name], Absent) and values[field.name] != field.default
    }
    target = values if resource.parent is None else {**values, EXT_PARENT: values[resource.parent.column]}
    parents = Parents(reading, resource, must_be=True)
    refused = _refused(action, reading, target, _sets(resource, action, reading, named), parents)
    if refused is not None:
        if resource.rule in _SEEN_FIRST:
            lookup.one(reading, PARENTS["network"], values["network_id"])
        raise errors.PolicyNotAuthorized(rules=refused)


def check_update(resource: Resource[Any], reading: Reading, row: Any, values: Mapping[str, Any]) -> None:
    """See that the caller may change these attributes of this one."""
    action = f"update_{resource.rule}"
    sets = list(_sets(resource, action, reading, values))
    if _of_any(reading, action, *(name for names in sets for name in names.split())):
        return
    target = rendered(resource, reading, [row])[0]
    unweighed = {field.name for field in resource.fields if not field.weighed}
    present = {name: value for name, value in target.items() if name not in unweighed}
    _check(action, resource, reading, present, {**target, **values}, sets)


def check_delete(resource: Resource[Any], reading: Reading, row: Any) -> None:
    """See that the caller may delete this one."""
    if _of_any(reading, f"delete_{resource.rule}"):
        return
    target = rendered(resource, reading, [row])[0]
    _check(f"delete_{resource.rule}", resource, reading, target, target, ())


def check_tags(action: str, resource: Resource[Any], reading: Reading, row: Any) -> None:
    """See that the caller may get, create, update or delete the tags of this one."""
    target = rendered(resource, reading, [row])[0]
    _check(f"{action}_{resource.rule}:{_NOT_AN_ATTRIBUTE}", resource, reading, target, target, ())


def rendered(resource: Resource[Any], reading: Reading, rows: Sequence[Any]) -> list[Rendered]:
    """As the API shows them, and as the rules look at them: what is a part of something says of what."""
    items = resource.render(reading, rows)
    if resource.parent is None:
        return items
    column = resource.parent.column
    return [{**item, EXT_PARENT: getattr(row, column)} for item, row in zip(items, rows, strict=True)]


def permitted(resource: Resource[Any], reading: Reading, items: list[Rendered]) -> list[Rendered]:
    """Those that the caller may know of, to filter and order by all that they are, as Neutron does."""
    parents = Parents(reading, resource)
    rule = f"get_{resource.rule}"
    if reading.policy.of_any(rule, reading.caller):
        return items
    return [item for item in items if reading.policy.allows(rule, reading.caller, item, parents)]


def known(resource: Resource[Any], reading: Reading, items: list[Rendered]) -> list[Rendered]:
    """Those that the caller may know of, and what it may know of each."""
    return narrowed(resource, reading, permitted(resource, reading, items))


def visible(resource: Resource[Any], items: list[Rendered]) -> list[Rendered]:
    """Without what is never shown."""
    hidden = {field.name for field in resource.fields if not field.shown} | ({EXT_PARENT} if resource.parent else set())
    return [{name: value for name, value in item.items() if name not in hidden} for item in items] if hidden else items


def changed(resource: Resource[Any], reading: Reading, items: list[Rendered]) -> list[Rendered]:
    """What the caller may know of what it has just made or changed."""
    return visible(resource, narrowed(resource, reading, items))


def narrowed(resource: Resource[Any], reading: Reading, items: list[Rendered]) -> list[Rendered]:
    """What the caller may know of each of those that it may know of."""
    hidden, unsure = _hidden(resource, reading.policy, reading.caller)
    if not hidden and not unsure:
        return items
    parents = Parents(reading, resource)
    return [_without(hidden, unsure, reading, parents, item) for item in items]


@lru_cache(maxsize=1024)
def _hidden(resource: Resource[Any], rules: Policy, caller: Caller) -> tuple[set[str], dict[str, str]]:
    """The attributes that are hidden in each, and the rules of those for which it depends."""
    always, unsure = set(), {}
    for field in resource.fields:
        rule = f"get_{resource.rule}:{field.name}"
        if rule in rules.texts and field.name != _NOT_AN_ATTRIBUTE:
            answer = rules.of_any(rule, caller)
            if answer is None:
                unsure[field.name] = rule
            elif not answer:
                always.add(field.name)
    return always, unsure


def _without(
    hidden: set[str], unsure: Mapping[str, str], reading: Reading, parents: Parents, item: Rendered
) -> Rendered:
    gone = hidden | {n for n, rule in unsure.items() if not reading.policy.allows(rule, reading.caller, item, parents)}
    return {name: value for name, value in item.items() if name not in gone}


def _of_any(reading: Reading, *rules: str) -> bool:
    """Whether the caller may do all of this to any: then nobody has to look at which one it is."""
    return all(reading.policy.of_any(rule, reading.caller) for rule in rules)


def _check(
    action: str,
    resource: Resource[Any],
    reading: Reading,
    present: Rendered,
    target: Mapping[str, Any],
    attributes: Iterable[str],
) -> None:
    """Who may not even see it is told that there is none."""
    refused = _refused(action, reading, target, attributes, Parents(reading, resource))
    if refused is None:
        return
    if not reading.policy.allows(f"get_{resource.rule}", reading.caller, present, Parents(reading, resource)):
        raise errors.HTTPNotFound
    raise errors.PolicyNotAuthorized(rules=refused)


def _refused(
    action: str, reading: Reading, target: Mapping[str, Any], attributes: Iterable[str], parents: Parents
) -> str | None:
    """What was asked, in Neutron's form, if one of the rules does not hold."""
    text, allowed = f"rule:{action}", reading.policy.allows(action, reading.caller, target, parents)
    for names in attributes:
        first, *more = names.split()
        nested = f"(rule:{first} and ({' and '.join(f'rule:{name}' for name in more)}))" if more else f"rule:{first}"
        text = f"({text} and {nested})"
        allowed = allowed and all(reading.policy.allows(n, reading.caller, target, parents) for n in names.split())
    return None if allowed else text


def _sets(resource: Resource[Any], action: str, reading: Reading, named: Mapping[str, Any]) -> Iterator[str]:
    """The rules of the attributes that a request sets: each with those of what is inside of it."""
    known = reading.policy.texts
    for field in resource.fields:
        rule = f"{action}:{field.name}"
        asked = rule in known and (field.enforced or known[rule] != DEFAULTS.get(rule))
        if field.name in named and asked and field.name != _NOT_AN_ATTRIBUTE:
            inside = [f"{rule}:{key}" for key in _keys(named[field.name]) if f"{rule}:{key}" in known]
            yield " ".join((rule, *inside))


def _keys(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return list(value)
    if isinstance(value, (list, tuple)):
        return list(dict.fromkeys(key for item in value if isinstance(item, Mapping) for key in item))
    return []
