"""The extensions of the Networking API: those that are listed here work."""

from typing import Final

from futago.controller.resources import errors
from futago.controller.resources.definition import Action, Params, Reading, Rendered

_EXTENSIONS: Final = {
    "address-group": ("Address groups", "Named sets of addresses for the rules of security groups"),
    "agent": ("Agents", "The agents as which nodes show"),
    "allowed-address-pairs": ("Allowed address pairs", "Further addresses that a port may use"),
    "binding": ("Port bindings", "Which host a port is on, and how it is plugged"),
    "binding-extended": ("Bindings to several hosts", "The hosts of a port: where it is, and where it may move"),
    "data-plane-status": ("Data plane status", "What somebody who watches the hosts says of a port"),
    "dhcp_agent_scheduler": ("DHCP agent scheduler", "Which agents serve a network's DHCP"),
    "ext-gw-mode": ("Gateway mode", "Routers with and without source NAT"),
    "external-net": ("External networks", "Networks that lead outside"),
    "extra_dhcp_opt": ("Extra DHCP options", "What DHCP tells one port besides what its subnets say"),
    "extraroute": ("Extra routes", "Static routes of routers"),
    "filter-validation": ("Filter validation", "Filters that do not exist are refused"),
    "fip-port-details": ("Floating IP port details", "The port that a floating IP stands for"),
    "ip-substring-filtering": ("IP substring filtering", "Ports by a part of an address"),
    "l3-ha": ("Highly available routers", "Routers with a VRRP replica on several nodes"),
    "l3-ha-replica": ("Replicas of routers", "Futago's: the priority and admin state of a router on an L3 agent"),
    "l3_agent_scheduler": ("L3 agent scheduler", "Which agents carry a router, and which of them is active"),
    "net-mtu": ("Network MTU", "The MTU of a network"),
    "net-mtu-writable": ("Writable network MTU", "The MTU of a network can be chosen"),
    "pagination": ("Pagination", "Long lists in pages"),
    "port-device-profile": ("Device profiles", "What Nova is to ask Cyborg for, for a port"),
    "port-numa-affinity-policy": ("NUMA affinity", "How Nova is to place an instance by a port"),
    "port-security": ("Port security", "Whether a port is bound to its addresses"),
    "project-id": ("Project id", "Everything shows project_id beside tenant_id"),
    "provider": ("Provider networks", "How a network is carried"),
    "qos": ("QoS", "Rates and marks for the traffic of ports, by policies"),
    "qos-bw-limit-direction": ("Directions of limits", "Bandwidth limits for what is sent and for what is received"),
    "qos-bw-minimum-ingress": ("Minimum bandwidth inwards", "Minimum bandwidth of either direction, for placement"),
    "qos-default": ("Default policies", "The policy of a project's new networks"),
    "qos-port-network-policy": ("Policies of networks at ports", "A port shows the policy of its network"),
    "qos-rule-type-details": ("Details of rule types", "What the rules of each kind can say"),
    "qos-rules-alias": ("Rules by their id", "Rules of policies without the policy's id"),
    "quota_details": ("Quota details", "What a project uses of its quotas"),
    "quotas": ("Quotas", "How many of each thing a project may have"),
    "revision-if-match": ("If-Match", "Changes on condition of a revision"),
    "router": ("Routers", "Routers, their interfaces and gateways, and floating IPs"),
    "security-group": ("Security groups", "Named sets of rules for ports"),
    "security-groups-normalized-cidr": ("Normalized CIDR", "Remote prefixes without host bits"),
    "security-groups-remote-address-group": ("Remote address groups", "Rules that name an address group"),
    "sort-key-validation": ("Sort key validation", "Sort keys that do not exist are refused"),
    "sorting": ("Sorting", "Lists in any order"),
    "stateful-security-group": ("Stateless security groups", "Groups whose replies need rules of their own"),
    "standard-attr-description": ("Descriptions", "Everything can have a description"),
    "standard-attr-revisions": ("Revisions", "Everything counts its changes"),
    "standard-attr-tag": ("Tags", "Everything can have tags"),
    "standard-attr-timestamp": ("Timestamps", "Everything says when it was made and changed"),
    "subnet-external-network": ("Subnets of external networks", "A subnet says whether its network is external"),
    "trunk": ("Trunks", "Ports that carry further networks, each under a VLAN tag"),
    "trunk-details": ("Trunks at ports", "A port shows the trunk that it carries"),
}
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
