"""Keep conntrack helpers of routers."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; the same helper for the same port once."""
    op.create_table(
        "conntrack_helpers",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("router_id", sa.String(64), sa.ForeignKey("routers.id"), nullable=False, index=True),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("helper", sa.String(64), nullable=False),
        sa.UniqueConstraint("router_id", "protocol", "port", "helper"),
    )
