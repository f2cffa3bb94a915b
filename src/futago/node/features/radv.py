"""Router advertisements: what hosts are told, and of which routers the agent itself tells them.

Of an HA router the VRRP engine tells, since only it knows in the moment of a takeover who is active. A router without
election is always active where it is; the engine knows nothing of it, so the agent tells.
"""

from collections.abc import Mapping

from futago.contract.specs import NodeSpecs, RouterSpec
from futago.node.features.routing import leg, namespace_of, with_link_local
from futago.values import Vlan
from futago.vrrp.config import AdvertisedLink, RouterOfHosts, VirtualAddress


def links(router: RouterSpec) -> tuple[AdvertisedLink, ...]:
    """The legs of a router whose hosts are told something."""
    return tuple(
        AdvertisedLink(interface=leg("qr-", port.port_id), advertisement=port.advertisement)
        for port in router.interfaces
        if port.advertisement is not None
    )


def told(specs: NodeSpecs, vlans: Mapping[str, Vlan]) -> tuple[RouterOfHosts, ...]:
    """The routers without election that are up here, those included that have nothing to tell any more."""
    routers = [spec for spec in specs.specs.values() if isinstance(spec, RouterSpec)]
    alone = [router for router in routers if router.ha is None and router.admin_state_up]
    return tuple(_told(router, vlans) for router in sorted(alone, key=lambda router: router.router_id))


def _told(router: RouterSpec, vlans: Mapping[str, Vlan]) -> RouterOfHosts:
    here = [port for port in router.interfaces if port.network_id in vlans]
    names = {leg("qr-", port.port_id) for port in here}
    return RouterOfHosts(
        name=router.router_id,
        namespace=namespace_of(router.router_id),
        addresses=tuple(
            VirtualAddress(interface=leg("qr-", port.port_id), address=address)
            for port in here
            for address in with_link_local(port.addresses, port.mac)
        ),
        links=tuple(link for link in links(router) if link.interface in names),
    )
