"""What operators write down of agents; longer descriptions of address groups."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, and widen the other."""
    op.add_column("nodes", sa.Column("agent_descriptions", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("address_groups") as table:
        table.alter_column("description", existing_type=sa.String(255), type_=sa.String(1024), existing_nullable=False)
