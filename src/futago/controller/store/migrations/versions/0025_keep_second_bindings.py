"""The hosts to which ports may move."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; each port has one host so far."""
    op.create_table(
        "port_bindings",
        sa.Column("port_id", sa.String(64), sa.ForeignKey("ports.id"), primary_key=True),
        sa.Column("host", sa.String(255), primary_key=True),
        sa.Column("vnic_type", sa.String(64), nullable=False),
        sa.Column("profile", sa.JSON(), nullable=False),
    )
