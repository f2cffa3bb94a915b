"""The first start: the default domain, three projects, two users, five roles, and the files with their passwords.

Each step looks at what is there, so that a start that died half way is finished by the next one.
"""

import os
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec

from futago.config import ControllerConfig
from futago.controller.identity.passwords import hash_password
from futago.controller.identity.secret_files import new_password, read_or_create, write_secret
from futago.controller.store.database import Conflict, Database, Transaction
from futago.controller.store.identity_rows import Assignment, Domain, Implication, Project, RoleRow, User

ADMIN_PASSWORD_VARIABLE: Final = "FUTAGO_ADMIN_PASSWORD"  # noqa: S105 - a name, not a secret
DEFAULT_DOMAIN: Final = "default"
BUILT_IN_ROLES: Final = ("admin", "manager", "member", "reader", "service")

ADMIN_PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - a name, not a secret
DEMO_PASSWORD_FILE: Final = "demo-password"  # noqa: S105 - a name, not a secret
CLOUDS_FILE: Final = "clouds.yaml"
OPENRC_FILE: Final = "admin-openrc"
JOIN_TOKEN_FILE: Final = "join-token"  # noqa: S105 - a name, not a secret

_IMPLYING: Final = BUILT_IN_ROLES[:4]
"""Who has one has the next, too, as in Keystone."""
_PROJECTS: Final = {"admin": "Administrators' project", "service": "Service project", "demo": "A project to try"}
_ASSIGNMENTS: Final = (("admin", "admin", "admin"), ("admin", "admin", "demo"), ("demo", "member", "demo"))
"""User, role, project."""

_CLOUD: Final = """\
  {cloud}:
    auth:
      auth_url: {auth_url}
      username: {username}
      password: "{password}"
      project_name: {project}
      user_domain_name: Default
      project_domain_name: Default
    region_name: {region}
    identity_api_version: 3
"""

_OPENRC: Final = """\
export OS_AUTH_URL={auth_url}
export OS_USERNAME=admin
export OS_PASSWORD='{password}'
export OS_PROJECT_NAME=admin
export OS_USER_DOMAIN_NAME=Default
export OS_PROJECT_DOMAIN_NAME=Default
export OS_REGION_NAME={region}
export OS_IDENTITY_API_VERSION=3
"""


class FirstStart(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is told, once."""

    state_path: Path
    clouds_file: Path
    openrc_file: Path
    password_file: Path
    join_token_file: Path


def prepare(database: Database, config: ControllerConfig) -> FirstStart | None:
    """Make what is missing; what a first start made, or None at any later one."""
    state = config.state_path
    first = _is_empty(database)
    if first:
        admin, demo = _passwords(state)
        _fill(database, admin_password=admin, demo_password=demo)
    join_token(state)
    _write_client_files(config)
    if not first:
        return None
    return FirstStart(
        state_path=state,
        clouds_file=state / CLOUDS_FILE,
        openrc_file=state / OPENRC_FILE,
        password_file=state / ADMIN_PASSWORD_FILE,
        join_token_file=state / JOIN_TOKEN_FILE,
    )


def join_token(state_path: Path) -> str:
    """What a node shows the first time it comes."""
    return read_or_create(state_path / JOIN_TOKEN_FILE, new_password)


def _is_empty(database: Database) -> bool:
    with database.read() as view:
        return view.get(Domain, id=DEFAULT_DOMAIN) is None


def _passwords(state: Path) -> tuple[str, str]:
    """On disk before they are in the database: no start can lose them."""
    if wished := os.environ.get(ADMIN_PASSWORD_VARIABLE):
        write_secret(state / ADMIN_PASSWORD_FILE, wished + "\n")
    admin = read_or_create(state / ADMIN_PASSWORD_FILE, new_password)
    return admin, read_or_create(state / DEMO_PASSWORD_FILE, new_password)


def _fill(database: Database, *, admin_password: str, demo_password: str) -> None:
    # Hashing takes long: the store is not held meanwhile.
    hashes = hash_password(admin_password), hash_password(demo_password)
    try:
        with database.note() as txn:
            txn.add(Domain(id=DEFAULT_DOMAIN, name="Default", description="The default domain"))
            projects = {name: _project(txn, name, text) for name, text in _PROJECTS.items()}
            roles = {name: txn.add(RoleRow(id=uuid.uuid4().hex, name=name)).id for name in BUILT_IN_ROLES}
            users = {
                "admin": _user(txn, "admin", hashes[0], projects["admin"]),
                "demo": _user(txn, "demo", hashes[1], projects["demo"]),
            }
            for prior, implied in pairwise(_IMPLYING):
                txn.add(Implication(prior_id=roles[prior], implied_id=roles[implied]))
            for user, role, project in _ASSIGNMENTS:
                _assign(txn, users[user], roles[role], projects[project])
    except Conflict:
        if _is_empty(database):  # otherwise another controller on the same database was quicker
            raise


def _project(txn: Transaction, name: str, description: str) -> str:
    project = Project(id=uuid.uuid4().hex, domain_id=DEFAULT_DOMAIN, name=name, description=description)
    return txn.add(project).id


def _user(txn: Transaction, name: str, password_hash: str, project_id: str) -> str:
    user = User(
        id=uuid.uuid4().hex,
        domain_id=DEFAULT_DOMAIN,
        name=name,
        password_hash=password_hash,
        default_project_id=project_id,
    )
    return txn.add(user).id


def _assign(txn: Transaction, user_id: str, role_id: str, project_id: str) -> None:
    txn.add(
        Assignment(actor_kind="user", actor_id=user_id, target_kind="project", target_id=project_id, role_id=role_id)
    )


def _write_client_files(config: ControllerConfig) -> None:
    """At each start, since the address may have changed; not once the operator has taken the passwords away."""
    state = config.state_path
    try:
        admin = (state / ADMIN_PASSWORD_FILE).read_text().strip()
        demo = (state / DEMO_PASSWORD_FILE).read_text().strip()
    except FileNotFoundError:
        return
    common = {"auth_url": f"{local_url(config)}/identity", "region": config.region}
    clouds = "clouds:\n" + "".join(
        _CLOUD.format(cloud=cloud, username=name, project=name, password=_escaped(password), **common)
        for cloud, name, password in (("futago", "admin", admin), ("futago-demo", "demo", demo))
    )
    write_secret(state / CLOUDS_FILE, clouds)
    write_secret(state / OPENRC_FILE, _OPENRC.format(password=admin.replace("'", "'\\''"), **common))


def local_url(config: ControllerConfig) -> str:
    """How a client finds this controller: `public_url`, or else from this machine."""
    if config.public_url:
        return config.public_url.rstrip("/").removesuffix("/v2.0")
    loopback = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what "any address" means to a client
    address = loopback.get(config.listen_address, config.listen_address)
    return f"http://[{address}]:{config.listen_port}" if ":" in address else f"http://{address}:{config.listen_port}"


def _escaped(text: str) -> str:
    """For a double-quoted YAML scalar."""
    return text.replace("\\", "\\\\").replace('"', '\\"')
