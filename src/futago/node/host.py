"""The wanted state of one host, in Linux and Open vSwitch terms: what features make of specs and drivers make true.

Each element is a value with a key that is unique on the host; a driver reads back the same values, so that "is it
there?" is `==`. Elements know nothing of each other: the order in which kinds are put and removed is
`reconcile.Reconciler`'s.
"""

from typing import Final, Literal

import msgspec

from futago.conntrack.config import DEFAULT_PORT, Replication, Scope
from futago.contract.firewall import FirewallDriver
from futago.contract.port_features import RateLimit
from futago.contract.specs import Key
from futago.metadata.config import Listener
from futago.node.router_tables import HelperTable, MeterTable, ScopeTable
from futago.values import IPAddress, IPInterface, IPNetwork, IPv4Address, Mac, Vlan
from futago.vrrp.config import RouterOfHosts, VirtualRouterConfig

HOST: Final[Key] = "host"
"""The owner of what belongs to no spec: bridges, patch ports, flow tables."""

DEAD_VLAN: Final = Vlan(4095)
"""The tag of a port that may not talk: its frames are dropped by the first flow of the integration bridge."""

LEARNED_COOKIE: Final = 0xF7A1 << 48
"""The mark of the flows that the tunnel bridge makes itself, of whom it hears through which tunnel; they age."""

LEARNED_SECONDS: Final = 300

FIREWALL: Final = "firewall"
"""The part of the integration bridge's flows that says what passes at the instances' ports."""

QOS: Final = "qos"
"""The part of the integration bridge's flows that limits and marks what instances send."""

FIRST_METER: Final = 4096
METERS: Final = 12288
"""The numbers of our meters on the integration bridge; not many, since a datapath has no more than it says."""

Pairs = tuple[tuple[str, str], ...]
"""A map, sorted by key and hashable, as OVSDB's `options` and `external_ids`."""


MetadataRoute = Literal["never", "isolated", "always"]
"""In which subnets DHCP tells a way to the metadata that leads through the DHCP server, and not through a router."""


class HostRefused(Exception):
    """The host did not do as asked: an element stays as it is, is reported, and is tried again."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What features must know of the node itself."""

    name: str = ""
    local_ip: IPv4Address | None
    tunnel_types: tuple[str, ...]
    bridge_mappings: dict[str, str]
    integration_bridge: str
    tunnel_bridge: str
    datapath_type: str
    node: str = ""
    """The node's name."""
    probe_uplinks: bool = False
    """Whether to ask the external networks' gateways for a sign of life."""
    replication_port: int = DEFAULT_PORT
    replication_scope: Scope = "translated"
    metadata: bool = False
    """Whether this node answers instances that ask who they are."""
    metadata_route: MetadataRoute = "never"
    firewall_driver: FirewallDriver = "openvswitch"


class LocalVlans(msgspec.Struct, frozen=True, kw_only=True):
    """Which VLAN stands for each network on this node, and which VLANs rest before they stand for another."""

    vlans: dict[str, Vlan] = {}
    freed: tuple[tuple[Vlan, float], ...] = ()
    """Since when nothing of its network was seen, in seconds since the Unix epoch."""


class Namespace(msgspec.Struct, frozen=True, kw_only=True, tag="namespace"):
    """A network namespace of ours, with the settings that hold for all of its interfaces."""

    name: str
    forwarding: bool
    """Routers forward; DHCP servers do not."""

    @property
    def key(self) -> str:
        return f"namespace/{self.name}"


class Veth(msgspec.Struct, frozen=True, kw_only=True, tag="veth"):
    """A pair of interfaces: `name` inside the namespace, `host_name` outside, where the switch takes it."""

    namespace: str
    name: str
    host_name: str
    mac: Mac
    mtu: int
    up: bool

    @property
    def key(self) -> str:
        return f"veth/{self.namespace}/{self.name}"


class Layer3(msgspec.Struct, frozen=True, kw_only=True, tag="layer3"):
    """The addresses and routes of an interface that are this node's own, not the virtual router's."""

    namespace: str
    interface: str
    addresses: tuple[IPInterface, ...]
    """In the order of `values.rank`."""
    routes: "tuple[Route, ...]" = ()
    announce: bool = False
    """Say once, by gratuitous ARP or neighbour advertisements, that the addresses are here."""

    @property
    def key(self) -> str:
        return f"layer3/{self.namespace}/{self.interface}"


class Route(msgspec.Struct, frozen=True, kw_only=True):
    destination: IPNetwork
    next_hop: IPAddress


class Bridge(msgspec.Struct, frozen=True, kw_only=True, tag="bridge"):
    """A bridge of ours; in secure mode, so that without flows it forwards nothing."""

    name: str
    datapath_type: str

    @property
    def key(self) -> str:
        return f"bridge/{self.name}"


class OvsPort(msgspec.Struct, frozen=True, kw_only=True, tag="ovs-port"):
    """A port of ours with its one interface of the same name."""

    name: str
    bridge: str
    kind: str = ""
    """OVSDB's interface type: "" is a system interface, else "patch", "vxlan", "gre"."""
    options: Pairs = ()
    bfd: Pairs = ()
    """The settings of the port's BFD session (RFC 5880), if it has one; how the session does is not ours to write."""
    tag: Vlan | None = None
    iface_ids: Pairs = ()
    """The interface's `external_ids`: `iface-id`, `attached-mac`."""
    network_id: str = ""

    @property
    def key(self) -> str:
        return f"ovs-port/{self.name}"


class Plug(msgspec.Struct, frozen=True, kw_only=True, tag="plug"):
    """The wiring of an interface that somebody else plugged (Nova, `futago port plug`), known by its `iface-id`."""

    port_id: str
    tag: Vlan
    network_id: str

    @property
    def key(self) -> str:
        return f"plug/{self.port_id}"


class FlowTable(msgspec.Struct, frozen=True, kw_only=True, tag="flows"):
    """Our flows on one bridge, or a part of them, as ovs-ofctl(8) writes them.

    Ports stand in double quotes: by the interface's name, or by its `iface-id` as `"port:<id>"`.
    """

    bridge: str
    flows: tuple[str, ...]
    part: str = ""
    """What is put and fails by itself: "", `FIREWALL` or `QOS`."""
    may_lack: tuple[str, ...] = ()
    """Ports that the switch may not have, for a reason that is theirs alone: what names one is left out without it."""
    learned: tuple[tuple[Vlan, int], ...] | None = None
    """On a bridge that learns: the VLANs in use and their tunnel keys. A learned flow that says otherwise is stale."""

    @property
    def key(self) -> str:
        return f"flows/{self.bridge}" + (f"/{self.part}" if self.part else "")


class Meter(msgspec.Struct, frozen=True, kw_only=True, tag="meter"):
    """A meter of a bridge, which drops what is too much (OpenFlow 1.3, 5.7)."""

    bridge: str
    number: int
    unit: Literal["kbps", "pktps"]
    rate: int
    burst: int

    @property
    def key(self) -> str:
        return f"meter/{self.bridge}/{self.number}"


class Shaper(msgspec.Struct, frozen=True, kw_only=True, tag="shaper"):
    """A queue in front of the interface that somebody plugged for a port: what is sent to the instance waits there."""

    port_id: str
    limit: RateLimit

    @property
    def key(self) -> str:
        return f"shaper/{self.port_id}"


class NftTable(msgspec.Struct, frozen=True, kw_only=True, tag="nft"):
    """The one nft table of a namespace: the lines between its braces."""

    namespace: str
    body: str
    floating_ips: Pairs = ()
    """What the body translates, outside to inside: flows that were translated otherwise are ended."""
    own_address: str = ""
    """What the body gives to flows that go out without a floating IP."""

    @property
    def key(self) -> str:
        return f"nft/{self.namespace}"


class BridgeFirewall(msgspec.Struct, frozen=True, kw_only=True, tag="bridge-firewall"):
    """What passes between the instances' Linux bridges and them: the lines of two nft tables."""

    bridge: str
    """Of the bridge family: who may say what."""
    inet: str
    """Of the inet family: rules, with conntrack."""

    @property
    def key(self) -> str:
        return "bridge-firewall"


class Dnsmasq(msgspec.Struct, frozen=True, kw_only=True, tag="dnsmasq"):
    """A DHCP server; `{directory}` in its texts is where the driver keeps its files."""

    network_id: str
    namespace: str
    config: str
    hosts: str
    """`dhcp-hostsfile`: one static lease a line; re-read on SIGHUP."""
    options: str
    """`dhcp-optsfile`: what clients are told; re-read on SIGHUP."""
    names: str
    """`addn-hosts`: what the instances are called; re-read on SIGHUP."""

    @property
    def key(self) -> str:
        return f"dnsmasq/{self.network_id}"


class Answers(msgspec.Struct, frozen=True, kw_only=True, tag="answers"):
    """What the instance with an address is told when it asks who it is: a file of the program that answers."""

    path: str
    """Below the program's directory (`metadata.config`)."""
    text: str

    @property
    def key(self) -> str:
        return f"answers/{self.path}"


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag="asked"):
    """A place where instances ask, and the program that answers listens."""

    listener: Listener

    @property
    def key(self) -> str:
        return f"asked/{self.listener.name}"


Element = (
    Namespace
    | Veth
    | Layer3
    | Bridge
    | OvsPort
    | Plug
    | FlowTable
    | Meter
    | Shaper
    | NftTable
    | HelperTable
    | MeterTable
    | ScopeTable
    | BridgeFirewall
    | Dnsmasq
    | Answers
    | Asked
)


class Owned(msgspec.Struct, frozen=True):
    """An element and the spec that it is there for, which its failure is reported under."""

    owner: Key
    element: Element


class Uplink(msgspec.Struct, frozen=True, kw_only=True):
    """This node's way into an external network that routers here have a gateway in."""

    network_id: str
    physical_network: str
    bridge: str
    gateways: tuple[IPAddress, ...] = ()
    """Who is asked for a sign of life; one that answers is enough."""
    misses: int = 3
    """So many questions in a row must go unanswered until it counts as lost."""
    namespace: str = ""
    interface: str = ""
    """From where they are asked; "" asks nobody."""


class Impairment(msgspec.Struct, frozen=True, kw_only=True):
    """What of this host is lost, so that its routers had better be active elsewhere."""

    networks: frozenset[str] = frozenset()
    """The external networks that cannot be reached from here."""
    switch: bool = False
    """ovs-vswitchd does not run, or has not run for long."""
    unheard: float = 0.0
    """For how long no frame has left this node, in seconds."""


class HostState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is to be true on the host."""

    elements: dict[str, Owned] = {}
    elections: dict[Key, VirtualRouterConfig] = {}
    """By the router's spec: configured only when the router's elements are all there."""
    replication: Replication = Replication()
    """What becomes of the connections of the routers here."""
    problems: dict[Key, str] = {}
    """Why some specs cannot be true here as a whole; a router of these is not newly elected for."""
    uplinks: tuple[Uplink, ...] = ()
    """By network; what is to be watched."""
    hosts_told: tuple[RouterOfHosts, ...] = ()
    """The routers without election: of these the agent tells the hosts on their links."""
    carriers: dict[Key, tuple[str, ...]] = {}
    """By the router's spec: the keys of the host's elements that must be there too, since they carry its frames."""
