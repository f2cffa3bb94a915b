"""Pairs of network namespaces, two for each virtual router, joined by nothing but their own wires.

      [a7] ha-1 ─────────── ha-1 [b7]      one veth pair for the advertisements,
           qr-1 ─────────── qr-1           one for the addresses: nobody hears what is another's

There is no bridge that would copy each packet a thousand times: what is measured is engines, not flooding. So a peer is
gone when its engine is: to set its links down would take the carrier from the survivor's own.
"""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import _kit
from futago import netns
from futago.values import IPv4Address

SIDES = ("a", "b")
SOURCES = {"a": IPv4Address("169.254.192.1"), "b": IPv4Address("169.254.192.2")}
_PREFIX = "fvb"
_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class World:
    """The namespaces of `size` virtual routers."""

    size: int
    owner: int

    def name(self, side: str, number: int) -> str:
        return f"{_PREFIX}{self.owner}{side}{number}"


@contextmanager
def world(size: int) -> Iterator[World]:
    """Make it, and take it away at the end whatever happens."""
    _sweep()
    made = World(size, os.getpid())
    try:
        for start in range(0, size, _AT_ONCE):
            _make(made, range(start, min(size, start + _AT_ONCE)))
            _say(f"namespaces: {2 * min(size, start + _AT_ONCE)} of {2 * size}", last=start + _AT_ONCE >= size)
        yield made
    finally:
        _delete(path.name for path in netns.DIRECTORY.glob(f"{_PREFIX}{made.owner}[ab]*"))


def _say(text: str, *, last: bool) -> None:
    """On a terminal each overwrites the one before."""
    if _kit.console.is_terminal or last:
        _kit.console.print(text, end="\n" if last else "\r")


def _make(world: World, numbers: Iterable[int]) -> None:
    names = [(world.name("a", n), world.name("b", n)) for n in numbers]
    lines = [f"netns add {name}" for pair in names for name in pair]
    for a, b in names:
        lines += [f"link add {leg} netns {a} type veth peer name {leg} netns {b}" for leg in ("ha-1", "qr-1")]
    _ip(lines)
    for pair in names:
        for side, name in zip(SIDES, pair, strict=True):
            netns.run_inside(name, lambda side=side: _furnish(side))


def _furnish(side: str) -> None:
    """IPv6 is off, so that no interface speaks for itself."""
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    up = [f"link set {link} up" for link in ("lo", "ha-1", "qr-1")]
    _ip([*up, f"address add {SOURCES[side]}/30 dev ha-1"])


def _ip(lines: Iterable[str]) -> None:
    subprocess.run(["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True)


def _delete(names: Iterable[str]) -> None:
    """A few at a time: whoever else uses the network waits for the kernel meanwhile."""
    left = list(names)
    for start in range(0, len(left), _AT_ONCE):
        lines = "\n".join(f"netns del {name}" for name in left[start : start + _AT_ONCE])
        subprocess.run(["ip", "-force", "-batch", "-"], input=lines, text=True, capture_output=True, check=False)


def _sweep() -> None:
    """What a benchmark left behind that was killed."""
    for path in netns.DIRECTORY.glob(f"{_PREFIX}*"):
        owner = path.name.removeprefix(_PREFIX).replace("b", "a").partition("a")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists():
            _delete([path.name])
