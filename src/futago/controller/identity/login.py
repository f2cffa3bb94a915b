"""The body of POST /v3/auth/tokens."""

from typing import Literal

import msgspec

from futago.controller.identity.directory import DomainName, ProjectName


class UserName(msgspec.Struct, frozen=True):
    """A user as requests name it: by id, or by name within a domain."""

    id: str | None = None
    name: str | None = None
    domain: DomainName | None = None


class PasswordUser(msgspec.Struct, frozen=True):
    """Who logs in by password."""

    password: str
    id: str | None = None
    name: str | None = None
    domain: DomainName | None = None


class PasswordMethod(msgspec.Struct, frozen=True):
    user: PasswordUser


class TokenMethod(msgspec.Struct, frozen=True):
    id: str


class CredentialMethod(msgspec.Struct, frozen=True):
    """An application credential: by id, or by its name and its user."""

    secret: str
    id: str | None = None
    name: str | None = None
    user: UserName | None = None


class Methods(msgspec.Struct, frozen=True):
    """`auth.identity`: the methods in use and what each needs."""

    methods: tuple[str, ...]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None
    application_credential: CredentialMethod | None = None


class Scope(msgspec.Struct, frozen=True):
    """`auth.scope`: a project, a domain, or the system."""

    project: ProjectName | None = None
    domain: DomainName | None = None
    system: dict[str, bool] | None = None
    unscoped: dict[str, str] | None = None


class Login(msgspec.Struct, frozen=True):
    identity: Methods
    scope: Scope | Literal["unscoped"] | None = None
