"""A real `futago controller` on loopback, with a state directory that outlives it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

START_SECONDS = 180
STOP_SECONDS = 30


class Controller:
    """The program; it can be stopped, killed and started again on the same port."""

    def __init__(self, state: Path, *options: str) -> None:
        self.state = state
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._options = options
        self._log = state.with_name(f"{state.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        address = f"127.0.0.1:{self.port}"
        command = [*FUTAGO, "controller", "--listen", address, "--state", str(self.state), *self._options]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self._answers, START_SECONDS, "the controller answers")

    def stop(self) -> float:
        """SIGTERM; the seconds that it took to end, which it must do well."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(STOP_SECONDS) == 0, self.log()
        return time.monotonic() - started

    def kill(self) -> None:
        """SIGKILL: no warning, no last words."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def close(self) -> None:
        """Whatever state it is in, it is gone then."""
        if self._process is not None and self._process.poll() is None:
            self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start() comes first"
        return self._process

    def log(self) -> str:
        return self._log.read_text()

    def cloud(self, name: str = "futago") -> dict[str, str]:
        """The environment for a client, with the files of the first start."""
        return {"OS_CLIENT_CONFIG_FILE": str(self.state / "clouds.yaml"), "OS_CLOUD": name}

    def openrc(self) -> dict[str, str]:
        """The same out of admin-openrc."""
        lines = (self.state / "admin-openrc").read_text().splitlines()
        pairs = (line.removeprefix("export ").split("=", 1) for line in lines)
        return {name: value.strip("'") for name, value in pairs}

    def join_token(self) -> str:
        return (self.state / "join-token").read_text().strip()

    def token(self) -> str:
        """An administrator's token."""
        password = (self.state / "admin-password").read_text().strip()
        user = {"name": "admin", "domain": {"id": "default"}, "password": password}
        auth = {"identity": {"methods": ["password"], "password": {"user": user}}}
        answer = httpx.post(f"{self.url}/identity/v3/auth/tokens", json={"auth": auth}, timeout=START_SECONDS)
        return answer.raise_for_status().headers["X-Subject-Token"]

    def pss_mib(self) -> float:
        """What the process takes of the machine's memory, its share of shared pages included."""
        rollup = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        (line,) = (line for line in rollup.splitlines() if line.startswith("Pss:"))
        return int(line.split()[1]) / 1024

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"the controller ended:\n{self.log()}"
        try:
            return httpx.get(f"{self.url}/", timeout=5).status_code == 200
        except httpx.TransportError:
            return False


FUTAGO = (sys.executable, "-m", "futago")


def futago(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `futago` to its end."""
    return subprocess.run(
        [*FUTAGO, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Look again and again until `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
