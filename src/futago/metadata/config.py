"""What the program that answers instances is told: files under /run, written by the agent, read when they are needed.

    listeners/<name>.json                  where it listens, and which networks are asked about there
    instances/<network>/<address>.json     who has an address: an `InstanceSpec`

It keeps nothing of them in memory, so that nothing is out of date, and it needs neither agent nor controller to go on.
"""

from pathlib import Path
from typing import Final

import msgspec

from futago.values import IPAddress, IPv4Address, IPv6Address

METADATA_ADDRESS: Final = IPv4Address("169.254.169.254")
"""Where instances ask who they are; EC2's, and everybody's since."""
METADATA_ADDRESS_IPV6: Final = IPv6Address("fe80::a9fe:a9fe")
"""The same over IPv6, on the instance's own link."""
METADATA_PORT: Final = 80


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    """A place where instances ask: a router, or the DHCP server of a network."""

    name: str
    """As `qrouter-…` or `qdhcp-…`, and a file's name."""
    namespace: str
    networks: tuple[str, ...]
    """The networks whose instances reach it, sorted; no two of them share an address."""
    address: IPAddress = METADATA_ADDRESS
    interface: str = ""
    """Where a link-local address of IPv6 is."""
    port: int = METADATA_PORT

    @property
    def path(self) -> Path:
        return Path("listeners") / f"{self.name}.json"


class Nova(msgspec.Struct, frozen=True, kw_only=True):
    """Where questions are passed on to, and how they are signed."""

    url: str
    secret: str
    insecure: bool = False


def instance_path(network_id: str, address: str) -> Path:
    """Where it stands who has an address."""
    return Path("instances") / network_id / f"{address}.json"
