"""The agents as which a node shows in the API, under Neutron's names, and the role of a node that makes it each."""

from typing import Final

OVS: Final = "Open vSwitch agent"
L3: Final = "L3 agent"
DHCP: Final = "DHCP agent"
METADATA: Final = "Metadata agent"

AGENT_TYPES: Final = (OVS, L3, DHCP, METADATA)
ROLES: Final = {L3: "l3", DHCP: "dhcp", METADATA: "metadata"}
"""Switching has no role: it is always there."""
