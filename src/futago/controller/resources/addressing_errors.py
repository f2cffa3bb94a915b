"""What a request about address scopes, subnet pools, sharing and quotas can do wrong, in Neutron's types and words."""

from futago.controller.resources.errors import ApiError, InUse, NotFound


class HTTPForbidden(ApiError):
    status = 403
    sentence = "Project {project_id} not allowed to create {resource} on this network"


# Sharing


class RbacPolicyNotFound(NotFound):
    sentence = "RBAC policy of type unknown with ID {policy_id} not found"


class RbacPolicyInUse(InUse):
    sentence = (
        "RBAC policy on object {object_id} cannot be removed because other objects depend on it.\nDetails: {details}"
    )


class DuplicateRbacPolicy(InUse):
    sentence = "An RBAC policy already exists with those values."


class RbacPolicyInitError(ApiError):
    sentence = "Failed to create RBAC policy on object {object_id} because {reason}."

    @property
    def kind(self) -> str:
        return "RbacPolicyInitError"


class InvalidActionForType(ApiError):
    sentence = "Invalid action '{action}' for object type '{object_type}'. Valid actions: {valid_actions}"


# Address scopes


class AddressScopeNotFound(NotFound):
    sentence = "Address scope {address_scope_id} could not be found."


class AddressScopeInUse(InUse):
    sentence = (
        "Unable to complete operation on address scope {address_scope_id}. "
        "There are one or more subnet pools in use on the address scope."
    )


class AddressScopeUpdateError(ApiError):
    sentence = "Unable to update address scope {address_scope_id} : {reason}."


class AddressScopePrefixConflict(InUse):
    sentence = "Failed to associate address scope: subnetpools within an address scope must have unique prefixes."


class NetworkAddressScopeAffinityError(ApiError):
    sentence = (
        "Subnets of the same address family hosted on the same network must all participate in the same address scope."
    )


# Subnet pools


class SubnetPoolNotFound(NotFound):
    sentence = "Subnet pool {subnetpool_id} could not be found."


class SubnetPoolDeleteError(ApiError):
    sentence = "Unable to delete subnet pool: {reason}."


class EmptySubnetPoolPrefixList(ApiError):
    sentence = "Empty subnet pool prefix list."


class PrefixVersionMismatch(ApiError):
    sentence = "Cannot mix IPv4 and IPv6 prefixes in a subnet pool."


class IllegalSubnetPoolPrefixBounds(ApiError):
    sentence = "Illegal prefix bounds: {prefix_type}={prefixlen}, {base_prefix_type}={base_prefixlen}."


class IllegalSubnetPoolPrefixUpdate(ApiError):
    sentence = "Illegal update to prefixes: {msg}."


class IllegalSubnetPoolUpdate(ApiError):
    sentence = "Illegal subnetpool update : {reason}."


class IllegalSubnetPoolIpVersionAssociationToAddressScope(ApiError):
    sentence = (
        "Illegal subnetpool association: subnetpool {subnetpool_id} cannot associate with address scope "
        "{address_scope_id} because subnetpool ip_version is not {ip_version}."
    )


class MinPrefixSubnetAllocationError(ApiError):
    sentence = "Unable to allocate subnet with prefix length {prefixlen}, minimum allowed prefix is {min_prefixlen}."


class MaxPrefixSubnetAllocationError(ApiError):
    sentence = "Unable to allocate subnet with prefix length {prefixlen}, maximum allowed prefix is {max_prefixlen}."


class SubnetAllocationError(InUse):
    """Neutron answers 500, as for a fault of its own; it is none."""

    sentence = "Failed to allocate subnet: {reason}."


class SubnetPoolQuotaExceeded(InUse):
    sentence = "Per-project subnet pool prefix quota exceeded."


class NetworkSubnetPoolAffinityError(ApiError):
    sentence = "Subnets hosted on the same network must be allocated from the same subnet pool."


# Networks, subnets, quotas


class DefaultExternalNetworkExists(InUse):
    sentence = "A default external network already exists: {net_id}."


class AutoAllocationFailure(InUse):
    sentence = "Deployment error: {reason}."


class AvailabilityZoneNotFound(NotFound):
    sentence = "AvailabilityZone {availability_zone} could not be found."


class TenantQuotaNotFound(NotFound):
    sentence = "Quota for project {tenant_id} could not be found."


# What new security groups begin with


class DefaultSecurityGroupRuleNotFound(NotFound):
    sentence = "Default Security Group rule {rule_id} does not exist"


class DefaultSecurityGroupRuleExists(InUse):
    sentence = "Default Security group rule already exists. Rule id is {rule_id}."


class SecurityGroupDefaultStatefulnessNotFound(NotFound):
    sentence = "Security group default statefulness {object_id} could not be found."


class SecurityGroupDefaultStatefulnessAlreadyExists(InUse):
    sentence = "A security group default statefulness setting already exists for project '{project_id}'."
