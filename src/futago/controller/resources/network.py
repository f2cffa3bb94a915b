"""Networks, with their provider attributes and whether they lead outside."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller import device_owners
from futago.controller.resources import dhcp, errors, floating_rows, lookup, parse, segments, subnet_checks
from futago.controller.resources.definition import (
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
from futago.controller.store.database import Transaction
from futago.controller.store.rows import DhcpReplica, HaNetwork, Network, Port, Router, Segment, Subnet
from futago.controller.store.tables import TABLES
from futago.segment_ranges import LARGEST

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "admin_state_up": "admin_state_up",
    "shared": "shared",
    "router:external": "external",
    "is_default": "is_default",
    "port_security_enabled": "port_security_enabled",
    "dns_domain": "dns_domain",
    "availability_zone_hints": "availability_zone_hints",
}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Network]:
    """Everybody sees, besides the own networks, the shared and the external ones."""
    columns = TABLES[Network].c
    return lookup.rows(reading, Network, wanted, columns.shared.is_(True), columns.external.is_(True))


def create(writing: Writing, values: Values) -> Network:
    """Make a network on a segment of its own."""
    asked = segments.Asked(*(values.get(f"provider:{name}") or None for name in segments.Asked._fields))
    segment = segments.choose(writing.txn, writing.config, asked)
    network = writing.txn.add(
        Network(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            network_type=segment.network_type,
            physical_network=segment.physical_network,
            segmentation_id=segment.segmentation_id,
            mtu=_mtu(writing.config, segment, values.get("mtu") or 0),
            **chosen(values, _COLUMNS),
        )
    )
    segments.hold(writing.txn, network)
    return network


def update(writing: Writing, network: Network, values: Values) -> Network:
    """Change a network; who uses it already is not put out."""
    changed = replace(network, **chosen(values, _COLUMNS))
    if values.get("mtu"):
        changed = replace(changed, mtu=_mtu(writing.config, network, values["mtu"]))
        for subnet in writing.txn.find(Subnet, network_id=network.id):
            subnet_checks.check_mtu(changed.mtu, network.id, subnet.ip_version)
    if network.shared and not changed.shared:
        _check_only_own_ports(writing.txn, network)
    leaving = network.external and not changed.external
    if leaving and writing.txn.count(
        Port, network_id=network.id, device_owner=[device_owners.GATEWAY, device_owners.FLOATING_IP]
    ):
        raise errors.ExternalNetworkInUse(network_id=network.id)
    return writing.txn.replace(network, changed)


def delete(writing: Writing, network: Network) -> None:
    """Delete a network with its subnets; ports other than the DHCP servers' hold it."""
    txn = writing.txn
    ha_networks = txn.find(HaNetwork, network_id=network.id)
    floating_rows.release_unused(txn, network.id)
    holding = [port.id for port in txn.find(Port, network_id=network.id) if port.device_owner != device_owners.DHCP]
    if holding or (ha_networks and txn.count(Router, ha_network_id=network.id)):
        raise errors.NetworkInUse(network_id=network.id, port_ids=", ".join(holding))
    dhcp.withdraw(txn, network.id)
    for row in (*ha_networks, *txn.find(Segment, network_id=network.id), *txn.find(Subnet, network_id=network.id)):
        txn.remove(row)
    txn.remove(network)


def render(reading: Reading, networks: Sequence[Network]) -> list[Rendered]:
    """Networks as Neutron shows them."""
    ids = [network.id for network in networks]
    subnets = lookup.grouped(lookup.among(reading.view, Subnet, "network_id", ids), "network_id")
    served = {replica.network_id for replica in lookup.among(reading.view, DhcpReplica, "network_id", ids)}
    return [
        {
            **standard(network),
            "admin_state_up": network.admin_state_up,
            "mtu": network.mtu,
            "status": "ACTIVE",
            "subnets": [subnet.id for subnet in subnets.get(network.id, [])],
            "shared": network.shared,
            "port_security_enabled": network.port_security_enabled,
            "dns_domain": network.dns_domain,
            "router:external": network.external,
            "provider:network_type": network.network_type.value,
            "provider:physical_network": network.physical_network,
            "provider:segmentation_id": network.segmentation_id,
            "is_default": network.is_default,
            "availability_zone_hints": list(network.availability_zone_hints),
            "availability_zones": ["nova"] if network.id in served else [],
            "l2_adjacency": True,
        }
        for network in networks
    ]


def _mtu(config: ControllerConfig, segment: segments.Chosen | Network, asked: int) -> int:
    most = segments.largest_mtu(config, segment.network_type, segment.physical_network)
    if asked > most:
        raise errors.InvalidInput(reason=f"Requested MTU is too big, maximum is {most}")
    return asked or most


def _check_only_own_ports(txn: Transaction, network: Network) -> None:
    ports = txn.find(Port, network_id=network.id)
    if any(port.project_id not in {network.project_id, ""} for port in ports):
        raise errors.InvalidSharedSetting(network_id=network.id)


@parse.described({"type": "integer", "minimum": 0, "maximum": 65535})
def _mtu_value(value: object) -> int:
    return parse.integer(68, 65535)(value) if value not in (0, "0") else 0


def _provider(name: str, convert: object) -> Field:
    assert callable(convert)
    return Field(name=f"provider:{name}", parse=convert, post=True, admin_sets=True, admin_sees=True)


NETWORKS: Final = Resource(
    name="network",
    collection="networks",
    kind=Network,
    fields=(
        *STANDARD,
        Field(name="admin_state_up", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="shared", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True),
        Field(name="router:external", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True),
        Field(name="is_default", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True),
        Field(name="port_security_enabled", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="dns_domain", parse=parse.hostname, default="", post=True, put=True),
        Field(name="mtu", parse=_mtu_value, post=True, put=True),
        Field(name="availability_zone_hints", parse=parse.list_of(parse.text(255)), post=True, filterable=False),
        _provider("network_type", parse.empty_as_none(parse.text(32))),
        _provider("physical_network", parse.empty_as_none(parse.text(128))),
        _provider("segmentation_id", parse.empty_as_none(parse.integer(1, max(LARGEST.values())))),
        Field(name="status"),
        Field(name="subnets", filterable=False, sortable=False),
        Field(name="availability_zones", filterable=False, sortable=False),
        Field(name="l2_adjacency", sortable=False),
    ),
    not_found=lambda network_id: errors.NetworkNotFound(network_id=network_id),
    find=find,
    owned=owned_by_project,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
