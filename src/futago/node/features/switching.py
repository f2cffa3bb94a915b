"""Switching: the integration bridge, the tunnel mesh, the patches to the provider bridges, and their flows.

    instance ─┐                      ┌─ int-br-ex ══ phy-br-ex ─ provider bridge (the operator's) ─ wire
    hr-…  ────┤ br-int (a local VLAN ┤
    hd-…  ────┘ for each network)    └─ patch-tun ══ patch-int ─ br-tun ─ vxlan-c0000201 ─ other nodes

A local VLAN means something on this node only: it is put on where a frame enters `br-int`, and turned into the
network's own mark (VNI, key, tag, or none) where the frame leaves it.

br-int   0 classify (from a provider: only what we know) → 60 from where → 61 from the service, 71 from an instance
         (features.firewall), else 94 NORMAL; a port that has no flow there may not talk
br-tun   0 where from → from br-int: 2 → 20 unicast, known by learning → 22 flood to the network's members
                      → from a tunnel: 3 (gre) or 4 (vxlan) → 10 learn into 20, then to br-int and nowhere else
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from futago.contract.specs import NetworkSpec, NodeSpecs, PeerSpec, PortSpec
from futago.node.features.firewall.compose import firewall
from futago.node.host import (
    DEAD_VLAN,
    HOST,
    LEARNED_COOKIE,
    LEARNED_SECONDS,
    Bridge,
    FlowTable,
    LocalVlans,
    OvsPort,
    Owned,
    Place,
    Plug,
)
from futago.values import IPv4Address, Millis, NetworkType, Vlan

RENEWAL_SECONDS: Final = 60
"""How exactly it is kept how long a VLAN rests: a change is a write to the disk."""
REST_SECONDS: Final = LEARNED_SECONDS + RENEWAL_SECONDS
"""How long a VLAN rests: what was learned of the old network would send the new one's frames into it."""

WARM: Final = Millis(1000)
"""Between two packets of a BFD session that only keeps a tunnel warm: see `tunnel_port`."""

_TUNNEL_TABLE: Final = {NetworkType.GRE: 3, NetworkType.VXLAN: 4}
_VLAN_PRESENT: Final = 0x1000
_MAX_LOCAL_VLAN: Final = 4094


def allocate_vlans(
    previous: LocalVlans, networks: Iterable[str], now: float, in_use: Collection[Vlan] = ()
) -> LocalVlans:
    """Give each network a local VLAN: the one that it has, else the lowest that nobody has and that does not rest.

    A VLAN rests from when its network went, and as long as it is `in_use`: something of the network is still there.
    """
    wanted = sorted(set(networks))
    vlans: dict[str, Vlan] = {}
    taken: set[Vlan] = set()
    for network_id in wanted:
        vlan = previous.vlans.get(network_id)
        if vlan is not None and vlan not in taken:
            vlans[network_id] = vlan
            taken.add(vlan)
    resting = _resting(previous, taken, now, in_use)
    busy = taken.union(resting)
    free = (Vlan(n) for n in range(1, _MAX_LOCAL_VLAN + 1) if n not in busy)
    for network_id in wanted:
        if network_id not in vlans and (vlan := next(free, None)) is not None:
            vlans[network_id] = vlan
    return LocalVlans(vlans=vlans, freed=tuple(sorted(resting.items())))


def _resting(previous: LocalVlans, taken: set[Vlan], now: float, in_use: Collection[Vlan]) -> dict[Vlan, float]:
    gone = set(previous.vlans.values()).union(in_use) - taken - dict(previous.freed).keys()
    resting = dict.fromkeys(gone, now)
    for vlan, since in previous.freed:
        # A clock that was set back must not make a VLAN rest for years.
        renewed = since > now or (vlan in in_use and now - since >= RENEWAL_SECONDS)
        if vlan not in taken and (renewed or now - since < REST_SECONDS):
            resting[vlan] = now if renewed else since
    return resting


def switching(
    specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place, service: Sequence[OvsPort] = ()
) -> list[Owned]:
    """The bridges with their ports and flows, and the wiring of the instances' interfaces.

    `service` are the ports of routers and DHCP servers: nothing is asked of what comes from them.
    """
    networks = [s for s in specs.specs.values() if isinstance(s, NetworkSpec) and s.network_id in vlans]
    networks.sort(key=lambda network: vlans[network.network_id])
    peers = _peers(specs, place)
    owned = [Owned(HOST, Bridge(name=name, datapath_type=place.datapath_type)) for name in _bridges(place)]
    owned += _patches(place)
    for peer in peers:
        every = peer.bfd_interval or WARM
        owned += [Owned(peer.key, tunnel_port(peer.tunnel_address, kind, place, every)) for kind in place.tunnel_types]
    owned += _plugs(specs, vlans)
    # The integration bridge comes last: until its flows are there it forwards nothing, so that no other bridge
    # sees a frame before its own flows are there.
    owned += [Owned(HOST, flows) for flows in _provider_flows(networks, vlans, place)]
    if place.local_ip is not None:
        owned.append(Owned(HOST, _tunnel_flows(networks, vlans, peers, place)))
    owned.append(Owned(HOST, _integration_flows(networks, vlans, place, service)))
    owned.append(Owned(HOST, firewall(specs, vlans, place)))
    return owned


def carriers(networks: Iterable[NetworkSpec], place: Place) -> tuple[str, ...]:
    """The keys of the elements of the host that frames of these networks need: flows, and patches between bridges."""
    keys = {_flows_key(place.integration_bridge)}
    for network in networks:
        provider = place.bridge_mappings.get(network.physical_network or "")
        if network.network_type in _TUNNEL_TABLE and place.local_ip is not None:
            keys |= {_flows_key(place.tunnel_bridge), _port_key("patch-tun"), _port_key("patch-int")}
        elif provider is not None:
            keys |= {_flows_key(provider), _port_key(f"int-{provider}"), _port_key(f"phy-{provider}")}
    return tuple(sorted(keys))


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


def _peers(specs: NodeSpecs, place: Place) -> list[PeerSpec]:
    if place.local_ip is None:
        return []
    peers = [s for s in specs.specs.values() if isinstance(s, PeerSpec) and s.tunnel_address != place.local_ip]
    return sorted(peers, key=lambda peer: peer.tunnel_address)


def _bridges(place: Place) -> list[str]:
    return [place.integration_bridge] + ([] if place.local_ip is None else [place.tunnel_bridge])


def _patches(place: Place) -> list[Owned]:
    ends = [("patch-tun", "patch-int", place.tunnel_bridge)] if place.local_ip is not None else []
    ends += [(f"int-{bridge}", f"phy-{bridge}", bridge) for bridge in sorted(set(place.bridge_mappings.values()))]
    owned = []
    for inner, outer, bridge in ends:
        for name, peer, home in ((inner, outer, place.integration_bridge), (outer, inner, bridge)):
            owned.append(Owned(HOST, OvsPort(name=name, bridge=home, kind="patch", options=(("peer", peer),))))
    return owned


def _plugs(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> list[Owned]:
    plugs = []
    for spec in specs.specs.values():
        if isinstance(spec, PortSpec) and spec.network_id in vlans:
            tag = vlans[spec.network_id] if spec.admin_state_up else DEAD_VLAN
            plugs.append(Owned(spec.key, Plug(port_id=spec.port_id, tag=tag, network_id=spec.network_id)))
    return plugs


def _integration_flows(
    networks: list[NetworkSpec], vlans: Mapping[str, Vlan], place: Place, service: Sequence[OvsPort]
) -> FlowTable:
    bridges = sorted(set(place.bridge_mappings.values()))
    patches = ([] if place.local_ip is None else ["patch-tun"]) + [f"int-{bridge}" for bridge in bridges]
    own = sorted((port.name, port.tag) for port in service if port.tag is not None)
    flows = [
        f"table=0,priority=65535,vlan_tci=0x{DEAD_VLAN:04x}/0x1fff actions=drop",
        "table=0,priority=0 actions=resubmit(,60)",
        *(f'table=60,priority=3,in_port="{name}" actions=resubmit(,94)' for name in patches),
        *(
            f'table=60,priority=100,in_port="{name}" actions=load:0x{tag:x}->NXM_NX_REG6[],resubmit(,61)'
            for name, tag in own
        ),
        "table=60,priority=0 actions=drop",
        "table=61,priority=0 actions=resubmit(,94)",
        "table=94,priority=0 actions=NORMAL",
    ]
    flows += [
        f'table=0,priority=2,in_port="int-{bridge}" actions=drop' for bridge in sorted(place.bridge_mappings.values())
    ]
    for network in networks:
        bridge = place.bridge_mappings.get(network.physical_network or "")
        vid = _VLAN_PRESENT | vlans[network.network_id]
        if bridge is None:
            continue
        source = f'table=0,priority=3,in_port="int-{bridge}"'
        if network.network_type is NetworkType.FLAT:
            flows.append(
                f"{source},vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:{vid}->vlan_vid,resubmit(,60)"
            )
        elif network.network_type is NetworkType.VLAN:
            flows.append(f"{source},dl_vlan={network.segmentation_id} actions=set_field:{vid}->vlan_vid,resubmit(,60)")
    lacking = (*patches, *(name for name, _ in own))
    return FlowTable(bridge=place.integration_bridge, flows=tuple(sorted(set(flows))), may_lack=lacking)


def _provider_flows(networks: list[NetworkSpec], vlans: Mapping[str, Vlan], place: Place) -> list[FlowTable]:
    tables = []
    for bridge in sorted(set(place.bridge_mappings.values())):
        source = f'in_port="phy-{bridge}"'
        flows = [f"table=0,priority=2,{source} actions=drop"]
        for network in networks:
            if place.bridge_mappings.get(network.physical_network or "") != bridge:
                continue
            vlan = vlans[network.network_id]
            out = "strip_vlan"
            if network.network_type is NetworkType.VLAN:
                out = f"set_field:{_VLAN_PRESENT | (network.segmentation_id or 0)}->vlan_vid"
            flows.append(f"table=0,priority=4,{source},dl_vlan={vlan} actions={out},NORMAL")
        tables.append(FlowTable(bridge=bridge, flows=tuple(sorted(flows))))
    return tables


def _tunnel_flows(
    networks: list[NetworkSpec], vlans: Mapping[str, Vlan], peers: list[PeerSpec], place: Place
) -> FlowTable:
    flows = [
        'table=0,priority=1,in_port="patch-int" actions=resubmit(,2)',
        "table=0,priority=0 actions=drop",
        "table=2,priority=0,dl_dst=00:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,20)",
        "table=2,priority=0,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00 actions=resubmit(,22)",
        *(f"table={table},priority=0 actions=drop" for table in _TUNNEL_TABLE.values()),
        f'table=10,priority=1 actions={_learn()},output:"patch-int"',
        "table=20,priority=0 actions=resubmit(,22)",
        "table=22,priority=0 actions=drop",
    ]
    tunnels = {
        tunnel_name(kind, peer.tunnel_address): NetworkType(kind) for peer in peers for kind in place.tunnel_types
    }
    for name, kind in tunnels.items():
        flows.append(f'table=0,priority=1,in_port="{name}" actions=resubmit(,{_TUNNEL_TABLE[kind]})')
    addresses = {peer.node: peer.tunnel_address for peer in peers}
    carried = [one for one in networks if one.network_type in _TUNNEL_TABLE and one.network_type in place.tunnel_types]
    keys = tuple(sorted((vlans[network.network_id], network.segmentation_id or 0) for network in carried))
    for network in carried:
        flows += _network_tunnel_flows(network, vlans[network.network_id], addresses)
    # A tunnel that the switch refuses (its peer's address may be no address of a host) holds up no other.
    return FlowTable(
        bridge=place.tunnel_bridge, flows=tuple(sorted(flows)), may_lack=tuple(sorted(tunnels)), learned=keys
    )


def _network_tunnel_flows(network: NetworkSpec, vlan: Vlan, addresses: Mapping[str, IPv4Address]) -> list[str]:
    key, table = f"0x{network.segmentation_id or 0:x}", _TUNNEL_TABLE[network.network_type]
    tag = f"push_vlan:0x8100,set_field:{_VLAN_PRESENT | vlan}->vlan_vid"
    flows = [f"table={table},priority=1,tun_id={key} actions={tag},resubmit(,10)"]
    members = [addresses[node] for node in network.members if node in addresses]
    if members:
        outputs = ",".join(f'output:"{tunnel_name(network.network_type, address)}"' for address in sorted(members))
        flows.append(f"table=22,priority=1,dl_vlan={vlan} actions=strip_vlan,set_field:{key}->tun_id,{outputs}")
    return flows


def _flows_key(bridge: str) -> str:
    return FlowTable(bridge=bridge, flows=()).key


def _port_key(name: str) -> str:
    return OvsPort(name=name, bridge="").key


def _learn() -> str:
    """Who was heard through a tunnel is reached through it; heard through another, it has moved (a takeover)."""
    return (
        f"learn(table=20,hard_timeout={LEARNED_SECONDS},priority=1,cookie=0x{LEARNED_COOKIE:x},"
        "NXM_OF_VLAN_TCI[0..11],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:0->NXM_OF_VLAN_TCI[],"
        "load:NXM_NX_TUN_ID[]->NXM_NX_TUN_ID[],output:OXM_OF_IN_PORT[])"
    )
