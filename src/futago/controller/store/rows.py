"""The rows: one frozen struct for each table, typed as the code wants them.

A column that is a list or a mapping is JSON in the database; an address is text. Ids are UUIDs as text. `standard`
columns (name, description, timestamps, revision_number, tags) are those that Neutron gives to every resource.
"""

from typing import Any

import msgspec

from futago.contract.report import NodeFacts, UplinkReport
from futago.values import IPAddress, IPNetwork, IPv4Address, IPv6Mode, Mac, NetworkType, Role


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the table that `tables.TABLES` names for its class."""


class StandardRow(Row, frozen=True, kw_only=True):
    """What every resource of the API has."""

    id: str
    project_id: str
    name: str = ""
    description: str = ""
    created_at: str = ""
    """UTC, as `2026-11-23T00:31:20Z`; set by the store."""
    updated_at: str = ""
    revision_number: int = 0
    """Counts this row's own changes; set by the store."""
    tags: tuple[str, ...] = ()


class Network(StandardRow, frozen=True, kw_only=True):
    """A layer 2 network; `Segment` says how it is carried."""

    admin_state_up: bool = True
    external: bool = False
    is_default: bool = False
    mtu: int
    port_security_enabled: bool = True
    dns_domain: str = ""
    availability_zone_hints: tuple[str, ...] = ()
    qos_policy_id: str | None = None


class Segment(StandardRow, frozen=True, kw_only=True):
    """How a network's frames travel between some hosts; type, physical network and id are no other segment's."""

    network_type: NetworkType
    physical_network: str
    """"" where the type has none."""
    segmentation_id: int
    """0 where the type has none."""
    network_id: str
    position: int = 0
    """Among the network's."""


class Pool(msgspec.Struct, frozen=True):
    """A range of addresses of one family, both ends included."""

    start: IPAddress
    end: IPAddress


class HostRoute(msgspec.Struct, frozen=True):
    """A route as the API writes it; both are of one family."""

    destination: IPNetwork
    nexthop: IPAddress


class Subnet(StandardRow, frozen=True, kw_only=True):
    """An address range of a network."""

    network_id: str
    ip_version: int = 4
    cidr: IPNetwork
    gateway_ip: IPAddress | None = None
    """An IPv6 one may be link-local."""
    enable_dhcp: bool = True
    allocation_pools: tuple[Pool, ...] = ()
    dns_nameservers: tuple[IPAddress, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    service_types: tuple[str, ...] = ()
    ipv6_ra_mode: IPv6Mode | None = None
    """What the routers tell hosts to do; None: the routers say nothing of this subnet."""
    ipv6_address_mode: IPv6Mode | None = None
    """How hosts get their addresses; None: not from us, unless `ipv6_ra_mode` says so."""
    subnetpool_id: str | None = None
    """What it was cut from."""
    segment_id: str | None = None
    """None: it is the whole network's. Else the others of the network are on segments, too."""

    @property
    def automatic(self) -> bool:
        """Whether each port makes its address from its MAC, so that none can be chosen."""
        made_by_hosts = {IPv6Mode.SLAAC, IPv6Mode.DHCPV6_STATELESS}
        return self.ipv6_ra_mode in made_by_hosts or self.ipv6_address_mode in made_by_hosts


class Port(StandardRow, frozen=True, kw_only=True):
    """A connection point of a network; its addresses are `FixedIp` rows."""

    network_id: str
    mac_address: Mac
    admin_state_up: bool = True
    device_id: str = ""
    device_owner: str = ""
    host_id: str = ""
    """Where it is bound: the name of a node, or ""."""
    ip_allocation: str = "immediate"
    """Or "deferred" until it has a host, or "none"."""
    vnic_type: str = "normal"
    profile: dict[str, Any] = {}
    security_group_ids: tuple[str, ...] = ()
    allowed_address_pairs: tuple[dict[str, str], ...] = ()
    extra_dhcp_opts: tuple[dict[str, Any], ...] = ()
    port_security_enabled: bool = True
    dns_name: str = ""
    dns_domain: str = ""
    """"" is the network's."""
    propagate_uplink_status: bool = True
    up: bool = False
    """A node has reported it wired: the API's status ACTIVE."""
    qos_policy_id: str | None = None
    data_plane_status: str | None = None
    """What somebody who watches the hosts says of it, for others to read."""
    numa_affinity_policy: str | None = None
    """For whoever places the instance, as is the next."""
    device_profile: str | None = None


class InstanceData(Row, frozen=True, kw_only=True):
    """What the instance at a port is told when it asks who it is, beside what is known of the port."""

    port_id: str
    network_id: str
    name: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: bytes = b""
    vendor_data: str = ""
    """A JSON object, or ""."""
    meta: dict[str, str] = {}
    availability_zone: str = ""


class FixedIp(Row, frozen=True, kw_only=True):
    """An address of a port: its primary key is what keeps two ports off one address."""

    subnet_id: str
    ip_address: IPAddress
    network_id: str
    port_id: str
    position: int = 0
    """Its place in the port's `fixed_ips`."""


class LowestFree(Row, frozen=True, kw_only=True):
    """Below which number nothing of a pool is free: see `lowest_free`."""

    pool: str
    value: str
    """A number; one of IPv6 is too long for a column of numbers."""


class Router(StandardRow, frozen=True, kw_only=True):
    """A virtual router; its legs are ports whose `device_id` is its id."""

    admin_state_up: bool = True
    ha: bool = True
    ha_network_id: str | None = None
    vrid: int | None = None
    gateway_port_id: str | None = None
    gateway_network_id: str | None = None
    gateway_qos_policy_id: str | None = None
    enable_snat: bool = True
    routes: tuple[HostRoute, ...] = ()
    availability_zone_hints: tuple[str, ...] = ()


class Replica(Row, frozen=True, kw_only=True):
    """A router's copy on one node, and the role that the node's vrrpd reports for it."""

    router_id: str
    node: str
    ha_port_id: str | None = None
    priority: int
    """Its own; a profile may have all advertise the same."""
    role: Role = Role.INITIALIZE
    role_since: float = 0.0
    """When the report of it came, by the controller's clock: seconds since the Unix epoch."""
    yielding: bool = False
    """It leaves the router to any replica that does not yield, until one has it: a move that has begun."""
    admin_state_up: bool = True
    """If not, it leaves the router to any other replica, for as long as that is so."""


class HaNetwork(Row, frozen=True, kw_only=True):
    """A project's network for advertisements; a further one follows when its 254 VRIDs are used up."""

    project_id: str
    ordinal: int
    """0, 1, 2…: together with the project the primary key, so that it is made once."""
    network_id: str
    subnet_id: str


class FloatingIp(StandardRow, frozen=True, kw_only=True):
    """An external address that stands for a port's."""

    floating_network_id: str
    floating_ip_address: IPv4Address
    floating_port_id: str
    """The port that holds the external address (device_owner `network:floatingip`)."""
    port_id: str | None = None
    fixed_ip_address: IPv4Address | None = None
    router_id: str | None = None
    dns_name: str = ""
    dns_domain: str = ""
    qos_policy_id: str | None = None


class SecurityGroup(StandardRow, frozen=True, kw_only=True):
    """A named set of rules."""

    stateful: bool = True


class SecurityGroupRule(StandardRow, frozen=True, kw_only=True):
    """One thing that a security group lets through."""

    security_group_id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    belongs_to_default_sg: bool = False


class AddressGroup(StandardRow, frozen=True, kw_only=True):
    """A named set of addresses for rules."""

    addresses: tuple[str, ...] = ()
    """Ranges without host bits, sorted, each once."""


class DefaultSecurityGroup(Row, frozen=True, kw_only=True):
    """Which group is a project's default: its primary key is what makes it one."""

    project_id: str
    security_group_id: str


class DhcpReplica(Row, frozen=True, kw_only=True):
    """A network's DHCP server on one node."""

    network_id: str
    node: str
    port_id: str


class Node(Row, frozen=True, kw_only=True):
    """A host that has joined."""

    name: str
    credential_hash: str
    """SHA-256 of the bearer credential, in hexadecimal."""
    agent_ids: dict[str, str]
    """Agent type → the id under which the API shows it."""
    admin_state_up: dict[str, bool] = {}
    """Agent type → false where an operator has disabled it."""
    agent_descriptions: dict[str, str | None] = {}
    """Agent type → what an operator has written down of it."""
    facts: NodeFacts | None = None
    created_at: str
    started_at: str = ""
    heartbeat_at: float = 0.0
    """Seconds since the Unix epoch."""
    revision: int = 0
    """What it has reached."""
    failures: tuple[dict[str, str], ...] = ()
    uplinks: tuple[UplinkReport, ...] = ()


class VrrpKey(Row, frozen=True, kw_only=True):
    """What the secrets of authenticated advertisements come of."""

    key_id: int
    """1 to 255."""
    secret: str
    """32 random bytes, in hexadecimal."""
    signs: bool
    """It is used for what goes out; of all keys one is."""
    created_at: str

    def __repr__(self) -> str:
        """A key in a log is a key lost."""
        return f"VrrpKey(key_id={self.key_id}, signs={self.signs}, secret=...)"


class Quota(Row, frozen=True, kw_only=True):
    """A project's own limit for one resource."""

    project_id: str
    resource: str
    limit: int
