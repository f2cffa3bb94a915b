"""Keep port forwardings."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; a router's are looked up together."""
    op.create_table(
        "port_forwardings",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("floatingip_id", sa.String(64), sa.ForeignKey("floating_ips.id"), nullable=False, index=True),
        sa.Column("router_id", sa.String(64), sa.ForeignKey("routers.id"), nullable=False, index=True),
        sa.Column("internal_port_id", sa.String(64), sa.ForeignKey("ports.id"), nullable=False, index=True),
        sa.Column("internal_ip_address", sa.String(64), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("internal_first", sa.Integer(), nullable=False),
        sa.Column("internal_last", sa.Integer(), nullable=False),
        sa.Column("external_first", sa.Integer(), nullable=False),
        sa.Column("external_last", sa.Integer(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
    )
