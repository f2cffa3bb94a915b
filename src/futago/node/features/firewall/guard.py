"""What each port adds to the common tables: where it is, and whose addresses it may use.

A port without port security passes as the service's own ports do. One that is administratively down has no flow, and
the integration bridge lets nothing through from a port that it has no flow for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from ipaddress import ip_network
from typing import Final

from futago.contract.firewall import AddressPair, SecurityGroupSpec
from futago.contract.specs import PortSpec
from futago.node.features.firewall.rules import reference
from futago.node.features.firewall.tables import (
    ARRIVED,
    EGRESS,
    HERE,
    INGRESS,
    RESERVED,
    SENT,
    SOURCE,
    SWITCH,
    TRANSIT,
    VRRP,
    flow,
    goto,
    load_network,
    to_each,
    to_other_nodes,
    track,
)
from futago.values import LINK_LOCAL, IPv6Network, Mac, Vlan, eui64

VRRP_MACS: Final = ("00:00:5e:00:01:", "00:00:5e:00:02:")
"""The MACs of virtual routers (RFC 9568, 7.3); the byte that follows is the VRID."""
_NO_MAC: Final = Mac("00:00:00:00:00:00")


def open_flows(port: PortSpec, vlan: Vlan) -> list[str]:
    """A port without port security."""
    return [flow(TRANSIT, 100, f"in_port={reference(port.port_id)}", f"{load_network(vlan)},{goto(HERE)}")]


def guarded_flows(port: PortSpec, vlan: Vlan, *, stateful: bool) -> list[str]:
    """A port that may use its own addresses only, and is asked for rules."""
    me, pairs = reference(port.port_id), allowed(port)
    flows = [
        flow(TRANSIT, 100, f"in_port={me}", f"load:{me}->NXM_NX_REG5[],{load_network(vlan)},{goto(SOURCE)}"),
        *_towards(port.mac, me, vlan, stateful=stateful),
        *(one for pair in pairs for one in _source(me, pair)),
        *_unaddressed(me, port.mac),
    ]
    if port.address_pairs:
        flows += _virtual_router(port, me, stateful=stateful)
    if not stateful:
        for family in ("ip", "ipv6"):
            flows.append(flow(RESERVED, 60, f"reg5={me},{family}", goto(EGRESS)))
            flows.append(flow(ARRIVED, 90, f"reg5={me},{family}", f"ct_clear,{goto(INGRESS)}"))
    return flows


def shared_mac_flows(
    ports: Iterable[tuple[PortSpec, Vlan]], ways_out: Mapping[Vlan, str], own: Collection[tuple[Vlan, Mac]]
) -> list[str]:
    """Frames to MACs of address pairs, which several ports may have: to each of them, and out to the other nodes.

    Left to NORMAL they would reach a port past its rules.
    """
    holders: defaultdict[tuple[Vlan, Mac], list[str]] = defaultdict(list)
    for port, vlan in ports:
        for mac in _macs(port.address_pairs):
            if (vlan, mac) not in own:
                holders[vlan, mac].append(reference(port.port_id))
    flows = []
    for (vlan, mac), references in sorted(holders.items()):
        here, out = to_each(references), to_other_nodes(vlan, ways_out.get(vlan, ""))
        flows.append(flow(TRANSIT, 90, f"dl_vlan={vlan},dl_dst={mac}", f"strip_vlan,{load_network(vlan)}{here}"))
        flows.append(flow(HERE, 90, f"reg6=0x{vlan:x},dl_dst={mac}", f"{load_network(vlan)}{here}{out}"))
    return flows


def allowed(port: PortSpec) -> tuple[AddressPair, ...]:
    """Everything that the port may send from: its addresses, the link-local one of its MAC, its address pairs."""
    own = [AddressPair(mac=port.mac, addresses=ip_network(address)) for address in port.addresses]
    pairs = {*own, *port.address_pairs}
    pairs |= {AddressPair(mac=mac, addresses=link_local(mac)) for mac in _macs([*own, *port.address_pairs])}
    return tuple(sorted(pairs, key=lambda pair: (pair.mac, pair.addresses.version, pair.addresses)))


def stateful(port: PortSpec, groups: Mapping[str, SecurityGroupSpec]) -> bool:
    """The controller sees to it that a port's groups are all alike in this."""
    return all(groups[group_id].stateful for group_id in port.security_groups if group_id in groups)


def link_local(mac: Mac) -> IPv6Network:
    """The address that a host makes of its MAC (RFC 4291, appendix A)."""
    return IPv6Network(eui64(LINK_LOCAL, mac))


def _macs(pairs: Iterable[AddressPair]) -> list[Mac]:
    return sorted({pair.mac for pair in pairs})


def _towards(mac: Mac, me: str, vlan: Vlan, *, stateful: bool) -> list[str]:
    to_me = f"load:{me}->NXM_NX_REG5[]"
    # A connection from here to here is known only when both sides let it through: else its "reply" would be let
    # through by the side that refused it.
    before = [flow(SENT, 100, f"reg6=0x{vlan:x},dl_dst={mac}", f"{to_me},{goto(ARRIVED)}")] if stateful else []
    return [
        *before,
        flow(TRANSIT, 90, f"dl_vlan={vlan},dl_dst={mac}", f"{to_me},{load_network(vlan)},strip_vlan,{goto(ARRIVED)}"),
        flow(HERE, 90, f"reg6=0x{vlan:x},dl_dst={mac}", f"{to_me},{goto(ARRIVED)}"),
    ]


def _source(me: str, pair: AddressPair) -> Sequence[str]:
    mac, addresses = pair.mac, pair.addresses
    sender = f"reg5={me},dl_src={mac}"
    if addresses.version == 4:
        claim = f"arp,{sender},arp_sha={mac}"
        return [
            flow(SOURCE, 90, f"{claim},arp_spa={addresses}", goto(SWITCH)),
            # A probe for an address that is its own (RFC 5227).
            flow(SOURCE, 90, f"{claim},arp_op=1,arp_spa=0.0.0.0,arp_tpa={addresses}", goto(SWITCH)),
            flow(SOURCE, 70, f"ip,{sender},nw_src={addresses}", goto(RESERVED)),
        ]
    asks = f"icmp6,icmp_type=135,icmp_code=0,{sender}"
    says = f"icmp6,icmp_type=136,icmp_code=0,{sender},ipv6_src={addresses},nd_target={addresses}"
    return [
        *(flow(SOURCE, 90, f"{asks},ipv6_src={addresses},nd_sll={one}", goto(SWITCH)) for one in (mac, _NO_MAC)),
        # Duplicate address detection (RFC 4862, 5.4.2).
        flow(SOURCE, 90, f"{asks},ipv6_src=::,nd_sll={_NO_MAC},nd_target={addresses}", goto(SWITCH)),
        *(flow(SOURCE, 90, f"{says},nd_tll={one}", goto(SWITCH)) for one in (mac, _NO_MAC)),
        flow(SOURCE, 70, f"ipv6,{sender},ipv6_src={addresses}", goto(RESERVED)),
    ]


def _unaddressed(me: str, mac: Mac) -> Sequence[str]:
    """What is sent before there is an address: DHCP, MLD, router solicitations."""
    sender = f"reg5={me},dl_src={mac}"
    joining = (131, 132, 133, 143)
    return [
        flow(SOURCE, 70, f"udp,{sender},nw_src=0.0.0.0,tp_src=68,tp_dst=67", goto(HERE)),
        *(flow(SOURCE, 70, f"icmp6,{sender},ipv6_src=::,icmp_type={kind}", goto(SWITCH)) for kind in joining),
    ]


def _virtual_router(port: PortSpec, me: str, *, stateful: bool) -> list[str]:
    """A port with address pairs may speak VRRP, also from a virtual router's MAC under its own address."""
    ask = track(EGRESS) if stateful else goto(EGRESS)
    flows = [flow(RESERVED, 90, f"reg5={me},{family},nw_proto={VRRP}", ask) for family in ("ip", "ipv6")]
    addresses = [ip_network(address) for address in port.addresses] + [link_local(port.mac)]
    for mac in _macs(port.address_pairs):
        if not mac.startswith(VRRP_MACS):
            continue
        for one in addresses:
            family, field = ("ip", "nw_src") if one.version == 4 else ("ipv6", "ipv6_src")
            match = f"{family},reg5={me},dl_src={mac},{field}={one},nw_proto={VRRP}"
            flows.append(flow(SOURCE, 71, match, goto(RESERVED)))
    return flows
