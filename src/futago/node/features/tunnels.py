"""The tunnel bridge: one tunnel to each peer and type, and the flows between them and the integration bridge.

br-tun   0 where from → from br-int: 2 → 20 unicast, known by learning → 22 flood to the network's members
                      → from a tunnel: 3 (gre) or 4 (vxlan) → 10 learn into 20, then to br-int and nowhere else

A populated network (`l2_population`) has three differences: ARP requests pass 21, where those for known addresses are
answered; 20 knows the neighbours that stay at one node, above what is learned; and of what 20 does not know, 25
floods only what wanders, to the nodes where it may be, and what may be for a lawless port.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from futago.contract.specs import NeighbourSpec, NetworkSpec, NodeSpecs, PeerSpec
from futago.node.features.userspace import lateness
from futago.node.host import LEARNED_COOKIE, LEARNED_SECONDS, FlowTable, OvsPort, Place
from futago.values import IPv4Address, Millis, NetworkType, Vlan

WARM: Final = Millis(1000)
"""Between two packets of a BFD session that only keeps a tunnel warm: see `tunnel_port`."""

TUNNEL_TABLE: Final = {NetworkType.GRE: 3, NetworkType.VXLAN: 4}
"""Where frames that came by a tunnel of this type are told their network."""

_FIXED: Final = (
    'table=0,priority=1,in_port="patch-int" actions=resubmit(,2)',
    "table=0,priority=0 actions=drop",
    "table=2,priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,20)",
    "table=2,priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,22)",
    *(f"table={table},priority=0 actions=drop" for table in TUNNEL_TABLE.values()),
    "table=20,priority=0 actions=resubmit(,25)",
    "table=21,priority=0 actions=resubmit(,22)",
    "table=22,priority=0 actions=drop",
    "table=25,priority=0 actions=resubmit(,22)",
)
"""What is there on every node."""

VLAN_PRESENT: Final = 0x1000
"""The bit that OpenFlow 1.2 and later have in `vlan_vid` of a tagged frame."""


def tunnel_name(kind: str, remote: IPv4Address) -> str:
    """`vxlan-c0000201` for 192.0.2.1: an interface name has 15 characters at most."""
    return f"{kind}-{int(remote):08x}"


def tunnel_port(remote: IPv4Address, kind: str, place: Place, every: Millis = WARM) -> OvsPort:
    """One port carries every network of this kind: the flows set the key of each frame.

    Each has a BFD session. The userspace datapath drops what goes into a tunnel whose far end it has not resolved, and
    asks for it only then; it forgets a far end that was quiet. The first frame into a tunnel is often a new active's
    gratuitous ARP, and while it is lost the other node goes on sending to the old one. BFD's packets keep the far end
    known on both sides. Where a network node is at one end they go faster, and tell who is dead (`vrrp.bfd`).
    """
    options = {"df_default": "true", "key": "flow", "local_ip": str(place.local_ip), "remote_ip": str(remote)}
    return OvsPort(
        name=tunnel_name(kind, remote),
        bridge=place.tunnel_bridge,
        kind=kind,
        options=tuple(sorted(options.items())),
        bfd=(("enable", "true"), ("min_rx", str(every)), ("min_tx", str(every))),
    )


def bfd_interval(peer: PeerSpec, specs: NodeSpecs, place: Place) -> Millis:
    """How often BFD asks a peer: as the peer's role wants it, but no faster than the switch here can answer."""
    return max(peer.bfd_interval, lateness(specs, place)) if peer.bfd_interval else WARM


def peers_of(specs: NodeSpecs, place: Place) -> list[PeerSpec]:
    if place.local_ip is None:
        return []
    peers = [s for s in specs.specs.values() if isinstance(s, PeerSpec) and s.tunnel_address != place.local_ip]
    return sorted(peers, key=lambda peer: peer.tunnel_address)


def tunnel_flows(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> FlowTable:
    """All flows of the tunnel bridge."""
    peers = peers_of(specs, place)
    names = {tunnel_name(kind, peer.tunnel_address): NetworkType(kind) for peer in peers for kind in place.tunnel_types}
    carried = [
        spec
        for spec in specs.specs.values()
        if isinstance(spec, NetworkSpec) and spec.network_id in vlans and _carries(place, spec.network_type)
    ]
    ways = {
        network.network_id: _Way(network, vlans[network.network_id], {peer.node: peer.tunnel_address for peer in peers})
        for network in carried
    }
    flows = [*_FIXED, f'table=10,priority=1 actions={_learn()},output:"patch-int"']
    for name, kind in names.items():
        flows.append(f'table=0,priority=1,in_port="{name}" actions=resubmit(,{TUNNEL_TABLE[kind]})')
    for way in ways.values():
        flows += _network_flows(way)
    for spec in specs.specs.values():
        if isinstance(spec, NeighbourSpec) and spec.network_id in ways:
            flows += _neighbour_flows(spec, ways[spec.network_id])
    # A tunnel that the switch refuses (its peer's address may be no address of a host) holds up no other.
    return FlowTable(
        bridge=place.tunnel_bridge,
        flows=tuple(sorted(flows)),
        may_lack=tuple(sorted(names)),
        learned=tuple(sorted((way.vlan, way.network.segmentation_id or 0) for way in ways.values())),
    )


@dataclass(frozen=True, slots=True)
class _Way:
    """How frames of a network go to other nodes."""

    network: NetworkSpec
    vlan: Vlan
    addresses: Mapping[str, IPv4Address]
    """Node → where its tunnels end."""

    @property
    def key(self) -> str:
        return f"0x{self.network.segmentation_id or 0:x}"

    def to(self, nodes: Iterable[str]) -> str | None:
        """The actions that send a frame to these nodes; None if no tunnel leads to any of them."""
        ends = sorted(self.addresses[node] for node in nodes if node in self.addresses)
        outputs = ",".join(f'output:"{tunnel_name(self.network.network_type, end)}"' for end in ends)
        return f"strip_vlan,set_field:{self.key}->tun_id,{outputs}" if outputs else None


def _carries(place: Place, network_type: NetworkType) -> bool:
    return network_type in TUNNEL_TABLE and network_type in place.tunnel_types


def _network_flows(way: _Way) -> list[str]:
    table = TUNNEL_TABLE[way.network.network_type]
    tag = f"push_vlan:0x8100,set_field:{VLAN_PRESENT | way.vlan}->vlan_vid"
    flows = [f"table={table},priority=1,tun_id={way.key} actions={tag},resubmit(,10)"]
    flood = way.to(way.network.members)
    if flood is not None:
        flows.append(f"table=22,priority=1,dl_vlan={way.vlan} actions={flood}")
    if way.network.populated:
        flows.append(
            f"table=2,priority=1,arp,dl_vlan={way.vlan},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1 actions=resubmit(,21)"
        )
        flows.append(f"table=25,priority=1,dl_vlan={way.vlan} actions={way.to(way.network.lawless) or 'drop'}")
    return flows


def _neighbour_flows(neighbour: NeighbourSpec, way: _Way) -> list[str]:
    flows = []
    there = way.to(neighbour.nodes)
    if there is not None:
        table = 25 if neighbour.wanders else 20
        flows.append(f"table={table},priority=2,dl_vlan={way.vlan},dl_dst={neighbour.mac} actions={there}")
    match = f"table=21,priority=1,arp,dl_vlan={way.vlan}"
    asked = () if neighbour.here else neighbour.addresses
    return flows + [f"{match},arp_tpa={address} actions={_answer(neighbour, address)}" for address in asked]


def _answer(neighbour: NeighbourSpec, address: IPv4Address) -> str:
    """Turn an ARP request into its answer, and send it back where it came from."""
    return (
        f"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:{neighbour.mac}->eth_src,set_field:2->arp_op,"
        "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],"
        f"set_field:{neighbour.mac}->arp_sha,set_field:{address}->arp_spa,in_port"
    )


def _learn() -> str:
    """Who was heard through a tunnel is reached through it; heard through another, it has moved (a takeover)."""
    return (
        f"learn(table=20,hard_timeout={LEARNED_SECONDS},priority=1,cookie=0x{LEARNED_COOKIE:x},"
        "NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],"
        "load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[])"
    )
