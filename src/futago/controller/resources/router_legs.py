"""The legs of a router: its ports with their addresses and subnets."""

from dataclasses import dataclass
from typing import Final

from futago.controller.resources import errors, lookup
from futago.controller.resources.subnet import overlapping
from futago.controller.store.database import View
from futago.controller.store.rows import FixedIp, Port, Router, Subnet

GATEWAY: Final = "network:router_gateway"
PLAIN: Final = "network:router_interface"
REPLICATED: Final = "network:ha_router_replicated_interface"
INTERFACES: Final = (PLAIN, REPLICATED)
"""The owners of ports towards project networks."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One address of a router."""

    port: Port
    fixed_ip: FixedIp
    subnet: Subnet

    @property
    def gateway(self) -> bool:
        """Whether it leads outside."""
        return self.port.device_owner == GATEWAY


def legs(view: View, router: Router) -> list[Leg]:
    """All addresses of `router` but those on its HA network."""
    ports = {port.id: port for port in view.find(Port, device_id=router.id, device_owner=(*INTERFACES, GATEWAY))}
    addresses = lookup.among(view, FixedIp, "port_id", list(ports))
    subnets = {row.id: row for row in lookup.among(view, Subnet, "id", {item.subnet_id for item in addresses})}
    return [Leg(ports[item.port_id], item, subnets[item.subnet_id]) for item in addresses]


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
