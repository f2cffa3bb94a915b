"""Which of a network's segments a host uses: the first that leads to it. Pure.

On a routed network, where subnets are on segments, a host is on a segment that has subnets.
"""

from collections.abc import Iterable, Sequence

from futago.contract.report import NodeFacts
from futago.controller.store.rows import Segment, Subnet
from futago.values import NetworkType


def ordered(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """A network's segments in their order."""
    return tuple(sorted(segments, key=lambda segment: segment.position))


def leads_to(facts: NodeFacts | None, segment: Segment) -> bool:
    """Whether a host, known by what it says of itself, is on a segment."""
    if facts is None:
        return False
    if segment.network_type in {NetworkType.FLAT, NetworkType.VLAN}:
        return segment.physical_network in facts.bridge_mappings
    return facts.tunnel_address is not None and segment.network_type in facts.tunnel_types


def connected(facts: NodeFacts | None, segments: Sequence[Segment], subnets: Iterable[Subnet]) -> list[Segment]:
    """Those that a host may use, in their order."""
    return [segment for segment in serving(segments, subnets) if leads_to(facts, segment)]


def used(facts: NodeFacts | None, segments: Sequence[Segment], subnets: Iterable[Subnet]) -> Segment | None:
    """The one that a host uses; where it reaches none it is given one all the same, to say why not."""
    if len(segments) <= 1:
        return next(iter(segments), None)
    return next(iter([*connected(facts, segments, subnets), *segments]))


def serving(segments: Sequence[Segment], subnets: Iterable[Subnet]) -> list[Segment]:
    """Those that are of use: all, or on a routed network those that have subnets."""
    routed = {subnet.segment_id for subnet in subnets if subnet.segment_id is not None}
    return [segment for segment in segments if not routed or segment.id in routed]
