"""What a request about the hosts of ports can do wrong, in Neutron's words."""

from futago.controller.resources.errors import InUse, NotFound


class PortBound(InUse):
    sentence = (
        "Unable to complete operation on port {port_id}, port is already bound, port type: {vif_type}, "
        "old_mac {old_mac}, new_mac {new_mac}."
    )


class PortBoundNUMAAffinityPolicy(InUse):
    sentence = (
        "Unable to complete operation on port {port_id}, port is already bound to host {host_id}, "
        "numa_affinity_policy value given {numa_affinity_policy}."
    )


class PortBindingNotFound(NotFound):
    sentence = "Binding for port {port_id} for host {host} could not be found."


class PortBindingAlreadyExists(InUse):
    sentence = "Binding for port {port_id} on host {host} already exists."


class PortBindingAlreadyActive(InUse):
    sentence = "Binding for port {port_id} on host {host} is already active."
