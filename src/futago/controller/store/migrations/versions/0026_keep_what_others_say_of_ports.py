"""What those who place instances and watch hosts say of ports."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing has been said of the ports so far."""
    op.add_column("ports", sa.Column("data_plane_status", sa.String(16)))
    op.add_column("ports", sa.Column("numa_affinity_policy", sa.String(16)))
    op.add_column("ports", sa.Column("device_profile", sa.String(255)))
