"""The tunnel bridge: one tunnel to each peer and type, and the flows between them and the integration bridge.

br-tun   0 where from → from br-int: 2 → 20 unicast, known by learning → 22 flood to the network's members
                      → from a tunnel: 3 (gre) or 4 (vxlan) → 10 learn into 20, then to br-int and nowhere else
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import NetworkSpec, NodeSpecs, PeerSpec
from futago.node.host import LEARNED_COOKIE, LEARNED_SECONDS, FlowTable, OvsPort, Place
from futago.values import IPv4Address, Millis, NetworkType, Vlan

WARM: Final = Millis(1000)
"""Between two packets of a BFD session that only keeps a tunnel warm: see `tunnel_port`."""

TUNNEL_TABLE: Final = {NetworkType.GRE: 3, NetworkType.VXLAN: 4}
"""Where frames that came by a tunnel of this type are told their network."""

VLAN_PRESENT: Final = 0x1000
"""The bit that OpenFlow 1.2 and later have in `vlan_vid` of a tagged frame."""


def tunnel_name(kind: str, remote: IPv4Address) -> str:
    """`vxlan-c0000201` for 192.0.2.1: an interface name has 15 characters at most."""
    return f"{kind}-{int(remote):08x}"


def tunnel_port(remote: IPv4Address, kind: str, place: Place, bfd_interval: Millis = WARM) -> OvsPort:
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
        bfd=(("enable", "true"), ("min_rx", str(bfd_interval)), ("min_tx", str(bfd_interval))),
    )


def peers_of(specs: NodeSpecs, place: Place) -> list[PeerSpec]:
    if place.local_ip is None:
        return []
    peers = [s for s in specs.specs.values() if isinstance(s, PeerSpec) and s.tunnel_address != place.local_ip]
    return sorted(peers, key=lambda peer: peer.tunnel_address)


def tunnel_flows(
    networks: list[NetworkSpec], vlans: Mapping[str, Vlan], peers: list[PeerSpec], place: Place
) -> FlowTable:
    flows = [
        'table=0,priority=1,in_port="patch-int" actions=resubmit(,2)',
        "table=0,priority=0 actions=drop",
        "table=2,priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,20)",
        "table=2,priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,22)",
        *(f"table={table},priority=0 actions=drop" for table in TUNNEL_TABLE.values()),
        f'table=10,priority=1 actions={_learn()},output:"patch-int"',
        "table=20,priority=0 actions=resubmit(,22)",
        "table=22,priority=0 actions=drop",
    ]
    tunnels = {
        tunnel_name(kind, peer.tunnel_address): NetworkType(kind) for peer in peers for kind in place.tunnel_types
    }
    for name, kind in tunnels.items():
        flows.append(f'table=0,priority=1,in_port="{name}" actions=resubmit(,{TUNNEL_TABLE[kind]})')
    addresses = {peer.node: peer.tunnel_address for peer in peers}
    carried = [one for one in networks if one.network_type in TUNNEL_TABLE and one.network_type in place.tunnel_types]
    keys = tuple(sorted((vlans[network.network_id], network.segmentation_id or 0) for network in carried))
    for network in carried:
        flows += _network_tunnel_flows(network, vlans[network.network_id], addresses)
    # A tunnel that the switch refuses (its peer's address may be no address of a host) holds up no other.
    return FlowTable(
        bridge=place.tunnel_bridge, flows=tuple(sorted(flows)), may_lack=tuple(sorted(tunnels)), learned=keys
    )


def _network_tunnel_flows(network: NetworkSpec, vlan: Vlan, addresses: Mapping[str, IPv4Address]) -> list[str]:
    key, table = f"0x{network.segmentation_id or 0:x}", TUNNEL_TABLE[network.network_type]
    tag = f"push_vlan:0x8100,set_field:{VLAN_PRESENT | vlan}->vlan_vid"
    flows = [f"table={table},priority=1,tun_id={key} actions={tag},resubmit(,10)"]
    members = [addresses[node] for node in network.members if node in addresses]
    if members:
        outputs = ",".join(f'output:"{tunnel_name(network.network_type, address)}"' for address in sorted(members))
        flows.append(f"table=22,priority=1,dl_vlan={vlan} actions=strip_vlan,set_field:{key}->tun_id,{outputs}")
    return flows


def _learn() -> str:
    """Who was heard through a tunnel is reached through it; heard through another, it has moved (a takeover)."""
    return (
        f"learn(table=20,hard_timeout={LEARNED_SECONDS},priority=1,cookie=0x{LEARNED_COOKIE:x},"
        "NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],"
        "load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[])"
    )
