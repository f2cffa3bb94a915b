"""Whether new security groups are stateful where nobody says."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; new groups go on being stateful."""
    op.create_table(
        "default_statefulness",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, unique=True),
        sa.Column("stateful", sa.Boolean(), nullable=False),
    )
