"""A real Keystone instead of the embedded identity: it says whose a token is.

Its answers are believed for a short time, so that it is not asked at every request; a token that is revoked there is
refused here that much later at most. A Keystone that does not answer is asked again by one request at a time: all
others are told so at once, and hold up nobody whose token is known.
"""

import hashlib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx
import structlog

from futago.config import IdentityConfig
from futago.controller.caller import Caller, IdentityUnavailable, Unauthorized

_REMEMBERED: Final = 10_000
_QUIET_SECONDS: Final = 1.0
"""How long nobody asks again after a question that was not answered."""
_QUESTIONS_AT_ONCE: Final = 16
"""Fewer than requests are worked on at once: while it is slow, those whose tokens are known have threads left."""
_TURN_SECONDS: Final = 0.5
_SERVICE: Final = "service"
_SUBJECT: Final = "X-Subject-Token"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """What Keystone said of a token, and until when that counts."""

    caller: Caller
    until: float


@dataclass(frozen=True, slots=True)
class _Silence:
    """Why it did not answer, and until when nobody asks again."""

    why: str
    until: float


class Keystone:
    """The client of a Keystone; a `caller.Authenticator`."""

    def __init__(
        self,
        config: IdentityConfig,
        *,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._config = config
        self._clock = clock
        self._url = config.v3_url
        trusted = ssl.create_default_context(cafile=config.ca_file or None)
        self._http = httpx.Client(timeout=config.timeout_seconds, transport=transport, verify=trusted)
        self._known: dict[str, _Known] = {}
        self._silence: _Silence | None = None
        self._turns = threading.Semaphore(_QUESTIONS_AT_ONCE)
        self._own_token = ""
        self._one_login = threading.Lock()

    def caller(self, token: str, service_token: str = "", /) -> Caller:
        """Whose token this is; it must be scoped to a project. One that has expired counts if a service vouches for it.

        Raises:
            Unauthorized: Keystone does not know it.
            IdentityUnavailable: Keystone does not answer.

        """
        if not service_token:
            return self._whose(token)
        if _SERVICE not in self._whose(service_token).roles:
            return self._whose(token)
        return self._whose(token, even_expired=True)

    def _whose(self, token: str, *, even_expired: bool = False) -> Caller:
        if not token or not token.isascii():
            raise Unauthorized
        key = hashlib.sha256(f"{even_expired} {token}".encode()).hexdigest()
        known = self._known.get(key)
        if known is not None and self._clock() < known.until:
            return known.caller
        fresh = self._asked(token, even_expired=even_expired)
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[key] = fresh
        return fresh.caller

    def _asked(self, token: str, *, even_expired: bool) -> _Known:
        """Ask with our own token; once more with a new one where that is no longer good."""
        params = {"nocatalog": "", **({"allow_expired": "1"} if even_expired else {})}
        before = self._own_token
        answer = self._validate(token, before or self._log_in(before), params)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = self._validate(token, self._log_in(self._own_token), params)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise Unauthorized
        if answer.status_code != HTTPStatus.OK:
            raise self._unavailable(f"it answers {answer.status_code} when it is asked about a token")
        try:
            return self._read(answer.json()["token"], even_expired=even_expired)
        except (ValueError, KeyError, TypeError) as error:
            raise self._unavailable("what it answers is no token") from error

    def _read(self, document: dict[str, Any], *, even_expired: bool) -> _Known:
        if "project" not in document:
            raise Unauthorized
        caller = Caller(
            user_id=document["user"]["id"],
            project_id=document["project"]["id"],
            roles=frozenset(role["name"] for role in document["roles"]),
        )
        counts = self._clock() + self._config.cache_seconds
        ends = datetime.fromisoformat(document["expires_at"]).timestamp()
        return _Known(caller, counts if even_expired else min(ends, counts))

    def _validate(self, token: str, own_token: str, params: dict[str, str]) -> httpx.Response:
        headers = {"X-Auth-Token": own_token, _SUBJECT: token}
        return self._request("GET", headers=headers, params=params)

    def _log_in(self, useless: str) -> str:
        """A token of our own, other than the one that is of no use any more; of many threads one gets it."""
        with self._one_login:
            if self._own_token in {"", useless}:
                answer = self._request("POST", json={"auth": self._credentials()})
                if answer.status_code != HTTPStatus.CREATED or _SUBJECT not in answer.headers:
                    raise self._unavailable(
                        f"it answers {answer.status_code} when {self._config.username} of project"
                        f" {self._config.project_name} logs in: see [identity] in the controller's settings"
                    )
                self._own_token = answer.headers[_SUBJECT]
            return self._own_token

    def _credentials(self) -> dict[str, Any]:
        config = self._config
        user = {
            "name": config.username,
            "password": config.password,
            "domain": {"name": config.user_domain_name},
        }
        project = {"name": config.project_name, "domain": {"name": config.project_domain_name}}
        return {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}

    def _request(self, method: str, **request: Any) -> httpx.Response:
        self._be_told_if_silent()
        if not self._turns.acquire(timeout=_TURN_SECONDS):
            raise self._unavailable("too many requests wait for its answers")
        try:
            answer = self._http.request(method, f"{self._url}/auth/tokens", **request)
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            self._silence = _Silence(why, self._clock() + _QUIET_SECONDS)
            raise self._unavailable(why) from error
        finally:
            self._turns.release()
        self._silence = None
        return answer

    def _be_told_if_silent(self) -> None:
        """All but one, who asks again."""
        silence = self._silence
        if silence is None:
            return
        if self._clock() < silence.until:
            raise IdentityUnavailable(self._said(silence.why))
        self._silence = _Silence(silence.why, self._clock() + self._config.timeout_seconds)

    def _unavailable(self, why: str) -> IdentityUnavailable:
        log.warning("identity is unavailable", url=self._url, why=why)
        return IdentityUnavailable(self._said(why))

    def _said(self, why: str) -> str:
        return f"The identity service at {self._url} is unavailable: {why}."
