"""What was made for projects that asked to be connected; domains of ports."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column."""
    op.create_table(
        "auto_topologies",
        sa.Column("project_id", sa.String(255), primary_key=True),
        sa.Column("network_id", sa.String(64), sa.ForeignKey("networks.id"), nullable=False, index=True),
        sa.Column("router_id", sa.String(64), sa.ForeignKey("routers.id"), index=True),
    )
    op.add_column("ports", sa.Column("dns_domain", sa.String(255), nullable=False, server_default=""))
