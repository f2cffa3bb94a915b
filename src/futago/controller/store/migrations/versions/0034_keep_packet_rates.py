"""Rules of QoS policies that limit packets."""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no rule limits packets so far."""
    for name in ("max_kpps", "max_burst_kpps"):
        op.add_column("qos_rules", sa.Column(name, sa.Integer()))
