"""What all drivers share: to try each element on its own, and to run a program."""

import subprocess
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from futago import netns
from futago.node.host import Element, HostRefused

E = TypeVar("E", bound=Element)

_TIMEOUT_SECONDS = 10.0


def each(elements: Iterable[E], act: Callable[[E], None]) -> dict[str, str]:
    """Do `act` for each element; a failing one holds up no other. Returns the failures by key."""
    failures: dict[str, str] = {}
    for element in elements:
        try:
            act(element)
        except (HostRefused, OSError) as error:
            failures[element.key] = str(error)
    return failures


def run(command: list[str], *, text: str = "", namespace: str = "", env: Mapping[str, str] | None = None) -> str:
    """Run a program to its end, in a namespace if need be, and return what it printed.

    Raises:
        HostRefused: it cannot be started, fails, or takes too long; the text is its own.

    """

    def start() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, input=text, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS, check=False, env=env
        )

    try:
        done = netns.run_inside(namespace, start)
    except FileNotFoundError as error:
        raise HostRefused(f"{command[0]}: {error.filename} does not exist") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostRefused(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise HostRefused(f"{command[0]}: {(done.stderr or done.stdout).strip()[:500]}")
    return done.stdout
