"""Floating IP pools: the subnets that floating IPs come from."""

from collections.abc import Mapping, Sequence
from typing import Final

from futago.controller.resources import errors, lookup
from futago.controller.resources.definition import Field, Reading, Rendered, Resource
from futago.controller.resources.network import NETWORKS
from futago.controller.store.rows import Subnet

_IPV4: Final = 4


def find(reading: Reading, _wanted: Mapping[str, Sequence[str]]) -> list[Subnet]:
    """The IPv4 subnets of the external networks that the caller may lead out by."""
    networks = [network.id for network in NETWORKS.find(reading, {}) if network.external]
    return [row for row in lookup.among(reading.view, Subnet, "network_id", networks) if row.ip_version == _IPV4]


def render(reading: Reading, subnets: Sequence[Subnet]) -> list[Rendered]:
    """Pools as Neutron shows them, with the project that asks."""
    return [
        {
            "subnet_id": row.id,
            "subnet_name": row.name,
            "project_id": reading.caller.project_id,
            "tenant_id": reading.caller.project_id,
            "network_id": row.network_id,
            "cidr": str(row.cidr),
        }
        for row in subnets
    ]


FLOATING_IP_POOLS: Final = Resource(
    name="floatingip_pool",
    collection="floatingip_pools",
    url="floatingip_pools",
    kind=Subnet,
    fields=tuple(
        Field(name=name, filterable=False, sortable=False)
        for name in ("subnet_id", "subnet_name", "project_id", "tenant_id", "network_id", "cidr")
    ),
    not_found=lambda _pool_id: errors.HTTPNotFound(),
    columns=(),
    find=find,
    render=render,
)
