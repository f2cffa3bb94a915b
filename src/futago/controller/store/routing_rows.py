"""The rows of what routers do beside routing: more of `rows`."""

from futago.controller.store.rows import Row
from futago.values import IPv4Address


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
