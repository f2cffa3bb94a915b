"""The firewall of a node as one table of flows on the integration bridge."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from futago.contract.firewall import AddressSetSpec, SecurityGroupSpec
from futago.contract.specs import NetworkSpec, NodeSpecs, PortSpec
from futago.node.features.firewall.flood import flood_flows
from futago.node.features.firewall.guard import guarded_flows, open_flows, shared_mac_flows, stateful
from futago.node.features.firewall.hybrid import hybrid
from futago.node.features.firewall.rules import reference, rule_flows
from futago.node.features.firewall.tables import common_flows
from futago.node.features.steering import ways_out
from futago.node.host import FIREWALL, HOST, FlowTable, OvsPort, Owned, Place
from futago.values import Vlan


def firewall(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place, service: Sequence[OvsPort] = ()) -> FlowTable:
    """What passes at the instances' ports. A port that is not plugged has no flows yet, and holds up no other.

    `service` are the ports of routers and DHCP servers, which get every broadcast of their networks.
    """
    ports = _ports(specs, vlans)
    by_flows = place.firewall_driver == "openvswitch"
    # A subport is behind no Linux bridge of its own.
    behind_none = place.firewall_driver == "iptables_hybrid"
    guarded = [port for port in ports if port.port_security and (by_flows or (behind_none and port.trunk is not None))]
    groups, sets = _groups_and_sets(specs)
    flows = common_flows() if guarded else []
    for port in guarded:
        flows += guarded_flows(port, vlans[port.network_id], stateful=stateful(port, groups))
    watched = {port.port_id for port in guarded}
    for port in ports:
        if port.port_id not in watched:
            flows += open_flows(port, vlans[port.network_id])
    out = _ways_out(specs, vlans, place)
    flows += shared_mac_flows(
        [(port, vlans[port.network_id]) for port in guarded],
        out,
        {(vlans[port.network_id], port.mac) for port in ports},
    )
    flows += _floods(ports, guarded, service, vlans, out)
    flows += rule_flows(guarded, groups, sets)
    return FlowTable(
        bridge=place.integration_bridge,
        part=FIREWALL,
        flows=tuple(sorted(set(flows))),
        may_lack=tuple(sorted({*(f"port:{port.port_id}" for port in ports), *(one.name for one in service)})),
    )


def bridge_firewall(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The same on Linux bridges, where that is what the node is set to."""
    if place.firewall_driver != "iptables_hybrid":
        return []
    guarded = [port for port in _ports(specs, vlans) if port.port_security and port.trunk is None]
    return [Owned(HOST, hybrid(guarded, *_groups_and_sets(specs)))]


def _groups_and_sets(specs: NodeSpecs) -> tuple[dict[str, SecurityGroupSpec], dict[str, AddressSetSpec]]:
    """By their ids."""
    groups = {s.group_id: s for s in specs.specs.values() if isinstance(s, SecurityGroupSpec)}
    return groups, {s.set_id: s for s in specs.specs.values() if isinstance(s, AddressSetSpec)}


def _floods(
    ports: Sequence[PortSpec],
    guarded: Sequence[PortSpec],
    service: Sequence[OvsPort],
    vlans: Mapping[str, Vlan],
    ways_out: Mapping[Vlan, str],
) -> list[str]:
    """For each network with a guarded port."""
    known = {port.port_id for port in guarded}
    asked: defaultdict[Vlan, list[str]] = defaultdict(list)
    others: defaultdict[Vlan | None, list[str]] = defaultdict(list)
    for port in ports:
        (asked if port.port_id in known else others)[vlans[port.network_id]].append(reference(port.port_id))
    for one in service:
        others[one.tag].append(f'"{one.name}"')
    return [
        text for vlan in sorted(asked) for text in flood_flows(vlan, asked[vlan], others[vlan], ways_out.get(vlan, ""))
    ]


def _ports(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> list[PortSpec]:
    found = (spec for spec in specs.specs.values() if isinstance(spec, PortSpec))
    ports = [port for port in found if port.network_id in vlans and port.admin_state_up]
    return sorted(ports, key=lambda port: port.port_id)


def _ways_out(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> dict[Vlan, str]:
    """By local VLAN, what sends a frame on to other nodes."""
    networks = (s for s in specs.specs.values() if isinstance(s, NetworkSpec) and s.network_id in vlans)
    return {vlan: f',output:"{wire}"' for vlan, wire in ways_out(networks, vlans, place).values()}
