"""Every option of Neutron's that we know of, by file, section and name, with what becomes of it.

`*` as a name is every other option of its section. The names and meanings are Neutron's; what its releases since 2015
have dropped or renamed is here, too, since files live long.
"""

from collections.abc import Mapping
from typing import Final

from futago.neutron_files.rules import (
    Fate,
    Outcome,
    Rule,
    Side,
    boolean,
    into,
    needless,
    number,
    number_pairs,
    only,
    pairs,
    refused,
    used,
    word,
    words,
)
from futago.values import NetworkType

_CONTROLLER, _NODE = Side.CONTROLLER, Side.NODE
_OUR_TYPES: Final = tuple(NetworkType)
_MECHANISMS: Final = {"openvswitch", "l2population"}
_SERVICES: Final = {
    *("router", "l3_router", "neutron.services.l3_router.l3_router_plugin.L3RouterPlugin"),
    *("auto_allocate", "conntrack_helper", "metering", "network_ip_availability", "network_segment_range"),
    *("port_forwarding", "qos", "revisions", "segments", "tag", "timestamp", "trunk"),
}
_HYBRID: Final = "iptables_hybrid"
_FIREWALLS: Final = {
    "neutron.agent.linux.iptables_firewall.OVSHybridIptablesFirewallDriver": _HYBRID,
    "neutron.agent.firewall.NoopFirewallDriver": "noop",
    **{name: name for name in (_HYBRID, "openvswitch", "noop")},
}
_OVS_INTERFACES: Final = ("neutron.agent.linux.interface.OVSInterfaceDriver", "openvswitch")
_DNSMASQ: Final = ("neutron.agent.linux.dhcp.Dnsmasq",)


def _types(key: str) -> Rule:
    def rule(value: str) -> Outcome:
        named = words(value)
        kept = tuple(kind for kind in named if kind in _OUR_TYPES)
        return _partly(used(_CONTROLLER, key, kept), named, kept, "there are flat, vlan, gre and vxlan networks")

    return rule


def _mechanisms(value: str) -> Outcome:
    named = words(value)
    known = tuple(name for name in named if name in _MECHANISMS)
    populate = "l2population" in named
    if populate:
        outcome = used(_CONTROLLER, "l2_population", value=True)
    else:
        outcome = Outcome(Fate.NEEDLESS, "Open vSwitch is the one mechanism")
    return _partly(outcome, named, known, "Open vSwitch is the one mechanism")


def _services(value: str) -> Outcome:
    named = words(value)
    known = tuple(name for name in named if name in _SERVICES)
    return _partly(
        Outcome(Fate.NEEDLESS, "these services are always there"), named, known, "this version has no such service"
    )


def _partly(outcome: Outcome, named: tuple[str, ...], known: tuple[str, ...], reason: str) -> Outcome:
    """`outcome`, but refused where something of what is named cannot be had."""
    lost = [name for name in named if name not in known]
    if not lost:
        return outcome
    return Outcome(Fate.REFUSED, f"{', '.join(lost)}: {reason}", outcome.settings)


def _ha_auth(value: str) -> Outcome:
    """PASS asks for the wire that keepalived speaks with it; everything else of that wire is in the profile."""
    if word(value) != "PASS":
        return refused(f"{word(value)}: VRRPv2's authentication header is gone (RFC 3768); PASS or HMAC are possible")
    return Outcome(
        Fate.USED, "profile = seed (VRRPv2 with PASS) in controller.toml", {(_CONTROLLER, "profile"): "seed"}
    )


def _firewall(value: str) -> Outcome:
    known = _FIREWALLS.get(word(value))
    if known is None:
        return refused(f"there are: {', '.join(sorted(set(_FIREWALLS.values())))}")
    return used(_NODE, "firewall_driver", known)


def _population(value: str) -> Outcome:
    if boolean(value):
        return used(_CONTROLLER, "l2_population", value=True)
    return Outcome(Fate.NEEDLESS, "l2_population of the controller holds for all nodes; it is off unless asked for")


def _milliseconds(value: str) -> int:
    """Neutron has seconds."""
    return number(value) * 1000


_LOGS: Final = {name: needless("logs go to standard error; `--debug` logs more") for name in ("verbose", "debug")} | {
    name: needless("logs go to standard error, and so to the journal")
    for name in (
        "log_dir",
        "log_file",
        "use_syslog",
        "use_stderr",
        "logging_context_format_string",
        "log_config_append",
    )
}
_NAMESPACES: Final = only(boolean, True, so="namespaces are always used", otherwise="namespaces are always used")
_GONE_WITH: Final = only(
    boolean, True, so="a namespace goes with what it is for", otherwise="a namespace always goes with what it is for"
)
_OVS_ONLY: Final = only(
    word,
    *_OVS_INTERFACES,
    so="interfaces are ports of Open vSwitch",
    otherwise="interfaces are ports of Open vSwitch only",
)
_BROKER: Final = needless("nodes and controller speak HTTP: there is no broker")
_ROOT: Final = needless("the agent runs as root and starts few programs: nothing needs sudo")

NEUTRON: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("DEFAULT", "core_plugin"): only(
        word,
        "ml2",
        "neutron.plugins.ml2.plugin.Ml2Plugin",
        so="ML2's types, ranges and attributes are what there is",
        otherwise="ML2's types, ranges and attributes are what there is",
    ),
    ("DEFAULT", "service_plugins"): _services,
    ("DEFAULT", "allow_overlapping_ips"): only(
        boolean, True, so="projects' addresses may always overlap", otherwise="projects' addresses may always overlap"
    ),
    ("DEFAULT", "router_distributed"): only(
        boolean, False, so="routers are centralized", otherwise="there are centralized routers only"
    ),
    ("DEFAULT", "l3_ha"): into(_CONTROLLER, "l3_ha", boolean),
    ("DEFAULT", "l3_ha_net_cidr"): into(_CONTROLLER, "l3_ha_net_cidr", word),
    ("DEFAULT", "l3_ha_network_type"): into(_CONTROLLER, "l3_ha_network_type", word),
    ("DEFAULT", "max_l3_agents_per_router"): into(_CONTROLLER, "max_l3_agents_per_router", number),
    ("DEFAULT", "min_l3_agents_per_router"): into(_CONTROLLER, "min_l3_agents_per_router", number),
    ("DEFAULT", "dhcp_agents_per_network"): into(_CONTROLLER, "dhcp_agents_per_network", number),
    ("DEFAULT", "default_availability_zones"): into(_CONTROLLER, "default_availability_zones", words),
    ("DEFAULT", "dhcp_lease_duration"): into(_CONTROLLER, "dhcp_lease_duration", number),
    ("DEFAULT", "dns_domain"): into(_CONTROLLER, "dns_domain", word),
    ("DEFAULT", "agent_down_time"): into(_CONTROLLER, "agent_down_time", number),
    ("DEFAULT", "global_physnet_mtu"): into(_CONTROLLER, "global_physnet_mtu", number),
    ("DEFAULT", "bind_host"): into(_CONTROLLER, "listen_address", word),
    ("DEFAULT", "bind_port"): into(_CONTROLLER, "listen_port", number),
    ("DEFAULT", "host"): into(_NODE, "name", word),
    ("DEFAULT", "auth_strategy"): needless("identity is built in, and always asked"),
    ("DEFAULT", "state_path"): needless("state_path of Futago's own files has another default"),
    ("DEFAULT", "transport_url"): _BROKER,
    ("DEFAULT", "rpc_backend"): _BROKER,
    ("DEFAULT", "control_exchange"): _BROKER,
    ("DEFAULT", "lock_path"): needless("nothing of it is locked by files"),
    ("DEFAULT", "api_workers"): needless("the controller is one process"),
    ("DEFAULT", "rpc_workers"): needless("the controller is one process"),
    ("DEFAULT", "base_mac"): only(
        lambda value: word(value).lower()[:8],
        "fa:16:3e",
        so="it is the same",
        otherwise="addresses begin with fa:16:3e",
    ),
    ("DEFAULT", "router_scheduler_driver"): needless("replicas and actives are spread evenly"),
    ("DEFAULT", "network_scheduler_driver"): needless("DHCP servers are spread evenly"),
    ("DEFAULT", "network_auto_schedule"): needless("a new node gets what has too few servers"),
    ("DEFAULT", "router_auto_schedule"): needless("a new node gets what has too few replicas"),
    ("DEFAULT", "allow_automatic_l3agent_failover"): needless("a router's other replica takes over at once"),
    ("DEFAULT", "notify_nova_on_port_status_changes"): needless("nobody notifies Nova: the API tells a port's status"),
    ("DEFAULT", "notify_nova_on_port_data_changes"): needless("nobody notifies Nova: the API tells a port's data"),
    ("database", "*"): needless("the store is Futago's own; rows are not brought over"),
    ("keystone_authtoken", "*"): needless("identity is built in"),
    ("nova", "*"): needless("nobody notifies Nova"),
    ("placement", "*"): needless("nobody tells Placement"),
    ("agent", "*"): _ROOT,
    ("privsep", "*"): _ROOT,
    ("experimental", "*"): needless("nothing here is Neutron's experiment"),
    ("oslo_concurrency", "*"): needless("nothing of it is locked by files"),
    ("oslo_messaging_rabbit", "*"): _BROKER,
    ("oslo_messaging_notifications", "*"): _BROKER,
    ("oslo_middleware", "*"): needless("there is no such middleware"),
    ("oslo_policy", "*"): needless("policy_file names the file with rules of who may do what (docs/policy.md)"),
}

_CONTROLLERS_FIREWALL: Final = needless("what enforces security groups is each node's: it is in openvswitch_agent.ini")
ML2: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("ml2", "type_drivers"): _types("type_drivers"),
    ("ml2", "tenant_network_types"): _types("tenant_network_types"),
    ("ml2", "mechanism_drivers"): _mechanisms,
    ("ml2", "extension_drivers"): needless("the API lists the extensions that there are"),
    ("ml2", "path_mtu"): into(_CONTROLLER, "path_mtu", number),
    ("ml2", "physical_network_mtus"): into(_CONTROLLER, "physical_network_mtus", number_pairs),
    ("ml2", "physnet_mtus"): into(_CONTROLLER, "physical_network_mtus", number_pairs),
    ("ml2", "segment_mtu"): into(_CONTROLLER, "global_physnet_mtu", number),
    ("ml2", "overlay_ip_version"): only(number, 4, so="tunnels go over IPv4", otherwise="tunnels go over IPv4 only"),
    ("ml2_type_flat", "flat_networks"): into(_CONTROLLER, "flat_networks", words),
    ("ml2_type_vlan", "network_vlan_ranges"): into(_CONTROLLER, "network_vlan_ranges", words),
    ("ml2_type_gre", "tunnel_id_ranges"): into(_CONTROLLER, "tunnel_id_ranges", words),
    ("ml2_type_vxlan", "vni_ranges"): into(_CONTROLLER, "vni_ranges", words),
    ("ml2_type_vxlan", "vxlan_group"): into(_CONTROLLER, "vxlan_group", word),
    ("ml2_type_geneve", "*"): needless("there are no Geneve networks"),
    ("securitygroup", "firewall_driver"): _CONTROLLERS_FIREWALL,
    ("securitygroup", "enable_security_group"): only(
        boolean, True, so="the API always has security groups", otherwise="the API always has security groups"
    ),
    ("securitygroup", "enable_ipset"): _CONTROLLERS_FIREWALL,
}

_NOT_NOOP: Final = "a node without them has firewall_driver = noop"
OVS: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("ovs", "local_ip"): into(_NODE, "local_ip", word),
    ("ovs", "bridge_mappings"): into(_NODE, "bridge_mappings", pairs),
    ("ovs", "integration_bridge"): into(_NODE, "integration_bridge", word),
    ("ovs", "tunnel_bridge"): into(_NODE, "tunnel_bridge", word),
    ("ovs", "datapath_type"): into(_NODE, "datapath_type", word),
    ("ovs", "ovsdb_connection"): into(_NODE, "ovsdb_connection", word),
    ("ovs", "enable_tunneling"): needless("tunnels are there where local_ip is"),
    ("ovs", "int_peer_patch_port"): needless("the patch ports are patch-tun and patch-int, as always"),
    ("ovs", "tun_peer_patch_port"): needless("the patch ports are patch-tun and patch-int, as always"),
    ("ovs", "of_interface"): needless("flows are written by ovs-ofctl, in bundles"),
    ("ovs", "ovsdb_interface"): needless("the database is spoken to by its own protocol"),
    ("agent", "tunnel_types"): into(_NODE, "tunnel_types", words),
    ("agent", "l2_population"): _population,
    ("agent", "arp_responder"): needless("l2_population of the controller has it, or has it not"),
    ("agent", "polling_interval"): needless("changes of the switch are told by its database"),
    ("agent", "minimize_polling"): needless("changes of the switch are told by its database"),
    ("agent", "ovsdb_monitor_respawn_interval"): needless("changes of the switch are told by its database"),
    ("agent", "drop_flows_on_start"): only(
        boolean, False, so="a restart changes no flow", otherwise="a restart never changes a flow"
    ),
    ("agent", "enable_distributed_routing"): only(
        boolean, False, so="routers are centralized", otherwise="there are centralized routers only"
    ),
    ("agent", "vxlan_udp_port"): only(number, 4789, so="it is the same", otherwise="VXLAN is on UDP port 4789"),
    ("agent", "dont_fragment"): only(
        boolean, True, so="it is the same", otherwise="a packet in a tunnel is never fragmented"
    ),
    ("agent", "prevent_arp_spoofing"): needless("port security has it"),
    ("agent", "root_helper"): _ROOT,
    ("agent", "root_helper_daemon"): _ROOT,
    ("securitygroup", "firewall_driver"): _firewall,
    ("securitygroup", "enable_security_group"): only(boolean, True, so=_NOT_NOOP, otherwise=_NOT_NOOP),
    ("securitygroup", "enable_ipset"): needless("rules match sets of addresses, never one address each"),
}

L3: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("DEFAULT", "interface_driver"): _OVS_ONLY,
    ("DEFAULT", "use_namespaces"): _NAMESPACES,
    ("DEFAULT", "router_delete_namespaces"): _GONE_WITH,
    ("DEFAULT", "external_network_bridge"): only(
        word,
        "",
        so="external networks are flat or VLAN networks of bridge_mappings",
        otherwise="external networks are flat or VLAN networks: name the bridge in bridge_mappings",
    ),
    ("DEFAULT", "agent_mode"): only(
        word, "legacy", so="routers are centralized", otherwise="there are centralized routers only"
    ),
    ("DEFAULT", "ha_confs_path"): needless("all routers are in one engine: there are no files for each"),
    ("DEFAULT", "ha_vrrp_auth_type"): _ha_auth,
    ("DEFAULT", "ha_vrrp_auth_password"): into(_CONTROLLER, "ha_vrrp_auth_password", word),
    ("DEFAULT", "ha_vrrp_advert_int"): into(_CONTROLLER, "ha_vrrp_advert_int_ms", _milliseconds),
    ("DEFAULT", "ha_vrrp_health_check_interval"): needless("uplinks are watched by the node's uplink_interval_ms"),
    ("DEFAULT", "send_arp_for_ha"): needless("a new active announces itself at once, and again"),
    ("DEFAULT", "enable_metadata_proxy"): needless("nodes with the role metadata answer"),
    ("DEFAULT", "handle_internal_only_routers"): needless("routers without a gateway are routers"),
    ("DEFAULT", "gateway_external_network_id"): needless("a node carries routers of all external networks"),
    ("DEFAULT", "periodic_interval"): needless("changes are sent as they come"),
    ("agent", "availability_zone"): into(_NODE, "availability_zone", word),
    ("agent", "*"): needless("there are no extensions of the agent"),
}

DHCP: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("DEFAULT", "interface_driver"): _OVS_ONLY,
    ("DEFAULT", "dhcp_driver"): only(
        word, *_DNSMASQ, so="dnsmasq serves DHCP", otherwise="dnsmasq is what serves DHCP"
    ),
    ("DEFAULT", "use_namespaces"): _NAMESPACES,
    ("DEFAULT", "dhcp_delete_namespaces"): _GONE_WITH,
    ("agent", "availability_zone"): into(_NODE, "availability_zone", word),
    ("DEFAULT", "dhcp_domain"): into(_CONTROLLER, "dns_domain", word),
    ("DEFAULT", "enable_isolated_metadata"): into(_NODE, "enable_isolated_metadata", boolean),
    ("DEFAULT", "force_metadata"): into(_NODE, "force_metadata", boolean),
    ("DEFAULT", "dnsmasq_lease_max"): needless("there is room for every port of the network"),
    ("DEFAULT", "resync_interval"): needless("changes are sent as they come"),
}

METADATA: Final[Mapping[tuple[str, str], Rule]] = {
    **{("DEFAULT", name): rule for name, rule in _LOGS.items()},
    ("DEFAULT", "nova_metadata_ip"): into(_NODE, "nova_metadata_host", word),
    ("DEFAULT", "nova_metadata_host"): into(_NODE, "nova_metadata_host", word),
    ("DEFAULT", "nova_metadata_port"): into(_NODE, "nova_metadata_port", number),
    ("DEFAULT", "nova_metadata_protocol"): into(_NODE, "nova_metadata_protocol", word),
    ("DEFAULT", "nova_metadata_insecure"): into(_NODE, "nova_metadata_insecure", boolean),
    ("DEFAULT", "metadata_proxy_shared_secret"): into(_NODE, "metadata_proxy_shared_secret", word),
    ("DEFAULT", "metadata_workers"): needless("one process serves all networks of a node"),
    ("DEFAULT", "metadata_backlog"): needless("one process serves all networks of a node"),
    **{
        ("DEFAULT", name): needless("the node knows its instances: nobody is asked for them")
        for name in ("auth_url", "auth_region", "admin_tenant_name", "admin_user", "admin_password", "endpoint_type")
    },
    ("cache", "*"): needless("the node knows its instances: there is nothing to cache"),
}

FILES: Final[Mapping[str, Mapping[tuple[str, str], Rule]]] = {
    "neutron.conf": NEUTRON,
    "ml2_conf.ini": ML2,
    "openvswitch_agent.ini": OVS,
    "l3_agent.ini": L3,
    "dhcp_agent.ini": DHCP,
    "metadata_agent.ini": METADATA,
}
"""The files that are read, by their names; whatever directory below `/etc/neutron` they are in."""
