"""Keep what instances are told of themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_LONG = sa.Text().with_variant(sa.Text(1 << 20), "mysql", "mariadb")


def upgrade() -> None:
    """Add the table; a port without a row is told what is known of it anyway."""
    op.create_table(
        "instance_data",
        sa.Column("port_id", sa.String(64), sa.ForeignKey("ports.id"), primary_key=True),
        sa.Column("network_id", sa.String(64), sa.ForeignKey("networks.id"), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("ssh_keys", sa.JSON(), nullable=False),
        sa.Column("user_data", _LONG, nullable=False),
        sa.Column("vendor_data", _LONG, nullable=False),
        sa.Column("meta", sa.JSON(), nullable=False),
        sa.Column("availability_zone", sa.String(255), nullable=False),
    )
