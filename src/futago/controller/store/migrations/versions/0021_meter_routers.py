"""Keep metering labels and their rules."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "metering_labels",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
    )
    op.create_table(
        "metering_rules",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("metering_label_id", sa.String(64), sa.ForeignKey("metering_labels.id"), nullable=False, index=True),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("remote_ip_prefix", sa.String(64)),
        sa.Column("source_ip_prefix", sa.String(64)),
        sa.Column("destination_ip_prefix", sa.String(64)),
    )
