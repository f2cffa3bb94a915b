"""What a port may have besides its place in a network: limits and marks on its traffic, a tag on a trunk."""

import msgspec

from futago.values import Vlan


class RateLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How much may pass in one direction; what is more than the burst is dropped, or waits."""

    kbps: int
    """Thousands of bits a second."""
    burst_kbits: int


class PacketLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How many packets may pass in one direction; what is more than the burst is dropped."""

    per_second: int
    burst: int


class QosSpec(msgspec.Struct, frozen=True, kw_only=True):
    """What is done to the traffic of a port; directions are as the instance sees them."""

    egress: RateLimit | None = None
    ingress: RateLimit | None = None
    egress_packets: PacketLimit | None = None
    dscp: int | None = None
    """The code point of all IP that the instance sends (RFC 2474)."""


class TrunkTag(msgspec.Struct, frozen=True, kw_only=True):
    """Where a subport's frames are: under this tag on the interface of another port."""

    parent_id: str
    vlan: Vlan
