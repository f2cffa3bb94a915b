"""The tables of `routing_rows`."""

from typing import Final

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, UniqueConstraint

from futago.controller.store import routing_rows
from futago.controller.store.rows import Row
from futago.controller.store.table_parts import ID, NAME, metadata, reference, standard

port_forwardings = Table(
    "port_forwardings",
    metadata,
    Column("id", ID, primary_key=True),
    reference("floatingip_id", "floating_ips.id"),
    reference("router_id", "routers.id"),
    reference("internal_port_id", "ports.id"),
    Column("internal_ip_address", String(64), nullable=False),
    Column("protocol", String(16), nullable=False),
    Column("internal_first", Integer, nullable=False),
    Column("internal_last", Integer, nullable=False),
    Column("external_first", Integer, nullable=False),
    Column("external_last", Integer, nullable=False),
    Column("description", Text, nullable=False),
)

conntrack_helpers = Table(
    "conntrack_helpers",
    metadata,
    Column("id", ID, primary_key=True),
    reference("router_id", "routers.id"),
    Column("protocol", String(16), nullable=False),
    Column("port", Integer, nullable=False),
    Column("helper", String(64), nullable=False),
    UniqueConstraint("router_id", "protocol", "port", "helper"),
)

metering_labels = Table(
    "metering_labels",
    metadata,
    *(column for column in standard() if column.name != "description"),
    Column("description", Text, nullable=False),
    Column("shared", Boolean, nullable=False),
)

metering_rules = Table(
    "metering_rules",
    metadata,
    Column("id", ID, primary_key=True),
    reference("metering_label_id", "metering_labels.id"),
    Column("direction", String(16), nullable=False),
    Column("excluded", Boolean, nullable=False),
    Column("remote_ip_prefix", String(64)),
    Column("source_ip_prefix", String(64)),
    Column("destination_ip_prefix", String(64)),
)

segment_ranges = Table(
    "segment_ranges",
    metadata,
    *standard(),
    Column("shared", Boolean, nullable=False),
    Column("network_type", String(16), nullable=False),
    Column("physical_network", NAME, nullable=False),
    Column("minimum", Integer, nullable=False),
    Column("maximum", Integer, nullable=False),
)

TABLES: Final[dict[type[Row], Table]] = {
    routing_rows.PortForwarding: port_forwardings,
    routing_rows.ConntrackHelper: conntrack_helpers,
    routing_rows.MeteringLabel: metering_labels,
    routing_rows.MeteringRule: metering_rules,
    routing_rows.SegmentRange: segment_ranges,
}
