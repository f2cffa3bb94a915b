"""What private servers have in common: a directory, a user, a process that ends with us."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

START_SECONDS = 180
STOP_SECONDS = 30


class Server:
    """A server that runs from `start` to `stop`; its directory goes with it."""

    user = ""
    """Who runs it when we are root; the Debian package makes it."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"futago-{self.user}-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(self.user)
            os.chown(self.directory, owner.pw_uid, owner.pw_gid)
            self._identity = {"user": owner.pw_uid, "group": owner.pw_gid}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns once it answers."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it, whatever it does, and remove its directory."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *command: str) -> str:
        """A program that belongs to the server, run as its user, to its end."""
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, check=False, extra_groups=self._groups(),
            **self._identity,
        )  # fmt: skip
        assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
        return done.stdout

    def launch(self, *command: str) -> None:
        """Start the server itself, and wait until its socket answers."""
        log = (self.directory / "log").open("wb")
        with log:
            self._process = subprocess.Popen(
                command, cwd=self.directory, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                extra_groups=self._groups(), **self._identity,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            assert self._process.poll() is None, f"{command[0]} ended: {(self.directory / 'log').read_text()}"
            assert time.monotonic() < deadline, f"{command[0]} does not answer"
            time.sleep(0.05)

    def answers(self) -> bool:
        """Whether it takes connections."""
        raise NotImplementedError

    def _groups(self) -> list[int] | None:
        return [] if self._identity else None
