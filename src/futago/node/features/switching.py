"""Switching: the integration bridge, the tunnel mesh, the patches to the provider bridges, and their flows.

    instance ─┐                      ┌─ int-br-ex ══ phy-br-ex ─ provider bridge (the operator's) ─ wire
    hr-…  ────┤ br-int (a local VLAN ┤
    hd-…  ────┘ for each network)    └─ patch-tun ══ patch-int ─ br-tun ─ vxlan-c0000201 ─ other nodes

A local VLAN means something on this node only: it is put on where a frame enters `br-int`, and turned into the
network's own mark (VNI, key, tag, or none) where the frame leaves it.

br-int   0 classify (from a provider: only what we know; `steering`) → 60 from where → 61 from the service, 71 from an
         instance (`firewall`), else 94 NORMAL; a port that has no flow there may not talk
br-tun   `features.tunnels`
"""

from collections.abc import Iterable, Mapping, Sequence

from futago.contract.specs import NetworkSpec, NodeSpecs, PortSpec
from futago.node.features.firewall.compose import firewall
from futago.node.features.steering import steering, ways_out
from futago.node.features.trunk import subport_patches, subports, trunk_flows
from futago.node.features.tunnels import TUNNEL_TABLE, VLAN_PRESENT, bfd_interval, peers_of, tunnel_flows, tunnel_port
from futago.node.host import DEAD_VLAN, HOST, Bridge, FlowTable, OvsPort, Owned, Place, Plug
from futago.values import NetworkType, Vlan


def switching(
    specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place, service: Sequence[OvsPort] = ()
) -> list[Owned]:
    """The bridges with their ports and flows, and the wiring of the instances' interfaces.

    `service` are the ports of routers and DHCP servers: nothing is asked of what comes from them.
    """
    networks = [s for s in specs.specs.values() if isinstance(s, NetworkSpec) and s.network_id in vlans]
    networks.sort(key=lambda network: vlans[network.network_id])
    owned = [Owned(HOST, Bridge(name=name, datapath_type=place.datapath_type)) for name in _bridges(place)]
    owned += _patches(place)
    for peer in peers_of(specs, place):
        every = bfd_interval(peer, specs, place)
        owned += [Owned(peer.key, tunnel_port(peer.tunnel_address, kind, place, every)) for kind in place.tunnel_types]
    owned += [*_plugs(specs, vlans), *subport_patches(specs, vlans, place)]
    # The integration bridge comes last: until its flows are there it forwards nothing, so that no other bridge
    # sees a frame before its own flows are there.
    owned += [Owned(HOST, flows) for flows in _provider_flows(networks, vlans, place)]
    if place.local_ip is not None:
        owned.append(Owned(HOST, tunnel_flows(specs, vlans, place)))
    owned.append(Owned(HOST, _integration_flows(specs, networks, vlans, place, service)))
    owned.append(Owned(HOST, firewall(specs, vlans, place, service)))
    return owned


def carriers(networks: Iterable[NetworkSpec], place: Place) -> tuple[str, ...]:
    """The keys of the elements of the host that frames of these networks need: flows, and patches between bridges."""
    keys = {_flows_key(place.integration_bridge)}
    for network in networks:
        provider = place.bridge_mappings.get(network.physical_network or "")
        if network.network_type in TUNNEL_TABLE and place.local_ip is not None:
            keys |= {_flows_key(place.tunnel_bridge), _port_key("patch-tun"), _port_key("patch-int")}
        elif provider is not None:
            keys |= {_flows_key(provider), _port_key(f"int-{provider}"), _port_key(f"phy-{provider}")}
    return tuple(sorted(keys))


def why_cut_off(network: NetworkSpec, place: Place) -> str:
    """Why frames of this network cannot leave this node; "" if they can."""
    kind = network.network_type
    if kind in TUNNEL_TABLE:
        if place.local_ip is None:
            return f"this node has no {kind} tunnels: local_ip is not set"
        return "" if kind in place.tunnel_types else f"this node has no {kind} tunnels: add it to tunnel_types"
    known = network.physical_network in place.bridge_mappings
    return "" if known else f"no bridge leads to {network.physical_network} here: add it to bridge_mappings"


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
        if isinstance(spec, PortSpec) and spec.trunk is None and spec.network_id in vlans:
            tag = vlans[spec.network_id] if spec.admin_state_up else DEAD_VLAN
            plugs.append(Owned(spec.key, Plug(port_id=spec.port_id, tag=tag, network_id=spec.network_id)))
    return plugs


def _integration_flows(
    specs: NodeSpecs,
    networks: list[NetworkSpec],
    vlans: Mapping[str, Vlan],
    place: Place,
    service: Sequence[OvsPort],
) -> FlowTable:
    bridges = sorted(set(place.bridge_mappings.values()))
    patches = ([] if place.local_ip is None else ["patch-tun"]) + [f"int-{bridge}" for bridge in bridges]
    own = {port.name: port.tag for port in service if port.tag is not None}
    flows = _switch_flows(patches, own)
    flows += [f'table=0,priority=2,in_port="int-{bridge}" actions=drop' for bridge in bridges]
    for network in networks:
        bridge = place.bridge_mappings.get(network.physical_network or "")
        vid = VLAN_PRESENT | vlans[network.network_id]
        if bridge is None:
            continue
        source = f'table=0,priority=3,in_port="int-{bridge}"'
        if network.network_type is NetworkType.FLAT:
            flows.append(
                f"{source},vlan_tci=0x0000/0x1fff actions=push_vlan:0x8100,set_field:{vid}->vlan_vid,resubmit(,60)"
            )
        elif network.network_type is NetworkType.VLAN:
            flows.append(f"{source},dl_vlan={network.segmentation_id} actions=set_field:{vid}->vlan_vid,resubmit(,60)")
    steered = steering(specs, ways_out(networks, vlans, place))
    trunked = trunk_flows(subports(specs, vlans))
    flows += [flow for of_one in (*steered.values(), *trunked.values()) for flow in of_one]
    # A router whose port the switch refuses holds up no other, and neither does an instance that is not there yet.
    may_lack = tuple(sorted({*patches, *own, *steered, *trunked}))
    return FlowTable(bridge=place.integration_bridge, flows=tuple(sorted(set(flows))), may_lack=may_lack)


def _switch_flows(patches: Iterable[str], own: Mapping[str, Vlan]) -> list[str]:
    """Where a frame comes from says who is asked: nobody, about what the service's `own` ports and other nodes send."""
    return [
        f"table=0,priority=65535,vlan_tci=0x{DEAD_VLAN:04x}/0x1fff actions=drop",
        "table=0,priority=0 actions=resubmit(,60)",
        *(f'table=60,priority=3,in_port="{name}" actions=resubmit(,94)' for name in patches),
        *(
            f'table=60,priority=100,in_port="{name}" actions=load:0x{tag:x}->NXM_NX_REG6[],resubmit(,61)'
            for name, tag in own.items()
        ),
        "table=60,priority=0 actions=drop",
        "table=61,priority=0 actions=resubmit(,94)",
        "table=94,priority=0 actions=NORMAL",
    ]


def _provider_flows(networks: list[NetworkSpec], vlans: Mapping[str, Vlan], place: Place) -> list[FlowTable]:
    tables = []
    for bridge in sorted(set(place.bridge_mappings.values())):
        source = f'in_port="phy-{bridge}"'
        # A bridge that somebody wiped lacks the switch's own such flow, whose priority is 0 and which is not ours.
        flows = [f"table=0,priority=2,{source} actions=drop", "table=0,priority=1 actions=NORMAL"]
        for network in networks:
            if place.bridge_mappings.get(network.physical_network or "") != bridge:
                continue
            vlan = vlans[network.network_id]
            out = "strip_vlan"
            if network.network_type is NetworkType.VLAN:
                out = f"set_field:{VLAN_PRESENT | (network.segmentation_id or 0)}->vlan_vid"
            flows.append(f"table=0,priority=4,{source},dl_vlan={vlan} actions={out},NORMAL")
        tables.append(FlowTable(bridge=bridge, flows=tuple(sorted(flows))))
    return tables


def _flows_key(bridge: str) -> str:
    return FlowTable(bridge=bridge, flows=()).key


def _port_key(name: str) -> str:
    return OvsPort(name=name, bridge="").key
