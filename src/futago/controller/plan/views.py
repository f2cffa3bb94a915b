"""What planning looks at: the rows around one object, gathered by the caller at one revision."""

from collections.abc import Mapping

import msgspec

from futago.contract.report import NodeFacts
from futago.contract.specs import AuthMode
from futago.controller.store.port_rows import QosRule
from futago.controller.store.routing_rows import ConntrackHelper, MeteringRule, PortForwarding
from futago.controller.store.rows import (
    DhcpReplica,
    FixedIp,
    FloatingIp,
    InstanceData,
    Network,
    Port,
    Replica,
    Router,
    Segment,
    Subnet,
    VrrpKey,
)
from futago.values import Millis


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What of the configuration shows in specs."""

    vrrp_version: int
    advert_interval: Millis
    password: str
    auth_mode: AuthMode | None
    """None: advertisements carry no proof of who sent them."""
    bfd_interval: Millis | None
    """None: only the advertisements tell that a node is dead."""
    priority: int | None
    """What every replica advertises; None: each its own."""
    dns_domain: str
    lease_seconds: int
    l2_population: bool = False


class NetworkView(msgspec.Struct, frozen=True, kw_only=True):
    """A network with what lives in it: subnets, ports and addresses as far as its plan looks at any."""

    network: Network
    segments: tuple[Segment, ...]
    """In their order."""
    facts: Mapping[str, NodeFacts] = {}
    """What the nodes say of themselves, where the network has several segments."""
    members: frozenset[str]
    """The nodes with ports or routers in it."""
    subnets: tuple[Subnet, ...]
    ports: tuple[Port, ...]
    fixed_ips: tuple[FixedIp, ...]
    dhcp_replicas: tuple[DhcpReplica, ...]
    router_nodes: Mapping[str, tuple[str, ...]]
    """Router id → the nodes that carry it, for the routers that have a leg here."""
    instance_data: Mapping[str, InstanceData]
    """By port."""
    metadata_nodes: frozenset[str]
    """The nodes that answer instances who ask who they are."""
    qos_rules: tuple[QosRule, ...] | None = None
    """Of the network's policy, if it has one."""


class RouterView(msgspec.Struct, frozen=True, kw_only=True):
    """A router with its legs, replicas and floating IPs."""

    router: Router
    ports: tuple[Port, ...]
    fixed_ips: tuple[FixedIp, ...]
    networks: Mapping[str, Network]
    subnets: Mapping[str, Subnet]
    replicas: tuple[Replica, ...]
    floating_ips: tuple[FloatingIp, ...]
    port_forwardings: tuple[PortForwarding, ...] = ()
    conntrack_helpers: tuple[ConntrackHelper, ...] = ()
    metering_rules: tuple[MeteringRule, ...] = ()
    """Of the labels that count here."""
    drained: frozenset[str]
    """The nodes that are to get rid of their routers."""
    vrrp_keys: tuple[VrrpKey, ...]
    scopes: Mapping[str, str] = {}
    """Subnet pool → its address scope, for the pools that have one."""
    qos_rules: Mapping[str, tuple[QosRule, ...]] = {}
    """QoS policy → its rules, for those of the floating IPs, the gateway and the external network."""
