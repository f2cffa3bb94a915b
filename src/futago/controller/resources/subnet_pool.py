"""Subnet pools: prefixes that subnets are cut from, by a length or by name."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller import prefixes
from futago.controller.resources import address_scope, addressing_errors, errors, lookup, parse, schema, sharing
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
    owned_by_project,
    standard,
)
from futago.controller.resources.schema import described
from futago.controller.store.addressing_rows import SubnetPool
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Subnet
from futago.values import IPNetwork

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "default_quota": "default_quota",
    "is_default": "is_default",
    "address_scope_id": "address_scope_id",
    "min_prefixlen": "min_prefixlen",
    "max_prefixlen": "max_prefixlen",
    "default_prefixlen": "default_prefixlen",
}
_BOUNDS: Final = {4: (8, 32), 6: (64, 128)}
"""The lengths that a pool gives out where it does not say: at least, at most."""


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[SubnetPool]:
    """A project sees its own pools, and those that it shares."""
    return lookup.rows(reading, SubnetPool, wanted, sharing.shared_of(SubnetPool))


def create(writing: Writing, values: Values) -> SubnetPool:
    """Make a pool."""
    if not values["prefixes"]:
        raise addressing_errors.EmptySubnetPoolPrefixList
    version = _version(values["prefixes"])
    least, most = _BOUNDS[version]
    columns = {"min_prefixlen": least, "max_prefixlen": most, **chosen(values, _COLUMNS)}
    columns.setdefault("default_prefixlen", columns["min_prefixlen"])
    pool = SubnetPool(
        id=str(uuid.uuid4()),
        project_id=values["project_id"],
        ip_version=version,
        prefixes=prefixes.compacted(values["prefixes"]),
        **columns,
    )
    _check(writing, pool)
    if pool.is_default:
        _check_only_default(writing.txn, pool)
    pool = writing.txn.add(pool)
    if values["shared"]:
        sharing.open_for_all(writing.txn, "subnetpool", pool)
    return pool


def update(writing: Writing, pool: SubnetPool, values: Values) -> SubnetPool:
    """Change a pool; its prefixes can only grow."""
    changed = replace(pool, **chosen(values, _COLUMNS))
    if "prefixes" in values:
        changed = replace(changed, prefixes=_grown(pool, values["prefixes"]))
    if pool.address_scope_id is not None:
        _check_own_scope(writing, pool, pool.address_scope_id)
    _check(writing, changed)
    if changed.is_default and not pool.is_default:
        _check_only_default(writing.txn, changed)
    if changed.address_scope_id != pool.address_scope_id:
        _touch_networks(writing.txn, pool)
    return writing.txn.replace(pool, changed)


def delete(writing: Writing, pool: SubnetPool) -> None:
    """Delete a pool that no subnet is from."""
    if writing.txn.count(Subnet, subnetpool_id=pool.id):
        raise addressing_errors.SubnetPoolDeleteError(reason="Subnet pool has existing allocations")
    sharing.close(writing.txn, pool.id)
    writing.txn.remove(pool)


def render(reading: Reading, pools: Sequence[SubnetPool]) -> list[Rendered]:
    """Pools as Neutron shows them, with lengths as strings."""
    shared = sharing.shared_among(reading, [pool.id for pool in pools])
    return [
        {
            **standard(pool),
            "ip_version": pool.ip_version,
            "prefixes": [str(prefix) for prefix in pool.prefixes],
            "min_prefixlen": str(pool.min_prefixlen),
            "max_prefixlen": str(pool.max_prefixlen),
            "default_prefixlen": str(pool.default_prefixlen),
            "default_quota": pool.default_quota,
            "is_default": pool.is_default,
            "address_scope_id": pool.address_scope_id,
            "shared": pool.id in shared,
        }
        for pool in pools
    ]


def default_of(view: View, version: int) -> SubnetPool | None:
    """The pool for subnets of this family that name none."""
    return view.get(SubnetPool, is_default=True, ip_version=version)


def _version(found: Sequence[IPNetwork]) -> int:
    versions = {prefix.version for prefix in found}
    if len(versions) > 1:
        raise addressing_errors.PrefixVersionMismatch
    return versions.pop()


def _grown(pool: SubnetPool, wanted: Sequence[IPNetwork]) -> tuple[IPNetwork, ...]:
    if wanted and _version([*wanted, *pool.prefixes]) and prefixes.within(pool.prefixes, wanted):
        return prefixes.compacted(wanted)
    raise addressing_errors.IllegalSubnetPoolPrefixUpdate(msg="Existing prefixes must be a subset of the new prefixes")


def _check(writing: Writing, pool: SubnetPool) -> None:
    longest = _BOUNDS[pool.ip_version][1]
    for name, value, base, bound, fits in (
        (
            "min_prefixlen",
            pool.min_prefixlen,
            "max_prefixlen",
            pool.max_prefixlen,
            pool.min_prefixlen <= pool.max_prefixlen,
        ),
        ("max_prefixlen", pool.max_prefixlen, "ip_version_max", longest, pool.max_prefixlen <= longest),
        (
            "default_prefixlen",
            pool.default_prefixlen,
            "min_prefixlen",
            pool.min_prefixlen,
            pool.default_prefixlen >= pool.min_prefixlen,
        ),
        (
            "default_prefixlen",
            pool.default_prefixlen,
            "max_prefixlen",
            pool.max_prefixlen,
            pool.default_prefixlen <= pool.max_prefixlen,
        ),
    ):
        if not fits:
            raise addressing_errors.IllegalSubnetPoolPrefixBounds(
                prefix_type=name, prefixlen=value, base_prefix_type=base, base_prefixlen=bound
            )
    if pool.address_scope_id is not None:
        _check_scope(writing, pool, pool.address_scope_id)


def _check_scope(writing: Writing, pool: SubnetPool, scope_id: str) -> None:
    """A pool may be in a scope of its family, in which no other has its addresses, if its networks are there whole."""
    scope = lookup.one(writing.reading, address_scope.ADDRESS_SCOPES, scope_id)
    if scope.ip_version != pool.ip_version:
        raise addressing_errors.IllegalSubnetPoolIpVersionAssociationToAddressScope(
            subnetpool_id=pool.id, address_scope_id=scope_id, ip_version=scope.ip_version
        )
    rows = writing.txn.find(Subnet, subnetpool_id=pool.id)
    beside = writing.txn.find(Subnet, network_id={row.network_id for row in rows}, ip_version=pool.ip_version)
    if any(row.subnetpool_id != pool.id for row in beside):
        raise addressing_errors.NetworkAddressScopeAffinityError
    for other in writing.txn.find(SubnetPool, address_scope_id=scope_id):
        if other.id != pool.id and prefixes.meet(pool.prefixes, other.prefixes):
            raise addressing_errors.AddressScopePrefixConflict


def _check_own_scope(writing: Writing, pool: SubnetPool, scope_id: str) -> None:
    """Only who owns the scope changes a pool that is in it."""
    scope = lookup.one(writing.reading, address_scope.ADDRESS_SCOPES, scope_id)
    if not owned_by_project(writing.reading, scope):
        reason = f"subnetpool {pool.id} cannot be updated when associated with shared address scope {scope_id}"
        raise addressing_errors.IllegalSubnetPoolUpdate(reason=reason)


def _check_only_default(txn: Transaction, pool: SubnetPool) -> None:
    if default_of(txn, pool.ip_version) is not None:
        there = "A default subnetpool for this IP family has already been set"
        raise errors.InvalidInput(reason=f"{there}. Only one default may exist per IP family")


def _touch_networks(txn: Transaction, pool: SubnetPool) -> None:
    """Routers translate between scopes only."""
    for row in txn.find(Subnet, subnetpool_id=pool.id):
        txn.touch(f"segment/{row.network_id}")


@described(schema.NAME | {"minLength": 1})
def _not_blank(value: Any) -> str:
    if isinstance(value, str) and not value.strip():
        raise parse.Unfit(f"'{value}' Blank strings are not permitted")
    return parse.name(value)


_networks = parse.list_of(parse.prefix)


@described(schema.of(_networks))
def _prefixes(value: Any) -> tuple[IPNetwork, ...]:
    if value is None:
        raise parse.Unfit("'None' is not a list")
    return _networks(value)


SUBNET_POOLS: Final = Resource(
    name="subnetpool",
    collection="subnetpools",
    kind=SubnetPool,
    fields=(
        *(field for field in STANDARD if field.name != "name"),
        Field(name="name", parse=_not_blank, default=REQUIRED, post=True, put=True),
        Field(
            name="prefixes",
            parse=_prefixes,
            default=REQUIRED,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(name="ip_version"),
        *(
            Field(name=name, parse=parse.non_negative, post=True, put=True)
            for name in ("min_prefixlen", "max_prefixlen", "default_prefixlen")
        ),
        Field(name="default_quota", parse=parse.non_negative, post=True, put=True),
        Field(name="is_default", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True),
        Field(name="shared", parse=parse.boolean, default=False, post=True, admin_sets=True),
        Field(name="address_scope_id", parse=parse.nullable(parse.identifier), post=True, put=True),
    ),
    not_found=lambda pool_id: addressing_errors.SubnetPoolNotFound(subnetpool_id=pool_id),
    columns=("id", "name", "project_id", "address_scope_id", "ip_version"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
