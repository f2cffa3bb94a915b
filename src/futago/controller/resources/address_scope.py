"""Address scopes: addresses that are unique together, so that routers translate nothing between their networks."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.controller.resources import addressing_errors, lookup, parse, schema, sharing
from futago.controller.resources.definition import (
    REQUIRED,
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
)
from futago.controller.resources.schema import described
from futago.controller.store.addressing_rows import AddressScope, SubnetPool

_COLUMNS: Final = {"name": "name"}
_HIDDEN: Final = {"description", "revision_number", "created_at", "updated_at", "tags"}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[AddressScope]:
    """A project sees its own scopes, and those that it shares."""
    return lookup.rows(reading, AddressScope, wanted, sharing.shared_of(AddressScope))


def create(writing: Writing, values: Values) -> AddressScope:
    """Make a scope."""
    scope = writing.txn.add(
        AddressScope(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            ip_version=values["ip_version"],
            **chosen(values, _COLUMNS),
        )
    )
    if values["shared"]:
        sharing.open_for_all(writing.txn, "address_scope", scope)
    return scope


def update(writing: Writing, scope: AddressScope, values: Values) -> AddressScope:
    """Change a scope; once shared with everybody it stays so."""
    if values.get("shared") is False and scope.id in sharing.shared_among(writing.reading, [scope.id]):
        reason = "Shared address scope can't be unshared"
        raise addressing_errors.AddressScopeUpdateError(address_scope_id=scope.id, reason=reason)
    if values.get("shared"):
        sharing.open_for_all(writing.txn, "address_scope", scope)
    return writing.txn.replace(scope, replace(scope, **chosen(values, _COLUMNS)))


def delete(writing: Writing, scope: AddressScope) -> None:
    """Delete a scope that no pool is in."""
    if writing.txn.count(SubnetPool, address_scope_id=scope.id):
        raise addressing_errors.AddressScopeInUse(address_scope_id=scope.id)
    sharing.close(writing.txn, scope.id)
    writing.txn.remove(scope)


def render(reading: Reading, scopes: Sequence[AddressScope]) -> list[Rendered]:
    """Scopes as Neutron shows them."""
    shared = sharing.shared_among(reading, [scope.id for scope in scopes])
    return [
        {
            "id": scope.id,
            "name": scope.name,
            "project_id": scope.project_id,
            "tenant_id": scope.project_id,
            "ip_version": scope.ip_version,
            "shared": scope.id in shared,
        }
        for scope in scopes
    ]


@described(schema.one_of((4, 6)))
def _version(value: object) -> int:
    number = parse.whole(value)
    if number not in (4, 6):
        raise parse.Unfit(f"{number} is not in valid_values")
    return number


ADDRESS_SCOPES: Final = Resource(
    name="address_scope",
    collection="address_scopes",
    kind=AddressScope,
    fields=(
        *(field for field in STANDARD if field.name not in _HIDDEN),
        Field(name="ip_version", parse=_version, default=REQUIRED, post=True),
        Field(name="shared", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True),
    ),
    not_found=lambda scope_id: addressing_errors.AddressScopeNotFound(address_scope_id=scope_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
)
