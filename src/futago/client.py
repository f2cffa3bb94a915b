"""A client of the Networking API for other hosts: who it is comes from the environment, as for `openstack`."""

from collections.abc import Mapping
from typing import Any, Final

import httpx

Body = dict[str, Any]

_NEEDED: Final = ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_PROJECT_NAME")
_PATIENCE_SECONDS: Final = 30.0


class ApiRefused(Exception):
    """The API says no, or nothing; the text has its own words."""


class NoCredentials(ApiRefused):
    """The environment does not say who asks."""


class ApiClient:
    """The verbs on collections; bodies come without their envelopes."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Log in.

        Raises:
            NoCredentials: the environment does not say as whom.
            ApiRefused: identity does not know us, or does not answer.

        """
        if missing := [name for name in _NEEDED if not environment.get(name)]:
            raise NoCredentials(f"{', '.join(missing)} not set; `. admin-openrc` sets them")
        self._http = httpx.Client(timeout=_PATIENCE_SECONDS)
        self._identity = f"{environment['OS_AUTH_URL'].rstrip('/').removesuffix('/v3')}/v3"
        self._project_id = ""
        self._url, self._token = self._log_in(environment)

    def list(self, collection: str, **query: str) -> list[Body]:
        """All that match `query`."""
        (items,) = self._call("GET", f"/v2.0/{collection}", params=query).values()
        return list(items)

    def get(self, collection: str, object_id: str) -> Body:
        return _inner(self._call("GET", f"/v2.0/{collection}/{object_id}"))

    def create(self, collection: str, name: str, fields: Body) -> Body:
        """One thing made; `name` is what the API calls one of the collection."""
        return _inner(self._call("POST", f"/v2.0/{collection}", json={name: fields}))

    def update(self, collection: str, object_id: str, **fields: object) -> Body:
        return self.change(collection, collection.removesuffix("s"), object_id, fields)

    def change(self, collection: str, name: str, object_id: str, fields: Body) -> Body:
        """One thing changed; `name` is what the API calls one of the collection."""
        return _inner(self._call("PUT", f"/v2.0/{collection}/{object_id}", json={name: fields}))

    def delete(self, collection: str, object_id: str) -> None:
        self._call("DELETE", f"/v2.0/{collection}/{object_id}")

    def act(self, method: str, path: str, fields: Body | None = None) -> Any:
        """Any other request; the answer as it comes."""
        return self._call(method, f"/v2.0/{path}", **({} if fields is None else {"json": fields}))

    def project_id(self, reference: str) -> str:
        """The id of the project with this name, or this id; one's own where it says nothing."""
        if not reference:
            return self._project_id
        headers = {"X-Auth-Token": self._token}
        answer = self._request("GET", f"{self._identity}/projects", headers=headers, params={"name": reference})
        found = answer.json()["projects"]
        if len(found) > 1:
            several = ", ".join(project["id"] for project in found)
            raise ApiRefused(f"{reference} is several projects: {several}; name one by its id")
        if found:
            return str(found[0]["id"])
        return str(
            self._request("GET", f"{self._identity}/projects/{reference}", headers=headers).json()["project"]["id"]
        )

    def _log_in(self, environment: Mapping[str, str]) -> tuple[str, str]:
        """Where the Networking API is, by the catalog, and a token."""
        password = {
            "name": environment["OS_USERNAME"],
            "password": environment["OS_PASSWORD"],
            "domain": {"name": environment.get("OS_USER_DOMAIN_NAME", "Default")},
        }
        project = {
            "name": environment["OS_PROJECT_NAME"],
            "domain": {"name": environment.get("OS_PROJECT_DOMAIN_NAME", "Default")},
        }
        identity = {"methods": ["password"], "password": {"user": password}}
        body = {"auth": {"identity": identity, "scope": {"project": project}}}
        answer = self._request("POST", f"{self._identity}/auth/tokens", json=body)
        try:
            token = answer.json()["token"]
            self._project_id = str(token["project"]["id"])
            return _networking(token["catalog"]), answer.headers["X-Subject-Token"]
        except (ValueError, KeyError, TypeError) as error:
            raise ApiRefused(f"{self._identity}: what answers there is no identity service") from error

    def _call(self, method: str, path: str, **request: Any) -> Any:
        url = f"{self._url}{path}"
        answer = self._request(method, url, headers={"X-Auth-Token": self._token}, **request)
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise ApiRefused(f"{method} {url}: what answers there is no Networking API") from error

    def _request(self, method: str, url: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, url, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiRefused(f"{method} {url}: {error}") from error
        if not answer.is_success:
            raise ApiRefused(_words(answer) or f"{method} {url}: {answer.status_code}")
        return answer


def _networking(catalog: list[Body]) -> str:
    for service in catalog:
        for endpoint in service["endpoints"]:
            if service["type"] == "network" and endpoint["interface"] == "public":
                return str(endpoint["url"]).rstrip("/").removesuffix("/v2.0")
    raise ApiRefused("the catalog has no Networking API")


def _words(answer: httpx.Response) -> str:
    """What the API says itself."""
    try:
        (error,) = answer.json().values()
        return str(error["message"])
    except (ValueError, AttributeError, KeyError, TypeError):
        return ""


def _inner(body: Body) -> Body:
    (value,) = body.values()
    return dict(value)
