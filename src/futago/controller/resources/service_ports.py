"""Ports and their addresses: what every port goes through, those of users and those that the service makes itself."""

import secrets
import uuid
from collections.abc import Sequence
from typing import Final

from futago.controller import allocate, device_owners
from futago.controller.resources import errors
from futago.controller.resources.forwarding_rows import end_to_port
from futago.controller.store import lowest_free
from futago.controller.store.database import Conflict, Transaction
from futago.controller.store.port_rows import PortBinding
from futago.controller.store.rows import FixedIp, InstanceData, Network, Port, Subnet
from futago.values import IPAddress, IPv6Network, Mac, eui64

_MAC_TRIES: Final = 64

Wish = tuple[Subnet, IPAddress | None]
"""A subnet, and the address wanted in it; None is any."""


def add_port(
    txn: Transaction,
    *,
    network: Network,
    project_id: str,
    device_owner: str,
    device_id: str,
    host_id: str = "",
    name: str = "",
    addresses: Sequence[Wish] = (),
    security_group_ids: tuple[str, ...] = (),
    mac: Mac | None = None,
) -> Port:
    """Make a port with its addresses.

    Raises:
        errors.IpAddressInUse: a wanted address is taken.
        errors.IpAddressGenerationFailure: a subnet has no free address.
        errors.AllocationOnAutoAddressSubnet: an address is wanted in a subnet where ports make their own.
        errors.MacAddressInUse: the wanted MAC is taken in this network.
        Conflict: another writer took what was drawn here; the transaction is to be run again.

    """
    port = Port(
        id=str(uuid.uuid4()),
        project_id=project_id,
        name=name,
        network_id=network.id,
        mac_address=mac or free_mac(txn, network.id),
        device_owner=device_owner,
        device_id=device_id,
        host_id=host_id,
        security_group_ids=security_group_ids,
    )
    port = _insert(txn, port, drawn=mac is None)
    for position, wish in enumerate(addresses):
        give_address(txn, port, wish, position)
    return port


def give_address(txn: Transaction, port: Port, wish: Wish, position: int) -> FixedIp:
    """Give `port` one address; raises as `add_port` does."""
    subnet, wanted = wish
    own = automatic_address(subnet, port)
    wanted = own if wanted is None else wanted
    if own is not None and wanted != own:
        raise errors.AllocationOnAutoAddressSubnet(ip=wanted, subnet_id=subnet.id)
    address = wanted or _free_address(txn, subnet)
    fixed_ip = FixedIp(
        subnet_id=subnet.id, ip_address=address, network_id=port.network_id, port_id=port.id, position=position
    )
    try:
        return txn.add(fixed_ip)
    except Conflict as error:
        if wanted is None:
            raise
        raise errors.IpAddressInUse(ip_address=address, network_id=port.network_id) from error


def automatic_address(subnet: Subnet, port: Port) -> IPAddress | None:
    """The only address that `port` can have in `subnet`; None if it can have any, as routers' legs always can."""
    if not subnet.automatic or port.device_owner in device_owners.INTERFACES:
        return None
    assert isinstance(subnet.cidr, IPv6Network), "only IPv6 has modes"
    return eui64(subnet.cidr, port.mac_address)


def remove_port(txn: Transaction, port: Port) -> None:
    """Delete `port` and its addresses."""
    end_to_port(txn, port.id)
    for fixed_ip in txn.find(FixedIp, port_id=port.id):
        txn.remove(fixed_ip)
    for data in (*txn.find(InstanceData, port_id=port.id), *txn.find(PortBinding, port_id=port.id)):
        txn.remove(data)
    txn.remove(port)


def _insert(txn: Transaction, port: Port, *, drawn: bool) -> Port:
    try:
        return txn.add(port)
    except Conflict as error:
        if drawn:
            raise
        raise errors.MacAddressInUse(mac=port.mac_address, network_id=port.network_id) from error


def _free_address(txn: Transaction, subnet: Subnet) -> IPAddress:
    known = lowest_free.known(txn, lowest_free.addresses_of(subnet.id))
    start = lowest_free.bound(known)

    def taken(window: Sequence[IPAddress]) -> set[IPAddress]:
        held = {row.ip_address for row in txn.find(FixedIp, subnet_id=subnet.id, ip_address=window)}
        return held | {subnet.gateway_ip} if subnet.gateway_ip is not None else held

    address = allocate.first_free(allocate.addresses(subnet.allocation_pools, start), taken)
    if address is None:
        raise errors.IpAddressGenerationFailure(network_id=subnet.network_id)
    lowest = min(int(pool.start) for pool in subnet.allocation_pools)
    lowest_free.taken(txn, known, max(start, lowest), int(address))
    return address


def free_mac(txn: Transaction, network_id: str) -> Mac:
    """A MAC that the network does not have; with 16 million of them a few tries do."""

    def taken(window: Sequence[Mac]) -> set[Mac]:
        return {port.mac_address for port in txn.find(Port, network_id=network_id, mac_address=window)}

    found = allocate.first_free((allocate.mac(secrets.token_bytes(3)) for _ in range(_MAC_TRIES)), taken)
    assert found is not None, "nobody has as many ports in a network"
    return found
