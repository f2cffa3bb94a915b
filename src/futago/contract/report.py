"""What came true on a node: facts about it at start, then a report at every change and at every heartbeat."""

from typing import Annotated

import msgspec

from futago.contract.firewall import FirewallDriver
from futago.values import IPv4Address, Role


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself when its agent starts (`PUT /nodes/{node}`)."""

    roles: tuple[str, ...]
    """Of "l3", "dhcp", "metadata"; switching is always there."""
    tunnel_address: IPv4Address | None
    """Where its tunnels end (`local_ip`); None: it takes part in no tunnel network."""
    tunnel_types: tuple[str, ...]
    bridge_mappings: dict[str, str]
    """Physical network → bridge."""
    datapath_type: str
    """"system" or "netdev"."""
    version: str
    """Futago's."""
    firewall_driver: FirewallDriver = "openvswitch"
    availability_zone: str = "nova"
    """What it may fail together with."""


class RouterRole(msgspec.Struct, frozen=True, kw_only=True):
    """What vrrpd says of a router's replica on this node."""

    router_id: str
    role: Role
    since: float
    """When it took this role, in seconds since the Unix epoch, by the node's clock."""
    cause: str
    """Why, in a few words: "timer", "higher priority heard", "adopted"…"""


class UplinkReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a node's way into an external network is."""

    network_id: str
    physical_network: str
    up: bool
    since: Annotated[float, msgspec.Meta(ge=0, le=4e9)]
    """When it came up or went down, in seconds since the Unix epoch, by the node's clock."""
    cause: str
    """Why it is down; "" if it is up."""
    probed: bool
    """The gateway answers probes, so that its silence is noticed; else only the carrier is."""
    falls: int
    """How often it has gone down since the agent started."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Something that the node could not make true; it goes on trying."""

    key: str
    """The spec that it belongs to, or "host"."""
    message: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a node (`POST /nodes/{node}/report`): whole each time, so a lost one costs nothing."""

    revision: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    """Every spec up to it is applied, or stands in `failures`."""
    roles: tuple[RouterRole, ...]
    ports_up: tuple[str, ...]
    """The ids of all ports wired on this node: instances', routers' and DHCP's."""
    failures: tuple[Failure, ...]
    uplinks: tuple[UplinkReport, ...] = ()
    """By network."""
