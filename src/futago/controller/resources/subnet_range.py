"""Which addresses a new subnet has: those that the request names, or some out of a pool."""

from typing import NamedTuple

from futago.controller import allocate, prefixes
from futago.controller.resources import addressing_errors, errors, lookup, subnet_checks, subnet_pool
from futago.controller.resources.definition import Absent, Values, Writing
from futago.controller.store.addressing_rows import SubnetPool
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Subnet
from futago.values import IPAddress, IPNetwork, IPv4Network, IPv6Network


class Range(NamedTuple):
    """What a subnet is made of."""

    cidr: IPNetwork
    gateway: IPAddress | None
    subnetpool_id: str | None


def choose(writing: Writing, values: Values) -> Range:
    """The range that a request names, or the first free one of the pool that it names.

    Raises:
        errors.BadRequest: it names neither, or too much.
        errors.ApiError: the range cannot be on this network, or the pool has it not to give.

    """
    cidr, length = values["cidr"] or None, values["prefixlen"]
    if cidr is not None and not isinstance(length, Absent):
        raise _refused("cidr and prefixlen must not be supplied together")
    pool = _pool(writing, values)
    if pool is not None:
        cidr = _from_pool(writing.txn, pool, values)
    elif cidr is None:
        raise _refused("a subnetpool must be specified in the absence of a cidr")
    _check(writing.txn, cidr, values)
    _check_affinity(writing.txn, pool, values)
    gateway = allocate.hosts(cidr).start if isinstance(values["gateway_ip"], Absent) else values["gateway_ip"]
    return Range(cidr, gateway, None if pool is None else pool.id)


def scope_of(view: View, network_id: str, version: int) -> str | None:
    """The address scope that a network's subnets of a family are in."""
    found = {row.subnetpool_id for row in view.find(Subnet, network_id=network_id, ip_version=version)}
    pools = lookup.among(view, SubnetPool, "id", {pool_id for pool_id in found if pool_id is not None})
    return next((pool.address_scope_id for pool in pools if pool.address_scope_id is not None), None)


def _refused(reason: str) -> errors.BadRequest:
    return errors.BadRequest(resource="subnets", reason=reason)


def _pool(writing: Writing, values: Values) -> SubnetPool | None:
    if values["subnetpool_id"]:
        if values["use_default_subnetpool"]:
            raise _refused("subnetpool_id and use_default_subnetpool cannot both be specified")
        return lookup.one(writing.reading, subnet_pool.SUBNET_POOLS, values["subnetpool_id"])
    if not values["use_default_subnetpool"]:
        return None
    pool = subnet_pool.default_of(writing.txn, values["ip_version"])
    if pool is None:
        raise _refused(f"No default subnetpool found for IPv{values['ip_version']}")
    return pool


def _from_pool(txn: Transaction, pool: SubnetPool, values: Values) -> IPNetwork:
    """A free range of `pool`; two requests at once do not get the same."""
    if pool.ip_version != values["ip_version"]:
        asked = f"Cannot allocate IPv{values['ip_version']} subnet"
        raise _refused(f"{asked} from IPv{pool.ip_version} subnet pool")
    if values["allocation_pools"] and not values["cidr"]:
        raise _refused("allocation_pools allowed only for specific subnet requests.")
    wanted = values["cidr"] or _around_gateway(pool, values)
    length = _length(pool, values) if wanted is None else wanted.prefixlen
    _check_length(pool, length)
    subnets = txn.find(Subnet, subnetpool_id=pool.id)
    _check_quota(pool, [row.cidr for row in subnets if row.project_id == values["project_id"]], length)
    free = prefixes.without(pool.prefixes, [row.cidr for row in subnets])
    if wanted is None:
        found = prefixes.first_of(free, length)
        if found is None:
            reason = f"Insufficient prefix space to allocate subnet size /{length}"
            raise addressing_errors.SubnetAllocationError(reason=reason)
        return found
    if wanted.version != pool.ip_version or not prefixes.within([wanted], free):
        reason = "Cannot allocate requested subnet from the available set of prefixes"
        raise addressing_errors.SubnetAllocationError(reason=reason)
    return wanted


def _length(pool: SubnetPool, values: Values) -> int:
    asked = values["prefixlen"]
    return pool.default_prefixlen if isinstance(asked, Absent) else int(asked)


def _around_gateway(pool: SubnetPool, values: Values) -> IPNetwork | None:
    """A request that names the gateway and the length names the range."""
    gateway = values["gateway_ip"]
    if isinstance(gateway, Absent) or gateway is None:
        return None
    subnet_checks.check_version(pool.ip_version, "gateway_ip", gateway)
    length = _length(pool, values)
    _check_length(pool, length)
    kind = IPv4Network if pool.ip_version == 4 else IPv6Network
    return kind((int(gateway), length), strict=False)


def _check_length(pool: SubnetPool, length: int) -> None:
    if length > pool.max_prefixlen:
        raise addressing_errors.MaxPrefixSubnetAllocationError(prefixlen=length, max_prefixlen=pool.max_prefixlen)
    if length < pool.min_prefixlen:
        raise addressing_errors.MinPrefixSubnetAllocationError(prefixlen=length, min_prefixlen=pool.min_prefixlen)


def _check_quota(pool: SubnetPool, taken: list[IPNetwork], length: int) -> None:
    more = 2.0 ** (prefixes.UNITS[pool.ip_version] - length)
    if pool.default_quota and prefixes.units(taken) + more > pool.default_quota:
        raise addressing_errors.SubnetPoolQuotaExceeded


def _check(txn: Transaction, cidr: IPNetwork, values: Values) -> None:
    subnet_checks.check_version(values["ip_version"], "cidr", cidr)
    if cidr.prefixlen == 0:
        raise errors.InvalidInput(reason="0 is not allowed as CIDR prefix length")
    if cidr.is_multicast or cidr.is_loopback or (cidr.version == subnet_checks.IPV6 and cidr.is_link_local):
        raise errors.InvalidInput(reason=f"{cidr} is not a range of addresses that hosts can have")
    if any(other.cidr.overlaps(cidr) for other in txn.find(Subnet, network_id=values["network_id"])):
        asked = f"Requested subnet with cidr: {cidr} for network: {values['network_id']}"
        raise errors.InvalidInput(reason=f"{asked} overlaps with another subnet")


def _check_affinity(txn: Transaction, pool: SubnetPool | None, values: Values) -> None:
    """A network's subnets of one family are from one pool, or from pools of one address scope."""
    version, network_id = values["ip_version"], values["network_id"]
    scope_id = scope_of(txn, network_id, version)
    if pool is not None and scope_id is not None:
        if pool.address_scope_id != scope_id:
            raise addressing_errors.NetworkAddressScopeAffinityError
        return
    expected = None if pool is None else pool.id
    others = txn.find(Subnet, network_id=network_id, ip_version=version)
    if any(other.subnetpool_id != expected for other in others):
        raise addressing_errors.NetworkSubnetPoolAffinityError
