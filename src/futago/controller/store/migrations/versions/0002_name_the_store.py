"""Give the store an id of its own."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Give the store an id of its own."""
    op.add_column("clock", sa.Column("store", sa.String(length=64), nullable=False, server_default=""))
    op.execute(sa.text("UPDATE clock SET store = :store").bindparams(store=uuid.uuid4().hex))
