"""The tables of `port_rows`."""

from typing import Final

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, UniqueConstraint

from futago.controller.store import port_rows
from futago.controller.store.rows import Row
from futago.controller.store.table_parts import ID, NAME, metadata, reference, standard

qos_policies = Table(
    "qos_policies",
    metadata,
    *standard(),
    Column("default_of", NAME, unique=True),
)

qos_rules = Table(
    "qos_rules",
    metadata,
    Column("id", ID, primary_key=True),
    reference("policy_id", "qos_policies.id"),
    Column("kind", String(32), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("max_kbps", Integer),
    Column("max_burst_kbps", Integer),
    Column("dscp_mark", Integer),
    Column("min_kbps", Integer),
    Column("max_kpps", Integer),
    Column("max_burst_kpps", Integer),
    UniqueConstraint("policy_id", "kind", "direction"),
)

trunks = Table(
    "trunks",
    metadata,
    *standard(),
    Column("port_id", ID, nullable=False, unique=True),
    Column("admin_state_up", Boolean, nullable=False),
)

subports = Table(
    "subports",
    metadata,
    reference("port_id", "ports.id", primary_key=True),
    reference("trunk_id", "trunks.id"),
    Column("segmentation_type", String(16), nullable=False),
    Column("segmentation_id", Integer, nullable=False),
    UniqueConstraint("trunk_id", "segmentation_id"),
)

port_bindings = Table(
    "port_bindings",
    metadata,
    reference("port_id", "ports.id", primary_key=True),
    Column("host", NAME, primary_key=True),
    Column("vnic_type", String(64), nullable=False),
    Column("profile", JSON, nullable=False),
)

group_ports = Table(
    "group_ports",
    metadata,
    Column("security_group_id", ID, primary_key=True),
    reference("port_id", "ports.id", primary_key=True),
    Column("host_id", NAME, nullable=False),
    Index("group_ports_by_host", "security_group_id", "host_id"),
    Index("group_ports_by_port", "port_id"),
)

TABLES: Final[dict[type[Row], Table]] = {
    port_rows.QosPolicy: qos_policies,
    port_rows.QosRule: qos_rules,
    port_rows.Trunk: trunks,
    port_rows.SubPort: subports,
    port_rows.PortBinding: port_bindings,
    port_rows.GroupPort: group_ports,
}
"""Where the rows of each class live."""
