"""The ports of a security group are found without looking at all ports."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_ID = sa.String(64)
_PORTS = sa.table(
    "ports",
    *(sa.column(name) for name in ("id", "host_id", "device_owner", "security_group_ids")),
    sa.column("port_security_enabled", sa.Boolean),
)


def upgrade() -> None:
    """Make the table, and enter what the ports say of their groups."""
    table = op.create_table(
        "group_ports",
        sa.Column("security_group_id", _ID, primary_key=True),
        sa.Column("port_id", _ID, sa.ForeignKey("ports.id"), primary_key=True),
        sa.Column("host_id", sa.String(255), nullable=False),
    )
    op.create_index("group_ports_by_host", "group_ports", ["security_group_id", "host_id"])
    op.create_index("group_ports_by_port", "group_ports", ["port_id"])
    found = op.get_bind().execute(sa.select(_PORTS)).mappings().all()
    entries = [entry for port in found for entry in _entries(port)]
    if entries:
        op.bulk_insert(table, entries)


def _entries(port: sa.RowMapping) -> list[dict[str, str]]:
    listed = port["security_group_ids"]  # some drivers have read the JSON already
    groups = json.loads(listed) if isinstance(listed, str) else listed
    filtered = port["port_security_enabled"] and not port["device_owner"].startswith("network:")
    host = port["host_id"] if filtered else ""
    return [{"security_group_id": one, "port_id": port["id"], "host_id": host} for one in dict.fromkeys(groups)]
