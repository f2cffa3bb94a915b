"""What a request can do wrong, in Neutron's types, words and statuses.

Each error carries what it is about, as the keyword arguments that its sentence names; the class name is the `type`
that clients see. Raising one inside a write undoes the write.
"""

from typing import ClassVar


class ApiError(Exception):
    """A request is refused; nothing has changed."""

    status: ClassVar[int] = 400
    sentence: ClassVar[str] = "{message}"

    def __init__(self, **about: object) -> None:
        super().__init__(self.sentence.format(**about))
        self.about = about

    @property
    def kind(self) -> str:
        """Neutron's name of the error (`NeutronError.type`)."""
        return type(self).__name__


class NotFound(ApiError):
    """There is no such thing, or none that the caller may know of."""

    status = 404


class InUse(ApiError):
    """It cannot be, as things are."""

    status = 409


# The request itself


class HTTPBadRequest(ApiError):
    """The request is not what the resource takes; `message` says where."""


class HTTPNotFound(NotFound):
    sentence = "The resource could not be found."


class HTTPMethodNotAllowed(ApiError):
    status = 405
    sentence = "The server could not comply with the request since it is either malformed or otherwise incorrect."


class HTTPNotAcceptable(ApiError):
    status = 406
    sentence = HTTPMethodNotAllowed.sentence


class HTTPRequestEntityTooLarge(ApiError):
    status = 413
    sentence = "The body of POST request was too large."


class ServiceUnavailable(ApiError):
    """The database is down or has given up every attempt, and nothing has changed; or it went down over the commit."""

    status = 503
    sentence = "The service is unavailable at the moment; please try again."


class InvalidInput(ApiError):
    sentence = "Invalid input for operation: {reason}."


class BadRequest(ApiError):
    sentence = "Bad {resource} request: {reason}."


class PolicyNotAuthorized(ApiError):
    status = 403
    sentence = "{rules} is disallowed by policy"


class RevisionMismatch(ApiError):
    """`If-Match` names another revision than the resource has."""

    status = 412
    sentence = "Constrained to {expected}, but current revision is {actual}"

    @property
    def kind(self) -> str:
        return "RevisionNumberConstraintFailed"


class HTTPConflict(InUse):
    """Other writers were quicker, again and again."""

    sentence = "The resource is being changed by other requests; try again."


class OverQuota(InUse):
    sentence = "Quota exceeded for resources: {overs}."


class TagNotFound(NotFound):
    sentence = "Tag {tag} could not be found."


# Networks


class NetworkNotFound(NotFound):
    sentence = "Network {network_id} could not be found."


class NetworkInUse(InUse):
    sentence = (
        "Unable to complete operation on network {network_id}. "
        "There are one or more ports still in use on the network, id for these ports is: {port_ids}."
    )


class ExternalNetworkInUse(InUse):
    sentence = (
        "External network {network_id} cannot be updated to be made non-external, since it has existing gateway ports."
    )


class InvalidSharedSetting(InUse):
    sentence = "Unable to reconfigure sharing settings for network {network_id}. Multiple projects are using it."


class NetworkMTUSubnetConflict(InUse):
    sentence = "MTU of {net_id} is not valid, subnet requires a minimum of {mtu} bytes."


class FlatNetworkInUse(InUse):
    sentence = "Unable to create the flat network. Physical network {physical_network} is in use."


class VlanIdInUse(InUse):
    sentence = "Unable to create the network. The VLAN {vlan_id} on physical network {physical_network} is in use."


class TunnelIdInUse(InUse):
    sentence = "Unable to create the network. The tunnel ID {tunnel_id} is in use."


class NoNetworkAvailable(InUse):
    """Every id that project networks may have is in use; one comes back with each network that is deleted."""

    sentence = "Unable to create the network. No project network is available for allocation."


# Subnets


class SubnetNotFound(NotFound):
    sentence = "Subnet {subnet_id} could not be found."


class SubnetInUse(InUse):
    sentence = "Unable to complete operation on subnet {subnet_id}: {reason}."


class InvalidAllocationPool(ApiError):
    sentence = "The allocation pool {pool} is not valid."


class OutOfBoundsAllocationPool(ApiError):
    sentence = "The allocation pool {pool} spans beyond the subnet cidr {cidr}."


class OverlappingAllocationPools(InUse):
    sentence = "Found overlapping allocation pools: {first} {second} for subnet {cidr}."


class GatewayConflictWithAllocationPools(InUse):
    sentence = "Gateway ip {ip_address} conflicts with allocation pool {pool}."


class GatewayIpInUse(InUse):
    sentence = "Current gateway ip {ip_address} already in use by port {port_id}. Unable to update."


class DNSNameServersExhausted(ApiError):
    sentence = "Unable to complete operation for {subnet_id}. The number of DNS nameservers exceeds the limit {limit}."


class HostRoutesExhausted(ApiError):
    sentence = "Unable to complete operation for {subnet_id}. The number of host routes exceeds the limit {limit}."


# Ports


class PortNotFound(NotFound):
    sentence = "Port {port_id} could not be found."


class ServicePortInUse(InUse):
    sentence = "Port {port_id} cannot be deleted directly via the port API: {reason}."


class PortInUse(InUse):
    sentence = (
        "Unable to complete operation on port {port_id} for network {network_id}. "
        "Port already has an attached device {device_id}."
    )


class MacAddressInUse(InUse):
    sentence = "Unable to complete operation for network {network_id}. The mac address {mac} is in use."


class IpAddressInUse(InUse):
    sentence = "Unable to complete operation for network {network_id}. The IP address {ip_address} is in use."


class IpAddressAlreadyAllocated(InUse):
    sentence = "IP address {ip_address} already allocated in subnet {subnet_id}"


class IpAddressGenerationFailure(InUse):
    sentence = "No more IP addresses available on network {network_id}."


class InvalidIpForNetwork(ApiError):
    sentence = "IP address {ip_address} is not a valid IP for any of the subnets on the specified network."


class InvalidIpForSubnet(ApiError):
    sentence = "IP address {ip_address} is not a valid IP for the specified subnet."


class AllocationOnAutoAddressSubnet(ApiError):
    sentence = (
        "IPv6 address {ip} cannot be directly assigned to a port on subnet {subnet_id} "
        "as the subnet is configured for automatic addresses"
    )


class UnsupportedPortDeviceOwner(InUse):
    sentence = "Operation {operation} is not supported for device_owner {device_owner} on port {port_id}."


class AddressPairAndPortSecurityRequired(InUse):
    sentence = "Port Security must be enabled in order to have allowed address pairs on a port."


class PortSecurityAndIPRequiredForSecurityGroups(ApiError):
    sentence = "Port security must be enabled and port must have an IP address in order to use security groups."


class PortSecurityPortHasSecurityGroup(InUse):
    sentence = (
        "Port has security group associated. Cannot disable port security or IP address "
        "until security group is removed."
    )


class AllowedAddressPairsMissingIP(ApiError):
    sentence = "AllowedAddressPair must contain ip_address"


class AllowedAddressPairExhausted(ApiError):
    sentence = "The number of allowed address pair exceeds the maximum {limit}."


class DuplicateAddressPairInRequest(ApiError):
    sentence = "Request contains duplicate address pair: mac_address {mac_address} ip_address {ip_address}."


class FipAssociated(InUse):
    sentence = (
        "Unable to complete the operation on port {port_id} because the port still has an associated floating IP."
    )


# Routers


class RouterNotFound(NotFound):
    sentence = "Router {router_id} could not be found"


class RouterInUse(InUse):
    sentence = "Router {router_id} still has ports"


class RouterInterfaceNotFound(NotFound):
    sentence = "Router {router_id} does not have an interface with id {port_id}"


class RouterInterfaceNotFoundForSubnet(NotFound):
    sentence = "Router {router_id} has no interface on subnet {subnet_id}"


class SubnetMismatchForPort(ApiError):
    sentence = "Subnet on port {port_id} does not match the requested subnet {subnet_id}."


class RouterInterfaceInUseByFloatingIP(InUse):
    sentence = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, "
        "as it is required by one or more floating IPs."
    )


class RouterInterfaceInUseByRoute(InUse):
    sentence = (
        "Router interface for subnet {subnet_id} on router {router_id} cannot be deleted, "
        "as it is required by one or more routes."
    )


class RouterExternalGatewayInUseByFloatingIp(InUse):
    sentence = (
        "Gateway cannot be updated for router {router_id}, since a gateway to external network {network_id} "
        "is required by one or more floating IPs."
    )


class InvalidRoutes(ApiError):
    sentence = "Invalid format for routes: {routes}, {reason}"


class RoutesExhausted(ApiError):
    sentence = "Unable to complete operation for {router_id}. The number of routes exceeds the maximum {limit}."


class HaNotEnoughAvailableAgents(InUse):
    """There are fewer living nodes that carry routers than an HA router needs."""

    sentence = "Not enough l3 agents available to ensure HA. Minimum required {min_agents}, available {num_agents}."

    @property
    def kind(self) -> str:
        return "HANotEnoughAvailableAgents"


# Floating IPs


class FloatingIPNotFound(NotFound):
    sentence = "Floating IP {floatingip_id} could not be found"


class ExternalGatewayForFloatingIPNotFound(NotFound):
    sentence = (
        "External network {external_network_id} is not reachable from subnet {subnet_id}.  "
        "Therefore, cannot associate Port {port_id} with a Floating IP."
    )


class FloatingIPPortAlreadyAssociated(InUse):
    sentence = (
        "Cannot associate floating IP {floating_ip_address} ({floatingip_id}) with port {port_id} "
        "using fixed IP {fixed_ip}, as that fixed IP already has a floating IP on external network {network_id}."
    )


# Extensions


class ExtensionNotFound(NotFound):
    """Answered as a page, as Neutron does."""

    sentence = "Extension with alias {alias} does not exist"
