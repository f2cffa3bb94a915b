"""Domains: `/v3/domains`."""

from typing import Final

import msgspec

from futago.controller.identity.crud import Kind
from futago.controller.identity.directory import project_key, user_key
from futago.controller.identity.documents import domain_document
from futago.controller.identity.first_start import DEFAULT_DOMAIN
from futago.controller.identity.project_tags import Tags, has_wanted_tags
from futago.controller.identity.projects import Name
from futago.controller.identity.release import release_domain
from futago.controller.identity.service import Session
from futago.controller.identity.web import Call, Document, forbidden, found
from futago.controller.store.database import Transaction
from futago.controller.store.identity_rows import Domain, Project, User


class DomainFields(msgspec.Struct, frozen=True):
    name: Name
    description: str = ""
    enabled: bool = True
    tags: Tags = ()


def _check(_call: Call, _txn: Transaction, row: Domain) -> None:
    if row.id == DEFAULT_DOMAIN and not row.enabled:
        raise forbidden("disabling the default domain, with every administrator in it")


def _changed(call: Call, txn: Transaction, old: Domain, new: Domain) -> None:
    """No token of before comes back when the domain is enabled again."""
    if old.enabled and not new.enabled:
        keys = [user_key(user.id) for user in txn.find(User, domain_id=new.id)]
        keys += [project_key(project.id) for project in txn.find(Project, domain_id=new.id)]
        for key in keys:
            call.identity.revoke_all(txn, key)


def _release(_call: Call, txn: Transaction, row: Domain) -> None:
    """Only a disabled domain can go, with all that is in it: nothing vanishes by a slip."""
    if row.enabled:
        raise forbidden("cannot delete a domain that is enabled, please disable it first")
    release_domain(txn, row)


def _is_own(call: Call, session: Session, document: Document) -> bool:
    """The domain of the token, or of its project."""
    if session.token.project_id is None:
        return bool(document["id"] == session.token.domain_id)
    with call.identity.database.read() as view:
        project = found(view, Project, "project", id=session.token.project_id)
    return project.domain_id == str(document["id"])


DOMAINS: Final = Kind(
    name="domain",
    row=Domain,
    fields=DomainFields,
    document=domain_document,
    filters=("name", "enabled"),
    fixed=(),
    check=_check,
    changed=_changed,
    release=_release,
    visible=_is_own,
    wanted=has_wanted_tags,
)
