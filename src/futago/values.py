"""The small types that everything else is made of: units and identities live in types, not in heads."""

from abc import ABC
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from typing import TYPE_CHECKING, Final, NewType

if TYPE_CHECKING:
    IPAddress = IPv4Address | IPv6Address
    IPInterface = IPv4Interface | IPv6Interface
    IPNetwork = IPv4Network | IPv6Network
else:
    # msgspec decodes a union with at most one type of its caller's: at run time each pair is one abstract class.
    class IPAddress(ABC):  # noqa: B024 - its subclasses are others'
        """An address of either family."""

    class IPInterface(ABC):  # noqa: B024 - its subclasses are others'
        """An address with its prefix length, of either family."""

    class IPNetwork(ABC):  # noqa: B024 - its subclasses are others'
        """A prefix of either family."""

    for _either, _of in (
        (IPAddress, (IPv4Address, IPv6Address)),
        (IPInterface, (IPv4Interface, IPv6Interface)),
        (IPNetwork, (IPv4Network, IPv6Network)),
    ):
        for _family in _of:
            _either.register(_family)

Mac = NewType("Mac", str)
"""A MAC address in lower case with colons, as `fa:16:3e:25:05:d7`."""

Millis = NewType("Millis", int)
"""A duration, or a reading of the monotonic clock, in milliseconds."""

Revision = NewType("Revision", int)
"""The number of a write to the store: 0 before the first, growing by one with each."""

Vlan = NewType("Vlan", int)
"""A VLAN id, 1 to 4094."""

LINK_LOCAL: Final = IPv6Network("fe80::/64")
"""Where each interface's own IPv6 address is (RFC 4291, 2.5.6)."""

MAX_VRID: Final = 254
"""Virtual router ids run from 1 to 255 (RFC 9568, 5.2.3); 255 is left out, as Neutron does."""


class NetworkType(StrEnum):
    """How a network's frames travel between hosts (Neutron's `provider:network_type`)."""

    FLAT = "flat"
    VLAN = "vlan"
    GRE = "gre"
    VXLAN = "vxlan"


class IPv6Mode(StrEnum):
    """Where the hosts of an IPv6 subnet get what they need (Neutron's `ipv6_ra_mode` and `ipv6_address_mode`)."""

    SLAAC = "slaac"
    """All from router advertisements; each makes its address from its MAC."""
    DHCPV6_STATELESS = "dhcpv6-stateless"
    """The address so, the rest by DHCPv6."""
    DHCPV6_STATEFUL = "dhcpv6-stateful"
    """All by DHCPv6, but the default route."""


class Role(StrEnum):
    """The state of a virtual router on one node (RFC 9568, 6.4)."""

    INITIALIZE = "initialize"
    BACKUP = "backup"
    ACTIVE = "active"


def millis_from_centiseconds(centiseconds: int) -> Millis:
    """VRRPv3 counts its interval in hundredths of a second (RFC 9568, 5.2.7)."""
    return Millis(centiseconds * 10)


def mac_bytes(mac: Mac) -> bytes:
    """The six bytes of a MAC address, as they stand in a frame."""
    return bytes.fromhex(mac.replace(":", ""))


def rank(value: IPAddress | IPInterface | IPNetwork) -> tuple[int, ...]:
    """What sorts addresses of both families, or prefixes of both: IPv4 first, then by number."""
    if isinstance(value, (IPv4Interface, IPv6Interface)):
        return value.version, int(value.ip), value.network.prefixlen
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value.version, int(value.network_address), value.prefixlen
    return value.version, int(value)


def eui64(prefix: IPv6Network, mac: Mac) -> IPv6Address:
    """The address that the interface with this MAC makes for itself in a /64 (RFC 4291, appendix A)."""
    octets = mac_bytes(mac)
    identifier = bytes([octets[0] ^ 0x02]) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return prefix.network_address + int.from_bytes(identifier)


def default_hostname(address: IPAddress | str) -> str:
    """What a host without a name is called in DNS."""
    return f"host-{str(address).replace('.', '-').replace(':', '-')}"


__all__ = [
    "LINK_LOCAL",
    "MAX_VRID",
    "IPAddress",
    "IPInterface",
    "IPNetwork",
    "IPv4Address",
    "IPv4Interface",
    "IPv4Network",
    "IPv6Address",
    "IPv6Interface",
    "IPv6Mode",
    "IPv6Network",
    "Mac",
    "Millis",
    "NetworkType",
    "Revision",
    "Role",
    "Vlan",
    "default_hostname",
    "eui64",
    "mac_bytes",
    "millis_from_centiseconds",
    "rank",
]
