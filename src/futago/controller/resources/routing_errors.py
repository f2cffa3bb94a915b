"""What requests for parts of routers, metering and segment ranges can do wrong; more of `errors`."""

from futago.controller.resources.errors import ApiError, InUse, NotFound

# Port forwardings


class PortForwardingNotFound(NotFound):
    sentence = "Port Forwarding {id} could not be found."


class FipInUseByPortForwarding(InUse):
    sentence = "Floating IP {id} in use by Port Forwarding resources."


class PortHasBindingFloatingIP(InUse):
    sentence = (
        "Cannot create port forwarding to floating IP {floating_ip_address} ({fip_id}) with port {port_id} "
        "using fixed IP {fixed_ip}, as that port already has a binding floating IP."
    )


# Conntrack helpers


class ConntrackHelperNotFound(NotFound):
    sentence = "Conntrack Helper {id} could not be found."


class ConntrackHelperNotAllowed(ApiError):
    sentence = "Conntrack Helper {helper} is not allowed."


class InvalidProtocolForHelper(ApiError):
    sentence = "Conntrack Helper {helper} does not support: {protocol}. Supported protocols are: {supported_protocols}"


# Metering


class MeteringLabelNotFound(NotFound):
    sentence = "Metering label '{label_id}' does not exist."


class MeteringLabelRuleNotFound(NotFound):
    sentence = "Metering label rule '{rule_id}' does not exist."


class MeteringLabelRuleOverlaps(InUse):
    sentence = "Metering label rule with remote_ip_prefix '{remote_ip_prefix}' overlaps another."


class Invalid(ApiError):
    """Neutron's word for what fits into no other."""


# Network segment ranges


class NetworkSegmentRangeNotFound(NotFound):
    sentence = "Network Segment Range {range_id} could not be found."


class NetworkSegmentRangeNetTypeNotSupported(ApiError):
    sentence = "Network type {type} does not support network segment ranges."


class NetworkSegmentRangeDefaultReadOnly(ApiError):
    sentence = "Network Segment Range {range_id} is a default segment range which could not be updated or deleted."


class NetworkSegmentRangeReferencedByProject(InUse):
    sentence = "Network Segment Range {range_id} is referenced by one or more project networks."


class NetworkSegmentRangeOverlaps(InUse):
    sentence = "Network segment range overlaps with range(s) with id {range_id}"


class NetworkTunnelRangeError(ApiError):
    sentence = "Invalid network tunnel range: '{tunnel_range}' - {error}."


class NetworkVlanRangeError(ApiError):
    sentence = "Invalid network VLAN range: '{vlan_range}' - '{error}'."
