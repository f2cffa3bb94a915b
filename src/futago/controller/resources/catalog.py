"""Everything that the API serves, in one place."""

from typing import Any, Final

from futago.controller.resources import (
    address_group,
    agent_schedule,
    auto_topology,
    extension,
    extra_routes,
    port_binding,
    qos_rule,
    quota,
    replica,
    router_interfaces,
    subnet_pool_prefixes,
    trunk,
)
from futago.controller.resources.address_group import ADDRESS_GROUPS
from futago.controller.resources.address_scope import ADDRESS_SCOPES
from futago.controller.resources.agent import AGENTS
from futago.controller.resources.conntrack_helper import CONNTRACK_HELPERS
from futago.controller.resources.default_rule import DEFAULT_RULES
from futago.controller.resources.default_statefulness import DEFAULT_STATEFULNESS
from futago.controller.resources.definition import Action, Resource
from futago.controller.resources.floating_ip import FLOATING_IPS
from futago.controller.resources.floating_ip_pool import FLOATING_IP_POOLS
from futago.controller.resources.ip_availability import IP_AVAILABILITIES
from futago.controller.resources.metering import METERING_LABELS, METERING_RULES
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.port import PORTS
from futago.controller.resources.port_forwarding import PORT_FORWARDINGS
from futago.controller.resources.qos_policy import QOS_POLICIES
from futago.controller.resources.qos_rule import QOS_RULES
from futago.controller.resources.rbac_policy import RBAC_POLICIES
from futago.controller.resources.router import ROUTERS
from futago.controller.resources.security_group import SECURITY_GROUPS
from futago.controller.resources.security_group_rule import SECURITY_GROUP_RULES
from futago.controller.resources.segment import SEGMENTS
from futago.controller.resources.segment_range import SEGMENT_RANGES
from futago.controller.resources.subnet import SUBNETS
from futago.controller.resources.subnet_pool import SUBNET_POOLS
from futago.controller.resources.trunk import TRUNKS
from futago.controller.resources.zones import AVAILABILITY_ZONES

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
    SEGMENTS,
    SEGMENT_RANGES,
    SECURITY_GROUPS,
    SECURITY_GROUP_RULES,
    ADDRESS_GROUPS,
    AGENTS,
    ADDRESS_SCOPES,
    SUBNET_POOLS,
    RBAC_POLICIES,
    DEFAULT_RULES,
    DEFAULT_STATEFULNESS,
    IP_AVAILABILITIES,
    AVAILABILITY_ZONES,
    FLOATING_IP_POOLS,
    QOS_POLICIES,
    *QOS_RULES,
    TRUNKS,
)

ACTIONS: Final[tuple[Action, ...]] = (
    *router_interfaces.ACTIONS,
    *extra_routes.ACTIONS,
    *agent_schedule.ACTIONS,
    *replica.ACTIONS,
    *quota.ACTIONS,
    *extension.ACTIONS,
    *address_group.ACTIONS,
    *subnet_pool_prefixes.ACTIONS,
    *auto_topology.ACTIONS,
    *qos_rule.ACTIONS,
    *trunk.ACTIONS,
    *port_binding.ACTIONS,
)
