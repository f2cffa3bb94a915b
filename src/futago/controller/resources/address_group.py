"""Address groups: addresses that rules of security groups name together."""

import ipaddress
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller.resources import errors, lookup, parse, schema, security_group_errors, sharing
from futago.controller.resources.definition import (
    STANDARD,
    Action,
    Field,
    Params,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.schema import described
from futago.controller.store.rows import AddressGroup, SecurityGroupRule
from futago.values import IPNetwork

_COLUMNS: Final = {"name": "name", "description": "description"}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[AddressGroup]:
    """A project sees its own groups, and those that it shares."""
    return lookup.rows(reading, AddressGroup, wanted, sharing.shared_of(AddressGroup))


def create(writing: Writing, values: Values) -> AddressGroup:
    """Make a group."""
    return writing.txn.add(
        AddressGroup(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            addresses=_ordered(values["addresses"] or ()),
            **chosen(values, _COLUMNS),
        )
    )


def update(writing: Writing, group: AddressGroup, values: Values) -> AddressGroup:
    """Change what a group is called; its addresses have requests of their own."""
    return writing.txn.replace(group, replace(group, **chosen(values, _COLUMNS)))


def delete(writing: Writing, group: AddressGroup) -> None:
    """Delete a group that no rule names."""
    if writing.txn.count(SecurityGroupRule, remote_address_group_id=group.id):
        raise security_group_errors.AddressGroupInUse(address_group_id=group.id)
    sharing.close(writing.txn, group.id)
    writing.txn.remove(group)


def render(reading: Reading, groups: Sequence[AddressGroup]) -> list[Rendered]:
    """Groups as Neutron shows them."""
    shared = sharing.shared_among(reading, [group.id for group in groups])
    return [
        {
            **{name: value for name, value in standard(group).items() if name != "tags"},
            "shared": group.id in shared,
            "addresses": list(group.addresses),
        }
        for group in groups
    ]


def add_addresses(writing: Writing, params: Params, body: Any) -> Rendered:
    """Put addresses into a group; those that are there already are refused."""
    group, asked = _asked(writing, params, body, "add_addresses")
    there = sorted(set(asked) & set(group.addresses))
    if there:
        raise security_group_errors.AddressesAlreadyExist(addresses=there, address_group_id=group.id)
    return _changed(writing, group, (*group.addresses, *asked))


def remove_addresses(writing: Writing, params: Params, body: Any) -> Rendered:
    """Take addresses out of a group; those that are not there are refused."""
    group, asked = _asked(writing, params, body, "remove_addresses")
    missing = sorted(set(asked) - set(group.addresses))
    if missing:
        raise security_group_errors.AddressesNotFound(addresses=missing, address_group_id=group.id)
    return _changed(writing, group, [one for one in group.addresses if one not in asked])


_prefixes = parse.list_of(parse.prefix)


@described(schema.of(_prefixes))
def ranges(value: Any) -> tuple[str, ...]:
    """A list of prefixes; they are kept without host bits."""
    return tuple(str(one) for one in _prefixes(value))


def _range(value: Any) -> IPNetwork:
    """Here, but not when the group is made, an address by itself is the range of one."""
    if isinstance(value, str) and "/" not in value:
        address = parse.address(value)
        value = f"{address}/{address.max_prefixlen}"
    return parse.prefix(value)


def _ordered(addresses: Sequence[str]) -> tuple[str, ...]:
    networks = {ipaddress.ip_network(one) for one in addresses}
    return tuple(str(one) for one in sorted(networks, key=lambda one: (one.version, int(one[0]), one.prefixlen)))


def _asked(writing: Writing, params: Params, body: Any, action: str) -> tuple[AddressGroup, tuple[str, ...]]:
    group = lookup.own(writing, ADDRESS_GROUPS, params["id"], action)
    try:
        asked = parse.entry({"addresses": parse.anything}, ("addresses",))(body)["addresses"]
        return group, tuple(str(one) for one in parse.list_of(_range)(asked))
    except parse.Unfit as unfit:
        raise errors.InvalidInput(reason=str(unfit)) from unfit


def _changed(writing: Writing, group: AddressGroup, addresses: Sequence[str]) -> Rendered:
    new = writing.txn.replace(group, replace(group, addresses=_ordered(addresses)))
    shown = render(writing.reading, [new])[0]
    return {"address_group": {name: value for name, value in shown.items() if name != "shared"}}


ADDRESS_GROUPS: Final = Resource(
    name="address_group",
    collection="address_groups",
    kind=AddressGroup,
    fields=(
        *(field for field in STANDARD if field.name not in {"description", "tags"}),
        Field(name="description", parse=parse.text(1024), default="", post=True, put=True),
        Field(name="shared", shown=False, weighed=False, filterable=False, sortable=False),
        Field(name="addresses", parse=ranges, post=True, filterable=False, sortable=False),
    ),
    not_found=lambda group_id: security_group_errors.AddressGroupNotFound(address_group_id=group_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)

_BODY: Final = schema.keyed({"addresses": schema.of(ranges)}, ("addresses",))
ACTIONS: Final = (
    Action("PUT", "/address-groups/{id}/add_addresses", write=add_addresses, takes=_BODY),
    Action("PUT", "/address-groups/{id}/remove_addresses", write=remove_addresses, takes=_BODY),
)
