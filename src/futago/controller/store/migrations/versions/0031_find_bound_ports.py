"""Whose ports are where in a network is found without looking at all of them."""

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Other indexes; each of them begins as the one that goes."""
    op.create_index("ports_by_network_and_host", "ports", ["network_id", "host_id"])
    op.create_index("ports_by_network_and_owner", "ports", ["network_id", "device_owner", "device_id"])
    op.drop_index("ix_ports_network_id", "ports")
