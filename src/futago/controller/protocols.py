"""The protocols that have names in the API, by their numbers (IANA)."""

from typing import Final

NUMBERS: Final = {
    "ah": 51, "dccp": 33, "egp": 8, "esp": 50, "gre": 47, "hopopt": 0, "icmp": 1, "igmp": 2, "ip": 0, "ipip": 4,
    "ipv6-encap": 41, "ipv6-frag": 44, "ipv6-icmp": 58, "icmpv6": 58, "ipv6-nonxt": 59, "ipv6-opts": 60,
    "ipv6-route": 43, "ospf": 89, "pgm": 113, "rsvp": 46, "sctp": 132, "tcp": 6, "udp": 17, "udplite": 136, "vrrp": 112,
}  # fmt: skip
IPV6_ONLY: Final = frozenset(number for name, number in NUMBERS.items() if name.startswith("ipv6-"))
ICMP: Final = frozenset({NUMBERS["icmp"], NUMBERS["ipv6-icmp"]})


def number_of(protocol: str, ethertype: str = "") -> int:
    """The number of a protocol that is named or numbered; ICMP is each family's own."""
    number = int(protocol) if protocol.isdecimal() else NUMBERS[protocol]
    return NUMBERS["ipv6-icmp"] if ethertype == "IPv6" and number == NUMBERS["icmp"] else number
