"""Keep what nodes report of their uplinks."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; each node's next report fills it."""
    op.add_column("nodes", sa.Column("uplinks", sa.JSON(), nullable=False, server_default="[]"))
