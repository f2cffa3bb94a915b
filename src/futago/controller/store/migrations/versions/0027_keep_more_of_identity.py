"""Groups, application credentials, roles in domains, what roles imply, other services of the catalog."""

from itertools import pairwise

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_ID = sa.String(64)
_NAME = sa.String(255)


def upgrade() -> None:
    for table in ("domains", "projects", "users"):
        op.add_column(table, sa.Column("extra", sa.JSON(), nullable=False, server_default="{}"))
    for table in ("domains", "projects"):
        op.add_column(table, sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("projects", sa.Column("parent_id", _ID, nullable=False, server_default=""))
    _make_groups()
    _widen_roles()
    _make_the_rest()


def _made(name: str, *columns: sa.Column[object] | sa.UniqueConstraint, key: sa.String = _ID) -> None:
    op.create_table(
        name, sa.Column("id", key, primary_key=True), sa.Column("extra", sa.JSON(), nullable=False), *columns
    )


def _make_groups() -> None:
    _made(
        "groups",
        sa.Column("domain_id", _ID, sa.ForeignKey("domains.id"), nullable=False, index=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.UniqueConstraint("domain_id", "name"),
    )
    op.create_table(
        "memberships",
        sa.Column("user_id", _ID, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("group_id", _ID, sa.ForeignKey("groups.id"), primary_key=True),
    )
    op.create_table(
        "login_failures",
        sa.Column("user_id", _ID, sa.ForeignKey("users.id"), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("last", sa.Double(), nullable=False),
    )


def _widen_roles() -> None:
    """A role's name need only be unique in its domain, and an assignment is no longer only a user's in a project."""
    op.rename_table("roles", "old_roles")
    _made(
        "roles",
        sa.Column("domain_id", _ID, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.UniqueConstraint("domain_id", "name"),
    )
    op.execute(
        "INSERT INTO roles (id, extra, domain_id, name, description) SELECT id, '{}', '', name, '' FROM old_roles"
    )
    op.create_table(
        "role_assignments",
        sa.Column("actor_kind", sa.String(16), primary_key=True),
        sa.Column("actor_id", _ID, primary_key=True),
        sa.Column("target_kind", sa.String(16), primary_key=True),
        sa.Column("target_id", _ID, primary_key=True),
        sa.Column("role_id", _ID, sa.ForeignKey("roles.id"), primary_key=True),
    )
    op.execute(
        "INSERT INTO role_assignments (actor_kind, actor_id, target_kind, target_id, role_id)"
        " SELECT 'user', user_id, 'project', project_id, role_id FROM assignments"
    )
    op.create_table(
        "implications",
        sa.Column("prior_id", _ID, sa.ForeignKey("roles.id"), primary_key=True),
        sa.Column("implied_id", _ID, sa.ForeignKey("roles.id"), primary_key=True),
    )
    for prior, implied in pairwise(("admin", "manager", "member", "reader")):
        statement = sa.text(
            "INSERT INTO implications (prior_id, implied_id) SELECT prior.id, implied.id FROM roles AS prior"
            " JOIN roles AS implied ON prior.name = :prior AND implied.name = :implied"
        )
        op.execute(statement.bindparams(prior=prior, implied=implied))
    op.drop_table("assignments")
    op.drop_table("old_roles")


def _make_the_rest() -> None:
    _made(
        "application_credentials",
        sa.Column("user_id", _ID, sa.ForeignKey("users.id"), nullable=False, index=True),
        sa.Column("project_id", _ID, sa.ForeignKey("projects.id"), nullable=False, index=True),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("secret_hash", _NAME, nullable=False),
        sa.Column("role_ids", sa.JSON(), nullable=False),
        sa.Column("expires_at", sa.Double()),
        sa.Column("unrestricted", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("user_id", "name"),
    )
    _made(
        "services",
        sa.Column("type", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
    )
    _made(
        "regions",
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("parent_region_id", _NAME),
        key=_NAME,
    )
    _made(
        "endpoints",
        sa.Column("service_id", _ID, sa.ForeignKey("services.id"), nullable=False, index=True),
        sa.Column("interface", sa.String(16), nullable=False),
        sa.Column("region_id", _NAME),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
    )
