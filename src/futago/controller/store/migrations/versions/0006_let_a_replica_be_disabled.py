"""Let a replica be disabled."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; every replica takes part."""
    op.add_column("replicas", sa.Column("admin_state_up", sa.Boolean(), nullable=False, server_default=sa.true()))
