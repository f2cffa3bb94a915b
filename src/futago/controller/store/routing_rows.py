"""The rows of what routers do beside routing: more of `rows`."""

from futago.controller.store.rows import Row, StandardRow
from futago.values import IPv4Address, NetworkType


class PortForwarding(Row, frozen=True, kw_only=True):
    """Ports of a floating IP that stand for as many of an address inside, or for one."""

    id: str
    floatingip_id: str
    router_id: str
    """The floating IP's."""
    internal_port_id: str
    internal_ip_address: IPv4Address
    protocol: str
    internal_first: int
    internal_last: int
    external_first: int
    external_last: int
    description: str = ""


class ConntrackHelper(Row, frozen=True, kw_only=True):
    """Connections through a router, to a port, are read for the further ones that they agree on."""

    id: str
    router_id: str
    protocol: str
    port: int
    helper: str


class MeteringLabel(StandardRow, frozen=True, kw_only=True):
    """Counts what the routers of its project carry to and from the outside."""

    shared: bool = False
    """Of all projects."""


class MeteringRule(Row, frozen=True, kw_only=True):
    """What a label counts or leaves out."""

    id: str
    metering_label_id: str
    direction: str
    excluded: bool = False
    remote_ip_prefix: str | None = None
    """The side of the instances: the source of what goes out, the destination of what comes in."""
    source_ip_prefix: str | None = None
    destination_ip_prefix: str | None = None


class SegmentRange(StandardRow, frozen=True, kw_only=True):
    """Segment ids for project networks, beside those of the configuration."""

    shared: bool = True
    """Of all projects; then it has no `project_id`."""
    network_type: NetworkType
    physical_network: str = ""
    """"" where the type has none."""
    minimum: int
    maximum: int
