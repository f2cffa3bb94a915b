"""The owners of ports that routers, floating IPs and DHCP servers have, under Neutron's names."""

from typing import Final

SERVICE: Final = "network:"
"""How the owner of a port begins that belongs to the network and to no instance."""
INTERFACE: Final = "network:router_interface"
REPLICATED_INTERFACE: Final = "network:ha_router_replicated_interface"
GATEWAY: Final = "network:router_gateway"
HA: Final = "network:router_ha_interface"
FLOATING_IP: Final = "network:floatingip"
DHCP: Final = "network:dhcp"
SUBPORT: Final = "trunk:subport"
"""An instance's, but not plugged by itself."""
SERVICE_TYPES: Final = (SERVICE, "neutron:", "compute:", "baremetal:", "manila:", *"compute:")
"""How the owners begin that a subnet's service types may name: Neutron takes each letter of a prefix for one, too, and
its users name what they like."""

INTERFACES: Final = frozenset({INTERFACE, REPLICATED_INTERFACE})
"""Towards project networks: of a router with one replica, and of an HA router."""
LEGS: Final = INTERFACES | {GATEWAY}
"""The ports of a router that have the same addresses on every replica."""
ROUTERS: Final = LEGS | {HA}
"""The ports whose `device_id` is a router."""
KEPT: Final = ROUTERS | {FLOATING_IP, DHCP}
"""The ports that come and go with what they belong to only."""
