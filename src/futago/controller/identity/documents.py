"""Rows, as Keystone writes them in JSON."""

import uuid
from datetime import UTC, datetime
from typing import Final

from futago.config import ControllerConfig
from futago.controller.identity.service import Session
from futago.controller.identity.web import Document
from futago.controller.store.rows import Assignment, Domain, Project, RoleRow, User

_INTERFACES: Final = ("public", "internal", "admin")
_OURS: Final = uuid.UUID("8a5a3d27-4c5f-5f0e-9c8e-2f5e5b1f6a10")
"""The name space of ids that are computed, not stored."""


def project_document(row: Project, base: str) -> Document:
    """Projects are flat: each one's parent is its domain."""
    return {
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "description": row.description,
        "enabled": row.enabled,
        "parent_id": row.domain_id,
        "is_domain": False,
        "tags": [],
        "options": {},
        "links": {"self": f"{base}/projects/{row.id}"},
    }


def domain_document(row: Domain, base: str) -> Document:
    return {
        "id": row.id,
        "name": row.name,
        "description": row.description,
        "enabled": row.enabled,
        "tags": [],
        "options": {},
        "links": {"self": f"{base}/domains/{row.id}"},
    }


def user_document(row: User, base: str) -> Document:
    """Without the password's hash; what was never given is left out."""
    given = {"email": row.email, "description": row.description, "default_project_id": row.default_project_id}
    return {
        "id": row.id,
        "name": row.name,
        "domain_id": row.domain_id,
        "enabled": row.enabled,
        "password_expires_at": None,
        "options": {},
        "links": {"self": f"{base}/users/{row.id}"},
    } | {name: value for name, value in given.items() if value}


def role_document(row: RoleRow, base: str) -> Document:
    return {
        "id": row.id,
        "name": row.name,
        "domain_id": None,
        "description": None,
        "options": {},
        "links": {"self": f"{base}/roles/{row.id}"},
    }


def assignment_document(row: Assignment, base: str) -> Document:
    where = f"{base}/projects/{row.project_id}/users/{row.user_id}/roles/{row.role_id}"
    return {
        "role": {"id": row.role_id},
        "user": {"id": row.user_id},
        "scope": {"project": {"id": row.project_id}},
        "links": {"assignment": where},
    }


def token_document(session: Session, user: User, project: Project | None, domains: dict[str, Domain]) -> Document:
    """The body of a token, without its catalog."""
    token = session.token
    document: Document = {
        "methods": list(token.methods),
        "user": named(user, domains) | {"password_expires_at": None},
        "audit_ids": list(token.audit_ids),
        "issued_at": _timestamp(token.issued_at),
        "expires_at": _timestamp(token.expires_at),
    }
    if project is not None:
        document["project"] = named(project, domains)
        document["is_domain"] = False
        document["roles"] = [{"id": role.id, "name": role.name} for role in session.roles]
    return document


def named(row: User | Project, domains: dict[str, Domain]) -> Document:
    """A user or project, with the name of its domain."""
    return {"id": row.id, "name": row.name, "domain": {"id": row.domain_id, "name": domains[row.domain_id].name}}


def catalog_document(config: ControllerConfig, origin: str) -> list[Document]:
    """Our two services. Without a `public_url` they are where the client has just found us."""
    return [
        service | {"endpoints": [_brief(endpoint) for endpoint in endpoint_documents(config, origin, service["type"])]}
        for service in (_brief_service(document) for document in service_documents(origin))
    ]


def service_documents(origin: str) -> list[Document]:
    """The two services, as GET /v3/services lists them."""
    texts = {"network": "Networking: highly available virtual routers", "identity": "Users, projects, tokens"}
    return [
        {
            "id": _computed("service", kind),
            "type": kind,
            "name": "futago",
            "description": description,
            "enabled": True,
            "links": {"self": f"{origin}/identity/v3/services/{_computed('service', kind)}"},
        }
        for kind, description in texts.items()
    ]


def endpoint_documents(config: ControllerConfig, origin: str, kind: str) -> list[Document]:
    """The endpoints of one service: all three interfaces are one URL."""
    outside = config.public_url.rstrip("/").removesuffix("/v2.0") or origin
    url = f"{outside}/identity/v3" if kind == "identity" else outside
    return [_endpoint(config, origin, kind, interface, url) for interface in _INTERFACES]


def region_document(config: ControllerConfig, origin: str) -> Document:
    return {
        "id": config.region,
        "description": "",
        "parent_region_id": None,
        "links": {"self": f"{origin}/identity/v3/regions/{config.region}"},
    }


def _endpoint(config: ControllerConfig, origin: str, kind: str, interface: str, url: str) -> Document:
    endpoint_id = _computed("endpoint", f"{kind}/{interface}/{config.region}")
    return {
        "id": endpoint_id,
        "service_id": _computed("service", kind),
        "interface": interface,
        "region": config.region,
        "region_id": config.region,
        "url": url,
        "enabled": True,
        "links": {"self": f"{origin}/identity/v3/endpoints/{endpoint_id}"},
    }


def _brief(endpoint: Document) -> Document:
    return {name: endpoint[name] for name in ("id", "interface", "region", "region_id", "url")}


def _brief_service(service: Document) -> Document:
    return {name: service[name] for name in ("id", "type", "name")}


def _computed(kind: str, name: str) -> str:
    return uuid.uuid5(_OURS, f"{kind}/{name}").hex


def _timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
