"""High availability: what vrrpd is told of each router's replica, once the replica is wired."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from futago.contract.specs import HaAuth, HaPeer, HaSpec, Key, NetworkSpec, NodeSpecs, PeerSpec, RouterSpec
from futago.node.features.radv import links
from futago.node.features.routing import (
    asked_at,
    floating_addresses,
    leg,
    namespace_of,
    routes_of,
    with_link_local,
)
from futago.node.host import Impairment
from futago.values import IPv4Address, Millis, NetworkType, Vlan
from futago.vrrp import config
from futago.vrrp.config import (
    AuthMode,
    Freshness,
    Version,
    VirtualAddress,
    VirtualRoute,
    VirtualRouterConfig,
)
from futago.vrrp.peers import YIELDS_BELOW, last_resort

TUNNELLED: Final = {NetworkType.GRE, NetworkType.VXLAN}

INTERVALS_A_LATENESS: Final = 4
_NEVER_LATE: Final = Millis(0)
PATIENCE_INTERVALS = 4
"""No backup waits for an active router for so many advertisement intervals (RFC 9568, 6.1: Active_Down_Interval)."""


def elections(
    specs: NodeSpecs, vlans: Mapping[str, Vlan], lateness: Millis = _NEVER_LATE, *, metadata: bool = False
) -> dict[Key, VirtualRouterConfig]:
    """The virtual routers of this node, by the spec that they come from, without the legs that cannot be here.

    Where the switch may be late by so much (`userspace`), they advertise no faster than it can carry. Others learn the
    interval from the advertisements, as VRRPv3 has it. `metadata`: this node answers instances that ask who they are.
    """
    watched = [s for s in specs.specs.values() if isinstance(s, PeerSpec) and s.bfd_interval is not None]
    tunnels = {spec.node: spec.tunnel_address for spec in watched}
    return {
        spec.key: _no_faster_than(
            Millis(INTERVALS_A_LATENESS * lateness),
            replace(
                _virtual_router(_with_legs_here(spec, vlans), spec.ha, tunnels, metadata=metadata),
                behind_tunnels=_behind_tunnels(spec, specs),
            ),
        )
        for spec in specs.specs.values()
        if isinstance(spec, RouterSpec) and spec.ha is not None and spec.admin_state_up
    }


def _no_faster_than(interval: Millis, router: VirtualRouterConfig) -> VirtualRouterConfig:
    if router.version is Version.V2 or router.advert_interval >= interval:
        return router
    return replace(router, advert_interval=interval)


def _behind_tunnels(router: RouterSpec, specs: NodeSpecs) -> bool:
    """Whether a network inside is reached through tunnels."""
    networks = (specs.specs.get(f"network/{port.network_id}") for port in router.interfaces)
    return any(isinstance(one, NetworkSpec) and one.network_type in TUNNELLED for one in networks)


def give_way(
    elections: Mapping[Key, VirtualRouterConfig],
    wanted: Mapping[Key, VirtualRouterConfig],
    specs: NodeSpecs,
    impairment: Impairment,
) -> dict[Key, VirtualRouterConfig]:
    """`elections`, whose routers yield where they would be of little use if they were active here; else as `wanted`.

    A router whose peers have heard nothing for so long that one of them is active now is left out: with its addresses
    still here, two would be active when frames leave this node again.
    """
    return {
        key: _yielding(
            config, wanted.get(key, config), lost=impairment.switch or _network(specs, key) in impairment.networks
        )
        for key, config in elections.items()
        if 1000 * impairment.unheard <= PATIENCE_INTERVALS * config.advert_interval
    }


def _yielding(config: VirtualRouterConfig, wanted: VirtualRouterConfig, *, lost: bool) -> VirtualRouterConfig:
    """One that is wanted to yield does so on a healthy node, too."""
    worse = lost and not wanted.yielding
    return replace(config, priority=last_resort(wanted.priority) if worse else wanted.priority)


def _network(specs: NodeSpecs, key: Key) -> str | None:
    """The external network of a router."""
    router = specs.specs.get(key)
    gateway = router.gateway if isinstance(router, RouterSpec) else None
    return None if gateway is None else gateway.port.network_id


def _with_legs_here(router: RouterSpec, vlans: Mapping[str, Vlan]) -> RouterSpec:
    gateway = router.gateway
    here = tuple(port for port in router.interfaces if port.network_id in vlans)
    outer = gateway if gateway is not None and gateway.port.network_id in vlans else None
    return replace(router, interfaces=here, gateway=outer)


def _virtual_router(
    router: RouterSpec, ha: HaSpec, tunnels: Mapping[str, IPv4Address], *, metadata: bool
) -> VirtualRouterConfig:
    wanted = VirtualRouterConfig(
        name=router.router_id,
        namespace=namespace_of(router.router_id),
        interface=leg("ha-", ha.port_id),
        source=ha.address.ip,
        vrid=ha.vrid,
        priority=last_resort(ha.priority) if ha.yielding else ha.priority,
        advert_interval=ha.advert_interval,
        version=Version(ha.version),
        preempt=ha.preempt,
        password=ha.password,
        advertised=(ha.advertised,),
        addresses=_addresses(router, metadata=metadata),
        routes=_routes(router),
        links=links(router),
        peers=tuple(_peer(peer, tunnels) for peer in ha.peers),
        yields_below=YIELDS_BELOW,
    )
    return wanted if ha.auth is None else _authenticated(wanted, ha.auth)


def _peer(peer: HaPeer, tunnels: Mapping[str, IPv4Address]) -> config.Peer:
    return config.Peer(source=peer.address, priority=peer.priority, tunnel=tunnels.get(peer.node))


def _authenticated(router: VirtualRouterConfig, auth: HaAuth) -> VirtualRouterConfig:
    """A new packet is told from a recording by its sequence alone.

    Nobody promises that the nodes' clocks agree, and two nodes that find each other's packets stale are both active.
    """
    return replace(
        router,
        auth_mode=AuthMode(auth.mode),
        keys=auth.keys,
        send_key=auth.send_key,
        freshness=Freshness.GROWTH,
    )


def _addresses(router: RouterSpec, *, metadata: bool) -> tuple[VirtualAddress, ...]:
    """Where instances ask comes last: the first link-local address of a leg is the one that it speaks from."""
    addresses = [
        VirtualAddress(interface=leg("qr-", port.port_id), address=address)
        for port in router.interfaces
        for address in with_link_local(port.addresses, port.mac)
    ]
    if router.gateway is not None:
        outer = leg("qg-", router.gateway.port.port_id)
        outside = list(with_link_local(router.gateway.port.addresses, router.gateway.port.mac))
        outside += floating_addresses(router)
        addresses += [VirtualAddress(interface=outer, address=address) for address in outside]
    asked = [
        VirtualAddress(interface=leg("qr-", port.port_id), address=address)
        for port in router.interfaces
        for address in asked_at(port, metadata=metadata)
    ]
    return (*sorted(addresses), *sorted(asked))


def _routes(router: RouterSpec) -> tuple[VirtualRoute, ...]:
    outer = None if router.gateway is None else router.gateway.port
    return tuple(
        VirtualRoute(
            destination=route.destination,
            next_hop=route.next_hop,
            interface=leg("qg-" if port is outer else "qr-", port.port_id),
        )
        for port, route in routes_of(router)
    )
