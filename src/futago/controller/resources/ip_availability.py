"""How many addresses networks have, and how many of them are taken."""

from collections.abc import Mapping, Sequence
from typing import Final

from futago.controller import allocate
from futago.controller.resources import errors, lookup, parse
from futago.controller.resources.definition import Field, Reading, Rendered, Resource
from futago.controller.store.rows import FixedIp, Network, Row, Subnet

_DETAILS: Final = (
    "total_ips_in_subnet",
    "total_ips_in_allocation_pool",
    "used_ips_in_subnet",
    "used_ips_in_allocation_pool",
)


class Availability(Row, frozen=True, kw_only=True):
    """A network, and those of its subnets that are asked for."""

    network: Network
    subnets: tuple[Subnet, ...]


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Availability]:
    """All of them; the rules say who sees them."""
    names = {"id": "id", "network_id": "id", "network_name": "name", "project_id": "project_id"}
    narrowed = {names[name]: list(values) for name, values in wanted.items() if name in names}
    networks = reading.view.find(Network, **narrowed)
    versions = set(wanted.get("ip_version", ()))
    rows = lookup.among(reading.view, Subnet, "network_id", [network.id for network in networks])
    counted = lookup.grouped((row for row in rows if not versions or str(row.ip_version) in versions), "network_id")
    return [
        Availability(network=network, subnets=tuple(counted.get(network.id, ())))
        for network in networks
        if network.id in counted or not versions
    ]


def render(reading: Reading, found: Sequence[Availability]) -> list[Rendered]:
    """Networks with their subnets' numbers and the sums of these."""
    subnet_ids = [row.id for one in found for row in one.subnets]
    taken = lookup.grouped(lookup.among(reading.view, FixedIp, "subnet_id", subnet_ids), "subnet_id")
    return [_network(one, [_subnet(row, taken.get(row.id, ())) for row in one.subnets]) for one in found]


def _network(one: Availability, subnets: Sequence[Rendered]) -> Rendered:
    return {
        "network_id": one.network.id,
        "network_name": one.network.name,
        "project_id": one.network.project_id,
        "tenant_id": one.network.project_id,
        "total_ips": sum(subnet["total_ips"] for subnet in subnets),
        "used_ips": sum(subnet["used_ips"] for subnet in subnets),
        "subnet_ip_availability": list(subnets),
        "ip_availability_details": {
            name: sum(subnet["ip_availability_details"][name] for subnet in subnets) for name in _DETAILS
        },
    }


def _subnet(row: Subnet, taken: Sequence[FixedIp]) -> Rendered:
    """Where a subnet gives out none, all of its addresses count; those of IPv4 that no host has do not, in details."""
    pooled = sum(int(pool.end) - int(pool.start) + 1 for pool in row.allocation_pools)
    return {
        "subnet_id": row.id,
        "subnet_name": row.name,
        "ip_version": row.ip_version,
        "cidr": str(row.cidr),
        "total_ips": pooled or row.cidr.num_addresses,
        "used_ips": len(taken),
        "ip_availability_details": {
            "total_ips_in_subnet": row.cidr.num_addresses - (2 if row.ip_version == 4 else 0),
            "total_ips_in_allocation_pool": pooled,
            "used_ips_in_subnet": len(taken),
            "used_ips_in_allocation_pool": sum(
                any(allocate.within(pool, one.ip_address) for pool in row.allocation_pools) for one in taken
            ),
        },
    }


IP_AVAILABILITIES: Final = Resource(
    name="network_ip_availability",
    collection="network_ip_availabilities",
    kind=Availability,
    fields=(
        *(Field(name=name, sortable=name == "network_id") for name in ("network_id", "network_name")),
        *(Field(name=name, sortable=False) for name in ("tenant_id", "project_id")),
        Field(name="ip_version", parse=parse.integer(4, 6), shown=False, sortable=False),
        *(
            Field(name=name, filterable=False, sortable=False)
            for name in ("total_ips", "used_ips", "subnet_ip_availability", "ip_availability_details")
        ),
    ),
    not_found=lambda network_id: errors.NetworkNotFound(network_id=network_id),
    columns=("network_id", "network_name", "project_id", "ip_version"),
    find=find,
    render=render,
)
