"""What a request for security groups can do wrong; more of `errors`."""

from futago.controller.resources.errors import ApiError, InUse, NotFound


class SecurityGroupNotFound(NotFound):
    sentence = "Security group {security_group_id} does not exist"


class SecurityGroupInUse(InUse):
    sentence = "Security Group {security_group_id} {reason}."


class SecurityGroupDefaultAlreadyExists(InUse):
    sentence = "Default security group already exists."


class SecurityGroupCannotRemoveDefault(InUse):
    sentence = "Insufficient rights for removing default security group."


class SecurityGroupCannotUpdateDefault(InUse):
    sentence = "Updating default security group not allowed."


class SecurityGroupRuleNotFound(NotFound):
    sentence = "Security group rule {rule_id} does not exist"


class SecurityGroupRuleExists(InUse):
    sentence = "Security group rule already exists. Rule id is {rule_id}."


class SecurityGroupInvalidPortRange(ApiError):
    sentence = "For TCP/UDP protocols, port_range_min must be <= port_range_max"


class SecurityGroupInvalidPortValue(ApiError):
    sentence = "Invalid value for port {port}"


class SecurityGroupMissingIcmpType(ApiError):
    sentence = "ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is missing."


class SecurityGroupInvalidIcmpValue(ApiError):
    sentence = "Invalid value for ICMP {field} ({attribute}) {value}. It must be 0 to 255."


class SecurityGroupInvalidProtocolForPort(ApiError):
    sentence = "Ports cannot be specified for protocol {protocol}. Ports are only supported for {supported}."


class SecurityGroupRuleInvalidProtocol(ApiError):
    sentence = (
        "Security group rule protocol {protocol} not supported. "
        "Only protocol values {values} and integer representations [0 to 255] are supported."
    )


class SecurityGroupRuleInvalidEtherType(ApiError):
    sentence = "Security group rule for ethertype '{ethertype}' not supported. Allowed values are {values}."


class SecurityGroupProtocolRequiredWithPorts(ApiError):
    sentence = "Must also specify protocol if port range is given."


class SecurityGroupMultipleRemoteEntites(ApiError):
    """Neutron's spelling."""

    sentence = "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided."


class SecurityGroupConflict(InUse):
    sentence = "Error {reason} while attempting the operation."


class AddressGroupNotFound(NotFound):
    sentence = "Address group {address_group_id} could not be found."


class AddressGroupInUse(InUse):
    sentence = "Address group {address_group_id} is in use on one or more security group rules."


class AddressesNotFound(NotFound):
    sentence = "Addresses {addresses} not found in the address group {address_group_id}."


class AddressesAlreadyExist(ApiError):
    sentence = "Addresses {addresses} already exist in the address group {address_group_id}."


class SecurityGroupRuleParameterConflict(ApiError):
    sentence = "Conflicting value ethertype {ethertype} for CIDR {cidr}"


class SecurityGroupEthertypeConflictWithProtocol(ApiError):
    sentence = "Invalid ethertype {ethertype} for protocol {protocol}."


class InvalidCIDR(ApiError):
    sentence = "Invalid CIDR {value} given as IP prefix."
