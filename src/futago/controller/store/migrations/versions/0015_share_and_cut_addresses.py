"""Policies of who may use what; address scopes, subnet pools, and the subnets that come of them."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0010"
branch_labels = None
depends_on = None

_policies = sa.table(
    "rbac_policies",
    *(sa.column(name) for name in ("id", "project_id", "object_type", "object_id", "action", "target_project")),
)
_networks = sa.table(
    "networks",
    sa.column("id"),
    sa.column("project_id"),
    sa.column("shared", sa.Boolean()),
    sa.column("external", sa.Boolean()),
)


def upgrade() -> None:
    """Add the tables; networks that everybody may use have a policy that says so, instead of a flag."""
    op.create_table(
        "address_scopes",
        *_standard(),
        sa.Column("ip_version", sa.Integer(), nullable=False),
    )
    op.create_table(
        "subnet_pools",
        *_standard(),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("min_prefixlen", sa.Integer(), nullable=False),
        sa.Column("max_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_quota", sa.Integer()),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("address_scope_id", sa.String(64), sa.ForeignKey("address_scopes.id"), index=True),
    )
    op.create_table(
        "rbac_policies",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("object_type", sa.String(64), nullable=False),
        sa.Column("object_id", sa.String(64), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("target_project", sa.String(255), nullable=False, index=True),
        sa.UniqueConstraint("object_id", "action", "target_project"),
    )
    op.add_column("subnets", sa.Column("subnetpool_id", sa.String(64)))
    op.create_index("ix_subnets_subnetpool_id", "subnets", ["subnetpool_id"])
    for flag, action in (("shared", "access_as_shared"), ("external", "access_as_external")):
        _policies_instead(flag, action)
    op.drop_column("networks", "shared")


def _policies_instead(flag: str, action: str) -> None:
    connection = op.get_bind()
    flagged = sa.select(_networks.c.id, _networks.c.project_id).where(_networks.c[flag].is_(True))
    for network_id, project_id in connection.execute(flagged).all():
        values = {"id": str(uuid.uuid4()), "project_id": project_id, "object_type": "network", "object_id": network_id}
        connection.execute(sa.insert(_policies).values(**values, action=action, target_project="*"))


def _standard() -> list[sa.Column[object]]:
    return [
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("project_id", sa.String(255), nullable=False, index=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.Column("revision_number", sa.Integer(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
    ]
