"""Identity itself: gives tokens for what proves who asks, and says whose a token is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import structlog

from futago.controller.caller import Caller, Unauthorized
from futago.controller.identity.directory import (
    DomainName,
    ProjectName,
    find_domain,
    find_project,
    find_user,
    revoked,
    roles_in,
)
from futago.controller.identity.known import Known
from futago.controller.identity.login import (
    CredentialMethod,
    Login,
    Methods,
    PasswordMethod,
    PasswordUser,
    Scope,
    TokenMethod,
)
from futago.controller.identity.passwords import verify_password
from futago.controller.identity.tokens import Sealer, Token, new_audit_id
from futago.controller.store.database import Database, Transaction, View
from futago.controller.store.identity_rows import (
    SYSTEM,
    ApplicationCredential,
    Domain,
    LoginFailures,
    Project,
    Revocation,
    RoleRow,
    Target,
    User,
)
from futago.controller.store.identity_tables import revocations

log = structlog.get_logger()

Place = Project | Domain | Literal["all"] | None
"""What a token is scoped to; `SYSTEM` is the system, None is nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A good token with what its user may be."""

    token: Token
    roles: tuple[RoleRow, ...]
    restricted: bool = False
    """It came from an application credential that may not make others."""

    @property
    def admin(self) -> bool:
        return any(role.name == "admin" for role in self.roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How tokens and logins are limited."""

    token_lifetime_seconds: int
    lockout_failure_attempts: int = 0
    """After this many bad passwords in a row a user cannot log in by password for a while; 0: never."""
    lockout_duration_seconds: int = 0


class Identity:
    """The embedded identity, as far as it is not HTTP; a `caller.Authenticator`."""

    def __init__(
        self, database: Database, sealer: Sealer, rules: Rules, clock: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self._sealer = sealer
        self._rules = rules
        self._clock = clock
        self._known: Known[Session] = Known()

    def caller(self, token: str, _service_token: str = "", /) -> Caller:
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
        session = _session(view, token, self._clock())
        self._known.keep(text, view.identity_revision(), session)
        return session

    def log_in(self, login: Login) -> tuple[str, Session]:
        """A new token and its session.

        It counts as issued when the request came: revoking while a password is being verified ends it, too.

        Raises:
            Unauthorized: the credentials are wrong, or the user has no role in the scope.

        """
        now = self._clock()
        user_id, origin = self._who(login.identity)
        with self.database.read() as view:
            user = find_user(view, user_id=user_id, name=None, domain=None)
            if user is None:
                raise Unauthorized
            target = _target(view, user, login.scope, origin)
            token = self._token(login.identity.methods, user, target, origin, now)
            session = _session(view, token, now)
        return self._sealer.seal(token), session

    def check_password(self, user: PasswordUser) -> str:
        """The id of the user with this name and password. Hashing takes long: the store is not held meanwhile.

        Raises:
            Unauthorized: there is none, or too many bad passwords came for it.

        """
        with self.database.read() as view:
            found = find_user(view, user_id=user.id, name=user.name, domain=user.domain)
            failures = view.get(LoginFailures, user_id=found.id) if found else None
        good = verify_password(user.password, found.password_hash if found else None)
        if failures is not None and self._locks(failures):  # told after as long as any other refusal
            log.warning("login refused after too many bad passwords", user=failures.user_id, failures=failures.count)
            raise Unauthorized
        if found is not None and (failures is not None or not good):
            self._count(found.id, good=good)
        if found is None or not good:
            raise Unauthorized
        return found.id

    def check_credential(self, method: CredentialMethod) -> ApplicationCredential:
        """The application credential with this secret, unless its time is over.

        Raises:
            Unauthorized: there is none.

        """
        with self.database.read() as view:
            found = _credential(view, method)
        good = verify_password(method.secret, found.secret_hash if found else None)
        if found is None or not good or _over(found, self._clock()):
            raise Unauthorized
        return found

    def revoke(self, token: Token) -> None:
        """From now on the token is refused; those that came from it keep their own life."""
        with self.database.note() as txn:
            self.revoke_all(txn, token.audit_ids[0])

    def revoke_all(self, txn: Transaction, key: str) -> None:
        """All tokens of a user or project are refused, as part of `txn`; new ones can be had.

        Revocations that no token can be as old as are forgotten.
        """
        now = self._clock()
        for old in txn.search(Revocation, revocations.c.before < now - self._rules.token_lifetime_seconds):
            txn.remove(old)
        if known := txn.get(Revocation, audit_id=key):
            txn.remove(known)
        txn.add(Revocation(audit_id=key, before=now))

    def _locks(self, failures: LoginFailures) -> bool:
        most = self._rules.lockout_failure_attempts
        return 0 < most <= failures.count and self._clock() < failures.last + self._rules.lockout_duration_seconds

    def _count(self, user_id: str, *, good: bool) -> None:
        """A bad password, or the good one that ends a row of bad ones."""
        now = self._clock()
        with self.database.note() as txn:
            known = txn.get(LoginFailures, user_id=user_id)
            if known is not None:
                txn.remove(known)
            if good or self._rules.lockout_failure_attempts == 0 or txn.get(User, id=user_id) is None:
                return
            fresh = known is None or now >= known.last + self._rules.lockout_duration_seconds
            count = 1 if known is None or fresh else known.count + 1
            txn.add(LoginFailures(user_id=user_id, count=count, last=now))

    def _who(self, methods: Methods) -> tuple[str, Token | ApplicationCredential | None]:
        """The user's id, and the token or credential shown where that is how."""
        match methods:
            case Methods(methods=("password",), password=PasswordMethod(user=user)):
                return self.check_password(user), None
            case Methods(methods=("token",), token=TokenMethod(id=text)):
                token = self.session(text).token
                if token.credential_id is not None:
                    raise Unauthorized
                return token.user_id, token
            case Methods(methods=("application_credential",), application_credential=CredentialMethod() as method):
                credential = self.check_credential(method)
                return credential.user_id, credential
            case _:
                raise Unauthorized

    def _token(
        self,
        methods: tuple[str, ...],
        user: User,
        target: Place,
        origin: Token | ApplicationCredential | None,
        now: float,
    ) -> Token:
        """A token from a token or credential lives no longer than that one."""
        parent = origin if isinstance(origin, Token) else None
        latest = float(int(now) + self._rules.token_lifetime_seconds)
        ends = origin.expires_at if origin is not None else None
        return Token(
            user_id=user.id,
            project_id=target.id if isinstance(target, Project) else None,
            methods=tuple(dict.fromkeys([*methods, *(parent.methods if parent else ())])),
            audit_ids=(new_audit_id(), *(parent.audit_ids[-1:] if parent else ())),
            issued_at=now,
            expires_at=latest if ends is None else min(ends, latest),
            domain_id=target.id if isinstance(target, Domain) else None,
            system=target == SYSTEM,
            credential_id=origin.id if isinstance(origin, ApplicationCredential) else None,
        )


def _session(view: View, token: Token, now: float) -> Session:
    """Read at each use: a disabled user or project, or a role taken away, counts at once."""
    where: list[tuple[Target, str | None]] = [
        ("project", token.project_id),
        ("domain", token.domain_id),
        ("system", SYSTEM if token.system else None),
    ]
    for kind, target_id in where:
        if target_id is not None:
            roles = roles_in(view, token.user_id, kind, target_id)
            break
    else:
        if find_user(view, user_id=token.user_id, name=None, domain=None) is None:
            raise Unauthorized
        return Session(token=token, roles=())
    restricted = False
    if token.credential_id is not None:
        credential = view.get(ApplicationCredential, id=token.credential_id)
        if credential is None or _over(credential, now):
            raise Unauthorized
        roles = tuple(role for role in roles if role.id in credential.role_ids)
        restricted = not credential.unrestricted
    if not roles:
        raise Unauthorized
    return Session(token=token, roles=roles, restricted=restricted)


def _over(credential: ApplicationCredential, now: float) -> bool:
    return credential.expires_at is not None and credential.expires_at <= now


def _credential(view: View, method: CredentialMethod) -> ApplicationCredential | None:
    if method.id is not None:
        return view.get(ApplicationCredential, id=method.id)
    named = method.user
    user = find_user(view, user_id=named.id, name=named.name, domain=named.domain) if named else None
    return view.get(ApplicationCredential, user_id=user.id, name=method.name) if user else None


def _target(view: View, user: User, scope: Scope | str | None, origin: Token | ApplicationCredential | None) -> Place:
    """What the request means; without a scope, the user's default project if it has a role there.

    An application credential is of one project, and asks for no other.
    """
    found: Place = None
    match scope:
        case None if isinstance(origin, ApplicationCredential):
            found = find_project(view, ProjectName(id=origin.project_id))
        case _ if isinstance(origin, ApplicationCredential):
            pass
        case Scope(project=ProjectName() as wanted):
            found = find_project(view, wanted)
        case Scope(domain=DomainName() as wanted_domain):
            found = find_domain(view, wanted_domain)
        case Scope(system={"all": True}):
            found = SYSTEM
        case Scope(system=None) | "unscoped":
            return None
        case None if origin is None and user.default_project_id is not None:
            project = find_project(view, ProjectName(id=user.default_project_id))
            return project if project and roles_in(view, user.id, "project", project.id) else None
        case None:
            return None
    if found is None:
        raise Unauthorized
    return found
