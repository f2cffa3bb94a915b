"""Which network nodes hold a router's address, looked at in their kernels many times a second."""

import itertools
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from futago import netns
from futago.lab.drill.background import Background
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.topology import Kind

EVERY: Final = 0.02
"""Seconds between two looks: how exact the times are."""


@dataclass(frozen=True, slots=True)
class Change:
    """A node was seen to get or to lose the address; the first look at each node is one too."""

    time: float
    host: str
    held: bool


class Watch(Background):
    """Looks until the block ends. Use it in a `with`; read `changes` at any time."""

    def __init__(self, lab: Lab, router_id: str, address: str) -> None:
        super().__init__("watch")
        self._lab, self._namespace, self._address = lab, f"qrouter-{router_id}", address
        self._hosts = [name for name, plan in lab.plans.items() if plan.kind is Kind.NETWORK]
        self._changes: list[Change] = []

    @property
    def changes(self) -> list[Change]:
        return list(self._changes)

    def _work(self) -> None:
        known: dict[str, bool] = {}
        while not self._over.wait(EVERY):
            for host in self._hosts:
                held = holds(self._lab, host, self._namespace, self._address)
                if known.get(host) is not held:
                    known[host] = held
                    self._changes.append(Change(time.time(), host, held))


def holds(lab: Lab, host: str, namespace: str, address: str) -> bool:
    """Whether the kernel of a host has the address in a namespace; not, if there is no such host or namespace now."""
    try:
        path = f"/proc/{lab.process(host).pid}/root/run/netns/{namespace}"
        return address in netns.run_inside(path, _local_addresses)
    except (LabError, OSError):
        return False


def _local_addresses() -> set[str]:
    return set(local_addresses(Path("/proc/thread-self/net/fib_trie").read_text().splitlines()))


def local_addresses(lines: Iterable[str]) -> Iterable[str]:
    """The host's own addresses in its routing tables as the kernel prints them: a leaf, then what it is for."""
    for leaf, meaning in itertools.pairwise(line.strip() for line in lines):
        if leaf.startswith("|-- ") and meaning == "/32 host LOCAL":
            yield leaf.removeprefix("|-- ")
