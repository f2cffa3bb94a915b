"""Subnets: address ranges of networks, their pools, gateways and what DHCP tells."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace
from sqlalchemy import ColumnElement, or_, select

from futago.controller import allocate, device_owners
from futago.controller.resources import (
    dhcp,
    errors,
    lookup,
    network,
    parse,
    port_addresses,
    schema,
    sharing,
    subnet_checks,
    subnet_errors,
    subnet_range,
    subnet_segment,
)
from futago.controller.resources.definition import (
    ABSENT,
    REQUIRED,
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
from futago.controller.resources.schema import described
from futago.controller.store import lowest_free
from futago.controller.store.database import Transaction
from futago.controller.store.rows import FixedIp, HostRoute, Network, Pool, Port, Router, Subnet
from futago.controller.store.tables import TABLES
from futago.values import IPAddress, IPNetwork, IPv6Mode

_COLUMNS: Final = {
    "name": "name",
    "description": "description",
    "enable_dhcp": "enable_dhcp",
    "dns_nameservers": "dns_nameservers",
    "host_routes": "host_routes",
    "service_types": "service_types",
    "segment_id": "segment_id",
}


def find(reading: Reading, wanted: Mapping[str, Sequence[str]]) -> list[Subnet]:
    """Everybody sees, besides the own subnets, those of own, shared and external networks."""
    return lookup.rows(reading, Subnet, wanted, _on_seen_networks)


def _on_seen_networks(reading: Reading) -> ColumnElement[bool]:
    networks = TABLES[Network].c
    open_to = networks.id.in_(sharing.open_to(reading, sharing.SHARED, sharing.EXTERNAL))
    shown = select(networks.id).where(or_(open_to, networks.project_id == reading.caller.project_id))
    return TABLES[Subnet].c.network_id.in_(shown)


def create(writing: Writing, values: Values) -> Subnet:
    """Make a subnet, and start DHCP on its network if it wants it."""
    parent = lookup.one(writing.reading, network.NETWORKS, values["network_id"])
    cidr, gateway, subnetpool_id = subnet_range.choose(writing, values)
    subnet_checks.check_mtu(parent.mtu, parent.id, cidr.version)
    modes = chosen(values, {name: name for name in ("ipv6_ra_mode", "ipv6_address_mode")})
    subnet_checks.check_modes(
        modes.get("ipv6_ra_mode"), modes.get("ipv6_address_mode"), cidr, dhcp=values["enable_dhcp"]
    )
    pools = values["allocation_pools"]
    if not isinstance(pools, tuple):
        pools = allocate.default_pools(cidr, gateway)
    row = Subnet(
        id=str(uuid.uuid4()),
        project_id=values["project_id"],
        network_id=parent.id,
        ip_version=cidr.version,
        cidr=cidr,
        gateway_ip=gateway,
        allocation_pools=pools,
        **modes,
        subnetpool_id=subnetpool_id,
        **chosen(values, _COLUMNS),
    )
    subnet_segment.check_new(writing.txn, row)
    row = subnet_segment.with_routes_to_peers(writing.txn, row)
    subnet_checks.check(row)
    row = writing.txn.add(row)
    subnet_segment.tell_peers(writing.txn, row)
    if row.automatic:
        port_addresses.give_automatic(writing.txn, row)
    elif port_addresses.serves(row, device_owners.GATEWAY):
        port_addresses.give_gateways(writing.txn, row)
    if row.enable_dhcp:
        dhcp.place(writing.txn, writing.config, row.network_id)
    return row


def update(writing: Writing, row: Subnet, values: Values) -> Subnet:
    """Change a subnet; a gateway that a router has cannot move."""
    changed = replace(row, **chosen(values, {**_COLUMNS, "gateway_ip": "gateway_ip"}))
    if isinstance(values.get("allocation_pools"), tuple):
        changed = replace(changed, allocation_pools=values["allocation_pools"])
    if row.gateway_ip is not None and changed.gateway_ip != row.gateway_ip:
        _check_gateway_is_free(writing.txn, row, row.gateway_ip)
    if row.enable_dhcp and not changed.enable_dhcp and (row.ipv6_ra_mode or row.ipv6_address_mode):
        raise errors.InvalidInput(reason="Cannot disable enable_dhcp with ipv6 attributes set")
    subnet_segment.check_changed(writing.txn, row, changed)
    if (changed.gateway_ip, changed.host_routes) != (row.gateway_ip, row.host_routes):
        changed = subnet_segment.with_routes_to_peers(writing.txn, changed, row.gateway_ip)
    subnet_checks.check(changed)
    lowest_free.forget(writing.txn, lowest_free.addresses_of(row.id))
    changed = writing.txn.replace(row, changed)
    if changed.enable_dhcp:
        dhcp.place(writing.txn, writing.config, row.network_id)
    elif row.enable_dhcp:
        _end_dhcp(writing.txn, row)
        if row.segment_id is not None:
            dhcp.place(writing.txn, writing.config, row.network_id)
    return changed


def delete(writing: Writing, row: Subnet) -> None:
    """Delete a subnet in which no port has an address but those that go by themselves: DHCP servers and automatic."""
    txn = writing.txn
    held = txn.find(FixedIp, subnet_id=row.id)
    holders = lookup.among(txn, Port, "id", {fixed_ip.port_id for fixed_ip in held})
    if any(_keeps(txn, row, port) for port in holders):
        raise errors.SubnetInUse(subnet_id=row.id, reason="One or more ports have an IP allocation from this subnet")
    _end_dhcp(txn, row)
    for fixed_ip in txn.find(FixedIp, subnet_id=row.id):
        txn.remove(fixed_ip)
    txn.remove(row)
    subnet_segment.forget_peer(txn, row)
    if row.segment_id is not None:
        dhcp.place(txn, writing.config, row.network_id)  # servers with nothing left to serve go


def render(reading: Reading, subnets: Sequence[Subnet]) -> list[Rendered]:
    """Subnets as Neutron shows them."""
    network_ids = {row.network_id for row in subnets}
    networks = lookup.among(reading.view, Network, "id", network_ids)
    external = {row.id for row in networks if row.external}
    shared = sharing.shared_among(reading, network_ids)
    return [
        {
            **standard(row),
            "network_id": row.network_id,
            "ip_version": row.ip_version,
            "subnetpool_id": row.subnetpool_id,
            "enable_dhcp": row.enable_dhcp,
            "ipv6_ra_mode": row.ipv6_ra_mode,
            "ipv6_address_mode": row.ipv6_address_mode,
            "gateway_ip": None if row.gateway_ip is None else str(row.gateway_ip),
            "cidr": str(row.cidr),
            "allocation_pools": [{"start": str(pool.start), "end": str(pool.end)} for pool in row.allocation_pools],
            "host_routes": [
                {"destination": str(route.destination), "nexthop": str(route.nexthop)} for route in row.host_routes
            ],
            "dns_nameservers": [str(server) for server in row.dns_nameservers],
            "router:external": row.network_id in external,
            "shared": row.network_id in shared,
            "service_types": list(row.service_types),
            "segment_id": row.segment_id,
        }
        for row in subnets
    ]


def _keeps(txn: Transaction, subnet: Subnet, port: Port) -> bool:
    """Whether a port's address keeps the subnet from being deleted; on a routed network so does a port's only one."""
    if port.device_owner == device_owners.DHCP:
        return False
    if not subnet.automatic or port.device_owner in device_owners.INTERFACES:
        return True
    return subnet.segment_id is not None and txn.count(FixedIp, port_id=port.id) == 1


def _check_gateway_is_free(txn: Transaction, row: Subnet, gateway: IPAddress) -> None:
    fixed_ip = txn.get(FixedIp, subnet_id=row.id, ip_address=gateway)
    port = txn.get(Port, id=fixed_ip.port_id) if fixed_ip is not None else None
    if port is not None and txn.count(Router, id=port.device_id):
        raise errors.GatewayIpInUse(ip_address=gateway, port_id=port.id)


def _end_dhcp(txn: Transaction, row: Subnet) -> None:
    """Take the DHCP servers out of this subnet, and off the network if it was the last one with DHCP."""
    others = txn.find(Subnet, network_id=row.network_id, enable_dhcp=True)
    if not any(other.id != row.id for other in others):
        dhcp.withdraw(txn, row.network_id)
    servers = {port.id for port in txn.find(Port, network_id=row.network_id, device_owner=device_owners.DHCP)}
    for fixed_ip in txn.find(FixedIp, subnet_id=row.id):
        if fixed_ip.port_id in servers:
            txn.remove(fixed_ip)


_pool = parse.exactly({"start": parse.address, "end": parse.address})
_route = parse.exactly({"destination": parse.destination, "nexthop": parse.address})


@described(schema.array(schema.of(_pool), distinct=False))
def _pools(value: Any) -> tuple[Pool, ...] | None:
    """An empty list is what it says: no address is given out of itself."""
    if value in (None, "", {}):
        return None
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise errors.InvalidInput(reason="Invalid data format for allocation pools")
    return tuple(Pool(**_pool(item)) for item in value)


@described(schema.array(schema.ADDRESS))
def _nameservers(value: Any) -> tuple[IPAddress, ...]:
    if value in (None, "", {}):
        return ()
    if not isinstance(value, (list, str, dict)):
        raise parse.Unfit(f"Invalid data format for nameserver: '{value}'")
    servers: list[IPAddress] = []
    for item in value:
        try:
            server = parse.address(item)
        except parse.Unfit as error:
            raise parse.Unfit(f"'{item}' is not a valid nameserver. {error}") from error
        if server in servers:
            raise parse.Unfit(f"Duplicate nameserver '{item}'")
        servers.append(server)
    return tuple(servers)


@described(schema.array(schema.of(_route)))
def host_routes(value: Any) -> tuple[HostRoute, ...]:
    """Routes as the API writes them."""
    if value is None:
        return ()
    if not isinstance(value, list):
        raise parse.Unfit(f"Invalid data format for hostroute: '{value}'")
    routes = tuple(HostRoute(**_route(item)) for item in value)
    if twice := parse.repeated(value):
        raise parse.Unfit(f"Duplicate hostroute '{twice[0]}'")
    return routes


@described(schema.array({"type": "string", "pattern": f"^({'|'.join(device_owners.SERVICE_TYPES)})"}, distinct=False))
def _service_types(value: Any) -> tuple[str, ...]:
    """Prefixes of the owners of ports that the subnet is for."""
    if value and not isinstance(value, list):
        raise errors.HTTPBadRequest(message="Subnet service types must be a list.")
    for item in value or ():
        if not isinstance(item, str):
            raise subnet_errors.InvalidInputSubnetServiceType(service_type=item)
        if not item.startswith(device_owners.SERVICE_TYPES):
            raise subnet_errors.InvalidSubnetServiceType(service_type=item)
    return tuple(value or ())


def overlapping(cidr: IPNetwork, others: Collection[Subnet]) -> Subnet | None:
    """The first of `others` that shares addresses with `cidr`."""
    return next((row for row in others if row.cidr.overlaps(cidr)), None)


_known_mode = parse.one_of(None, *(mode.value for mode in IPv6Mode))
_known_version = parse.one_of(4, 6)


@described(schema.of(_known_mode))
def _mode(value: Any) -> IPv6Mode | None:
    known = _known_mode(value)
    return None if known is None else IPv6Mode(known)


@described(schema.of(_known_version))
def _version(value: Any) -> int:
    return int(_known_version(parse.whole(value)))


SUBNETS: Final = Resource(
    name="subnet",
    collection="subnets",
    kind=Subnet,
    fields=(
        *STANDARD,
        Field(name="network_id", parse=parse.identifier, default=REQUIRED, post=True),
        Field(name="ip_version", parse=_version, default=REQUIRED, post=True),
        Field(name="cidr", parse=parse.nullable(parse.cidr), post=True),
        Field(name="gateway_ip", parse=parse.nullable(parse.address), default=ABSENT, post=True, put=True),
        Field(name="allocation_pools", parse=_pools, post=True, put=True, filterable=False, sortable=False),
        Field(name="enable_dhcp", parse=parse.boolean, default=True, post=True, put=True),
        Field(name="dns_nameservers", parse=_nameservers, post=True, put=True, filterable=False, sortable=False),
        Field(name="host_routes", parse=host_routes, post=True, put=True, filterable=False, sortable=False),
        Field(
            name="service_types",
            parse=_service_types,
            post=True,
            put=True,
            enforced=False,
            filterable=False,
            sortable=False,
        ),
        Field(name="router:external", sortable=False),
        Field(name="shared", parse=parse.boolean, shown=False, sortable=False),
        Field(name="ipv6_ra_mode", parse=_mode, post=True),
        Field(name="ipv6_address_mode", parse=_mode, post=True),
        Field(name="subnetpool_id", parse=parse.nullable(parse.identifier), post=True),
        Field(
            name="use_default_subnetpool",
            parse=parse.boolean,
            default=False,
            post=True,
            shown=False,
            filterable=False,
            sortable=False,
        ),
        Field(name="prefixlen", parse=parse.non_negative, post=True, shown=False, filterable=False, sortable=False),
        Field(
            name="segment_id",
            parse=parse.nullable(parse.identifier),
            default=None,
            post=True,
            put=True,
            admin_sets=True,
            admin_sees=True,
        ),
    ),
    not_found=lambda subnet_id: errors.SubnetNotFound(subnet_id=subnet_id),
    columns=("id", "name", "project_id", "network_id"),
    find=find,
    render=render,
    create=create,
    update=update,
    delete=delete,
    tagged=True,
    limited=True,
)
