"""A real Keystone instead of the embedded identity: it says whose a token is.

Its answers are believed for a short time, so that it is not asked at every request; a token that is revoked there is
refused here that much later at most.
"""

import hashlib
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

_PATIENCE_SECONDS: Final = 5.0
_REMEMBERED: Final = 10_000
_SUBJECT: Final = "X-Subject-Token"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    """What Keystone said of a token, and until when that counts."""

    caller: Caller
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
        self._http = httpx.Client(timeout=_PATIENCE_SECONDS, transport=transport)
        self._known: dict[str, _Known] = {}
        self._own_token = ""
        self._one_login = threading.Lock()

    def caller(self, token: str) -> Caller:
        """Whose token this is; it must be scoped to a project.

        Raises:
            Unauthorized: Keystone does not know it.
            IdentityUnavailable: Keystone does not answer.

        """
        if not token or not token.isascii():
            raise Unauthorized
        key = hashlib.sha256(token.encode()).hexdigest()
        known = self._known.get(key)
        if known is not None and self._clock() < known.until:
            return known.caller
        fresh = self._asked(token)
        if len(self._known) >= _REMEMBERED:
            self._known = {}
        self._known[key] = fresh
        return fresh.caller

    def _asked(self, token: str) -> _Known:
        """Ask with our own token; once more with a new one where that is no longer good."""
        before = self._own_token
        answer = self._validate(token, before or self._log_in(before))
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            answer = self._validate(token, self._log_in(self._own_token))
        if answer.status_code == HTTPStatus.NOT_FOUND:
            raise Unauthorized
        if answer.status_code != HTTPStatus.OK:
            raise self._unavailable(f"it answers {answer.status_code} when it is asked about a token")
        try:
            return self._read(answer.json()["token"])
        except (ValueError, KeyError, TypeError) as error:
            raise self._unavailable("what it answers is no token") from error

    def _read(self, document: dict[str, Any]) -> _Known:
        if "project" not in document:
            raise Unauthorized
        caller = Caller(
            user_id=document["user"]["id"],
            project_id=document["project"]["id"],
            roles=frozenset(role["name"] for role in document["roles"]),
        )
        ends = datetime.fromisoformat(document["expires_at"]).timestamp()
        return _Known(caller, min(ends, self._clock() + self._config.cache_seconds))

    def _validate(self, token: str, own_token: str) -> httpx.Response:
        headers = {"X-Auth-Token": own_token, _SUBJECT: token}
        return self._request("GET", headers=headers, params={"nocatalog": ""})

    def _log_in(self, useless: str) -> str:
        """A token of our own, other than the one that is of no use any more; of many threads one gets it."""
        with self._one_login:
            if self._own_token in {"", useless}:
                answer = self._request("POST", json={"auth": self._credentials()})
                if answer.status_code != HTTPStatus.CREATED:
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
        try:
            return self._http.request(method, f"{self._url}/auth/tokens", **request)
        except httpx.HTTPError as error:
            raise self._unavailable(str(error) or type(error).__name__) from error

    def _unavailable(self, why: str) -> IdentityUnavailable:
        log.warning("identity is unavailable", url=self._url, why=why)
        return IdentityUnavailable(f"The identity service at {self._url} is unavailable: {why}.")
