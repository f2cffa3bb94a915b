"""What a request for segments can do wrong, in Neutron's types and words; more of `errors`."""

from futago.controller.resources.errors import ApiError, InUse, InvalidInput, NotFound


class SegmentNotFound(NotFound):
    sentence = "Segment {segment_id} could not be found."


class SegmentInUse(InUse):
    sentence = "Segment '{segment_id}' cannot be deleted: {reason}."


class SegmentsSetInConjunctionWithProviders(InvalidInput):
    sentence = "Segments and provider values cannot both be set."


class SegmentsContainDuplicateEntry(InvalidInput):
    sentence = "Duplicate segment entry in request."


class SubnetsNotAllAssociatedWithSegments(ApiError):
    sentence = (
        "All of the subnets on network '{network_id}' must either "
        "all be associated with segments or all not associated with any segment."
    )


class NoUpdateSubnetWhenMultipleSegmentsOnNetwork(ApiError):
    sentence = (
        "The network '{network_id}' has multiple segments, it is only possible "
        "to associate an existing subnet with a segment on networks with a single segment."
    )


class SubnetSegmentAssociationChangeNotAllowed(ApiError):
    sentence = "A subnet that is already associated with a segment cannot have its segment association changed."


class NetworkIdsDontMatch(ApiError):
    sentence = "The subnet's network id, '{subnet_network}', doesn't match the network_id of segment '{segment_id}'"


class HostConnectedToMultipleSegments(InUse):
    sentence = (
        "Host {host} is connected to multiple segments on routed provider network '{network_id}'.  "
        "It should be connected to one."
    )


class HostNotConnectedToAnySegment(InUse):
    sentence = (
        "Host {host} is not connected to any segments on routed provider network '{network_id}'.  "
        "It should be connected to one."
    )


class HostNotCompatibleWithFixedIps(InUse):
    sentence = (
        "Host {host} is not connected to a segment where the existing fixed_ips on port {port_id} "
        "will function given the routed network topology."
    )


class FixedIpsSubnetsNotOnSameSegment(ApiError):
    sentence = "Cannot allocate addresses from different segments."
