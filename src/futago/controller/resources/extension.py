"""The extensions of the Networking API: those that are listed here work."""

from typing import Final

from futago.controller.resources import errors
from futago.controller.resources.definition import Action, Params, Reading, Rendered

_EXTENSIONS: Final = {
    "aap-reject-multicast": ("Allowed address pairs of hosts", "Multicast addresses are refused in address pairs"),
    "address-group": ("Address groups", "Named sets of addresses for the rules of security groups"),
    "address-scope": ("Address scopes", "Addresses that are unique together, between which nothing is translated"),
    "agent": ("Agents", "The agents as which nodes show"),
    "agent_sort_key": ("Agents in order", "Lists of agents in any order"),
    "allowed-address-pairs": ("Allowed address pairs", "Further addresses that a port may use"),
    "auto-allocated-topology": ("Auto-allocated topologies", "A network that leads outside, for who asks"),
    "availability_zone": ("Availability Zone", "What may fail together"),
    "availability_zone_filter": ("Availability zone filters", "Availability zones by their attributes"),
    "binding": ("Port bindings", "Which host a port is on, and how it is plugged"),
    "binding-extended": ("Bindings to several hosts", "The hosts of a port: where it is, and where it may move"),
    "data-plane-status": ("Data plane status", "What somebody who watches the hosts says of a port"),
    "default-subnetpools": ("Default subnet pools", "A pool for subnets that name none"),
    "dhcp_agent_scheduler": ("DHCP agent scheduler", "Which agents serve a network's DHCP"),
    "dns-domain-ports": ("DNS domains of ports", "The DNS domain of a port"),
    "dns-integration": ("DNS names", "Names of ports, which DHCP servers tell"),
    "empty-string-filtering": ("Empty filters", "A filter without a value finds what has none"),
    "expose-l3-conntrack-helper": ("Helpers shown", "A router shows its conntrack helpers"),
    "expose-port-forwarding-in-fip": ("Forwardings shown", "A floating IP shows what of it is forwarded"),
    "ext-gw-mode": ("Gateway mode", "Routers with and without source NAT"),
    "external-net": ("External networks", "Networks that lead outside"),
    "extra_dhcp_opt": ("Extra DHCP options", "What DHCP tells one port besides what its subnets say"),
    "extraroute": ("Extra routes", "Static routes of routers"),
    "extraroute-atomic": ("Extra routes one by one", "Extra routes added and removed without the others"),
    "filter-validation": ("Filter validation", "Filters that do not exist are refused"),
    "fip-port-details": ("Floating IP port details", "The port that a floating IP stands for"),
    "floating-ip-port-forwarding": ("Port forwarding", "Ports of a floating IP, each range another instance's"),
    "floating-ip-port-forwarding-description": ("Descriptions of port forwardings", "They can have a description"),
    "floating-ip-port-forwarding-detail": ("Details of port forwardings", "Floating IPs show id and port of each"),
    "floating-ip-port-forwarding-port-ranges": ("Ranges of ports", "Many ports forwarded to as many, or to one"),
    "floatingip-autodelete-internal": ("Unused floating IPs", "They go when their network leads outside no more"),
    "floatingip-pools": ("Floating IP pools", "The subnets that floating IPs come from"),
    "ip-substring-filtering": ("IP substring filtering", "Ports by a part of an address"),
    "ip_allocation": ("IP allocation", "When a port gets its addresses"),
    "l2_adjacency": ("L2 adjacency", "Whether a network is one broadcast domain"),
    "l3-conntrack-helper": ("Conntrack helpers", "Connections that agree on further ones, through NAT"),
    "l3-ha": ("Highly available routers", "Routers with a VRRP replica on several nodes"),
    "l3-ha-replica": ("Replicas of routers", "Futago's: the priority and admin state of a router on an L3 agent"),
    "l3_agent_scheduler": ("L3 agent scheduler", "Which agents carry a router, and which of them is active"),
    "metering": ("Metering", "Labels that count what routers carry to and from the outside"),
    "metering_source_and_destination_fields": ("Metering by source and destination", "Rules about both ends"),
    "multi-provider": ("Several segments", "A network that is carried in several ways, each by some hosts"),
    "net-mtu": ("Network MTU", "The MTU of a network"),
    "net-mtu-writable": ("Writable network MTU", "The MTU of a network can be chosen"),
    "network-ip-availability": ("Network IP availability", "How many addresses networks have, and use"),
    "network-ip-availability-details": (
        "Network IP availability details",
        "The same, by allocation pools",
    ),
    "network-segment-range": ("Network segment ranges", "Which segment ids project networks may have"),
    "network_availability_zone": ("Network availability zones", "In which zones a network is served"),
    "pagination": ("Pagination", "Long lists in pages"),
    "port-device-profile": ("Device profiles", "What Nova is to ask Cyborg for, for a port"),
    "port-mac-address-regenerate": ("New MAC addresses", "A port whose MAC is set to null gets another"),
    "port-numa-affinity-policy": ("NUMA affinity", "How Nova is to place an instance by a port"),
    "port-numa-affinity-policy-socket": ("NUMA affinity by socket", "One more word for how Nova is to place"),
    "port-security": ("Port security", "Whether a port is bound to its addresses"),
    "port-security-groups-filtering": ("Ports by security group", "Ports that have a security group"),
    "project-id": ("Project id", "Everything shows project_id beside tenant_id"),
    "provider": ("Provider networks", "How a network is carried"),
    "qos": ("QoS", "Rates and marks for the traffic of ports, by policies"),
    "qos-bw-limit-direction": ("Directions of limits", "Bandwidth limits for what is sent and for what is received"),
    "qos-bw-minimum-ingress": ("Minimum bandwidth inwards", "Minimum bandwidth of either direction, for placement"),
    "qos-default": ("Default policies", "The policy of a project's new networks"),
    "qos-fip": ("QoS of floating IPs", "Rates of what passes by a floating IP"),
    "qos-fip-network-policy": ("Policies of networks at floating IPs", "A floating IP shows the policy of its network"),
    "qos-gateway-ip": ("QoS of gateways", "Rates of what passes by the addresses of a router's gateway"),
    "qos-port-network-policy": ("Policies of networks at ports", "A port shows the policy of its network"),
    "qos-pps": ("Packet rates", "Limits of the packets that an instance sends in a second"),
    "qos-rule-type-details": ("Details of rule types", "What the rules of each kind can say"),
    "qos-rule-type-filter": ("Filters of rule types", "The kinds of rules that are kept, or all that are known"),
    "qos-rules-alias": ("Rules by their id", "Rules of policies without the policy's id"),
    "quota-check-limit": ("Quota check", "Limits below what is used are refused"),
    "quota-check-limit-default": ("Quota check by default", "A limit below what is used is refused unless forced"),
    "quota_details": ("Quota details", "What a project uses of its quotas"),
    "quotas": ("Quotas", "How many of each thing a project may have"),
    "rbac-address-group": ("RBAC of address groups", "Sharing of address groups"),
    "rbac-address-scope": ("RBAC of address scopes", "Sharing of address scopes"),
    "rbac-policies": ("RBAC policies", "What a project may use that another one has"),
    "rbac-security-groups": ("RBAC of security groups", "Sharing of security groups"),
    "rbac-subnetpool": ("RBAC of subnet pools", "Sharing of subnet pools"),
    "revision-if-match": ("If-Match", "Changes on condition of a revision"),
    "router": ("Routers", "Routers, their interfaces and gateways, and floating IPs"),
    "router-admin-state-down-before-update": ("Down before update", "A router is down before its kind changes"),
    "router_availability_zone": ("Router availability zones", "In which zones a router is"),
    "security-group": ("Security groups", "Named sets of rules for ports"),
    "security-groups-default-rules": ("Default rules of security groups", "What new security groups begin with"),
    "security-groups-default-statefulness": ("Default statefulness", "Whether new security groups are stateful"),
    "security-groups-name-restrictions": ("Names of groups", "They can be printed, as other names"),
    "security-groups-normalized-cidr": ("Normalized CIDR", "Remote prefixes without host bits"),
    "security-groups-remote-address-group": ("Remote address groups", "Rules that name an address group"),
    "security-groups-rules-belongs-to-default-sg": ("Rules of default groups", "A rule says if its group is a default"),
    "security-groups-shared-filtering": ("Shared security groups", "Security groups by whether they are shared"),
    "segment": ("Segments", "How a network is carried, by segments that subnets can be on"),
    "segments-peer-subnet-host-routes": ("Routes between segments", "Subnets tell hosts the way to other segments"),
    "sort-key-validation": ("Sort key validation", "Sort keys that do not exist are refused"),
    "sorting": ("Sorting", "Lists in any order"),
    "standard-attr-description": ("Descriptions", "Everything can have a description"),
    "standard-attr-revisions": ("Revisions", "Everything counts its changes"),
    "standard-attr-segment": ("Attributes of segments", "Segments have descriptions, revisions, timestamps and tags"),
    "standard-attr-tag": ("Tags", "Everything can have tags"),
    "standard-attr-timestamp": ("Timestamps", "Everything says when it was made and changed"),
    "stateful-security-group": ("Stateless security groups", "Groups whose replies need rules of their own"),
    "subnet-external-network": ("Subnets of external networks", "A subnet says whether its network is external"),
    "subnet-segmentid-writable": ("Subnets come to segments", "A network becomes a routed one"),
    "subnet-service-types": ("Service types of subnets", "Subnets for the ports of some owners only"),
    "subnet_allocation": ("Subnet allocation", "Subnets that are cut from pools"),
    "subnet_onboard": ("Subnet onboarding", "Pools that take in subnets of networks"),
    "subnetpool-prefix-ops": ("Subnet pool prefixes", "Prefixes of pools, added and removed"),
    "tag-creation": ("Tags together", "Several tags in one request"),
    "tag-ports-during-bulk-creation": ("Tags of new ports", "A port can be made with its tags"),
    "trunk": ("Trunks", "Ports that carry further networks, each under a VLAN tag"),
    "trunk-details": ("Trunks at ports", "A port shows the trunk that it carries"),
    "uplink-status-propagation": ("Uplink status", "Whether a port shows its uplink's state"),
    "uplink-status-propagation-updatable": ("Uplink status, changed", "…and it can be changed"),
}
ALIASES: Final = tuple(_EXTENSIONS)
_UPDATED: Final = "2026-11-23T00:00:00-00:00"


def show_all(_reading: Reading, _params: Params) -> Rendered:
    """All of them."""
    return {"extensions": [_render(alias) for alias in _EXTENSIONS]}


def show(_reading: Reading, params: Params) -> Rendered:
    """One of them."""
    if params["alias"] not in _EXTENSIONS:
        raise errors.ExtensionNotFound(alias=params["alias"])
    return {"extension": _render(params["alias"])}


def _render(alias: str) -> Rendered:
    name, description = _EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": description, "updated": _UPDATED, "links": []}


ACTIONS: Final = (
    Action("GET", "/extensions", read=show_all),
    Action("GET", "/extensions/{alias}", read=show),
)
