"""A controller of one node, for tests: it answers with the specs that lie in a file, and keeps the reports.

    python node_controller.py DIRECTORY PORT

`DIRECTORY/changes.json` is a `SpecChanges`; the reports are lines of `DIRECTORY/reports`, the facts `DIRECTORY/facts`.
"""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlparse

DIRECTORY = Path(sys.argv[1])
TOKEN, CREDENTIAL = "join-me", "known-node"


class Southbound(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self._body()
        if self.path.endswith("/join"):
            joined = self.headers["Authorization"] == f"Bearer {TOKEN}"
            self._answer(201 if joined else 401, json.dumps({"credential": CREDENTIAL}).encode())
        elif self._known():
            with (DIRECTORY / "reports").open("ab") as reports:
                reports.write(body + b"\n")
            self._answer(204)

    def do_PUT(self) -> None:
        body = self._body()
        if self._known():
            (DIRECTORY / "facts").write_bytes(body)
            self._answer(204)

    def do_GET(self) -> None:
        if not self._known():
            return
        since = int(parse_qs(urlparse(self.path).query)["since"][0])
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            changes = (DIRECTORY / "changes.json").read_bytes()
            if json.loads(changes)["revision"] > since:
                self._answer(200, changes)
                return
            time.sleep(0.005)
        empty = {"revision": since, "complete": False, "put": [], "remove": []}
        self._answer(200, json.dumps(empty).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def _known(self) -> bool:
        if self.headers["Authorization"] == f"Bearer {CREDENTIAL}":
            return True
        self._answer(401)
        return False

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Southbound).serve_forever()
