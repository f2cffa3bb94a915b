"""What goes with a user, group, project, role or domain that is deleted."""

from futago.controller.store.database import Transaction
from futago.controller.store.identity_rows import (
    ApplicationCredential,
    Assignment,
    Domain,
    Group,
    Implication,
    LoginFailures,
    Membership,
    Project,
    RoleRow,
    User,
)


def release_user(txn: Transaction, row: User) -> None:
    """Take away what refers to a user."""
    for other in (
        *txn.find(Assignment, actor_kind="user", actor_id=row.id),
        *txn.find(Membership, user_id=row.id),
        *txn.find(ApplicationCredential, user_id=row.id),
        *txn.find(LoginFailures, user_id=row.id),
    ):
        txn.remove(other)


def release_group(txn: Transaction, row: Group) -> None:
    """Take away what refers to a group; its members stay."""
    for other in (
        *txn.find(Assignment, actor_kind="group", actor_id=row.id),
        *txn.find(Membership, group_id=row.id),
    ):
        txn.remove(other)


def release_project(txn: Transaction, row: Project) -> None:
    """Take away what refers to a project; what it owns in the network stays, and is an administrator's to clear."""
    for other in (
        *txn.find(Assignment, target_kind="project", target_id=row.id),
        *txn.find(ApplicationCredential, project_id=row.id),
    ):
        txn.remove(other)


def release_role(txn: Transaction, row: RoleRow) -> None:
    """Take away what refers to a role."""
    for other in (
        *txn.find(Assignment, role_id=row.id),
        *txn.find(Implication, prior_id=row.id),
        *txn.find(Implication, implied_id=row.id),
    ):
        txn.remove(other)


def release_domain(txn: Transaction, row: Domain) -> None:
    """Take away all that is in a domain."""
    for project in txn.find(Project, domain_id=row.id):
        release_project(txn, project)
        txn.remove(project)
    for group in txn.find(Group, domain_id=row.id):
        release_group(txn, group)
        txn.remove(group)
    for user in txn.find(User, domain_id=row.id):
        release_user(txn, user)
        txn.remove(user)
    for role in txn.find(RoleRow, domain_id=row.id):
        release_role(txn, role)
        txn.remove(role)
    for assignment in txn.find(Assignment, target_kind="domain", target_id=row.id):
        txn.remove(assignment)
