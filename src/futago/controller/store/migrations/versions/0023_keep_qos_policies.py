"""QoS policies, their rules, and what has which policy."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables and columns; nothing has a policy so far."""
    op.create_table(
        "qos_policies",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("default_of", sa.String(255), unique=True),
    )
    op.create_index("ix_qos_policies_project_id", "qos_policies", ["project_id"])
    op.create_table(
        "qos_rules",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("policy_id", sa.String(64), sa.ForeignKey("qos_policies.id"), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(16), nullable=False),
        sa.Column("max_kbps", sa.Integer()),
        sa.Column("max_burst_kbps", sa.Integer()),
        sa.Column("dscp_mark", sa.Integer()),
        sa.Column("min_kbps", sa.Integer()),
        sa.UniqueConstraint("policy_id", "kind", "direction"),
    )
    op.create_index("ix_qos_rules_policy_id", "qos_rules", ["policy_id"])
    for table in ("networks", "ports"):
        op.add_column(table, sa.Column("qos_policy_id", sa.String(64)))
        op.create_index(f"ix_{table}_qos_policy_id", table, ["qos_policy_id"])
