"""The tables of `routing_rows`."""

from typing import Final

from sqlalchemy import Column, Integer, String, Table, Text

from futago.controller.store import routing_rows
from futago.controller.store.columns import ID, metadata, reference
from futago.controller.store.rows import Row

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

ROUTING_TABLES: Final[dict[type[Row], Table]] = {
    routing_rows.PortForwarding: port_forwardings,
}
