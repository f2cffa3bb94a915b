"""Keep how the hosts of IPv6 subnets get their addresses."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; the subnets so far are IPv4's."""
    op.add_column("subnets", sa.Column("ipv6_ra_mode", sa.String(length=16), nullable=True))
    op.add_column("subnets", sa.Column("ipv6_address_mode", sa.String(length=16), nullable=True))
