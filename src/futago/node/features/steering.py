"""Frames of the routers that every port of a network would get, and only one has use for.

All routers of a project share one HA network, and many share an external one. A switch hands a broadcast to every port
of the network, so with N routers on a node each of theirs is N frames: more than a switch in userspace can carry at 100
routers, above all while one node takes over from another. What flows know goes straight to where it is
wanted; everything else is flooded as ever, and most of IPv6:

    an advertisement        → into the tunnels; from there, to the replica's twin
    an announcement         → to the wire, and the bridges learn from it
    who has the next hop?   → to the wire, where that is no address of this node; from there, to nobody
    who has this address?   → from the wire, to the router whose external address it is
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from futago.contract.specs import NetworkSpec, NodeSpecs, PortSpec, RouterPort, RouterSpec
from futago.node.features.routing import floating_addresses, leg
from futago.node.features.tunnels import TUNNEL_TABLE
from futago.node.host import Place
from futago.values import IPAddress, IPv4Address, Vlan

_VLAN_PRESENT: Final = 0x1000
_ADVERTISEMENT: Final = "ip,nw_proto=112,nw_dst=224.0.0.18"
_ANNOUNCEMENT: Final = "arp,arp_tha"
"""By the target's MAC address, which is its own; an address that is new here is announced in another way, too."""
_EVERYBODY: Final = "ff:ff:ff:ff:ff:ff"
_QUESTION: Final = f"arp,arp_op=1,dl_dst={_EVERYBODY}"
_LEARN_SENDER: Final = "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],resubmit(,94)"

Ways = Mapping[str, tuple[Vlan, str]]
"""For each network its local VLAN and the port of the integration bridge behind which the other nodes are."""


def steering(specs: NodeSpecs, ways: Ways) -> dict[str, list[str]]:
    """Flows of the integration bridge by the port that they are about."""
    here = _addresses(specs)
    occupied = {spec.network_id for spec in specs.specs.values() if isinstance(spec, PortSpec)}
    found: dict[str, list[str]] = {}
    for router in specs.specs.values():
        if isinstance(router, RouterSpec) and router.ha is not None:
            found.update(_advertisements(router, ways))
            found.update(_legs(router, ways, here, occupied))
    return found


def ways_out(networks: Iterable[NetworkSpec], vlans: Mapping[str, Vlan], place: Place) -> dict[str, tuple[Vlan, str]]:
    """For each network that leads to other nodes, its local VLAN and the patch port to them."""
    found: dict[str, tuple[Vlan, str]] = {}
    for network in networks:
        provider = place.bridge_mappings.get(network.physical_network or "")
        if network.network_type in TUNNEL_TABLE:
            if place.local_ip is not None and network.network_type in place.tunnel_types:
                found[network.network_id] = vlans[network.network_id], "patch-tun"
        elif provider is not None:
            found[network.network_id] = vlans[network.network_id], f"int-{provider}"
    return found


def _advertisements(router: RouterSpec, ways: Ways) -> Iterator[tuple[str, list[str]]]:
    ha = router.ha
    if ha is None or ways.get(ha.network_id, ("", ""))[1] != "patch-tun":
        return
    vlan, wire = ways[ha.network_id]
    port = leg("hh-", ha.port_id)
    flows = [f'table=0,priority=5,in_port="{port}",{_ADVERTISEMENT} actions={_out(vlan, wire)}']
    for peer in ha.peers:
        match = f'in_port="{wire}",dl_vlan={vlan},{_ADVERTISEMENT},nw_src={peer.address}'
        flows.append(f'table=0,priority=5,{match} actions=strip_vlan,output:"{port}"')
    yield port, flows


def _legs(router: RouterSpec, ways: Ways, here: set[IPAddress], occupied: set[str]) -> Iterator[tuple[str, list[str]]]:
    """What the legs announce, ask and are asked. Instances in the `occupied` networks may have more addresses."""
    for one in router.interfaces:
        if one.network_id in ways:
            port = leg("hr-", one.port_id)
            yield port, _announcement(one, port, *ways[one.network_id])
    if router.gateway is not None and router.gateway.port.network_id in ways:
        outer = router.gateway.port
        port, (vlan, wire) = leg("hg-", outer.port_id), ways[outer.network_id]
        flows = _announcement(outer, port, vlan, wire)
        for hop in router.gateway.next_hops:
            if hop in here:
                continue
            if isinstance(hop, IPv4Address):
                match = f'in_port="{port}",{_QUESTION},arp_tpa={hop}'
                flows.append(f"table=0,priority=5,{match} actions={_out(vlan, wire)},strip_vlan,{_learn(outer)}")
            if outer.network_id not in occupied:
                flows += _from_wire(hop, vlan, wire, _LEARN_SENDER)
        own = {address.ip for address in outer.addresses} | {floating.outside for floating in router.floating_ips}
        for address in sorted(own, key=lambda one: (one.version, one)):
            to_leg = f'set_field:{_group(address)}->eth_dst,strip_vlan,output:"{port}"'
            flows += _from_wire(address, vlan, wire, f"{_LEARN_SENDER},{to_leg}")
        yield port, flows


def _from_wire(address: IPAddress, vlan: Vlan, wire: str, actions: str) -> list[str]:
    """What becomes of the question for an address. One that asks for its own announces it, to all who may know it."""
    match = f'table=60,priority=4,in_port="{wire}",dl_vlan={vlan}'
    if isinstance(address, IPv4Address):
        announced = f'table=60,priority=5,in_port="{wire}",dl_vlan={vlan},arp,arp_spa={address},arp_tpa={address}'
        return [f"{match},{_QUESTION},arp_tpa={address} actions={actions}", f"{announced} actions=resubmit(,94)"]
    return [f"{match},dl_dst={_group(address)},icmp6,icmp_type=135,nd_target={address} actions={actions}"]


def _group(address: IPAddress) -> str:
    """The MAC address to which the question for an address goes (RFC 826; RFC 4291, 2.7.1 and RFC 2464, 7)."""
    if isinstance(address, IPv4Address):
        return _EVERYBODY
    return "33:33:ff:" + ":".join(f"{byte:02x}" for byte in address.packed[-3:])


def _announcement(one: RouterPort, port: str, vlan: Vlan, wire: str) -> list[str]:
    """One of the router's own (`vrrp.packet`), also when the twin has sent it."""
    match = f"{_ANNOUNCEMENT}={one.mac}"
    return [
        f'table=0,priority=5,in_port="{port}",{match} actions={_out(vlan, wire)},strip_vlan,{_learn(one)}',
        f'table=60,priority=6,in_port="{wire}",dl_src={one.mac},{match} actions={_learn(one)}',
    ]


def _out(vlan: Vlan, wire: str) -> str:
    return f'push_vlan:0x8100,set_field:{_VLAN_PRESENT | vlan}->vlan_vid,output:"{wire}"'


def _learn(one: RouterPort) -> str:
    """Where a frame to oneself comes from, the bridge learns who is there and sends it nowhere."""
    return f"set_field:{one.mac}->eth_dst,resubmit(,94)"


def _addresses(specs: NodeSpecs) -> set[IPAddress]:
    """All that routers and instances of this node have."""
    found: set[IPAddress] = set()
    for spec in specs.specs.values():
        if isinstance(spec, PortSpec):
            found.update(spec.addresses)
        elif isinstance(spec, RouterSpec):
            outer = [] if spec.gateway is None else [spec.gateway.port]
            found.update(address.ip for port in [*spec.interfaces, *outer] for address in port.addresses)
            found.update(address.ip for address in floating_addresses(spec))
    return found
