"""Pure: what `ovs-appctl ofproto/trace --names` prints, as values. No table or flow is known here by its number."""

import re
from itertools import pairwise
from typing import Final

import msgspec
from msgspec.structs import replace

_BRIDGE: Final = re.compile(r'^bridge\("(.+)"\)$')
_RULE: Final = re.compile(r"^ *(\d+)\. (.*)$")
_NAME: Final = re.compile(r"[A-Za-z][\w.-]*|\"[^\"]+\"")
_REMOTE: Final = re.compile(r"(?:ipv4|tunnel)\([^()]*\bdst=([\d.]+)")
_ENDS: Final = "Datapath actions: "
_NOT_PORTS: Final = frozenset({"drop", "pop_vlan", "ct_clear", "pop_eth", "userspace"})


class Step(msgspec.Struct, frozen=True):
    """A flow that the packet met."""

    bridge: str
    table: int
    rule: str
    actions: tuple[str, ...]


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a packet within one switch."""

    steps: tuple[Step, ...]
    ports: frozenset[str]
    """The interfaces by which it leaves."""
    tunnels: frozenset[str]
    """The addresses of the nodes that it is sent to in tunnels."""

    @property
    def dropped(self) -> bool:
        return not (self.ports or self.tunnels)

    def tables(self) -> str:
        """The bridges and tables that it passes, in a line."""
        groups: list[tuple[str, list[str]]] = []
        for step in self.steps:
            if not groups or groups[-1][0] != step.bridge:
                groups.append((step.bridge, []))
            groups[-1][1].append(str(step.table))
        return "; ".join(f"{bridge} table{'s' * (len(tables) > 1)} {', '.join(tables)}" for bridge, tables in groups)


def parse(text: str) -> Walk:
    """Read the trace of one packet, in as many parts as the connection tracking divides it into."""
    steps: list[Step] = []
    bridge, ends = "", list[str]()
    within = False
    for line in text.splitlines():
        words = line.strip()
        if found := _BRIDGE.match(words):
            bridge, within = found[1], False
        elif found := _RULE.match(line):
            steps.append(Step(bridge, int(found[1]), found[2], ()))
            within = True
        elif line.startswith(_ENDS):
            ends += _parts(line.removeprefix(_ENDS))
        elif within and line.startswith("    ") and not words.startswith("->"):
            steps[-1] = replace(steps[-1], actions=(*steps[-1].actions, words))
        else:
            within = within and bool(words) and line.startswith(" ")
    # What follows a tunnel's header is the port that the tunnel itself leaves by.
    own = [part for before, part in pairwise(["", *ends]) if not before.startswith("tnl_push(")]
    names = {part.strip('"') for part in own if _NAME.fullmatch(part)}
    # A flood reaches the bridges' own interfaces, too, where nobody listens.
    ports = names - _NOT_PORTS - {step.bridge for step in steps}
    tunnels = {remote for part in ends for remote in _REMOTE.findall(part)}
    return Walk(steps=tuple(steps), ports=frozenset(ports), tunnels=frozenset(tunnels))


def _parts(actions: str) -> list[str]:
    """The actions of a list, at its top level."""
    parts, depth, current = [], 0, ""
    for character in actions:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append(current.strip())
            current = ""
        else:
            current += character
    return [*parts, current.strip()]
