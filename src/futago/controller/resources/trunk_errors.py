"""What a request about trunks can do wrong, in Neutron's words."""

from futago.controller.resources.errors import InUse, NotFound


class TrunkNotFound(NotFound):
    sentence = "Trunk {trunk_id} could not be found."


class TrunkPortInUse(InUse):
    sentence = "Port {port_id} is in use by another trunk."


class ParentPortInUse(InUse):
    sentence = "Port {port_id} is currently in use and is not eligible for use as a parent port."


class PortInUseAsTrunkParent(InUse):
    sentence = "Port {port_id} is currently a parent port for trunk {trunk_id}."


class PortInUseAsSubPort(InUse):
    sentence = "Port {port_id} is currently a subport for trunk {trunk_id}."


class DuplicateSubPort(InUse):
    sentence = (
        "segmentation_type {segmentation_type} and segmentation_id {segmentation_id} already in use "
        "on trunk {trunk_id}."
    )


class SubPortMtuGreaterThanTrunkPortMtu(InUse):
    sentence = "MTU {port_mtu} of subport {port_id} cannot be greater than MTU {trunk_mtu} of trunk {trunk_id}."


class SubPortNotFound(NotFound):
    sentence = "SubPort {port_id} on trunk {trunk_id} could not be found."


class TrunkInUse(InUse):
    sentence = "Trunk {trunk_id} is currently in use."


class TrunkDisabled(InUse):
    sentence = "Trunk {trunk_id} is currently disabled."
