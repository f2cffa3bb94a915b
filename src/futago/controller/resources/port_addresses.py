"""A port's addresses: which are asked for, whether they can be, and how they change."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec.structs import replace

from futago.controller import allocate, device_owners
from futago.controller.resources import errors, parse, schema, segment_errors, segment_hosts, subnet_errors
from futago.controller.resources.definition import ABSENT, Absent
from futago.controller.resources.forwarding_rows import end_to_address
from futago.controller.resources.schema import described
from futago.controller.resources.service_ports import automatic_address, give_address
from futago.controller.store.database import Transaction
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Port, Subnet
from futago.controller.store.touched import touched
from futago.values import IPAddress

Wishes = list[tuple[tuple[Subnet, ...], IPAddress | None]]
"""For each address: the subnets that it may come from, the best first, and the address if it is named."""

_IPV4 = 4

IMMEDIATE, DEFERRED, NONE = "immediate", "deferred", "none"


_FIXED_IP: Final = {"type": "object", "properties": {"ip_address": schema.ADDRESS, "subnet_id": schema.UUID}}


@described(schema.array(_FIXED_IP, distinct=False))
def fixed_ips(value: Any) -> tuple[dict[str, Any], ...]:
    """A list of {"subnet_id": …, "ip_address": …}; what else is in one is not looked at."""
    if not isinstance(value, list):
        raise parse.Unfit(f"Invalid data format for fixed IP: '{value}'")
    seen: list[Any] = []
    kept: list[dict[str, Any]] = []
    for item in value:
        if not isinstance(item, dict):
            raise parse.Unfit(f"Invalid data format for fixed IP: '{item}'")
        wish: dict[str, Any] = {}
        if "ip_address" in item:
            if item["ip_address"] in seen:
                raise parse.Unfit(f"Duplicate IP address '{item['ip_address']}'")
            wish["ip_address"] = parse.address(item["ip_address"])
            seen.append(item["ip_address"])
        if "subnet_id" in item:
            wish["subnet_id"] = parse.identifier(item["subnet_id"])
        kept.append(wish)
    return tuple(kept)


def wishes(
    txn: Transaction,
    network: Network,
    asked: Sequence[dict[str, Any]] | Absent,
    owner: str = "",
    host: str | None = None,
) -> Wishes:
    """What a port of `network` is to get; unless a request says, one address of either family.

    Beside it, all but routers' legs have an address in every subnet where ports make their own. A port with a `host`,
    be it "", has addresses of one segment of a routed network; without a host it gets none there but those asked for.

    Raises:
        subnet_errors.IpAddressGenerationFailureNoMatchingSubnet: all subnets are for ports of other owners.
        errors.InvalidIpForNetwork: no subnet has the address.
        errors.InvalidIpForSubnet: the named subnet has not.

    """
    there = txn.find(Subnet, network_id=network.id)
    serving = [row for row in there if serves(row, owner)]
    reached = serving if host is None else segment_hosts.candidates(txn, serving, asked, host)
    subnets = tuple(sorted(reached, key=lambda row: not row.service_types))
    if there and not serving:
        raise subnet_errors.IpAddressGenerationFailureNoMatchingSubnet(network_id=network.id, service_type=owner)
    automatic = [subnet for subnet in subnets if subnet.automatic and owner not in device_owners.INTERFACES]
    if isinstance(asked, Absent):
        families = (tuple(s for s in subnets if s.ip_version == version and not s.automatic) for version in (4, 6))
        wanted: Wishes = [(family, None) for family in families if family]
    else:
        named = (_wish(network, subnets, wish) for wish in asked)
        wanted = [wish for wish in named if wish[1] is not None or wish[0][0] not in automatic]
    chosen = [subnet for fitting, address in wanted if address is not None for subnet in fitting]
    return [*wanted, *(((subnet,), None) for subnet in automatic if subnet not in chosen)]


def serves(subnet: Subnet, owner: str) -> bool:
    """Whether a subnet is for ports of this owner: one without service types is for all, DHCP is where it serves."""
    for_dhcp = subnet.enable_dhcp and owner == device_owners.DHCP
    return not subnet.service_types or owner in subnet.service_types or for_dhcp


def ipv4_only(wanted: Wishes) -> Wishes:
    """Without those for IPv6 addresses."""
    kept = [(tuple(s for s in subnets if s.ip_version == _IPV4), address) for subnets, address in wanted]
    return [(subnets, address) for subnets, address in kept if subnets]


def give_asked(
    txn: Transaction, network: Network, port: Port, asked: Sequence[dict[str, Any]] | Absent, host: str
) -> str:
    """Give a new port its addresses; returns when it gets them: now, when it has a host, or never. Raises as above."""
    wanted = wishes(txn, network, asked, port.device_owner, host)
    give(txn, port, wanted)
    if not isinstance(asked, Absent):
        return allocation(asked)
    return IMMEDIATE if wanted or not txn.count(Subnet, network_id=network.id) else DEFERRED


def allocation(asked: Sequence[dict[str, Any]]) -> str:
    """When a port gets addresses for which a request asks."""
    return IMMEDIATE if asked else NONE


def rebind(txn: Transaction, port: Port, host: str) -> Port:
    """What a port is on another host: one that has waited for its addresses gets them, others keep theirs.

    Raises:
        segment_errors.HostNotCompatibleWithFixedIps: the host is on another segment than they.
        segment_errors.HostNotConnectedToAnySegment: it is on none.

    """
    if not host or host == port.host_id:
        return port
    held = {fixed_ip.subnet_id for fixed_ip in txn.find(FixedIp, port_id=port.id)}
    if port.ip_allocation == DEFERRED and not held:
        network = txn.get(Network, id=port.network_id)
        assert network is not None, "a port has its network"
        give(txn, port, wishes(txn, network, ABSENT, port.device_owner, host))
        return replace(port, ip_allocation=IMMEDIATE)
    there = txn.find(Subnet, network_id=port.network_id) if held else []
    if held - {subnet.id for subnet in segment_hosts.candidates(txn, there, ABSENT, host)}:
        raise segment_errors.HostNotCompatibleWithFixedIps(host=host, port_id=port.id)
    return port


def give_automatic(txn: Transaction, subnet: Subnet) -> None:
    """Ports that are there already have an address in a new subnet where ports make their own, if they are near it."""
    near = segment_hosts.nearby(txn, subnet)
    for port in txn.find(Port, network_id=subnet.network_id):
        if near is not None and port.id not in near:
            continue
        if port.device_owner not in device_owners.INTERFACES | {device_owners.FLOATING_IP}:
            give_address(txn, port, (subnet, None), txn.count(FixedIp, port_id=port.id))
            for key in touched(port):
                txn.touch(key)


def give_gateways(txn: Transaction, subnet: Subnet) -> None:
    """Gateways of routers that have no address of a new subnet's family yet have one there, where it is free for them.

    A router may be led to a network that has no subnet yet.
    """
    for port in txn.find(Port, network_id=subnet.network_id, device_owner=device_owners.GATEWAY):
        held = txn.find(FixedIp, port_id=port.id)
        subnets = {row.id: row for row in txn.find(Subnet, id=[one.subnet_id for one in held])} if held else {}
        there = [row.ip_version for row in subnets.values() if not row.automatic]
        if subnet.ip_version in there or len(there) > 1 or _meets_inside(txn, port.device_id, subnet):
            continue
        try:
            give_address(txn, port, (subnet, None), len(held))
        except errors.IpAddressGenerationFailure:
            continue
        txn.touch(f"router/{port.device_id}")


def _meets_inside(txn: Transaction, router_id: str, subnet: Subnet) -> bool:
    ports = txn.find(Port, device_id=router_id, device_owner=device_owners.INTERFACES)
    held = txn.find(FixedIp, port_id=[port.id for port in ports]) if ports else []
    inside = txn.find(Subnet, id=list({one.subnet_id for one in held})) if held else []
    return any(row.cidr.overlaps(subnet.cidr) for row in inside)


def renew_automatic(txn: Transaction, port: Port) -> None:
    """Addresses that a port makes from its MAC follow it."""
    for fixed_ip in txn.find(FixedIp, port_id=port.id):
        subnet = txn.get(Subnet, id=fixed_ip.subnet_id)
        assert subnet is not None, "an address has its subnet"
        if automatic_address(subnet, port) not in {None, fixed_ip.ip_address}:
            txn.remove(fixed_ip)
            give_address(txn, port, (subnet, None), fixed_ip.position)


def give(txn: Transaction, port: Port, wanted: Wishes) -> None:
    """Give a port all of the addresses; a subnet that is used up passes the wish on to the next."""
    for position, (subnets, address) in _named_first(wanted):
        _give_one(txn, port, subnets, address, position)


def change(txn: Transaction, port: Port, wanted: Wishes) -> None:
    """Let a port have these addresses from now on; those that stay are not touched.

    Raises:
        errors.FipAssociated: a floating IP stands for one that would go.

    """
    held = txn.find(FixedIp, port_id=port.id)
    staying: dict[int, FixedIp] = {}
    for position, (subnets, address) in _named_first(wanted):
        ids = {subnet.id for subnet in subnets}
        free = [fixed_ip for fixed_ip in held if fixed_ip not in staying.values() and fixed_ip.subnet_id in ids]
        kept = next((fixed_ip for fixed_ip in free if address in (None, fixed_ip.ip_address)), None)
        if kept is not None:
            staying[position] = kept
    for fixed_ip in held:
        if fixed_ip not in staying.values():
            _take(txn, port, fixed_ip)
    for position, (subnets, address) in _named_first(wanted):
        if position in staying:
            txn.replace(staying[position], replace(staying[position], position=position))
        else:
            _give_one(txn, port, subnets, address, position)


def _named_first(wanted: Wishes) -> list[tuple[int, tuple[tuple[Subnet, ...], IPAddress | None]]]:
    """With their positions; an address that is named must not be given away as any."""
    return sorted(enumerate(wanted), key=lambda item: item[1][1] is None)


def _wish(
    network: Network, subnets: tuple[Subnet, ...], wish: dict[str, Any]
) -> tuple[tuple[Subnet, ...], IPAddress | None]:
    address, subnet_id = wish.get("ip_address"), wish.get("subnet_id")
    if address is None and subnet_id is None:
        raise errors.InvalidInput(reason="IP allocation requires subnet_id or ip_address")
    if subnet_id is not None:
        subnets = tuple(subnet for subnet in subnets if subnet.id == subnet_id)
        if not subnets:
            failure = f"Failed to create port on network {network.id}"
            raise errors.InvalidInput(reason=f"{failure}, because fixed_ips included invalid subnet {subnet_id}")
    if address is None:
        return subnets, None
    fitting = tuple(subnet for subnet in subnets if allocate.within(allocate.hosts(subnet.cidr), address))
    if not fitting:
        raise (errors.InvalidIpForSubnet if subnet_id else errors.InvalidIpForNetwork)(ip_address=address)
    return fitting, address


def _give_one(
    txn: Transaction, port: Port, subnets: Sequence[Subnet], address: IPAddress | None, position: int
) -> None:
    for subnet in subnets:
        if address is not None and txn.count(FixedIp, subnet_id=subnet.id, ip_address=address):
            raise errors.IpAddressAlreadyAllocated(ip_address=address, subnet_id=subnet.id)
        try:
            give_address(txn, port, (subnet, address), position)
        except errors.IpAddressGenerationFailure:
            continue
        return
    raise errors.IpAddressGenerationFailure(network_id=port.network_id)


def _take(txn: Transaction, port: Port, fixed_ip: FixedIp) -> None:
    if txn.count(FloatingIp, port_id=port.id, fixed_ip_address=fixed_ip.ip_address):
        raise errors.FipAssociated(port_id=port.id)
    end_to_address(txn, port.id, fixed_ip.ip_address)
    txn.remove(fixed_ip)
