"""Trunks, and which ports are tagged on them."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "trunks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("port_id", sa.String(64), nullable=False, unique=True),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_trunks_project_id", "trunks", ["project_id"])
    op.create_table(
        "subports",
        sa.Column("port_id", sa.String(64), sa.ForeignKey("ports.id"), primary_key=True),
        sa.Column("trunk_id", sa.String(64), sa.ForeignKey("trunks.id"), nullable=False),
        sa.Column("segmentation_type", sa.String(16), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.UniqueConstraint("trunk_id", "segmentation_id"),
    )
    op.create_index("ix_subports_trunk_id", "subports", ["trunk_id"])
