"""Let a replica yield."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody yields."""
    op.add_column("replicas", sa.Column("yielding", sa.Boolean(), nullable=False, server_default=sa.false()))
