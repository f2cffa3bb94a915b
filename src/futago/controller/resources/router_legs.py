"""The legs of a router: its ports with their addresses and subnets."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from futago.controller import device_owners
from futago.controller.resources import errors, lookup
from futago.controller.resources.subnet import overlapping
from futago.controller.store.database import View
from futago.controller.store.routing_rows import PortForwarding
from futago.controller.store.rows import FixedIp, FloatingIp, Port, Router, Subnet

_IPV4: Final = 4


@dataclass(frozen=True, slots=True)
class Leg:
    """One address of a router."""

    port: Port
    fixed_ip: FixedIp
    subnet: Subnet

    @property
    def gateway(self) -> bool:
        """Whether it leads outside."""
        return self.port.device_owner == device_owners.GATEWAY


def legs(view: View, router: Router) -> list[Leg]:
    """All addresses of `router` but those on its HA network."""
    ports = {port.id: port for port in view.find(Port, device_id=router.id, device_owner=device_owners.LEGS)}
    addresses = lookup.among(view, FixedIp, "port_id", list(ports))
    subnets = {row.id: row for row in lookup.among(view, Subnet, "id", {item.subnet_id for item in addresses})}
    return [Leg(ports[item.port_id], item, subnets[item.subnet_id]) for item in addresses]


def check_moved(view: View, router: Router, port: Port, left: Collection[Subnet]) -> None:
    """See that `port` of `router`, which has had `left` until now, may have the addresses that it has now.

    Raises:
        errors.BadRequest: it has none, or its subnets overlap with other legs'.
        errors.RouterInterfaceInUseByFloatingIP: floating IPs need a subnet that it has left.
        errors.RouterInterfaceInUseByRoute: an extra route goes through such a one.

    """
    attached = legs(view, router)
    subnets = {leg.subnet.id: leg.subnet for leg in attached if leg.port.id == port.id}
    if not subnets:
        raise errors.BadRequest(resource="router", reason="Router port must have at least one fixed IP")
    others = [leg for leg in attached if leg.port.id != port.id]
    for subnet in subnets.values():
        check_no_overlap(others, subnet)
    if port.device_owner != device_owners.GATEWAY:
        check_leg(others, port.id, port.network_id, subnets.values())
    for subnet in left:
        if subnet.id not in subnets and port.device_owner != device_owners.GATEWAY:
            check_unneeded(view, router, subnet)


def check_leg(attached: Collection[Leg], port_id: str, network_id: str, subnets: Collection[Subnet]) -> None:
    """See that a leg of a router, to be told from the others by `port_id`, may be in these subnets of a network.

    Raises:
        errors.BadRequest: another leg in the network has IPv6 subnets, as this one; or this one has several IPv4 ones.

    """
    if sum(subnet.ip_version == _IPV4 for subnet in subnets) > 1:
        raise errors.BadRequest(resource="router", reason="Cannot have multiple IPv4 subnets on router port")
    for subnet in subnets:
        check_advertised(subnet)
    beside = ipv6_leg([leg for leg in attached if leg.port.id != port_id], network_id)
    if beside is not None and any(subnet.ip_version != _IPV4 for subnet in subnets):
        reason = (
            "Cannot have multiple router ports with the same network id if both contain IPv6 subnets. "
            f"Existing port {beside.id} has IPv6 subnet(s) and network id {network_id}"
        )
        raise errors.BadRequest(resource="router", reason=reason)


def ipv6_leg(attached: Collection[Leg], network_id: str) -> Port | None:
    """The leg towards this network that has IPv6 addresses: all of them are on one."""
    ours = (leg for leg in attached if not leg.gateway and leg.port.network_id == network_id)
    return next((leg.port for leg in ours if leg.subnet.ip_version != _IPV4), None)


def check_advertised(subnet: Subnet) -> None:
    """See that a router of ours may be in a subnet.

    Raises:
        errors.BadRequest: another router advertises it.

    """
    if subnet.ipv6_address_mode is not None and subnet.ipv6_ra_mode is None:
        refusal = f"IPv6 subnet {subnet.id} configured to receive RAs from an external router"
        raise errors.BadRequest(resource="router", reason=f"{refusal} cannot be added to Neutron Router")


def check_unneeded(view: View, router: Router, subnet: Subnet) -> None:
    """See that nothing needs the leg of `router` in `subnet`.

    Raises:
        errors.RouterInterfaceInUseByFloatingIP: floating IPs do.
        errors.RouterInterfaceInUseByRoute: an extra route does.

    """
    insides = [one.fixed_ip_address for one in view.find(FloatingIp, router_id=router.id)]
    insides += [one.internal_ip_address for one in view.find(PortForwarding, router_id=router.id)]
    if any(address is not None and address in subnet.cidr for address in insides):
        raise errors.RouterInterfaceInUseByFloatingIP(router_id=router.id, subnet_id=subnet.id)
    if any(route.nexthop in subnet.cidr for route in router.routes):
        raise errors.RouterInterfaceInUseByRoute(router_id=router.id, subnet_id=subnet.id)


def check_no_overlap(attached: list[Leg], fresh: Subnet) -> None:
    """A router forwards between ranges that are distinct.

    Raises:
        errors.BadRequest: `fresh` is attached already, or shares addresses with a subnet that is.

    """
    if any(leg.subnet.id == fresh.id for leg in attached):
        raise errors.BadRequest(resource="router", reason=f"Router already has a port on subnet {fresh.id}")
    other = overlapping(fresh.cidr, [leg.subnet for leg in attached])
    if other is not None:
        reason = f"Cidr {fresh.cidr} of subnet {fresh.id} overlaps with cidr {other.cidr} of subnet {other.id}"
        raise errors.BadRequest(resource="router", reason=reason)
