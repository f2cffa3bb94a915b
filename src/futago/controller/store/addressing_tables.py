"""The tables of `addressing_rows`."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Integer, String, Table, UniqueConstraint

from futago.controller.store import addressing_rows as rows
from futago.controller.store.rows import Row
from futago.controller.store.table_parts import ID, NAME, metadata, reference, standard

address_scopes = Table("address_scopes", metadata, *standard(), Column("ip_version", Integer, nullable=False))

subnet_pools = Table(
    "subnet_pools",
    metadata,
    *standard(),
    Column("ip_version", Integer, nullable=False),
    Column("prefixes", JSON, nullable=False),
    Column("min_prefixlen", Integer, nullable=False),
    Column("max_prefixlen", Integer, nullable=False),
    Column("default_prefixlen", Integer, nullable=False),
    Column("default_quota", Integer),
    Column("is_default", Boolean, nullable=False),
    reference("address_scope_id", "address_scopes.id", nullable=True),
)

rbac_policies = Table(
    "rbac_policies",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False, index=True),
    Column("object_type", String(64), nullable=False),
    Column("object_id", ID, nullable=False),
    Column("action", String(64), nullable=False),
    Column("target_project", NAME, nullable=False, index=True),
    UniqueConstraint("object_id", "action", "target_project"),
)

default_rules = Table(
    "default_rules",
    metadata,
    *standard(),
    Column("direction", String(16), nullable=False),
    Column("ethertype", String(16), nullable=False),
    Column("protocol", String(40)),
    Column("port_range_min", Integer),
    Column("port_range_max", Integer),
    Column("remote_ip_prefix", NAME),
    Column("remote_group_id", ID),
    Column("remote_address_group_id", ID),
    Column("used_in_default_sg", Boolean, nullable=False),
    Column("used_in_non_default_sg", Boolean, nullable=False),
)

default_statefulness = Table(
    "default_statefulness",
    metadata,
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False, unique=True),
    Column("stateful", Boolean, nullable=False),
)

auto_topologies = Table(
    "auto_topologies",
    metadata,
    Column("project_id", NAME, primary_key=True),
    reference("network_id", "networks.id"),
    reference("router_id", "routers.id", nullable=True),
)

TABLES: Final[dict[type[Row], Table]] = {
    rows.AddressScope: address_scopes,
    rows.SubnetPool: subnet_pools,
    rows.RbacPolicy: rbac_policies,
    rows.DefaultRule: default_rules,
    rows.DefaultStatefulness: default_statefulness,
    rows.AutoTopology: auto_topologies,
}
