"""All features together: the specs of a node in, the wanted state of its host out."""

from collections.abc import Mapping

from futago.contract.specs import DhcpSpec, HaSpec, Key, NetworkSpec, NodeSpecs, PortSpec, RouterPort, RouterSpec
from futago.node.features.dhcp import dhcp
from futago.node.features.firewall.compose import bridge_firewall
from futago.node.features.ha import elections
from futago.node.features.helpers import helpers
from futago.node.features.metadata import metadata
from futago.node.features.meters import meters
from futago.node.features.nat import nat
from futago.node.features.qos import qos
from futago.node.features.radv import told
from futago.node.features.replication import replication
from futago.node.features.routing import legs_of, routing
from futago.node.features.scopes import scopes
from futago.node.features.switching import carriers, switching, why_cut_off
from futago.node.features.uplinks import probes, uplinks
from futago.node.features.userspace import lateness
from futago.node.host import FlowTable, HostState, OvsPort, Place
from futago.values import Vlan


def networks_of(specs: NodeSpecs) -> list[str]:
    """The networks that need a local VLAN here."""
    return [spec.network_id for spec in specs.specs.values() if isinstance(spec, NetworkSpec)]


def host_state(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> HostState:
    """What is to be true on this host."""
    watched = uplinks(specs, place)
    served = [*routing(specs, vlans, place), *dhcp(specs, vlans, place)]
    owned = [
        *served,
        *switching(specs, vlans, place, [one.element for one in served if isinstance(one.element, OvsPort)]),
        *qos(specs, vlans, place),
        *nat(specs),
        *scopes(specs),
        *helpers(specs),
        *meters(specs),
        *bridge_firewall(specs, vlans, place),
        *metadata(specs, vlans, place),
        *probes(watched, specs, place),
    ]
    return HostState(
        elements={one.element.key: one for one in owned},
        elections=elections(specs, vlans, lateness(specs, place), metadata=place.metadata),
        replication=replication(specs, place),
        problems=_problems(specs, vlans, place),
        uplinks=watched,
        hosts_told=told(specs, vlans),
        carriers={router.key: carriers(_networks_of(router, specs), place) for router in _routers(specs)},
    )


def without_flows(state: HostState) -> HostState:
    """What may be put before the specs are known: a table of flows says what is not forwarded, too, so it must wait."""
    elements = {key: one for key, one in state.elements.items() if not isinstance(one.element, FlowTable)}
    return HostState(elements=elements, elections=state.elections)


def _problems(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> dict[Key, str]:
    """What is in a network that this node was not told of, or that has no local VLAN; what is cut off here."""
    problems: dict[Key, str] = {}
    for spec in specs.specs.values():
        if isinstance(spec, NetworkSpec) and (reason := why_cut_off(spec, place)):
            problems[spec.key] = reason
        members: list[RouterPort | HaSpec | DhcpSpec | PortSpec] = []
        if isinstance(spec, RouterSpec):
            members += legs_of(spec)
        elif isinstance(spec, DhcpSpec | PortSpec):
            members.append(spec)
        missing = [member for member in members if member.network_id not in vlans]
        if missing:
            ports = ", ".join(f"port {one.port_id} of network {one.network_id}" for one in missing)
            problems[spec.key] = f"not wired, since the network is not known here or no local VLAN is left: {ports}"
    return problems


def _routers(specs: NodeSpecs) -> list[RouterSpec]:
    return [spec for spec in specs.specs.values() if isinstance(spec, RouterSpec)]


def _networks_of(router: RouterSpec, specs: NodeSpecs) -> list[NetworkSpec]:
    """The networks that the router has a leg in, of those that this node knows."""
    found = (specs.specs.get(f"network/{leg.network_id}") for leg in legs_of(router))
    return [network for network in found if isinstance(network, NetworkSpec)]
