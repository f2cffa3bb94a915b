"""What a subnet may be: addresses of one family, pools within its range, and IPv6 modes that fit each other."""

from collections.abc import Iterable
from itertools import combinations
from typing import Final

from futago.controller import allocate
from futago.controller.resources import errors
from futago.controller.store.rows import HostRoute, Pool, Subnet
from futago.values import IPAddress, IPNetwork, IPv6Mode, rank

IPV6: Final = 6
_LEAST_MTU: Final = {4: 68, 6: 1280}
"""What every link that carries the family takes (RFC 791; RFC 8200, 5)."""
_MOST_NAMESERVERS: Final = 5
_MOST_ROUTES: Final = 20
_DHCP_HOST_BITS: Final = 2
"""A range with DHCP has so many bits for its hosts: at most a /30, or a /126."""
_INTERFACE_ID_BITS: Final = 64
"""Of an address that a host makes itself (RFC 4862, 5.5.3)."""


def check(row: Subnet) -> None:
    """See that a subnet can be.

    Raises:
        errors.InvalidInput: an address is of the other family, or the gateway is not a host's.
        errors.ApiError: the pools or the lists do not fit.

    """
    hosts = allocate.hosts(row.cidr)
    if row.enable_dhcp and row.cidr.max_prefixlen - row.cidr.prefixlen < _DHCP_HOST_BITS:
        raise errors.InvalidInput(reason="Subnet has a prefix length that is incompatible with DHCP service enabled")
    if row.gateway_ip is not None:
        check_version(row.ip_version, "gateway_ip", row.gateway_ip)
        if not allocate.within(hosts, row.gateway_ip) and not _link_local(row.gateway_ip):
            raise errors.InvalidInput(reason="Gateway is not valid on subnet")
    if len(row.dns_nameservers) > _MOST_NAMESERVERS:
        raise errors.DNSNameServersExhausted(subnet_id=row.id, limit=_MOST_NAMESERVERS)
    if len(row.host_routes) > _MOST_ROUTES:
        raise errors.HostRoutesExhausted(subnet_id=row.id, limit=_MOST_ROUTES)
    for server in row.dns_nameservers:
        check_version(row.ip_version, "dns_nameserver", server)
    _check_routes(row.ip_version, row.host_routes)
    _check_pools(row, hosts)


def check_version(version: int, name: str, value: IPAddress | IPNetwork) -> None:
    """See that an address is of the subnet's family.

    Raises:
        errors.InvalidInput: it is not.

    """
    if value.version != version:
        raise errors.InvalidInput(reason=f"{name} '{value}' does not match the ip_version '{version}'")


def check_modes(ra_mode: IPv6Mode | None, address_mode: IPv6Mode | None, cidr: IPNetwork, *, dhcp: bool) -> None:
    """See that the modes of a new subnet can be.

    Raises:
        errors.InvalidInput: they contradict each other or the subnet.

    """
    set_here = {"ipv6_ra_mode": ra_mode, "ipv6_address_mode": address_mode}
    named = [name for name, mode in set_here.items() if mode is not None]
    if not named:
        return
    if cidr.version != IPV6:
        raise errors.InvalidInput(reason=f"{named[0]} is not valid when ip_version is {cidr.version}")
    if not dhcp:
        reason = "ipv6_ra_mode or ipv6_address_mode cannot be set when enable_dhcp is set to False"
        raise errors.InvalidInput(reason=reason)
    if ra_mode is not None and address_mode is not None and ra_mode != address_mode:
        reason = f"ipv6_ra_mode set to '{ra_mode}' with ipv6_address_mode set to '{address_mode}' is not valid"
        raise errors.InvalidInput(reason=f"{reason}. If both attributes are set, they must be the same value")
    by_hosts = {IPv6Mode.SLAAC, IPv6Mode.DHCPV6_STATELESS} & {ra_mode, address_mode}
    if by_hosts and cidr.max_prefixlen - cidr.prefixlen != _INTERFACE_ID_BITS:
        reason = f"Invalid CIDR {cidr} for IPv6 address mode. OpenStack uses the EUI-64 address format"
        raise errors.InvalidInput(reason=f"{reason}, which requires the prefix to be /64")


def check_mtu(mtu: int, network_id: str, version: int) -> None:
    """See that a network can carry subnets of this family.

    Raises:
        errors.NetworkMTUSubnetConflict: its frames are too small.

    """
    if mtu < _LEAST_MTU[version]:
        raise errors.NetworkMTUSubnetConflict(net_id=network_id, mtu=_LEAST_MTU[version])


def _link_local(address: IPAddress) -> bool:
    return address.version == IPV6 and address.is_link_local


def _check_routes(version: int, routes: Iterable[HostRoute]) -> None:
    for route in routes:
        check_version(version, "nexthop", route.nexthop)
        check_version(version, "destination", route.destination)


def _check_pools(row: Subnet, hosts: Pool) -> None:
    for pool in row.allocation_pools:
        if pool.start.version != row.ip_version or rank(pool.start) > rank(pool.end):
            raise errors.InvalidAllocationPool(pool=_text(pool))
        if not allocate.within(hosts, pool.start) or not allocate.within(hosts, pool.end):
            raise errors.OutOfBoundsAllocationPool(pool=_text(pool), cidr=row.cidr)
        if row.gateway_ip is not None and allocate.within(pool, row.gateway_ip):
            raise errors.GatewayConflictWithAllocationPools(pool=_text(pool), ip_address=row.gateway_ip)
    for first, second in combinations(sorted(row.allocation_pools, key=lambda pool: rank(pool.start)), 2):
        if allocate.within(first, second.start):
            raise errors.OverlappingAllocationPools(first=_text(first), second=_text(second), cidr=row.cidr)


def _text(pool: Pool) -> str:
    return f"{pool.start}-{pool.end}"
