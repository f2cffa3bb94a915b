"""Thousands of TCP connections between two hosts of a lab, and questions about them (`flows` is what runs there)."""

import subprocess
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from futago.lab import namespaces
from futago.lab.errors import LabError
from futago.lab.lab import Lab


@dataclass(frozen=True, slots=True)
class Count:
    """What one end says of a round."""

    answered: int
    wrong: int
    """Messages, of all rounds, that came over another connection than the one they belong to."""
    ended: int
    why: str
    """The reasons why connections have ended, or "-"."""


class End:
    """One end of all connections. Use it in a `with`: it ends with the block."""

    def __init__(self, lab: Lab, host: str, netns: str, *argv: str) -> None:
        """Start it, and wait until it is ready.

        Raises:
            LabError: it is not; the text has what it said.

        """
        command = ["python", "-m", "futago.lab.flows", *argv]
        self._popen = namespaces.spawn(
            lab.process(host), command, netns=netns, stdin=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        said = self._line()
        if said != "ready":
            rest = self._popen.communicate()[0]
            raise LabError(f"{' '.join(argv)} on {host}: {said}\n{rest}")

    @classmethod
    def serve(cls, lab: Lab, host: str, netns: str, address: str, port: int) -> Self:
        """The end that is dialled."""
        return cls(lab, host, netns, "serve", address, str(port))

    @classmethod
    def dial(cls, lab: Lab, host: str, netns: str, address: str, port: int, number: int) -> Self:
        """The end that dials, so often."""
        return cls(lab, host, netns, "dial", address, str(port), str(number))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        namespaces.end(self._popen)

    def push(self, number: int) -> None:
        """Ask on every connection; `number` names the round and is not 0."""
        self._order(f"push {number}")

    def count(self, number: int) -> Count:
        """How many have answered in a round that this end has begun."""
        self._order(f"count {number}")
        answered, wrong, ended, why = self._line().split()[1:]
        return Count(int(answered), int(wrong), int(ended), why)

    def settled(self, number: int, wanted: int, seconds: float) -> Count:
        """The count once so many have answered, or after so many seconds."""
        until = time.monotonic() + seconds
        while (count := self.count(number)).answered < wanted and time.monotonic() < until:
            time.sleep(0.1)
        return count

    def _order(self, text: str) -> None:
        assert self._popen.stdin is not None
        self._popen.stdin.write(f"{text}\n")
        self._popen.stdin.flush()

    def _line(self) -> str:
        assert self._popen.stdout is not None
        return self._popen.stdout.readline().strip()
