"""Address groups, and rules that name them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column; rules are looked up by what they name."""
    op.create_table(
        "address_groups",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("addresses", sa.JSON(), nullable=False),
    )
    op.create_index("ix_address_groups_project_id", "address_groups", ["project_id"])
    op.add_column("security_group_rules", sa.Column("remote_address_group_id", sa.String(64)))
    for column in ("remote_address_group_id", "remote_group_id"):
        op.create_index(f"ix_security_group_rules_{column}", "security_group_rules", [column])
