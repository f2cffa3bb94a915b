"""Programs that run beside a drill and are listened to: ping, an ssh session, tcpdump."""

import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from futago.lab import instances, measure, namespaces
from futago.lab.api import wait_for
from futago.lab.lab import Lab

SSH_LOOP = 'i=0; while :; do i=$((i+1)); echo "$i $SSH_CONNECTION $$"; sleep 0.1; done'
"""Prints a line every 100 ms; the client's address and port in it name the TCP connection, `$$` the shell."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a program printed, and when we read it."""

    time: float
    text: str


class Recording:
    """A running program, each of its lines with its time. Use it in a `with`: it ends with the block."""

    def __init__(self, popen: subprocess.Popen[str], name: str) -> None:
        self.name = name
        self._popen = popen
        self._lines: list[Line] = []
        self._reader = threading.Thread(target=self._read, name=f"read {name}", daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        namespaces.end(self._popen)
        self._reader.join()

    @property
    def running(self) -> bool:
        return self._popen.poll() is None

    def lines(self, since: float = 0) -> list[Line]:
        """The lines read so far, from the time `since` on."""
        return [line for line in list(self._lines) if line.time >= since]

    def wait_for_lines(self, number: int, *, seconds: float, since: float | None = None) -> None:
        """Wait until `number` more lines have come (after the time `since`; by default, from now)."""
        start = time.time() if since is None else since
        wait_for(
            f"{number} lines from {self.name}",
            lambda: len(self.lines(start)) >= number,
            seconds=seconds,
            state=lambda: "; its last lines: " + " | ".join(line.text for line in self.lines()[-5:]),
        )

    def _read(self) -> None:
        assert self._popen.stdout is not None
        for text in self._popen.stdout:
            self._lines.append(Line(time.time(), text.rstrip("\n")))


class Ping(Recording):
    """`ping` at a steady pace; its own clock stamps the answers."""

    def __init__(self, lab: Lab, host: str, address: str, *, every: float = 0.02, netns: str = "") -> None:
        argv = ["ping", "-n", "-D", "-i", str(every), address]
        super().__init__(lab.spawn(host, argv, netns=netns), f"ping {address}")

    def replies(self, since: float = 0) -> list[measure.Reply]:
        found = measure.replies(line.text for line in self.lines())
        return [reply for reply in found if reply.time >= since]

    def longest_gap(self, since: float = 0) -> measure.Gap:
        return measure.longest_gap([reply.time for reply in self.replies(since)])

    def answers_now(self) -> bool:
        """Whether it was answered within the last half second, and no request of it was lost in that time."""
        recent = self.replies(time.time() - 0.5)
        return len(recent) > 1 and not measure.lost(recent)

    def wait_for_replies(self, number: int, *, seconds: float) -> None:
        """Wait until `number` more answers have come, from now on."""
        start = time.time()
        wait_for(
            f"{number} answers to {self.name}",
            lambda: len(self.replies(start)) >= number,
            seconds=seconds,
            state=lambda: "; its last lines: " + " | ".join(line.text for line in self.lines()[-3:]),
        )


def ssh_session(lab: Lab, host: str, address: str) -> Recording:
    """An ssh session from `host` to an instance that prints a line every 100 ms."""
    argv = instances.ssh_command(address, SSH_LOOP)
    return Recording(lab.spawn(host, argv), f"ssh {address}")


def connections(lines: list[Line]) -> set[str]:
    """The TCP connections (and shells) that the lines of an ssh session came over: one, if it lived on."""
    return {line.text.split(" ", 1)[1] for line in lines if line.text.count(" ") >= 4}
