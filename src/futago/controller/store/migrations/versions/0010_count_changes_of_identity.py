"""Count the changes of identity, so that what is known of a token can be kept; remember where to look for what is free."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.add_column("clock", sa.Column("identity_revision", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "lowest_free",
        sa.Column("pool", sa.String(255), primary_key=True),
        sa.Column("value", sa.String(64), nullable=False),
    )
