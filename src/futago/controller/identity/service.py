"""Identity itself: gives tokens for passwords and tokens, and says whose a token is."""

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from futago.controller.caller import Caller, Unauthorized
from futago.controller.identity.directory import (
    DomainName,
    ProjectName,
    find_project,
    find_user,
    revoked,
    roles_in,
    user_key,
)
from futago.controller.identity.known import Known
from futago.controller.identity.passwords import verify_password
from futago.controller.identity.tokens import Sealer, Token, new_audit_id
from futago.controller.store.database import Database, Transaction, View
from futago.controller.store.rows import Project, Revocation, RoleRow, User
from futago.controller.store.tables import revocations


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


class Methods(msgspec.Struct, frozen=True):
    """`auth.identity`: the methods in use and what each needs."""

    methods: tuple[str, ...]
    password: PasswordMethod | None = None
    token: TokenMethod | None = None


class Scope(msgspec.Struct, frozen=True):
    """`auth.scope`: only projects can be scopes here; whoever asks for a domain or the system has no role there."""

    project: ProjectName | None = None
    domain: DomainName | None = None
    system: dict[str, bool] | None = None
    unscoped: dict[str, str] | None = None


class Login(msgspec.Struct, frozen=True):
    """The body of POST /v3/auth/tokens."""

    identity: Methods
    scope: Scope | Literal["unscoped"] | None = None


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A good token with what its user may be."""

    token: Token
    roles: tuple[RoleRow, ...]

    @property
    def admin(self) -> bool:
        return any(role.name == "admin" for role in self.roles)


class Identity:
    """The embedded identity, as far as it is not HTTP; a `caller.Authenticator`."""

    def __init__(
        self, database: Database, sealer: Sealer, lifetime_seconds: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self._sealer = sealer
        self._lifetime = lifetime_seconds
        self._clock = clock
        self._known: Known[Session] = Known()

    def caller(self, token: str) -> Caller:
        """Whose token this is; it must be scoped to a project.

        Raises:
            Unauthorized: it is no good.

        """
        session = self.session(token)
        if session.token.project_id is None:
            raise Unauthorized
        names = frozenset(role.name for role in session.roles)
        return Caller(user_id=session.token.user_id, project_id=session.token.project_id, roles=names)

    def session(self, text: str) -> Session:
        """The session of a token, unscoped ones too.

        Raises:
            Unauthorized: it is no good.

        """
        session = self._known.get(text, self.database.identity_revision())
        if session is None:
            session = self.database.look(lambda view: self._session(view, text))
        if session.token.expires_at <= self._clock():
            raise Unauthorized
        return session

    def _session(self, view: View, text: str) -> Session:
        """Found out once, and good until anything changes of who may be whom."""
        token = self._sealer.open(text)
        if token.expires_at <= self._clock() or revoked(view, token):
            raise Unauthorized
        session = _session(view, token)
        self._known.keep(text, view.identity_revision(), session)
        return session

    def log_in(self, login: Login) -> tuple[str, Session]:
        """A new token and its session.

        It counts as issued when the request came: revoking while a password is being verified ends it, too.

        Raises:
            Unauthorized: the credentials are wrong, or the user has no role in the scope.

        """
        now = self._clock()
        user_id, parent = self._who(login.identity)
        with self.database.read() as view:
            user = find_user(view, user_id=user_id, name=None, domain=None)
            if user is None:
                raise Unauthorized
            project = _scope(view, user, login.scope, parent)
            session = _session(view, self._token(login.identity.methods, user, project, parent, now))
        return self._sealer.seal(session.token), session

    def check_password(self, user: PasswordUser) -> str:
        """The id of the user with this name and password. Hashing takes long: the store is not held meanwhile.

        Raises:
            Unauthorized: there is none.

        """
        with self.database.read() as view:
            found = find_user(view, user_id=user.id, name=user.name, domain=user.domain)
        if not verify_password(user.password, found.password_hash if found else None) or found is None:
            raise Unauthorized
        return found.id

    def revoke(self, token: Token) -> None:
        """From now on the token is refused; those that came from it keep their own life."""
        with self.database.note() as txn:
            self._add_revocation(txn, token.audit_ids[0])

    def revoke_user(self, txn: Transaction, user_id: str) -> None:
        """All of a user's tokens are refused, as part of `txn`; new ones can be had."""
        self._add_revocation(txn, user_key(user_id))

    def _add_revocation(self, txn: Transaction, audit_id: str) -> None:
        """Note it; forget those that no token can be as old as."""
        now = self._clock()
        for old in txn.search(Revocation, revocations.c.before < now - self._lifetime):
            txn.remove(old)
        if known := txn.get(Revocation, audit_id=audit_id):
            txn.remove(known)
        txn.add(Revocation(audit_id=audit_id, before=now))

    def _who(self, methods: Methods) -> tuple[str, Token | None]:
        """The user's id, and the token shown where that is how."""
        match methods:
            case Methods(methods=("password",), password=PasswordMethod(user=user)):
                return self.check_password(user), None
            case Methods(methods=("token",), token=TokenMethod(id=text)):
                token = self.session(text).token
                return token.user_id, token
            case _:
                raise Unauthorized

    def _token(
        self, methods: tuple[str, ...], user: User, project: Project | None, parent: Token | None, now: float
    ) -> Token:
        """A token from a token lives no longer than that one."""
        inherited = parent.audit_ids[-1:] if parent else ()
        return Token(
            user_id=user.id,
            project_id=project.id if project else None,
            methods=tuple(dict.fromkeys([*methods, *(parent.methods if parent else ())])),
            audit_ids=(new_audit_id(), *inherited),
            issued_at=now,
            expires_at=parent.expires_at if parent else float(int(now) + self._lifetime),
        )


def _session(view: View, token: Token) -> Session:
    """Read at each use: a disabled user or project, or a role taken away, counts at once."""
    if token.project_id is not None:
        roles = roles_in(view, token.user_id, token.project_id)
        good = bool(roles)
    else:
        roles = ()
        good = find_user(view, user_id=token.user_id, name=None, domain=None) is not None
    if not good:
        raise Unauthorized
    return Session(token=token, roles=roles)


def _scope(view: View, user: User, scope: Scope | str | None, parent: Token | None) -> Project | None:
    """The project that the request means; without a scope, the user's default one if it has a role there."""
    match scope:
        case Scope(project=ProjectName() as wanted):
            project = find_project(view, wanted)
            if project is None:
                raise Unauthorized
            return project
        case Scope(domain=None, system=None) | "unscoped":
            return None
        case None if parent is None and user.default_project_id is not None:
            project = find_project(view, ProjectName(id=user.default_project_id))
            return project if project and roles_in(view, user.id, project.id) else None
        case None:
            return None
        case _:
            raise Unauthorized
