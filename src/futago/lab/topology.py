"""Which hosts a lab has and how they are joined.

```
                 controller    net1   net2   compute1  compute2
                  .10|       .11|     |.12    .21|       |.22
 underlay  ──────────┴──────────┴──┬──┴─┬────────┴───────┴───  172.31.0.0/24
                             br-ex1│    │br-ex1
 external1 ────────────────────────┴────┴──┬──────────────────  10.0.80.0/24
                                          ext  10.0.80.1
```
"""

import hashlib
from enum import StrEnum
from typing import Final

import msgspec

from futago.values import IPv4Interface, Mac

UNDERLAY: Final = "underlay"
EXTERNAL: Final = "external1"
FABRIC: Final = "fabric"
"""The host that is the wires: it holds a Linux bridge for each physical network, and the far end of every link."""
EXTERNALS: Final = (EXTERNAL, "external2", "external3")
VLANS: Final = "vlan"
API_URL: Final = "http://172.31.0.10:9696"


class Kind(StrEnum):
    """What a host is for."""

    CONTROLLER = "controller"
    NETWORK = "network"
    COMPUTE = "compute"
    EXTERNAL = "external"


class Topology(StrEnum):
    """Which physical networks there are."""

    STANDARD = "standard"
    """The underlay and external1."""
    SEED = "seed"
    """Three external networks, and one for VLANs that all nodes are on."""


class Direction(StrEnum):
    """One way of a cable, as its host sees it."""

    OUTBOUND = "outbound"
    INBOUND = "inbound"


class Nic(msgspec.Struct, frozen=True, kw_only=True):
    """A network card of a host: a veth whose far end is a port of a bridge in the fabric."""

    network: str
    device: str
    bridge: str | None = None
    """The Open vSwitch bridge that the card is a port of; None: the host uses the card itself."""
    address: IPv4Interface | None = None
    """On the bridge's internal port where there is one, else on the card."""


class HostPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One host: its name, its purpose and its cards."""

    name: str
    kind: Kind
    nics: tuple[Nic, ...]

    @property
    def has_ovs(self) -> bool:
        return self.kind in {Kind.NETWORK, Kind.COMPUTE}

    @property
    def programs(self) -> tuple[str, ...]:
        """Futago's programs on this host, in the order in which they start at boot."""
        match self.kind:
            case Kind.CONTROLLER:
                return ("controller",)
            case Kind.NETWORK:
                return ("vrrpd", "conntrackd", "metadata", "node")
            case Kind.COMPUTE:
                return ("node",)
            case Kind.EXTERNAL:
                return ()

    @property
    def underlay_address(self) -> IPv4Interface | None:
        return next((nic.address for nic in self.nics if nic.network == UNDERLAY), None)

    def nic(self, network: str) -> Nic | None:
        """Its card on `network`, if it has one."""
        return next((nic for nic in self.nics if nic.network == network), None)


def fabric_end(host: str, network: str) -> str:
    """The name of a link's end in the fabric; at most 15 characters, as the kernel wants."""
    return f"{host[:12]}-{network[0]}{network[-1] if network[-1] in '23456789' else ''}"


def mac_of(host: str, device: str) -> Mac:
    """The same card has the same address after every power cycle."""
    digest = hashlib.sha256(f"{host}/{device}".encode()).digest()
    return Mac("02:" + ":".join(f"{byte:02x}" for byte in digest[:5]))


FIRST_NETWORK_NODE: Final = 11
"""The end of its address in the underlay; the others follow."""


def hosts_of(topology: Topology) -> tuple[HostPlan, ...]:
    """The hosts of a lab."""
    return standard() if topology is Topology.STANDARD else seed()


def standard() -> tuple[HostPlan, ...]:
    """One controller, two network nodes, two compute nodes, and a host in the external network."""
    return (
        HostPlan(name="controller", kind=Kind.CONTROLLER, nics=(_underlay(10, bridge=None),)),
        network_node("net1", FIRST_NETWORK_NODE),
        network_node("net2", FIRST_NETWORK_NODE + 1),
        HostPlan(name="compute1", kind=Kind.COMPUTE, nics=(_underlay(21),)),
        HostPlan(name="compute2", kind=Kind.COMPUTE, nics=(_underlay(22),)),
        HostPlan(
            name="ext",
            kind=Kind.EXTERNAL,
            nics=(Nic(network=EXTERNAL, device="eth1", address=IPv4Interface("10.0.80.1/24")),),
        ),
    )


def network_node(name: str, last_octet: int) -> HostPlan:
    """A host that carries routers; the number is that of its address in the underlay."""
    return HostPlan(name=name, kind=Kind.NETWORK, nics=(_underlay(last_octet), _external()))


def seed() -> tuple[HostPlan, ...]:
    """The standard hosts, with the seed's three external networks and its network for VLANs."""
    return tuple(msgspec.structs.replace(host, nics=_seed_nics(host)) for host in standard())


def _seed_nics(host: HostPlan) -> tuple[Nic, ...]:
    vlans = Nic(network=VLANS, device="eth4", bridge="br-vlan")
    further = list(enumerate(EXTERNALS[1:], start=2))
    match host.kind:
        case Kind.NETWORK:
            outside = [Nic(network=name, device=f"eth{n}", bridge=f"br-ex{n}") for n, name in further]
            return (*host.nics, *outside, vlans)
        case Kind.COMPUTE:
            return (*host.nics, vlans)
        case Kind.EXTERNAL:
            gateways = {name: IPv4Interface(f"10.0.{79 + n}.1/24") for n, name in further}
            return (*host.nics, *(Nic(network=name, device=f"eth{n}", address=gateways[name]) for n, name in further))
        case Kind.CONTROLLER:
            return host.nics


def _underlay(last_octet: int, bridge: str | None = "br-phy") -> Nic:
    # In a netdev datapath the card that tunnels leave by must be a port of an Open vSwitch bridge itself.
    address = IPv4Interface(f"172.31.0.{last_octet}/24")
    return Nic(network=UNDERLAY, device="eth0", bridge=bridge, address=address)


def _external() -> Nic:
    return Nic(network=EXTERNAL, device="eth1", bridge="br-ex1")
