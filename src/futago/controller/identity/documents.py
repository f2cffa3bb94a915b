"""Rows, as Keystone writes them in JSON."""

import uuid
from datetime import UTC, datetime
from typing import Final

from futago.config import ControllerConfig
from futago.controller.identity.service import Place, Session
from futago.controller.identity.web import Document
from futago.controller.store.identity_rows import (
    SYSTEM,
    ApplicationCredential,
    Assignment,
    Domain,
    Endpoint,
    Group,
    Interface,
    Project,
    Region,
    RoleRow,
    Service,
    User,
)

_INTERFACES: Final[tuple[Interface, ...]] = ("public", "internal", "admin")
_OURS: Final = uuid.UUID("8a5a3d27-4c5f-5f0e-9c8e-2f5e5b1f6a10")
"""The name space of ids that are computed, not stored."""


def project_document(row: Project, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "description": row.description,
        "enabled": row.enabled,
        "parent_id": row.parent_id or row.domain_id,
        "is_domain": False,
        "tags": list(row.tags),
        "options": {},
        "links": {"self": f"{base}/projects/{row.id}"},
    }


def domain_document(row: Domain, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "tags": list(row.tags),
        "options": {},
        "links": {"self": f"{base}/domains/{row.id}"},
    }


def user_document(row: User, base: str) -> Document:
    """Without the password's hash; what was never given is left out."""
    given = {"email": row.email, "description": row.description, "default_project_id": row.default_project_id}
    return (
        row.extra
        | {
            "id": row.id,
            "name": row.name,
            "domain_id": row.domain_id,
            "enabled": row.enabled,
            "password_expires_at": None,
            "options": {},
            "links": {"self": f"{base}/users/{row.id}"},
        }
        | {name: value for name, value in given.items() if value}
    )


def group_document(row: Group, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "description": row.description,
        "links": {"self": f"{base}/groups/{row.id}"},
    }


def role_document(row: RoleRow, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id or None,
        "description": row.description or None,
        "options": {},
        "links": {"self": f"{base}/roles/{row.id}"},
    }


def assignment_document(row: Assignment, base: str) -> Document:
    system = row.target_kind == "system"
    where = "system" if system else f"{row.target_kind}s/{row.target_id}"
    return {
        "role": {"id": row.role_id},
        row.actor_kind: {"id": row.actor_id},
        "scope": {row.target_kind: {SYSTEM: True} if system else {"id": row.target_id}},
        "links": {"assignment": f"{base}/{where}/{row.actor_kind}s/{row.actor_id}/roles/{row.role_id}"},
    }


def credential_document(row: ApplicationCredential, roles: dict[str, RoleRow], base: str) -> Document:
    """Without the secret's hash, and without roles that are no more."""
    kept = [roles[role_id] for role_id in row.role_ids if role_id in roles]
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description or None,
        "user_id": row.user_id,
        "project_id": row.project_id,
        "roles": [{"id": role.id, "name": role.name, "domain_id": None} for role in kept],
        "expires_at": None if row.expires_at is None else _timestamp(row.expires_at).removesuffix("Z"),
        "unrestricted": row.unrestricted,
        "system": None,
        "links": {"self": f"{base}/users/{row.user_id}/application_credentials/{row.id}"},
    }


def token_document(
    session: Session,
    user: User,
    target: Place,
    domains: dict[str, Domain],
    credential: ApplicationCredential | None = None,
) -> Document:
    """The body of a token, without its catalog."""
    token = session.token
    document: Document = {
        "methods": list(token.methods),
        "user": named(user, domains) | {"password_expires_at": None},
        "audit_ids": list(token.audit_ids),
        "issued_at": _timestamp(token.issued_at),
        "expires_at": _timestamp(token.expires_at),
    }
    match target:
        case Project():
            document["project"] = named(target, domains)
            document["is_domain"] = False
        case Domain():
            document["domain"] = {"id": target.id, "name": target.name}
        case None:
            return document
        case _:
            document["system"] = {SYSTEM: True}
    document["roles"] = [{"id": role.id, "name": role.name} for role in session.roles]
    if credential is not None:
        restricted = not credential.unrestricted
        document["application_credential"] = {
            "id": credential.id,
            "name": credential.name,
            "restricted": restricted,
        }
    return document


def named(row: User | Group | Project, domains: dict[str, Domain]) -> Document:
    """A user, group or project, with the name of its domain."""
    return {"id": row.id, "name": row.name, "domain": {"id": row.domain_id, "name": domains[row.domain_id].name}}


def catalog_document(services: list[Document], endpoints: list[Document]) -> list[Document]:
    """What a token shows: each service that is enabled, with its endpoints."""
    return [
        {
            **{name: service[name] for name in ("id", "type", "name")},
            "endpoints": [
                {name: endpoint[name] for name in ("id", "interface", "region", "region_id", "url")}
                for endpoint in endpoints
                if endpoint["service_id"] == service["id"] and endpoint["enabled"]
            ],
        }
        for service in services
        if service["enabled"]
    ]


def service_document(row: Service, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "type": row.type,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "links": {"self": f"{base}/services/{row.id}"},
    }


def endpoint_document(row: Endpoint, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "service_id": row.service_id,
        "interface": row.interface,
        "region": row.region_id,
        "region_id": row.region_id,
        "url": row.url,
        "enabled": row.enabled,
        "links": {"self": f"{base}/endpoints/{row.id}"},
    }


def region_document(row: Region, base: str) -> Document:
    return row.extra | {
        "id": row.id,
        "description": row.description,
        "parent_region_id": row.parent_region_id,
        "links": {"self": f"{base}/regions/{row.id}"},
    }


def own_services(base: str) -> list[Document]:
    """Our two services, as documents."""
    texts = {"network": "Networking: highly available virtual routers", "identity": "Users, projects, tokens"}
    rows = (
        Service(id=_computed("service", kind), type=kind, name="futago", description=text)
        for kind, text in texts.items()
    )
    return [service_document(row, base) for row in rows]


def own_endpoints(config: ControllerConfig, origin: str) -> list[Document]:
    """Where they are, on all three interfaces: without a `public_url` where the client has just found us."""
    outside = config.public_url.rstrip("/").removesuffix("/v2.0") or origin
    urls = {"network": outside, "identity": f"{outside}/identity/v3"}
    rows = (
        Endpoint(
            id=_computed("endpoint", f"{kind}/{interface}/{config.region}"),
            service_id=_computed("service", kind),
            interface=interface,
            region_id=config.region,
            url=url,
        )
        for kind, url in urls.items()
        for interface in _INTERFACES
    )
    return [endpoint_document(row, f"{origin}/identity/v3") for row in rows]


def own_regions(config: ControllerConfig, base: str) -> list[Document]:
    return [region_document(Region(id=config.region), base)]


def _computed(kind: str, name: str) -> str:
    return uuid.uuid5(_OURS, f"{kind}/{name}").hex


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
