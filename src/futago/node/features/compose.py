"""All features together: the specs of a node in, the wanted state of its host out."""

from collections.abc import Mapping

from futago.contract.specs import NetworkSpec, NodeSpecs, RouterSpec
from futago.node.features.dhcp import dhcp
from futago.node.features.ha import elections
from futago.node.features.nat import nat
from futago.node.features.routing import legs_of, routing
from futago.node.features.switching import carriers, switching
from futago.node.host import FlowTable, HostState, Place
from futago.values import Vlan


def networks_of(specs: NodeSpecs) -> list[str]:
    """The networks that need a local VLAN here."""
    return [spec.network_id for spec in specs.specs.values() if isinstance(spec, NetworkSpec)]


def host_state(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> HostState:
    """What is to be true on this host."""
    owned = [
        *routing(specs, vlans, place),
        *dhcp(specs, vlans, place),
        *switching(specs, vlans, place),
        *nat(specs),
    ]
    return HostState(
        elements={one.element.key: one for one in owned},
        elections=elections(specs),
        carriers={router.key: carriers(_networks_of(router, specs), place) for router in _routers(specs)},
    )


def without_flows(state: HostState) -> HostState:
    """What may be put before the specs are known: a table of flows says what is not forwarded, too, so it must wait."""
    elements = {key: one for key, one in state.elements.items() if not isinstance(one.element, FlowTable)}
    return HostState(elements=elements, elections=state.elections)


def _routers(specs: NodeSpecs) -> list[RouterSpec]:
    return [spec for spec in specs.specs.values() if isinstance(spec, RouterSpec)]


def _networks_of(router: RouterSpec, specs: NodeSpecs) -> list[NetworkSpec]:
    """The networks that the router has a leg in, of those that this node knows."""
    found = (specs.specs.get(f"network/{leg.network_id}") for leg in legs_of(router))
    return [network for network in found if isinstance(network, NetworkSpec)]
