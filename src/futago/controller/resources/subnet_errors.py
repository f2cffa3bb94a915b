"""What a request for the service types of subnets can do wrong; more of `errors`."""

from futago.controller.resources.errors import ApiError, InUse


class IpAddressGenerationFailureNoMatchingSubnet(InUse):
    sentence = "No valid service subnet for the given device owner, network {network_id}, service type {service_type}."


class InvalidSubnetServiceType(ApiError):
    sentence = "Subnet service type {service_type} does not correspond to a valid device owner."


class InvalidInputSubnetServiceType(ApiError):
    sentence = "Subnet service type {service_type} is not a string."
