"""Every setting, declared with its meaning, unit and default.

A file is TOML; a key that is not declared here stops the start, with its name. Settings that Neutron has keep their
Neutron names and meanings.
"""

import difflib
import re
import socket
import tomllib
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_type_hints

import msgspec

from futago.conntrack.config import DEFAULT_PORT, Scope
from futago.contract.codec import decode_hook
from futago.contract.firewall import FirewallDriver
from futago.contract.specs import AuthMode
from futago.segment_ranges import id_ranges, vlan_ranges
from futago.values import IPv4Address, IPv4Network, Millis, NetworkType

C = TypeVar("C", bound=msgspec.Struct)

CONTROLLER_FILE: Final = Path("/etc/futago/controller.toml")
NODE_FILE: Final = Path("/etc/futago/node.toml")
VRRPD_SOCKET: Final = Path("/run/futago/vrrpd.sock")
"""Where the agent and the operator talk to the VRRP engine of a host."""
VRRPD_STATE: Final = Path("/run/futago/vrrpd.json")
"""The engine's last configuration and roles; under /run, so that a reboot forgets them, and the addresses, too."""

OVSDB: Final = "unix:/run/openvswitch/db.sock"
"""The switch's database on a host."""
CONNTRACKD_SOCKET: Final = Path("/run/futago/conntrackd.sock")
"""Where the agent and the operator talk to the program that replicates the routers' connections."""
CONNTRACKD_STATE: Final = Path("/run/futago/conntrackd.json")
"""Its last configuration, with the keys; under /run, so that a reboot forgets it."""
METADATA_SOCKET: Final = Path("/run/futago/metadata.sock")
"""Where the agent talks to the program that answers instances."""
METADATA_DIRECTORY: Final = Path("/run/futago/metadata")
"""What it answers, and where."""


class BadConfig(ValueError):
    """A configuration file cannot be used; the text names the file, the key and the cure."""


class Profile(StrEnum):
    """How routers elect: one word for version, authentication, interval and priorities."""

    DEFAULT = "default"
    """VRRPv3, authenticated adverts each 300 ms, a preferred node for each router."""
    FAST = "fast"
    """The same with a dead node noticed in half the time, for networks that are never congested."""
    SEED = "seed"
    """As Neutron's keepalived with `ha_vrrp_auth_type = PASS`: VRRPv2, every 2 s, priority 50 everywhere."""


class NodeRole(StrEnum):
    """What a node does beside the switching of its own ports."""

    L3 = "l3"
    """It hosts replicas of routers."""
    DHCP = "dhcp"
    METADATA = "metadata"
    """It answers instances of its routers and DHCP servers that ask who they are."""


class IdentityConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A real Keystone instead of the identity that is built in, and who asks it whose a token is."""

    url: str = ""
    """Where it is, as http://controller:5000; "" is the identity that is built in."""
    username: str = "neutron"
    password: str = ""
    """Of a user who may validate tokens: with the role `admin`, or `service`, in `project_name`."""
    project_name: str = "service"
    user_domain_name: str = "Default"
    project_domain_name: str = "Default"
    ca_file: str = ""
    """Certificates that its own may be signed by, where `url` is https and those of this host do not do."""
    timeout_seconds: float = 5.0
    """How long to wait for an answer, while the request that needs it waits, too."""
    cache_seconds: float = 30.0
    """How long an answer counts; a token that is revoked there is refused here so much later at most."""

    def __post_init__(self) -> None:
        """What else a file may say wrongly.

        Raises:
            ValueError: names the key.

        """
        if self.url and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", self.url):
            raise ValueError(f"identity.url: expected http://HOST:PORT, not {self.url}")
        if self.ca_file and not Path(self.ca_file).is_file():
            raise ValueError(f"identity.ca_file: there is no file {self.ca_file}")
        if self.url and not self.password:
            raise ValueError("identity.password: the password of the user who asks Keystone is missing")

    @property
    def v3_url(self) -> str:
        """Where version 3 begins."""
        return f"{self.url.rstrip('/').removesuffix('/v3')}/v3"

    def __repr__(self) -> str:
        """A password in a log is a password lost."""
        return f"IdentityConfig(url={self.url!r}, username={self.username!r}, password=...)"


class ControllerConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of `futago controller`."""

    listen_address: str = "0.0.0.0"  # noqa: S104 - an API is there to be reached
    """The address on which the API, identity and the nodes' interface are served."""
    listen_port: int = 9696
    public_url: str = ""
    """The URL under which clients reach this controller, for the catalog; "" is the one by which each has just come."""
    state_path: Path = Path("/var/lib/futago/controller")
    """The database, the keys, the first credentials."""
    database_url: str = ""
    """An SQLAlchemy URL; "" is SQLite in `state_path`."""
    region: str = "RegionOne"
    policy_file: Path | None = None
    """Rules of who may do what, as in Neutron's `policy.yaml`: they replace the defaults (docs/policy.md)."""
    identity: IdentityConfig = IdentityConfig()
    """A table, `[identity]`: a real Keystone. The three settings that follow are of the identity that is built in."""
    token_lifetime_seconds: int = 4 * 3600
    lockout_failure_attempts: int = 10
    """After this many bad passwords in a row nobody can log in as that user, except by an application credential; 0 is
    no limit."""
    lockout_duration_seconds: int = 300
    """For how long; counted from the last of them."""

    l3_ha: bool = True
    """Routers are highly available unless a request says otherwise."""
    router_distributed: bool = False
    """Accepted for Neutron's sake; only false is supported."""
    l3_ha_net_cidr: IPv4Network = IPv4Network("169.254.192.0/18")
    """Where the replicas' own addresses on the HA networks come from."""
    max_l3_agents_per_router: int = 3
    """On how many nodes a router is placed at most; 0 is all."""
    min_l3_agents_per_router: int = 2
    """With fewer living nodes, creating an HA router is refused."""
    dhcp_agents_per_network: int = 2
    profile: Profile = Profile.DEFAULT
    """Sets the `ha_…` values below where they are not given."""
    ha_vrrp_version: int | None = None
    """2 or 3."""
    ha_vrrp_auth_type: str | None = None
    """"HMAC" (keys by the controller), "PASS" (VRRPv2 only) or ""."""
    ha_vrrp_auth_mode: AuthMode = "enforce"
    """HMAC, to bring it into a running cloud without a gap: "receive-only" verifies what is authenticated and sends
    nothing that is, "permissive" sends it and accepts the rest too, "enforce" drops the rest."""
    ha_vrrp_auth_password: str | None = None
    """For PASS; the field on the wire has 8 characters, a longer one is cut with a warning."""
    ha_vrrp_advert_int_ms: Millis | None = None
    """Milliseconds between advertisements; a multiple of 1000 for VRRPv2."""
    ha_bfd_interval_ms: Millis | None = None
    """Milliseconds between the packets of a BFD session (RFC 5880) between two network nodes, in the tunnel that the
    routers' traffic takes; three lost ones tell that the other is dead. 0 leaves that to the advertisements."""

    type_drivers: tuple[str, ...] = tuple(NetworkType)
    """The types that networks may have: flat, vlan, gre, vxlan."""
    tenant_network_types: tuple[str, ...] = ("vxlan",)
    """The types tried, in this order, when a request names none; the first that has an id left is taken."""
    l3_ha_network_type: str = ""
    """The type of the networks for advertisements; "" is vxlan, or gre, where projects may have it, so that what tells
    of a dead node goes the way of the tenants' frames; else the first of `tenant_network_types` with an id left."""
    flat_networks: tuple[str, ...] = ("*",)
    """Physical networks that flat networks may use; "*" is any."""
    network_vlan_ranges: tuple[str, ...] = ()
    """Physical networks that VLAN networks may use, as name:first:last where projects get their VLANs from a range, or
    as name where an administrator names each."""
    tunnel_id_ranges: tuple[str, ...] = ()
    """Keys for GRE project networks, as first:last."""
    vni_ranges: tuple[str, ...] = ("1000:2000",)
    """VNIs for VXLAN project networks, as first:last."""
    vxlan_group: str = ""
    """Accepted for Neutron's sake: floods are sent to each node that has members of the network, not to a group."""
    l2_population: bool = False
    """Tell every node where the MAC addresses of its GRE and VXLAN networks are: a frame for an unknown one is not
    flooded, and ARP is answered on the spot. Where a router is active is learned from traffic all the same."""
    global_physnet_mtu: int = 1500
    """The MTU of the physical networks and of the tunnels' underlay, in bytes."""
    path_mtu: int = 0
    """The MTU of the tunnels' underlay where it is smaller than `global_physnet_mtu`; 0: it is not."""
    physical_network_mtus: dict[str, int] = {}
    """Physical network → its MTU, where it is smaller than `global_physnet_mtu`."""
    dhcp_lease_duration: int = 86400
    """Seconds."""
    dns_domain: str = "openstacklocal"
    default_availability_zones: tuple[str, ...] = ()
    """Where networks' DHCP servers and routers go whose requests give no hints; () is everywhere."""
    metrics_address: str = "127.0.0.1:9699"
    """Where Prometheus finds the controller's metrics, as ADDR:PORT; "" serves none."""
    quotas: dict[str, int] = {}
    """How many of a resource ("network", "router"…) a project may have that has no limit of its own, where that is not
    Neutron's default; -1 is any number."""
    agent_down_time: int = 10
    """Seconds without a report after which a node counts as dead."""

    def __post_init__(self) -> None:
        """What else a file may say wrongly.

        Raises:
            ValueError: of the segments, names the key.

        """
        _check_segments(self)

    @property
    def store_url(self) -> str:
        """Where the store is."""
        return self.database_url or f"sqlite:///{self.store_file}"

    @property
    def store_file(self) -> Path:
        """The store's file, where no other place is given."""
        return self.state_path / "futago.sqlite"


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The settings of `futago node`."""

    controller_urls: tuple[str, ...]
    """Where controllers are, tried in this order."""
    join_token_file: Path = Path("/etc/futago/join-token")
    """The controller's join token: with it a node gets its own credential the first time, and needs it no more."""
    name: str = msgspec.field(default_factory=socket.gethostname)
    """The host name under which the node shows in the API (Neutron's `host`)."""
    roles: tuple[NodeRole, ...] = ()
    """A compute node has none."""
    availability_zone: str = "nova"
    """What may fail together with this node: replicas of a router, and DHCP servers of a network, are spread over
    zones."""
    state_path: Path = Path("/var/lib/futago/node")
    """The node's credential and its last specs."""
    local_ip: IPv4Address | None = None
    """Where this node's tunnels end; None: no tunnels."""
    tunnel_types: tuple[str, ...] = ("vxlan",)
    bridge_mappings: dict[str, str] = {}
    """Physical network → the bridge that leads to it, which must exist."""
    integration_bridge: str = "br-int"
    tunnel_bridge: str = "br-tun"
    ovsdb_connection: str = OVSDB
    firewall_driver: FirewallDriver = "openvswitch"
    """What enforces security groups and port security: "openvswitch" (flows with conntrack), "iptables_hybrid" (a Linux
    bridge in front of each instance) or "noop" (nothing does)."""
    datapath_type: Literal["system", "netdev", "auto"] = "auto"
    """"system", "netdev", or "auto": system where the kernel has it."""
    vrrpd_socket: Path = VRRPD_SOCKET
    conntrackd_socket: Path = CONNTRACKD_SOCKET
    replication_port: int = DEFAULT_PORT
    """TCP, on `local_ip`: where twins tell each other of connections. The same on all nodes."""
    replication_scope: Scope = "translated"
    """"translated": the connections that routers translate (SNAT, floating IPs); "all": those that they only route,
    too, which a kernel would pick up by itself."""
    heartbeat_seconds: float = 2.0
    """How often a report is sent though nothing has changed."""
    resync_seconds: float = 30.0
    """How often the whole host is compared with the wanted state anyway."""
    metrics_address: str = "127.0.0.1:9698"
    """Where Prometheus finds the node's metrics, as ADDR:PORT; "" serves none."""
    enable_isolated_metadata: bool = True
    """DHCP tells a way to the metadata through its own server, in subnets whose gateway is no router of ours."""
    force_metadata: bool = False
    """DHCP tells it in all subnets."""
    metadata_socket: Path = METADATA_SOCKET
    nova_metadata_host: str = ""
    """Where Nova's metadata service is, to which questions are passed on; "" answers with what Futago itself knows."""
    nova_metadata_port: int = 8775
    nova_metadata_protocol: Literal["http", "https"] = "http"
    nova_metadata_insecure: bool = False
    """With https: believe any certificate."""
    metadata_proxy_shared_secret: str = ""
    """Signs what is passed on; Nova's own setting of this name has the same."""
    uplink_probe: bool = True
    """Ask the gateways of the external networks for a sign of life. One that has never answered is left in
    peace; false where a gateway would take the questions for a conflict about its address (RFC 5227) as it boots."""
    uplink_interval_ms: Millis = Millis(150)
    """How often uplinks are looked at, and gateways asked; three unanswered questions in a row are a dead uplink."""
    uplink_hold_seconds: float = 3.0
    """How long an uplink must be good again before it is trusted; twice as long after each further loss, up to 60 s."""


def load(path: Path, kind: type[C], overrides: dict[str, Any] | None = None) -> C:
    """Read a configuration of `kind` from `path`, with `overrides` on top.

    Raises:
        BadConfig: the file is missing, is not TOML, or has an unknown or ill-typed key.

    """
    try:
        data = tomllib.loads(path.read_text())
    except FileNotFoundError as error:
        raise BadConfig(f"{path} does not exist; see `futago {_program(kind)} --help` for an example") from error
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: {error}") from error
    return parse(data | (overrides or {}), kind, str(path))


def parse(data: dict[str, Any], kind: type[C], origin: str) -> C:
    """Make a configuration of `kind` from plain values; `origin` names where they come from in errors.

    Raises:
        BadConfig: an unknown or ill-typed key.

    """
    unknown = [_unknown_key(key, kind.__struct_fields__) for key in data if key not in kind.__struct_fields__]
    if unknown:
        raise BadConfig(f"{origin}: {'; '.join(unknown)}. Known keys: {', '.join(sorted(kind.__struct_fields__))}")
    try:
        return msgspec.convert(data, kind, dec_hook=_decode_hook)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadConfig(f"{origin}: {error}{_cure(str(error), kind)}") from error


def _check_segments(config: ControllerConfig) -> None:
    _check_types("type_drivers", config.type_drivers, tuple(NetworkType))
    allowed = tuple(kind for kind in config.type_drivers if kind != NetworkType.FLAT)
    _check_types("tenant_network_types", config.tenant_network_types, allowed)
    _check_types("l3_ha_network_type", filter(None, [config.l3_ha_network_type]), allowed)
    readers: dict[str, Callable[[], object]] = {
        "network_vlan_ranges": lambda: vlan_ranges(config.network_vlan_ranges),
        "tunnel_id_ranges": lambda: id_ranges(config.tunnel_id_ranges, NetworkType.GRE),
        "vni_ranges": lambda: id_ranges(config.vni_ranges, NetworkType.VXLAN),
    }
    for key, read in readers.items():
        try:
            read()
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None


def _check_types(key: str, named: Iterable[str], known: tuple[str, ...]) -> None:
    for kind in named:
        if kind not in known:
            raise ValueError(f"{key}: there is no type `{kind}` here; allowed: {', '.join(known)}")


def _unknown_key(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"there is no key `{key}`" + (f" (do you mean `{near[0]}`?)" if near else "")


def _cure(problem: str, kind: type) -> str:
    """What is allowed, where that is a few words; where to see an example, if something is missing."""
    if "missing required field" in problem:
        return f"; see `futago {_program(kind)} --help` for an example"
    key = re.search(r"`\$\.(\w+)", problem)
    allowed = _choices(get_type_hints(kind)[key[1]]) if key and "Invalid enum value" in problem else []
    return f"; allowed: {', '.join(allowed)}" if allowed else ""


def _choices(annotation: Any) -> list[str]:
    """The words that a value of this type may be."""
    if isinstance(annotation, str):
        return [annotation]
    if isinstance(annotation, type) and issubclass(annotation, StrEnum):
        return [item.value for item in annotation]
    return [word for part in get_args(annotation) for word in _choices(part)]


def _decode_hook(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else decode_hook(kind, value)


def _program(kind: type) -> str:
    return kind.__name__.removesuffix("Config").lower()
