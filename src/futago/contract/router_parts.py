"""What a router does beside routing; more of `specs`."""

import msgspec

from futago.contract.port_features import RateLimit
from futago.values import IPNetwork, IPv4Address


class PortForwardingSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Ports of one address outside stand for as many of one inside, or for one."""

    outside: IPv4Address
    protocol: str
    first: int
    last: int
    inside: IPv4Address
    inside_first: int
    inside_last: int


class AddressLimit(msgspec.Struct, frozen=True, kw_only=True):
    """How much may pass between one address outside and the external network; directions are as its owner sees them."""

    address: IPv4Address
    egress: RateLimit | None = None
    ingress: RateLimit | None = None


class ConntrackHelperSpec(msgspec.Struct, frozen=True, kw_only=True):
    """Connections to a port that agree on further ones: a helper of the kernel reads them."""

    helper: str
    """Neutron's name of it."""
    protocol: str
    port: int


class MeterRule(msgspec.Struct, frozen=True, kw_only=True):
    """What a meter counts, or leaves out: one way, by where it comes from and goes to."""

    outwards: bool
    excluded: bool
    source: IPNetwork | None = None
    destination: IPNetwork | None = None


class MeterSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A metering label."""

    label_id: str
    rules: tuple[MeterRule, ...]
