"""The default rules that were there from the beginning say so, in Neutron's words."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

_rules = sa.table("default_rules", *(sa.column(name) for name in ("project_id", "description", "direction")))


def upgrade() -> None:
    """Describe those that nobody made."""
    for direction in ("egress", "ingress"):
        ours = sa.and_(_rules.c.project_id == "", _rules.c.description == "", _rules.c.direction == direction)
        words = f"Legacy default SG rule for {direction} traffic"
        op.get_bind().execute(sa.update(_rules).where(ours).values(description=words))
