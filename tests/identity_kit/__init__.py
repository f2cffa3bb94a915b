"""An identity service just after its first start, in process, and how to talk to it."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.testclient import TestClient

from database_kit import sqlite
from futago.config import ControllerConfig
from futago.controller.identity import first_start
from futago.controller.identity.app import build_identity

V3 = "/identity/v3"
TOKENS = f"{V3}/auth/tokens"


class Cloud:
    """An identity service just after its first start, and the two users that it has made."""

    def __init__(self, state: Path) -> None:
        self.config = ControllerConfig(state_path=state)
        self.database = sqlite(state / "store.sqlite")
        first_start.prepare(self.database, self.config)
        self.identity, routes = build_identity(self.database, self.config)
        self.http = TestClient(Starlette(routes=routes), base_url="http://cloud.example.org:9696")
        self.admin_password = (state / "admin-password").read_text().strip()
        self.demo_password = (state / "demo-password").read_text().strip()

    def log_in(self, name: str, password: str, scope: Any = None) -> Any:
        """The answer to a login by name; without a `scope` the user's default project."""
        user = {"name": name, "domain": {"name": "Default"}, "password": password}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        return self.http.post(TOKENS, json={"auth": auth | ({"scope": scope} if scope else {})})

    def by_token(self, token: str, scope: Any = None) -> Any:
        auth: dict[str, Any] = {"identity": {"methods": ["token"], "token": {"id": token}}}
        return self.http.post(TOKENS, json={"auth": auth | ({"scope": scope} if scope else {})})

    def admin(self) -> dict[str, str]:
        return {"X-Auth-Token": self.log_in("admin", self.admin_password).headers["X-Subject-Token"]}

    def demo(self) -> dict[str, str]:
        return {"X-Auth-Token": self.log_in("demo", self.demo_password).headers["X-Subject-Token"]}

    def demo_token(self) -> dict[str, Any]:
        """What a new token of demo says."""
        return dict(self.log_in("demo", self.demo_password).json()["token"])

    def project_id(self, name: str, admin: dict[str, str]) -> str:
        found = self.http.get(f"{V3}/projects", params={"name": name}, headers=admin).json()["projects"]
        return str(found[0]["id"])

    def role_id(self, name: str, admin: dict[str, str]) -> str:
        return str(self.http.get(f"{V3}/roles", params={"name": name}, headers=admin).json()["roles"][0]["id"])

    def new_user(self, name: str, admin: dict[str, str], **fields: Any) -> str:
        body = {"user": {"name": name, "password": "first", **fields}}
        return str(self.http.post(f"{V3}/users", json=body, headers=admin).json()["user"]["id"])


@contextmanager
def new_cloud(directory: Path) -> Iterator[Cloud]:
    """One of one's own, in this directory."""
    cloud = Cloud(shutil.copytree(_first_start().name, directory))
    try:
        yield cloud
    finally:
        cloud.database.close()


@cache
def _first_start() -> "tempfile.TemporaryDirectory[str]":
    """What a first start leaves, made once: hashing takes time."""
    directory = tempfile.TemporaryDirectory()
    Cloud(Path(directory.name)).database.close()
    return directory


def project_scope(name: str) -> dict[str, Any]:
    return {"project": {"name": name, "domain": {"id": "default"}}}


def error(answer: Any) -> tuple[int, str]:
    """The status and title of an error, which has Keystone's form."""
    document = answer.json()["error"]
    assert document["code"] == answer.status_code
    assert document["message"]
    return document["code"], document["title"]
