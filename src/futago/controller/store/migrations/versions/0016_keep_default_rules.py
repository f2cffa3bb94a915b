"""The rules that new security groups begin with."""

import uuid
from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with what groups have begun with until now."""
    table = op.create_table(
        "default_rules",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("ethertype", sa.String(16), nullable=False),
        sa.Column("protocol", sa.String(40)),
        sa.Column("port_range_min", sa.Integer()),
        sa.Column("port_range_max", sa.Integer()),
        sa.Column("remote_ip_prefix", sa.String(255)),
        sa.Column("remote_group_id", sa.String(64)),
        sa.Column("remote_address_group_id", sa.String(64)),
        sa.Column("used_in_default_sg", sa.Boolean(), nullable=False),
        sa.Column("used_in_non_default_sg", sa.Boolean(), nullable=False),
    )
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for direction, remote, other in (("egress", None, True), ("ingress", "PARENT", False)):
        for ethertype in ("IPv4", "IPv6"):
            row = {
                "id": str(uuid.uuid4()),
                "project_id": "",
                "name": "",
                "description": "",
                "created_at": now,
                "updated_at": now,
                "revision_number": 0,
                "tags": [],
                "direction": direction,
                "ethertype": ethertype,
                "remote_group_id": remote,
                "used_in_default_sg": True,
                "used_in_non_default_sg": other,
            }
            op.get_bind().execute(sa.insert(table).values(**row))
