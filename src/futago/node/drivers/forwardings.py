"""Port forwardings as they stand in the text of an nft table, ours or the kernel's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

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


def forwardings(text: str) -> set[Forwarding]:
    """All in the text of a table."""
    return set(_found(text))


def _found(text: str) -> Iterator[Forwarding]:
    for outside, protocol, port, inside, inside_port in _MAPPED.findall(text):
        yield Forwarding(outside, protocol, int(port), int(port), inside, int(inside_port))
    for outside, protocol, first, last, inside, inside_port in _RANGE.findall(text):
        yield Forwarding(outside, protocol, int(first), int(last), inside, int(inside_port) if inside_port else None)
