"""QoS policies that everybody may use have a policy of access that says so; floating IPs and gateways have policies."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_access = sa.table(
    "rbac_policies",
    *(sa.column(name) for name in ("id", "project_id", "object_type", "object_id", "action", "target_project")),
)
_policies = sa.table("qos_policies", sa.column("id"), sa.column("project_id"), sa.column("shared", sa.Boolean()))


def upgrade() -> None:
    """Turn the flags into policies of access; no floating IP or gateway has a QoS policy so far."""
    connection = op.get_bind()
    shared = sa.select(_policies.c.id, _policies.c.project_id).where(_policies.c.shared.is_(True))
    for policy_id, project_id in connection.execute(shared).all():
        values = {
            "id": str(uuid.uuid4()),
            "project_id": project_id,
            "object_type": "qos_policy",
            "object_id": policy_id,
            "action": "access_as_shared",
            "target_project": "*",
        }
        connection.execute(sa.insert(_access).values(**values))
    op.drop_column("qos_policies", "shared")
    for table, column in (("floating_ips", "qos_policy_id"), ("routers", "gateway_qos_policy_id")):
        op.add_column(table, sa.Column(column, sa.String(64)))
        op.create_index(f"ix_{table}_{column}", table, [column])
