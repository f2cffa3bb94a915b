"""Whose revision number counts a change of a row besides its own: what Neutron has as one thing with several tables."""

from futago.controller import device_owners
from futago.controller.store import addressing_rows, port_rows, routing_rows, rows

Whose = tuple[type[rows.StandardRow], str]
"""A kind and an id."""


def revised(row: rows.Row, *, there_before_and_after: bool = False) -> tuple[Whose, ...]:
    """What counts the change of `row`; a row that only comes and goes with another is not one of its changes."""
    whose: tuple[Whose, ...] = ()
    match row:
        case rows.Subnet(network_id=network_id):
            whose = ((rows.Network, network_id),)
        case rows.SecurityGroupRule(security_group_id=group_id):
            whose = ((rows.SecurityGroup, group_id),)
        case rows.Port(device_id=router_id) if row.device_owner in device_owners.LEGS:
            whose = () if there_before_and_after else ((rows.Router, router_id),)
        case addressing_rows.RbacPolicy(object_type="network", object_id=network_id):
            whose = ((rows.Network, network_id),)
        case routing_rows.ConntrackHelper(router_id=router_id):
            whose = ((rows.Router, router_id),)
        case routing_rows.PortForwarding(floatingip_id=floating_ip_id, internal_port_id=port_id):
            whose = ((rows.FloatingIp, floating_ip_id), (rows.Port, port_id))
        case port_rows.QosRule(policy_id=policy_id):
            whose = ((port_rows.QosPolicy, policy_id),)
    return whose
