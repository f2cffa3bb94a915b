"""Everything that the API serves, in one place."""

from typing import Any, Final

from futago.controller.resources import (
    address_group,
    agent_schedule,
    extension,
    port_binding,
    qos_rule,
    quota,
    replica,
    router_interfaces,
    trunk,
)
from futago.controller.resources.address_group import ADDRESS_GROUPS
from futago.controller.resources.agent import AGENTS
from futago.controller.resources.definition import Action, Resource
from futago.controller.resources.floating_ip import FLOATING_IPS
from futago.controller.resources.network import NETWORKS
from futago.controller.resources.port import PORTS
from futago.controller.resources.qos_policy import QOS_POLICIES
from futago.controller.resources.qos_rule import QOS_RULES
from futago.controller.resources.router import ROUTERS
from futago.controller.resources.security_group import SECURITY_GROUPS
from futago.controller.resources.security_group_rule import SECURITY_GROUP_RULES
from futago.controller.resources.subnet import SUBNETS
from futago.controller.resources.trunk import TRUNKS

RESOURCES: Final[tuple[Resource[Any], ...]] = (
    NETWORKS,
    SUBNETS,
    PORTS,
    ROUTERS,
    FLOATING_IPS,
    SECURITY_GROUPS,
    SECURITY_GROUP_RULES,
    ADDRESS_GROUPS,
    AGENTS,
    QOS_POLICIES,
    *QOS_RULES,
    TRUNKS,
)

ACTIONS: Final[tuple[Action, ...]] = (
    *router_interfaces.ACTIONS,
    *agent_schedule.ACTIONS,
    *replica.ACTIONS,
    *quota.ACTIONS,
    *extension.ACTIONS,
    *address_group.ACTIONS,
    *qos_rule.ACTIONS,
    *trunk.ACTIONS,
    *port_binding.ACTIONS,
)
