"""Port forwardings: the rules of NAT by which ports of an address outside are those of addresses inside.

Single ports are all in one map, which is one look-up however many there are. A range is a rule of its own where it goes
to the same ports, or to one; where it goes to others each of its ports is in the map, for nft shifts no ranges.

Others read them in the text of a table, ours or the kernel's: who ends connections, and who tells a packet's way.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from futago.contract.router_parts import PortForwardingSpec

_MAPPED: Final = re.compile(r"([\d.]+) \. (tcp|udp|sctp) \. (\d+) : ([\d.]+) \. (\d+)")
_RANGE: Final = re.compile(r"ip daddr ([\d.]+) (tcp|udp|sctp) dport (\d+)-(\d+) dnat to ([\d.]+)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Forwarding:
    """A range of ports of an address outside, which are the same ones of an address inside, or one of it."""

    outside: str
    protocol: str
    first: int
    last: int
    inside: str
    inside_port: int | None
    """None: the same one."""

    def covers(self, outside: str, protocol: str, port: int) -> bool:
        """Whether it says what becomes of packets to this port."""
        return (outside, protocol) == (self.outside, self.protocol) and self.first <= port <= self.last

    def leads_to(self, port: int, inside: str, inside_port: int) -> bool:
        """Whether one of its ports becomes this."""
        wanted = port if self.inside_port is None else self.inside_port
        return (inside, inside_port) == (self.inside, wanted)


def forwarding_rules(forwardings: Sequence[PortForwardingSpec]) -> list[str]:
    """As nft writes them back, so that they can be compared with what is there."""
    entries = [entry for one in forwardings if not _is_rule(one) for entry in _entries(one)]
    mapped = [f"dnat ip to ip daddr . meta l4proto . th dport map {{ {', '.join(entries)} }}"] if entries else []
    return mapped + [_rule(one) for one in forwardings if _is_rule(one)]


def forwardings(text: str) -> set[Forwarding]:
    """All in the text of a table."""
    return set(_found(text))


def _is_rule(one: PortForwardingSpec) -> bool:
    """Whether it is a range whose ports stay, or become one."""
    return one.first != one.last and one.inside_first in {one.first, one.inside_last}


def _entries(one: PortForwardingSpec) -> list[str]:
    shift = one.inside_first - one.first
    return [
        f"{one.outside} . {one.protocol} . {port} : {one.inside} . {port + shift}"
        for port in range(one.first, one.last + 1)
    ]


def _rule(one: PortForwardingSpec) -> str:
    single = f":{one.inside_first}" if one.inside_first == one.inside_last else ""
    return f"ip daddr {one.outside} {one.protocol} dport {one.first}-{one.last} dnat to {one.inside}{single}"


def _found(text: str) -> Iterator[Forwarding]:
    for outside, protocol, port, inside, inside_port in _MAPPED.findall(text):
        yield Forwarding(outside, protocol, int(port), int(port), inside, int(inside_port))
    for outside, protocol, first, last, inside, inside_port in _RANGE.findall(text):
        yield Forwarding(outside, protocol, int(first), int(last), inside, int(inside_port) if inside_port else None)
