"""Everything that the API serves, in one place."""

from typing import Any, Final

from futago.controller.resources import (
    address_group,
    agent_schedule,
    extension,
    extra_routes,
    quota,
    replica,
    router_interfaces,
)
from futago.controller.resources.address_group import ADDRESS_GROUPS
from futago.controller.resources.agent import AGENTS
from futago.controller.resources.conntrack_helper import CONNTRACK_HELPERS
from futago.controller.resources.definition import Action, Resource
from futago.controller.resources.floating_ip import FLOATING_IPS
from futago.controller.resources.metering import METERING_LABELS, METERING_RULES
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.port import PORTS
from futago.controller.resources.port_forwarding import PORT_FORWARDINGS
from futago.controller.resources.router import ROUTERS
from futago.controller.resources.security_group import SECURITY_GROUPS
from futago.controller.resources.security_group_rule import SECURITY_GROUP_RULES
from futago.controller.resources.segment_range import SEGMENT_RANGES
from futago.controller.resources.subnet import SUBNETS

RESOURCES: Final[tuple[Resource[Any], ...]] = (
    NETWORKS,
    SUBNETS,
    PORTS,
    ROUTERS,
    CONNTRACK_HELPERS,
    FLOATING_IPS,
    PORT_FORWARDINGS,
    METERING_LABELS,
    METERING_RULES,
    SEGMENT_RANGES,
    SECURITY_GROUPS,
    SECURITY_GROUP_RULES,
    ADDRESS_GROUPS,
    AGENTS,
)

ACTIONS: Final[tuple[Action, ...]] = (
    *router_interfaces.ACTIONS,
    *extra_routes.ACTIONS,
    *agent_schedule.ACTIONS,
    *replica.ACTIONS,
    *quota.ACTIONS,
    *extension.ACTIONS,
    *address_group.ACTIONS,
)
