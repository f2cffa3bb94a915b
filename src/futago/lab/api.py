"""A client of the Networking API for code that runs outside the lab: its connections are opened inside."""

import http.client
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from futago import netns
from futago.lab.errors import LabError, ProgramEnded
from futago.lab.state import Process
from futago.lab.topology import API_URL

Body = dict[str, Any]

_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "content-encoding"})


class InsideTransport(httpx.BaseTransport):
    """HTTP over sockets that are opened in a host's network namespace, one for each request."""

    def __init__(self, process: Process, timeout: float = 30) -> None:
        self._process, self._timeout = process, timeout

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        address = (request.url.host, request.url.port or 80)
        connection = http.client.HTTPConnection(*address, timeout=self._timeout)
        try:
            connection.sock = connect(self._process, address, self._timeout)
            headers = {key: value for key, value in request.headers.items() if key != "accept-encoding"}
            connection.request(request.method, request.url.raw_path.decode(), request.read(), headers)
            answer = connection.getresponse()
            kept = [(key, value) for key, value in answer.getheaders() if key.lower() not in _HOP_BY_HOP]
            return httpx.Response(answer.status, headers=kept, content=answer.read())
        except TimeoutError as error:
            raise httpx.ReadTimeout(str(error), request=request) from error
        except (OSError, http.client.HTTPException) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        finally:
            connection.close()


def connect(process: Process, address: tuple[str, int], timeout: float) -> socket.socket:
    """A TCP connection from inside a host; the socket works everywhere."""
    namespace = f"/proc/{process.pid}/ns/net"
    return netns.run_inside(namespace, lambda: socket.create_connection(address, timeout))


class Api:
    """The API as the cloud's administrator sees it: verbs on collections, bodies without their envelopes."""

    def __init__(self, process: Process, password: str, url: str = API_URL) -> None:
        self._http = httpx.Client(transport=InsideTransport(process), base_url=url)
        self._password = password
        self._token = ""

    def list(self, path: str, **query: str) -> list[Body]:
        """All of a collection (`ports`, `routers/<id>/l3-agents`) that match `query`."""
        (items,) = self.call("GET", f"/v2.0/{path}", params=query).values()
        return list(items)

    def find(self, collection: str, name: str) -> Body:
        """The one object of this name.

        Raises:
            LabError: there is none, or more than one.

        """
        found = self.list(collection, name=name)
        if len(found) != 1:
            raise LabError(f"{len(found)} {collection} are named {name}; give an existing and unique name")
        return found[0]

    def get(self, collection: str, object_id: str) -> Body:
        return _inner(self.call("GET", f"/v2.0/{collection}/{object_id}"))

    def create(self, collection: str, **fields: object) -> Body:
        return _inner(self.call("POST", f"/v2.0/{collection}", json={_singular(collection): fields}))

    def update(self, collection: str, object_id: str, **fields: object) -> Body:
        return _inner(self.call("PUT", f"/v2.0/{collection}/{object_id}", json={_singular(collection): fields}))

    def delete(self, collection: str, object_id: str) -> None:
        self.call("DELETE", f"/v2.0/{collection}/{object_id}")

    def add_interface(self, router_id: str, subnet_id: str) -> Body:
        return self.call("PUT", f"/v2.0/routers/{router_id}/add_router_interface", json={"subnet_id": subnet_id})

    def project_id(self, name: str) -> str:
        """The id of a project, from the identity API."""
        found = self.call("GET", "/identity/v3/projects", params={"name": name})["projects"]
        if not found:
            raise LabError(f"there is no project named {name}")
        return str(found[0]["id"])

    def create_project(self, name: str) -> str:
        return str(self.call("POST", "/identity/v3/projects", json={"project": {"name": name}})["project"]["id"])

    def call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: object = None
    ) -> dict[str, Any]:
        """Any request, with a token.

        Raises:
            LabError: the answer is not a success (the text has the API's own words), or there is none.

        """
        try:
            if not self._token:
                self._token = self._authenticate()
            headers = {"X-Auth-Token": self._token}
            answer = self._http.request(method, path, params=dict(params or {}), json=json, headers=headers)
        except httpx.HTTPError as error:
            raise LabError(f"{method} {path}: the API does not answer: {error}") from error
        if not answer.is_success:
            raise LabError(f"{method} {path}: {answer.status_code} {answer.text}")
        return dict(answer.json() or {}) if answer.content else {}

    def _authenticate(self) -> str:
        domain = {"name": "Default"}
        user = {"name": "admin", "password": self._password, "domain": domain}
        body = {
            "auth": {
                "identity": {"methods": ["password"], "password": {"user": user}},
                "scope": {"project": {"name": "admin", "domain": domain}},
            }
        }
        answer = self._http.post("/identity/v3/auth/tokens", json=body)
        if answer.status_code != httpx.codes.CREATED:
            raise LabError(f"the admin cannot log in: {answer.status_code} {answer.text}")
        return str(answer.headers["X-Subject-Token"])


def wait_for(what: str, look: Callable[[], object], *, seconds: float, state: Callable[[], str] = str) -> None:
    """Wait until `look` gives something true; while it raises LabError, that is not so yet.

    Raises:
        ProgramEnded: `look` raises it.
        LabError: it did not within `seconds`; the text has `what`, and what `state` says.

    """
    deadline = time.monotonic() + seconds
    while True:
        problem = ""
        try:
            if look():
                return
        except ProgramEnded:
            raise
        except LabError as error:
            problem = f" ({error})"
        if time.monotonic() > deadline:
            raise LabError(f"not within {seconds} s: {what}{problem}{state()}")
        time.sleep(0.05)


def read_password(credentials: Path) -> str:
    try:
        return (credentials / "admin-password").read_text().strip()
    except FileNotFoundError as error:
        raise LabError(f"the controller has written no credentials in {credentials}; see its log") from error


def _singular(collection: str) -> str:
    return collection.removesuffix("s").replace("-", "_")


def _inner(body: Body) -> Body:
    (value,) = body.values()
    return dict(value)
