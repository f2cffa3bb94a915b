"""What one node must make true, in network terms: one spec for each object, keyed, comparable, complete in itself.

Specs are made by `controller.plan` and read by `node.features`. They are values: frozen, sorted where order has no
meaning, so that equal things are equal and a digest of one is stable.
"""

from typing import Literal

import msgspec

from futago.contract.advertisement import Advertisement
from futago.contract.firewall import AddressPair, AddressSetSpec, SecurityGroupSpec
from futago.contract.keys import SharedKey
from futago.contract.port_features import QosSpec, TrunkTag
from futago.contract.router_parts import AddressLimit, ConntrackHelperSpec, MeterSpec, PortForwardingSpec
from futago.values import (
    IPAddress,
    IPInterface,
    IPNetwork,
    IPv4Address,
    IPv4Interface,
    IPv6Mode,
    Mac,
    Millis,
    NetworkType,
)

Key = str
"""Names a spec within a node: its kind, a slash and the object's id, as `router/7a46dba8-…`."""


AuthMode = Literal["receive-only", "permissive", "enforce"]
"""Who must prove who they are: nobody, but proofs are verified; nobody, and we do; everybody."""


class PeerSpec(msgspec.Struct, frozen=True, kw_only=True, tag="peer"):
    """Another node to which tunnels go."""

    node: str
    tunnel_address: IPv4Address
    bfd_interval: Millis | None = None
    """Between the packets of the BFD session with it (RFC 5880), by which elections learn that it is dead; None: they
    do not, and the session only keeps the tunnel warm."""

    @property
    def key(self) -> Key:
        return f"peer/{self.node}"


class NetworkSpec(msgspec.Struct, frozen=True, kw_only=True, tag="network"):
    """A network that has members on this node."""

    network_id: str
    network_type: NetworkType
    physical_network: str | None
    """Flat and VLAN: the label that the node's `bridge_mappings` turns into a bridge."""
    segmentation_id: int | None
    """VXLAN: the VNI; GRE: the key; VLAN: the tag; flat: None."""
    mtu: int
    members: tuple[str, ...]
    """The names of the other nodes that have members of it, sorted: floods go there and nowhere else."""
    populated: bool = False
    """Its `NeighbourSpec`s are complete: a frame for a MAC address that is none of theirs is not flooded."""
    lawless: tuple[str, ...] = ()
    """Of `members`, those with ports that may use any MAC address: a populated network floods to these what is for
    an unknown one."""
    qos: QosSpec | None = None
    """For the instances' ports that have none of their own."""

    @property
    def key(self) -> Key:
        return f"network/{self.network_id}"


class NeighbourSpec(msgspec.Struct, frozen=True, kw_only=True, tag="neighbour"):
    """Where a MAC address of a populated network is (Neutron's L2 population)."""

    network_id: str
    mac: Mac
    nodes: tuple[str, ...]
    """Other nodes, sorted."""
    here: bool = False
    """This node may have it, too."""
    addresses: tuple[IPv4Address, ...]
    """ARP for these is answered on the spot, but not where the node may have the MAC address itself."""

    @property
    def wanders(self) -> bool:
        """Traffic tells at which of several nodes it is: a router's leg is where the router is active."""
        return self.here or len(self.nodes) > 1

    @property
    def key(self) -> Key:
        return f"neighbour/{self.network_id}/{self.mac}"


class PortSpec(msgspec.Struct, frozen=True, kw_only=True, tag="port"):
    """A port of an instance that is bound to this node; its interface carries `iface-id=<port_id>`."""

    port_id: str
    network_id: str
    mac: Mac
    addresses: tuple[IPAddress, ...]
    admin_state_up: bool
    port_security: bool = False
    """It may send from its own addresses only, and its security groups say what passes; False: everything does."""
    address_pairs: tuple[AddressPair, ...] = ()
    """What else it may send from."""
    security_groups: tuple[str, ...] = ()
    """The ids of its groups; none lets nothing through but DHCP and the finding of neighbours."""
    qos: QosSpec | None = None
    """None: the network's, if it has one."""
    trunk: TrunkTag | None = None
    """None: an interface of its own is plugged for it."""

    @property
    def key(self) -> Key:
        return f"port/{self.port_id}"


class DhcpRoute(msgspec.Struct, frozen=True, kw_only=True):
    """A classless static route for DHCP clients (RFC 3442); DHCPv6 has no routes."""

    destination: IPNetwork
    next_hop: IPAddress


class DhcpSubnet(msgspec.Struct, frozen=True, kw_only=True):
    """What DHCP clients of one subnet are told."""

    subnet_id: str
    cidr: IPNetwork
    gateway: IPAddress | None
    dns_servers: tuple[IPAddress, ...]
    """Empty: the DHCP servers name themselves."""
    routes: tuple[DhcpRoute, ...]
    servers: tuple[IPAddress, ...] = ()
    """Where the network's other DHCP servers are in this subnet, in order."""
    neighbours: tuple[IPNetwork, ...] = ()
    """The other subnets of the network and the family: they are reached without a router."""
    isolated: bool = False
    """No router has the gateway's address: metadata is not reached through one."""
    stateless: bool = False
    """Hosts make their own addresses, and ask for everything else."""


class DhcpOption(msgspec.Struct, frozen=True, kw_only=True):
    """What one host is told beside what its subnet says, or instead of it."""

    name: str
    """As dnsmasq calls it (`bootfile-name`), or the option's number."""
    value: str
    """"" where the subnet's value is to be left out."""
    ip_version: int = 4


class DhcpHost(msgspec.Struct, frozen=True, kw_only=True):
    """One static lease; where hosts make their addresses themselves, only the name of one."""

    mac: Mac
    address: IPAddress
    hostname: str
    fqdn: str = ""
    """What it is called beside that, in a domain of its network's or its own; without the final dot."""
    port_id: str = ""
    options: tuple[DhcpOption, ...] = ()


class DhcpSpec(msgspec.Struct, frozen=True, kw_only=True, tag="dhcp"):
    """The DHCP server of a network on this node, with a port of its own."""

    network_id: str
    port_id: str
    mac: Mac
    mtu: int
    addresses: tuple[IPInterface, ...]
    domain: str
    lease_seconds: int
    subnets: tuple[DhcpSubnet, ...]
    hosts: tuple[DhcpHost, ...]
    asked_over_ipv6: bool = False
    """As a router's leg is, where no router is."""

    @property
    def key(self) -> Key:
        return f"dhcp/{self.network_id}"


class InstanceAddress(msgspec.Struct, frozen=True, kw_only=True):
    """An address of an instance, and what its subnet says."""

    address: IPInterface
    dhcp: bool
    ipv6_mode: IPv6Mode | None = None
    """Where the instance gets an address of IPv6; None: it is told here."""
    gateway: IPAddress | None
    dns_servers: tuple[IPAddress, ...]
    routes: tuple[DhcpRoute, ...]


class InstanceSpec(msgspec.Struct, frozen=True, kw_only=True, tag="instance"):
    """Who the instance at a port is: for the nodes that it may ask, which route its network or serve DHCP in it."""

    port_id: str
    network_id: str
    mac: Mac
    mtu: int
    addresses: tuple[InstanceAddress, ...]
    instance_id: str
    project_id: str
    name: str
    hostname: str
    """With its domain."""
    ssh_keys: tuple[str, ...] = ()
    """As they stand in `authorized_keys`."""
    user_data: bytes = b""
    vendor_data: str = ""
    """A JSON object, or ""."""
    meta: tuple[tuple[str, str], ...] = ()
    """Whatever else somebody wants the instance to know, sorted by key."""
    availability_zone: str = ""

    @property
    def key(self) -> Key:
        return f"instance/{self.port_id}"


class HaAuth(msgspec.Struct, frozen=True, kw_only=True):
    """How a router's advertisements are authenticated."""

    mode: AuthMode
    keys: tuple[SharedKey, ...]
    """Any of them verifies what comes in; in the order of their ids."""
    send_key: int
    """The id of the key that is used for what goes out."""


class HaPeer(msgspec.Struct, frozen=True, kw_only=True):
    """Another replica of the same router."""

    node: str
    address: IPv4Address
    """Its own address on the HA network: the source of its advertisements."""
    priority: int


class HaSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How a router's replica on this node takes part in the election."""

    port_id: str
    network_id: str
    mac: Mac
    mtu: int
    address: IPv4Interface
    """This replica's own address on the HA network, in 169.254.192.0/18 by default."""
    vrid: int
    priority: int
    version: int
    """The VRRP version on the wire, 2 or 3."""
    advert_interval: Millis
    preempt: bool
    password: str
    """VRRPv2 simple text password; "" is none."""
    advertised: IPv4Address
    """The address that stands in the advertisements: 169.254.0.<vrid>."""
    auth: HaAuth | None = None
    """None: advertisements carry no proof of who sent them."""
    yielding: bool = False
    """This replica leaves the router to any other that does not yield: somebody wants it moved, or the node drained."""
    peers: tuple[HaPeer, ...] = ()
    """By address."""


class RouterPort(msgspec.Struct, frozen=True, kw_only=True):
    """A leg of a router: `qr-` to a project network, `qg-` to the external one. The same MAC on every replica."""

    port_id: str
    network_id: str
    mac: Mac
    mtu: int
    addresses: tuple[IPInterface, ...]
    advertisement: Advertisement | None = None
    """What the active replica tells the hosts there; None: nothing."""
    asked_over_ipv6: bool = False
    """Here the network's instances ask over IPv6 who they are. Each network has one such place: if two had the address,
    a connection to one could go on to the other."""
    ipv4_scope: str = ""
    """The address scope of its IPv4 addresses: within one nothing is translated; "" is none."""
    ipv6_scope: str = ""
    """The address scope of its IPv6 addresses."""


class GatewaySpec(msgspec.Struct, frozen=True, kw_only=True):
    """The external leg and what is done on it."""

    port: RouterPort
    next_hops: tuple[IPAddress, ...]
    """The external subnets' gateways, one of each family: default routes go there. An IPv6 one may be link-local."""
    enable_snat: bool


class FloatingIpSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One address outside stands for one inside."""

    floating_ip_id: str
    outside: IPv4Address
    inside: IPv4Address


class StaticRoute(msgspec.Struct, frozen=True, kw_only=True):
    """An extra route of a router."""

    destination: IPNetwork
    next_hop: IPAddress


class RouterSpec(msgspec.Struct, frozen=True, kw_only=True, tag="router"):
    """One replica of a router."""

    router_id: str
    admin_state_up: bool
    ha: HaSpec | None
    """None: the router has one replica only and no election; its addresses are simply there."""
    interfaces: tuple[RouterPort, ...]
    gateway: GatewaySpec | None
    floating_ips: tuple[FloatingIpSpec, ...]
    routes: tuple[StaticRoute, ...]
    port_forwardings: tuple[PortForwardingSpec, ...] = ()
    """By address and port."""
    conntrack_helpers: tuple[ConntrackHelperSpec, ...] = ()
    """By name, protocol and port."""
    meters: tuple[MeterSpec, ...] = ()
    """By label."""
    limits: tuple[AddressLimit, ...] = ()
    """By address: of floating IPs, and of the gateway's own."""

    @property
    def key(self) -> Key:
        return f"router/{self.router_id}"


class ReplicationSpec(msgspec.Struct, frozen=True, kw_only=True, tag="replication"):
    """How the nodes that carry HA routers authenticate what they tell each other of connections."""

    keys: tuple[SharedKey, ...]
    """Any of them verifies what comes in; in the order of their ids. All nodes have the same."""
    send_key: int

    @property
    def key(self) -> Key:
        return "replication"


Spec = (
    PeerSpec
    | NetworkSpec
    | NeighbourSpec
    | PortSpec
    | DhcpSpec
    | InstanceSpec
    | RouterSpec
    | ReplicationSpec
    | SecurityGroupSpec
    | AddressSetSpec
)


class SpecChanges(msgspec.Struct, frozen=True, kw_only=True):
    """The controller's answer to "what is newer than revision R?"."""

    revision: int
    """What the node has reached once it has applied these."""
    complete: bool
    """True: `put` is everything; whatever else the node has is gone."""
    put: tuple[Spec, ...]
    remove: tuple[Key, ...]
    origin: str = ""
    """Names the store, the settings and the version that the specs come of; revisions of two origins do not compare."""


class NodeSpecs(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one node must make true, at one revision. The node keeps it on disk."""

    revision: int = 0
    origin: str = ""
    """As the controller named it; sent back with the revision, which means nothing without it."""
    specs: dict[Key, Spec] = {}

    def after(self, changes: SpecChanges) -> "NodeSpecs":
        """These specs with `changes` applied."""
        kept = {} if changes.complete else {k: v for k, v in self.specs.items() if k not in changes.remove}
        kept.update({spec.key: spec for spec in changes.put})
        return NodeSpecs(revision=changes.revision, origin=changes.origin, specs=kept)
