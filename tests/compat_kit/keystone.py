"""A real Keystone, from PyPI, in an environment of its own that is made once and kept; SQLite, on loopback."""

import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from compat_kit.clients import Client
from compat_kit.controller import free_port

KEYSTONE = Client("keystone", "30.0.0", ("keystone==30.0.0",))
START_SECONDS = 180
PASSWORD = "secret"

_CONFIG = """
[DEFAULT]
log_dir = {state}
[database]
connection = sqlite:///{state}/keystone.db
[fernet_tokens]
key_repository = {state}/fernet
[fernet_receipts]
key_repository = {state}/fernet
[credential]
key_repository = {state}/credential
[identity]
password_hash_rounds = 4
"""

_SERVER = """
import sys
port = int(sys.argv.pop())
from wsgiref.simple_server import WSGIRequestHandler, make_server
from keystone.server import wsgi
make_server("127.0.0.1", port, wsgi.initialize_public_application(), handler_class=WSGIRequestHandler).serve_forever()
"""


class Keystone:
    """The program, with an administrator, a service user `neutron`, and a user `demo` in the project `demo`."""

    def __init__(self, state: Path, network_url: str) -> None:
        self._state = state
        self._python = KEYSTONE.install() / "python"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"http://127.0.0.1:{self._port}"
        for directory in ("fernet", "credential"):
            (state / directory).mkdir(parents=True, mode=0o700)
        (state / "keystone.conf").write_text(_CONFIG.format(state=state))
        self._manage("db_sync")
        self._manage("fernet_setup", "--keystone-user", "root", "--keystone-group", "root")
        self._manage("credential_setup", "--keystone-user", "root", "--keystone-group", "root")
        urls = [f"--bootstrap-{kind}-url={self.url}/v3" for kind in ("admin", "public", "internal")]
        self._manage("bootstrap", f"--bootstrap-password={PASSWORD}", "--bootstrap-region-id=RegionOne", *urls)
        self.start()
        self._fill(network_url)

    def start(self) -> None:
        command = [str(self._python), "-W", "ignore", "-c", _SERVER, str(self._port)]
        with (self._state / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (self._state / "server.log").read_text()
            assert time.monotonic() < deadline, "Keystone does not start"
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def client(self, user: str = "demo") -> dict[str, str]:
        """The environment for `openstack`."""
        return {
            "OS_AUTH_URL": f"{self.url}/v3",
            "OS_USERNAME": user,
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": user,
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": "RegionOne",
            "OS_IDENTITY_API_VERSION": "3",
        }

    def token(self, user: str) -> str:
        """A token of a user in the project of its name."""
        where = {"name": user, "domain": {"id": "default"}}
        password = {"user": {**where, "password": PASSWORD}}
        auth = {"identity": {"methods": ["password"], "password": password}, "scope": {"project": where}}
        answer = httpx.post(f"{self.url}/v3/auth/tokens", json={"auth": auth}, timeout=START_SECONDS)
        return answer.raise_for_status().headers["X-Subject-Token"]

    def revoke(self, token: str) -> None:
        headers = {"X-Auth-Token": token, "X-Subject-Token": token}
        httpx.delete(f"{self.url}/v3/auth/tokens", headers=headers, timeout=START_SECONDS).raise_for_status()

    def _fill(self, network_url: str) -> None:
        admin = httpx.Client(
            base_url=f"{self.url}/v3", headers={"X-Auth-Token": self.token("admin")}, timeout=START_SECONDS
        )

        def make(kind: str, **fields: Any) -> str:
            (made,) = admin.post(f"/{kind}s", json={kind: fields}).raise_for_status().json().values()
            return str(made["id"])

        service = make("service", type="network", name="futago")
        for interface in ("public", "internal", "admin"):
            make("endpoint", interface=interface, region_id="RegionOne", service_id=service, url=network_url)
        roles = {role["name"]: role["id"] for role in admin.get("/roles").raise_for_status().json()["roles"]}
        for name, project, role in (("neutron", "service", "service"), ("demo", "demo", "member")):
            user_id = make("user", name=name, domain_id="default", password=PASSWORD)
            project_id = make("project", name=project, domain_id="default")
            admin.put(f"/projects/{project_id}/users/{user_id}/roles/{roles[role]}").raise_for_status()
        admin.close()

    @property
    def _environment(self) -> dict[str, str]:
        return {"OS_KEYSTONE_CONFIG_DIR": str(self._state), "PATH": "/usr/bin:/bin"}

    def _manage(self, *arguments: str) -> None:
        command = [str(self._python), "-W", "ignore", str(self._python.with_name("keystone-manage"))]
        done = subprocess.run(
            [*command, "--config-file", str(self._state / "keystone.conf"), *arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/v3", timeout=5).status_code == 200
        except httpx.TransportError:
            return False
