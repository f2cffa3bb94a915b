"""Networks have segments, with ids of their own; subnets may be on one; ports may wait for their addresses."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give every segment that is held an id, and take it out of the row of its network."""
    segments = op.create_table(
        "network_segments",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("network_type", sa.String(16), nullable=False),
        sa.Column("physical_network", sa.String(255), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.Column("network_id", sa.String(64), sa.ForeignKey("networks.id"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.UniqueConstraint("network_type", "physical_network", "segmentation_id"),
    )
    held = op.get_bind().execute(
        sa.text(
            "SELECT s.network_type, s.physical_network, s.segmentation_id, s.network_id, n.project_id, n.created_at "
            "FROM segments s JOIN networks n ON n.id = s.network_id"
        )
    )
    rows = [
        {
            **row,
            "id": str(uuid.uuid4()),
            "name": "",
            "description": "",
            "updated_at": row["created_at"],
            "revision_number": 0,
            "tags": [],
            "position": 0,
        }
        for row in held.mappings()
    ]
    if rows:
        op.bulk_insert(segments, rows)
    op.create_index("ix_network_segments_project_id", "network_segments", ["project_id"])
    op.create_index("ix_network_segments_network_id", "network_segments", ["network_id"])
    op.drop_table("segments")
    for name in ("network_type", "physical_network", "segmentation_id"):
        op.drop_column("networks", name)
    op.add_column("subnets", sa.Column("segment_id", sa.String(64)))
    op.create_index("ix_subnets_segment_id", "subnets", ["segment_id"])
    op.add_column("ports", sa.Column("ip_allocation", sa.String(16), nullable=False, server_default="immediate"))
