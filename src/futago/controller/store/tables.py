"""The tables, as the database has them. A change here goes with a migration in `migrations/`."""

from typing import Final

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    true,
)

from futago.controller.store import addressing_tables, identity_tables, port_tables, routing_tables, rows
from futago.controller.store.table_parts import ID as _ID
from futago.controller.store.table_parts import NAME as _NAME
from futago.controller.store.table_parts import metadata
from futago.controller.store.table_parts import reference as _reference
from futago.controller.store.table_parts import standard as _standard

_LONG_TEXT: Final = String(1024)
_LONG: Final = Text().with_variant(Text(1 << 20), "mysql", "mariadb")
"""Where databases have several types of text, the one that holds a million characters."""

clock = Table(
    "clock",
    metadata,
    Column("revision", Integer, nullable=False),
    Column("store", _ID, nullable=False, server_default=""),
    Column("identity_revision", Integer, nullable=False, server_default="0"),
)
"""One row: the number of the last write, an id of this store, which no other store has, and how often it has changed
who may be whom."""

changes = Table(
    "changes",
    metadata,
    Column("revision", Integer, primary_key=True),
    Column("key", _NAME, primary_key=True),
)
"""What each write touched, as the keys of `store.touched`; old ones are forgotten."""

networks = Table(
    "networks",
    metadata,
    *_standard(),
    Column("admin_state_up", Boolean, nullable=False),
    Column("external", Boolean, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("mtu", Integer, nullable=False),
    Column("port_security_enabled", Boolean, nullable=False),
    Column("dns_domain", _NAME, nullable=False),
    Column("availability_zone_hints", JSON, nullable=False),
    Column("qos_policy_id", _ID, index=True),
)

segments = Table(
    "network_segments",
    metadata,
    *_standard(),
    Column("network_type", String(16), nullable=False),
    Column("physical_network", _NAME, nullable=False),
    Column("segmentation_id", Integer, nullable=False),
    _reference("network_id", "networks.id"),
    Column("position", Integer, nullable=False),
    UniqueConstraint("network_type", "physical_network", "segmentation_id"),
)

subnets = Table(
    "subnets",
    metadata,
    *_standard(),
    _reference("network_id", "networks.id"),
    Column("ip_version", Integer, nullable=False),
    Column("cidr", String(64), nullable=False),
    Column("gateway_ip", String(64)),
    Column("enable_dhcp", Boolean, nullable=False),
    Column("allocation_pools", JSON, nullable=False),
    Column("dns_nameservers", JSON, nullable=False),
    Column("host_routes", JSON, nullable=False),
    Column("service_types", JSON, nullable=False),
    Column("ipv6_ra_mode", String(16)),
    Column("ipv6_address_mode", String(16)),
    Column("subnetpool_id", _ID, index=True),
    Column("segment_id", _ID, index=True),
)

ports = Table(
    "ports",
    metadata,
    *_standard(),
    Column("network_id", _ID, ForeignKey("networks.id"), nullable=False),
    Column("mac_address", String(32), nullable=False),
    Column("admin_state_up", Boolean, nullable=False),
    Column("device_id", _NAME, nullable=False, index=True),
    Column("device_owner", _NAME, nullable=False),
    Column("host_id", _NAME, nullable=False, index=True),
    Column("ip_allocation", String(16), nullable=False, server_default="immediate"),
    Column("vnic_type", String(64), nullable=False),
    Column("profile", JSON, nullable=False),
    Column("security_group_ids", JSON, nullable=False),
    Column("allowed_address_pairs", JSON, nullable=False),
    Column("extra_dhcp_opts", JSON, nullable=False),
    Column("port_security_enabled", Boolean, nullable=False),
    Column("dns_name", _NAME, nullable=False),
    Column("dns_domain", _NAME, nullable=False, server_default=""),
    Column("propagate_uplink_status", Boolean, nullable=False),
    Column("up", Boolean, nullable=False),
    Column("qos_policy_id", _ID, index=True),
    Column("data_plane_status", String(16)),
    Column("numa_affinity_policy", String(16)),
    Column("device_profile", _NAME),
    UniqueConstraint("network_id", "mac_address"),
    Index("ports_by_network_and_host", "network_id", "host_id"),
    Index("ports_by_network_and_owner", "network_id", "device_owner", "device_id"),
)

fixed_ips = Table(
    "fixed_ips",
    metadata,
    _reference("subnet_id", "subnets.id", primary_key=True),
    Column("ip_address", String(64), primary_key=True),
    _reference("network_id", "networks.id"),
    _reference("port_id", "ports.id"),
    Column("position", Integer, nullable=False),
)

lowest_free = Table(
    "lowest_free",
    metadata,
    Column("pool", _NAME, primary_key=True),
    Column("value", _ID, nullable=False),
)

instance_data = Table(
    "instance_data",
    metadata,
    _reference("port_id", "ports.id", primary_key=True),
    _reference("network_id", "networks.id"),
    Column("name", _NAME, nullable=False),
    Column("ssh_keys", JSON, nullable=False),
    Column("user_data", _LONG, nullable=False),
    Column("vendor_data", _LONG, nullable=False),
    Column("meta", JSON, nullable=False),
    Column("availability_zone", _NAME, nullable=False),
)

routers = Table(
    "routers",
    metadata,
    *_standard(),
    Column("admin_state_up", Boolean, nullable=False),
    Column("ha", Boolean, nullable=False),
    _reference("ha_network_id", "networks.id", nullable=True),
    Column("vrid", Integer),
    _reference("gateway_port_id", "ports.id", nullable=True),
    _reference("gateway_network_id", "networks.id", nullable=True),
    Column("gateway_qos_policy_id", _ID, index=True),
    Column("enable_snat", Boolean, nullable=False),
    Column("routes", JSON, nullable=False),
    Column("availability_zone_hints", JSON, nullable=False),
    UniqueConstraint("ha_network_id", "vrid"),
)

replicas = Table(
    "replicas",
    metadata,
    _reference("router_id", "routers.id", primary_key=True),
    Column("node", _NAME, primary_key=True),
    _reference("ha_port_id", "ports.id", nullable=True),
    Column("priority", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("role_since", Double, nullable=False),
    Column("yielding", Boolean, nullable=False, server_default=false()),
    Column("admin_state_up", Boolean, nullable=False, server_default=true()),
    Index("replicas_by_node", "node"),
)

ha_networks = Table(
    "ha_networks",
    metadata,
    Column("project_id", _NAME, primary_key=True),
    Column("ordinal", Integer, primary_key=True, autoincrement=False),
    _reference("network_id", "networks.id"),
    _reference("subnet_id", "subnets.id"),
)

floating_ips = Table(
    "floating_ips",
    metadata,
    *_standard(),
    _reference("floating_network_id", "networks.id"),
    Column("floating_ip_address", String(64), nullable=False),
    _reference("floating_port_id", "ports.id"),
    _reference("port_id", "ports.id", nullable=True),
    Column("fixed_ip_address", String(64)),
    _reference("router_id", "routers.id", nullable=True),
    Column("dns_name", _NAME, nullable=False),
    Column("dns_domain", _NAME, nullable=False),
    Column("qos_policy_id", _ID, index=True),
    UniqueConstraint("port_id", "fixed_ip_address"),
)

security_groups = Table("security_groups", metadata, *_standard(), Column("stateful", Boolean, nullable=False))

security_group_rules = Table(
    "security_group_rules",
    metadata,
    *_standard(),
    _reference("security_group_id", "security_groups.id"),
    Column("direction", String(16), nullable=False),
    Column("ethertype", String(16), nullable=False),
    Column("protocol", String(40)),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", _NAME),
    Column("remote_group_id", _ID, index=True),
    Column("remote_address_group_id", _ID, index=True),
    Column("belongs_to_default_sg", Boolean, nullable=False),
)

address_groups = Table("address_groups", metadata, *_standard(_LONG_TEXT), Column("addresses", JSON, nullable=False))

default_security_groups = Table(
    "default_security_groups",
    metadata,
    Column("project_id", _NAME, primary_key=True),
    _reference("security_group_id", "security_groups.id"),
)

dhcp_replicas = Table(
    "dhcp_replicas",
    metadata,
    _reference("network_id", "networks.id", primary_key=True),
    Column("node", _NAME, primary_key=True),
    _reference("port_id", "ports.id"),
)

nodes = Table(
    "nodes",
    metadata,
    Column("name", _NAME, primary_key=True),
    Column("credential_hash", String(128), nullable=False),
    Column("agent_ids", JSON, nullable=False),
    Column("admin_state_up", JSON, nullable=False),
    Column("agent_descriptions", JSON, nullable=False),
    Column("facts", JSON),
    Column("created_at", String(32), nullable=False),
    Column("started_at", String(32), nullable=False),
    Column("heartbeat_at", Double, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("failures", JSON, nullable=False),
    Column("uplinks", JSON, nullable=False),
)

vrrp_keys = Table(
    "vrrp_keys",
    metadata,
    Column("key_id", Integer, primary_key=True, autoincrement=False),
    Column("secret", String(64), nullable=False),
    Column("signs", Boolean, nullable=False),
    Column("created_at", String(32), nullable=False),
)

quotas = Table(
    "quotas",
    metadata,
    Column("project_id", _NAME, primary_key=True),
    Column("resource", String(64), primary_key=True),
    Column("limit", Integer, nullable=False),
)

TABLES: Final[dict[type[rows.Row], Table]] = {
    rows.Network: networks,
    rows.Segment: segments,
    rows.Subnet: subnets,
    rows.Port: ports,
    rows.InstanceData: instance_data,
    rows.FixedIp: fixed_ips,
    rows.LowestFree: lowest_free,
    rows.Router: routers,
    rows.Replica: replicas,
    rows.HaNetwork: ha_networks,
    rows.FloatingIp: floating_ips,
    rows.SecurityGroup: security_groups,
    rows.SecurityGroupRule: security_group_rules,
    rows.AddressGroup: address_groups,
    rows.DefaultSecurityGroup: default_security_groups,
    rows.DhcpReplica: dhcp_replicas,
    rows.Node: nodes,
    rows.VrrpKey: vrrp_keys,
    rows.Quota: quotas,
    **identity_tables.TABLES,
    **addressing_tables.TABLES,
    **routing_tables.TABLES,
    **port_tables.TABLES,
}
"""Where the rows of each class live."""
