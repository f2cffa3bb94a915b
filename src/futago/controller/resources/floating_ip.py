"""Floating IPs: external addresses that stand for addresses inside, through the router that joins the two."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import errors, floating_rows, lookup, network, parse, qos_policy, routing_errors
from futago.controller.resources.definition import (
    ABSENT,
    REQUIRED,
    STANDARD,
    Absent,
    Field,
    Reading,
    Rendered,
    Resource,
    Values,
    Writing,
    chosen,
    standard,
)
from futago.controller.resources.port import PORTS, status
from futago.controller.resources.port_addresses import give, ipv4_only, wishes
from futago.controller.resources.service_ports import add_port
from futago.controller.store.database import Transaction
from futago.controller.store.routing_rows import PortForwarding
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Port, Replica, Router, Subnet
from futago.values import IPAddress, IPv4Address, Role

_COLUMNS: Final = {"description": "description", "dns_name": "dns_name", "dns_domain": "dns_domain"}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[FloatingIp]:
    """A project sees its own floating IPs."""
    return lookup.rows(reading, FloatingIp, wanted)


def create(writing: Writing, values: Values) -> FloatingIp:
    """Take an address of an external network, and associate it if a port is named."""
    external = lookup.one(writing.reading, network.NETWORKS, values["floating_network_id"])
    if not external.external:
        reason = f"Network {external.id} is not a valid external network"
        raise errors.BadRequest(resource="floatingip", reason=reason)
    for one, other in (("dns_domain", "dns_name"), ("dns_name", "dns_domain")):
        if values[one] and not values[other]:
            reason = f"{one} cannot be specified without a {other}"
            raise errors.BadRequest(resource="floatingip", reason=reason)
    wanted = ipv4_only(wishes(writing.txn, external, _address_wish(values), device_owners.FLOATING_IP))
    if not wanted:
        reason = f"Network {external.id} does not contain any IPv4 subnet"
        raise errors.BadRequest(resource="floatingip", reason=reason)
    floating_ip_id = str(uuid.uuid4())
    port = add_port(
        writing.txn, network=external, project_id="", device_owner=device_owners.FLOATING_IP, device_id=floating_ip_id
    )
    give(writing.txn, port, wanted)
    address = writing.txn.find(FixedIp, port_id=port.id)[0].ip_address
    assert isinstance(address, IPv4Address), "it was given no other"
    row = writing.txn.add(
        FloatingIp(
            id=floating_ip_id,
            project_id=values["project_id"],
            floating_network_id=external.id,
            floating_ip_address=address,
            floating_port_id=port.id,
            qos_policy_id=qos_policy.given(writing, None, values),
            **chosen(values, _COLUMNS),
        )
    )
    associated = _associated(writing, row, values["port_id"], values["fixed_ip_address"])
    return writing.txn.replace(row, associated)


def update(writing: Writing, row: FloatingIp, values: Values) -> FloatingIp:
    """Associate with another port, or with none; a request that names other things only leaves that as it is.

    One that names nothing at all associates with none: once there was nothing else to name.
    """
    policy_id = qos_policy.given(writing, row.qos_policy_id, values)
    changed = replace(row, qos_policy_id=policy_id, **chosen(values, _COLUMNS))
    if not values or "port_id" in values or values.get("fixed_ip_address") is not None:
        changed = _associated(writing, changed, values.get("port_id"), values.get("fixed_ip_address"))
    return writing.txn.replace(row, changed)


def delete(writing: Writing, row: FloatingIp) -> None:
    """Give the address back."""
    if writing.txn.count(PortForwarding, floatingip_id=row.id):
        raise routing_errors.FipInUseByPortForwarding(id=row.id)
    floating_rows.release(writing.txn, row)


def render(reading: Reading, floating_ips: Sequence[FloatingIp]) -> list[Rendered]:
    """Floating IPs as Neutron shows them."""
    ports = {
        port.id: port
        for port in lookup.among(reading.view, Port, "id", {row.port_id for row in floating_ips if row.port_id})
    }
    routers = {row.router_id for row in floating_ips if row.router_id}
    replicas = lookup.among(reading.view, Replica, "router_id", routers)
    served = {replica.router_id for replica in replicas if replica.role is Role.ACTIVE or replica.ha_port_id is None}
    parts = lookup.among(reading.view, PortForwarding, "floatingip_id", {row.id for row in floating_ips})
    forwarded = lookup.grouped(parts, "floatingip_id")
    outside = lookup.among(reading.view, Network, "id", {row.floating_network_id for row in floating_ips})
    inherited = {network.id: network.qos_policy_id for network in outside}
    return [
        {
            **{name: value for name, value in standard(row).items() if name != "name"},
            "floating_ip_address": str(row.floating_ip_address),
            "floating_network_id": row.floating_network_id,
            "router_id": row.router_id,
            "port_id": row.port_id,
            "fixed_ip_address": None if row.fixed_ip_address is None else str(row.fixed_ip_address),
            "status": "ACTIVE" if row.router_id in served else "DOWN",
            "port_details": _port_details(ports.get(row.port_id or "")),
            "dns_domain": row.dns_domain,
            "dns_name": row.dns_name,
            "port_forwardings": [_forwarding(one) for one in forwarded.get(row.id, [])],
            "qos_policy_id": row.qos_policy_id,
            "qos_network_policy_id": inherited.get(row.floating_network_id),
        }
        for row in floating_ips
    ]


def _forwarding(row: PortForwarding) -> Rendered:
    """As a floating IP shows it: ports only where it is one."""
    ends = {"internal": (row.internal_first, row.internal_last), "external": (row.external_first, row.external_last)}
    return {
        "id": row.id,
        "protocol": row.protocol,
        "internal_port_id": row.internal_port_id,
        "internal_ip_address": str(row.internal_ip_address),
        **{f"{side}_port": first for side, (first, last) in ends.items() if first == last},
    }


def _address_wish(values: Values) -> Sequence[dict[str, object]] | Absent:
    named = {"subnet_id": values["subnet_id"], "ip_address": values["floating_ip_address"]}
    wish = {name: value for name, value in named.items() if value is not None}
    return [wish] if wish else ABSENT


def _associated(
    writing: Writing, row: FloatingIp, port_id: str | None, fixed_ip_address: IPAddress | None
) -> FloatingIp:
    """The floating IP as it stands for an address of this port.

    Raises:
        errors.FloatingIPPortAlreadyAssociated: another one stands for it.
        errors.ExternalGatewayForFloatingIPNotFound: no router joins the port's subnet and the external network.
        routing_errors.FipInUseByPortForwarding: some of its ports are forwarded.

    """
    if port_id is None:
        if fixed_ip_address is not None:
            reason = "fixed_ip_address cannot be specified without a port_id"
            raise errors.BadRequest(resource="floatingip", reason=reason)
        router_id = row.router_id if row.port_id is None else None  # a part of its ports may be forwarded
        return replace(row, port_id=None, fixed_ip_address=None, router_id=router_id)
    if writing.txn.count(PortForwarding, floatingip_id=row.id):
        raise routing_errors.FipInUseByPortForwarding(id=row.id)
    port = _named(writing, row, port_id)
    inside, inside_address = _inside(writing.txn, port, fixed_ip_address)
    for other in writing.txn.find(FloatingIp, port_id=port.id, fixed_ip_address=inside.ip_address):
        if other.id != row.id:
            raise errors.FloatingIPPortAlreadyAssociated(
                floating_ip_address=row.floating_ip_address,
                floatingip_id=row.id,
                port_id=port.id,
                fixed_ip=inside.ip_address,
                network_id=row.floating_network_id,
            )
    router_id = router_between(writing.txn, row, inside)
    return replace(row, port_id=port.id, fixed_ip_address=inside_address, router_id=router_id)


def _named(writing: Writing, row: FloatingIp, port_id: str) -> Port:
    """The port with this id: one of the floating IP's project, unless an admin asks."""
    port = lookup.one(writing.reading, PORTS, port_id)
    if port.project_id != row.project_id and not writing.caller.admin:
        owned = f"Port {port_id}, since that port is owned by a different project"
        raise errors.BadRequest(resource="floatingip", reason=f"Cannot process floating IP association with {owned}")
    if port.device_owner == device_owners.DHCP:
        reason = f"Port {port_id} is unable to be assigned a floating IP"
        raise errors.BadRequest(resource="floatingip", reason=reason)
    return port


def _inside(txn: Transaction, port: Port, wanted: IPAddress | None) -> tuple[FixedIp, IPv4Address]:
    """The address of a port that a floating IP can stand for."""
    if wanted is not None and not isinstance(wanted, IPv4Address):
        reason = f"Cannot process floating IP association with {wanted}, since that is not an IPv4 address"
        raise errors.BadRequest(resource="floatingip", reason=reason)
    held = [(item, item.ip_address) for item in txn.find(FixedIp, port_id=port.id)]
    addresses = [(item, address) for item, address in held if isinstance(address, IPv4Address)]
    if wanted is not None:
        found = next(((item, address) for item, address in addresses if address == wanted), None)
        if found is None:
            reason = f"Port {port.id} does not have fixed ip {wanted}"
            raise errors.BadRequest(resource="floatingip", reason=reason)
        return found
    if not addresses:
        reason = f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses"
        raise errors.BadRequest(resource="floatingip", reason=reason)
    if len(addresses) > 1:
        reason = (
            f"Port {port.id} has multiple fixed IPv4 addresses.  "
            "Must provide a specific IPv4 address when assigning a floating IP"
        )
        raise errors.BadRequest(resource="floatingip", reason=reason)
    return addresses[0]


def router_between(txn: Transaction, row: FloatingIp, inside: FixedIp) -> str:
    """The router between the two networks; of several, the one that is the subnet's gateway.

    Raises:
        errors.ExternalGatewayForFloatingIPNotFound: there is none.

    """
    beside = {fixed_ip.port_id: fixed_ip for fixed_ip in txn.find(FixedIp, subnet_id=inside.subnet_id)}
    interfaces = [
        port for port in lookup.among(txn, Port, "id", list(beside)) if port.device_owner in device_owners.INTERFACES
    ]
    subnet = txn.get(Subnet, id=inside.subnet_id)
    assert subnet is not None, "an address has its subnet"
    interfaces.sort(key=lambda port: beside[port.id].ip_address != subnet.gateway_ip)
    for port in interfaces:
        if txn.count(Router, id=port.device_id, gateway_network_id=row.floating_network_id):
            return port.device_id
    raise errors.ExternalGatewayForFloatingIPNotFound(
        external_network_id=row.floating_network_id, subnet_id=inside.subnet_id, port_id=inside.port_id
    )


def _port_details(port: Port | None) -> Rendered | None:
    if port is None:
        return None
    names = ("name", "network_id", "mac_address", "admin_state_up", "device_id", "device_owner")
    return {**{name: getattr(port, name) for name in names}, "status": status(port)}


_address = parse.nullable(parse.address)
_id = parse.nullable(parse.identifier)

FLOATING_IPS: Final = Resource(
    name="floatingip",
    collection="floatingips",
    kind=FloatingIp,
    fields=(
        *(field for field in STANDARD if field.name != "name"),
        Field(name="floating_network_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="floating_ip_address", parse=_address, default=None, post=True, admin_sets=True),
        Field(name="subnet_id", parse=_id, default=None, post=True, shown=False, filterable=False, sortable=False),
        Field(name="port_id", parse=_id, default=None, post=True, put=True, sortable=False),
        Field(name="fixed_ip_address", parse=_address, default=None, post=True, put=True),
        Field(name="dns_name", parse=parse.relative_name, default="", post=True, filterable=False, sortable=False),
        Field(name="dns_domain", parse=parse.domain, default="", post=True, filterable=False, sortable=False),
        Field(name="router_id"),
        Field(name="status"),
        Field(name="port_details", filterable=False, sortable=False),
        Field(name="port_forwardings", filterable=False, sortable=False),
        qos_policy.POLICY_FIELD,
        Field(name="qos_network_policy_id", filterable=False, sortable=False),
    ),
    not_found=lambda floating_ip_id: errors.FloatingIPNotFound(floatingip_id=floating_ip_id),
    columns=("id", "project_id", "floating_network_id", "port_id", "router_id", "floating_ip_address"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
