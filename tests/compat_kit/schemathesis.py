"""Schemathesis makes requests of the API's own description, and holds the answers against it.

`./run schemathesis` does it for long; `tests/compat/test_openapi.py` for a moment.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from compat_kit.clients import Client
from compat_kit.controller import START_SECONDS, Controller

SCHEMATHESIS = Client("schemathesis", "4.32.5", ("schemathesis==4.32.5",))
CALLERS = ("admin", "member", "reader")
PASSWORD = "secret"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)


def tokens(controller: Controller) -> dict[str, str]:
    """A token for each role; the member and the reader are new users of the project `demo`."""
    admin = controller.token()
    http = httpx.Client(
        base_url=f"{controller.url}/identity/v3", headers={"X-Auth-Token": admin}, timeout=START_SECONDS
    )
    (project,) = http.get("/projects", params={"name": "demo"}).raise_for_status().json()["projects"]
    found = {"admin": admin}
    for role in ("member", "reader"):
        body = {"user": {"name": f"checked-{role}", "password": PASSWORD, "default_project_id": project["id"]}}
        user_id = http.post("/users", json=body).raise_for_status().json()["user"]["id"]
        (known,) = http.get("/roles", params={"name": role}).raise_for_status().json()["roles"]
        http.put(f"/projects/{project['id']}/users/{user_id}/roles/{known['id']}").raise_for_status()
        password = {"user": {"id": user_id, "password": PASSWORD}}
        auth = {"identity": {"methods": ["password"], "password": password}}
        answer = http.post("/auth/tokens", json={"auth": auth}).raise_for_status()
        found[role] = answer.headers["X-Subject-Token"]
    http.close()
    return found


def check(controller: Controller, token: str, *options: str) -> subprocess.CompletedProcess[str]:
    """One run with one token; it fails where an answer is not as described."""
    command = [
        str(SCHEMATHESIS.install() / "schemathesis"),
        "--no-color",
        "run",
        f"{controller.url}/v2.0/openapi.json",
        f"--header=X-Auth-Token:{token}",
        f"--checks={','.join(CHECKS)}",
        "--warnings=off",
        "--suppress-health-check=all",
        "--request-timeout=60",
        *options,
    ]
    with tempfile.TemporaryDirectory() as directory:  # it leaves its examples where it stands
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory)


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run schemathesis", description="Try the API against its own description.")
    parser.add_argument("--examples", type=int, default=50, help="requests for each operation and role (default: 50)")
    parser.add_argument("--seed", type=int, help="as a failed run printed it")
    options = parser.parse_args()
    arguments = [f"--max-examples={options.examples}"]
    if options.seed is not None:
        arguments.append(f"--seed={options.seed}")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="futago-schemathesis-") as directory:
        controller = Controller(Path(directory) / "state")
        try:
            controller.start()
            for role, token in tokens(controller).items():
                done = check(controller, token, *arguments)
                print(f"==> {role}\n{done.stdout}{done.stderr}", flush=True)
                failed |= done.returncode
        finally:
            controller.close()
    return failed


if __name__ == "__main__":
    sys.exit(main())
