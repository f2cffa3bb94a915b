"""Port forwardings: the rules of NAT by which ports of an address outside are those of addresses inside.

Single ports are all in one map, which is one look-up however many there are. A range is a rule of its own where it goes
to the same ports, or to one; where it goes to others each of its ports is in the map, for nft shifts no ranges.
"""

from collections.abc import Sequence

from futago.contract.specs import PortForwardingSpec


def forwarding_rules(forwardings: Sequence[PortForwardingSpec]) -> list[str]:
    """As nft writes them back, so that they can be compared with what is there."""
    entries = [entry for one in forwardings if not _is_rule(one) for entry in _entries(one)]
    mapped = [f"dnat ip to ip daddr . meta l4proto . th dport map {{ {', '.join(entries)} }}"] if entries else []
    return mapped + [_rule(one) for one in forwardings if _is_rule(one)]


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
