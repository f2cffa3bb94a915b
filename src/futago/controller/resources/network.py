"""Networks, with their provider attributes and whether they lead outside."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.config import ControllerConfig
from futago.controller import device_owners, reach
from futago.controller.agent_types import DHCP
from futago.controller.resources import (
    dhcp,
    errors,
    floating_rows,
    lookup,
    network_access,
    network_segments,
    parse,
    qos_policy,
    segment_hosts,
    segments,
    sharing,
    subnet_checks,
    zones,
)
from futago.controller.resources.definition import (
    STANDARD,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.store.addressing_rows import AutoTopology
from futago.controller.store.rows import DhcpReplica, HaNetwork, Network, Port, Router, Segment, Subnet

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "admin_state_up": "admin_state_up",
    "router:external": "external",
    "is_default": "is_default",
    "port_security_enabled": "port_security_enabled",
    "dns_domain": "dns_domain",
    "availability_zone_hints": "availability_zone_hints",
}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Network]:
    """A project sees, besides its own networks, those that it may use or lead outside by."""
    return lookup.rows(reading, Network, wanted, sharing.shared_of(Network, sharing.SHARED, sharing.EXTERNAL))


def create(writing: Writing, values: Values) -> Network:
    """Make a network on segments of its own: one, unless more are asked for."""
    zones.check(writing.txn, DHCP, values["availability_zone_hints"])
    wanted, *further = network_segments.asked_for(values)
    segment = segments.choose(writing.txn, writing.config, wanted, values["project_id"])
    network = writing.txn.add(
        Network(
            id=str(uuid.uuid4()),
            project_id=values["project_id"],
            mtu=_mtu(writing.config, [segment], values.get("mtu") or 0),
            qos_policy_id=qos_policy.given(writing, None, values)
            or qos_policy.default_of(writing, values["project_id"]),
            **{**chosen(values, _COLUMNS), "is_default": values["is_default"] and values["router:external"]},
        )
    )
    held = [segments.hold(writing.txn, network, segment)]
    for one in further:
        segment = segments.choose(writing.txn, writing.config, one, network.project_id)
        held.append(segments.hold(writing.txn, network, segment, len(held)))
    if further:
        fitting = replace(network, mtu=_mtu(writing.config, held, values.get("mtu") or 0))
        network = writing.txn.replace(network, fitting)
    network_access.begin(writing.txn, network, shared=values["shared"])
    return network


def update(writing: Writing, network: Network, values: Values) -> Network:
    """Change a network; who uses it already is not put out."""
    held = segment_hosts.segments_of(writing.txn, network.id)
    network_segments.change(writing, held, values)
    policy_id = qos_policy.given(writing, network.qos_policy_id, values)
    changed = replace(network, qos_policy_id=policy_id, **chosen(values, _COLUMNS))
    changed = replace(changed, is_default=changed.is_default and changed.external)
    if values.get("mtu"):
        changed = replace(changed, mtu=_mtu(writing.config, held, values["mtu"]))
        for subnet in writing.txn.find(Subnet, network_id=network.id):
            subnet_checks.check_mtu(changed.mtu, network.id, subnet.ip_version)
    network_access.change(writing.txn, network, changed, shared=values.get("shared"))
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
    for topology in txn.find(AutoTopology, network_id=network.id):
        txn.remove(topology)
    for row in (*ha_networks, *txn.find(Segment, network_id=network.id), *txn.find(Subnet, network_id=network.id)):
        txn.remove(row)
    sharing.close(txn, network.id)
    txn.remove(network)


def render(reading: Reading, networks: Sequence[Network]) -> list[Rendered]:
    """Networks as Neutron shows them."""
    ids = [network.id for network in networks]
    subnets = lookup.grouped(lookup.among(reading.view, Subnet, "network_id", ids), "network_id")
    scopes = network_access.scopes(reading.view, subnets)
    shared = sharing.shared_among(reading, ids)
    held = lookup.grouped(lookup.among(reading.view, Segment, "network_id", ids), "network_id")
    served = zones.of_each(reading.view, lookup.among(reading.view, DhcpReplica, "network_id", subnets), "network_id")
    return [
        {
            **standard(network),
            "admin_state_up": network.admin_state_up,
            "mtu": network.mtu,
            "status": "ACTIVE",
            "subnets": [subnet.id for subnet in subnets.get(network.id, [])],
            "shared": network.id in shared,
            "port_security_enabled": network.port_security_enabled,
            "dns_domain": network.dns_domain,
            "router:external": network.external,
            **network_segments.render(reach.ordered(held.get(network.id, []))),
            "is_default": network.is_default,
            "availability_zone_hints": list(network.availability_zone_hints),
            "availability_zones": served.get(network.id, []),
            "l2_adjacency": not any(subnet.segment_id for subnet in subnets.get(network.id, [])),
            **scopes.get(network.id, network_access.NO_SCOPES),
            "qos_policy_id": network.qos_policy_id,
        }
        for network in networks
    ]


def _mtu(config: ControllerConfig, held: Sequence[segments.Chosen | Segment], asked: int) -> int:
    most = segments.mtu_of(config, held)
    if asked > most:
        raise errors.InvalidInput(reason=f"Requested MTU is too big, maximum is {most}")
    return asked or most


NETWORKS: Final = Resource(
    name="network",
    collection="networks",
    kind=Network,
    fields=(
        *STANDARD,
        Field(name="admin_state_up", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="shared", parse=parse.boolean, default=False, post=True, put=True, sortable=False, admin_sets=True),
        Field(
            name="router:external",
            parse=parse.boolean,
            default=False,
            post=True,
            put=True,
            sortable=False,
            admin_sets=True,
        ),
        Field(
            name="is_default", parse=parse.boolean, default=False, post=True, put=True, admin_sets=True, sortable=False
        ),
        Field(
            name="port_security_enabled",
            parse=parse.boolean,
            default=True,
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(
            name="dns_domain",
            parse=parse.domain,
            default="",
            post=True,
            put=True,
            filterable=False,
            sortable=False,
        ),
        Field(name="mtu", parse=parse.non_negative, default=0, post=True, put=True),
        Field(name="availability_zone_hints", parse=zones.hints, default=(), post=True, filterable=False),
        *network_segments.FIELDS,
        Field(name="status"),
        Field(name="subnets", filterable=False, sortable=False),
        Field(name="availability_zones", filterable=False, sortable=False),
        Field(name="l2_adjacency", filterable=False, sortable=False),
        *(Field(name=name, filterable=False, sortable=False) for name in network_access.NO_SCOPES),
        qos_policy.POLICY_FIELD,
    ),
    not_found=lambda network_id: errors.NetworkNotFound(network_id=network_id),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
