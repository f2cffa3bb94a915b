"""Routing: a namespace for each router, with a leg into each of its networks.

Every replica has the same legs with the same MACs; only the active one has addresses and routes on them, and those
are the virtual router's (`features.ha`). A replica's own are the address on its HA network, or everything where
there is no election.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from futago.contract.specs import DhcpSpec, HaSpec, Key, NodeSpecs, RouterPort, RouterSpec
from futago.metadata.config import METADATA_ADDRESS_IPV6
from futago.node.host import Layer3, Namespace, OvsPort, Owned, Place, Route, Veth
from futago.values import (
    LINK_LOCAL,
    IPInterface,
    IPNetwork,
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    Mac,
    Vlan,
    eui64,
    rank,
)

_ANYWHERE: Final[dict[int, IPNetwork]] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


def namespace_of(router_id: str) -> str:
    """As Neutron names it; operators look for it."""
    return f"qrouter-{router_id}"


def leg(prefix: str, port_id: str) -> str:
    """`qr-` and 11 characters of the port's id: what fits an interface name."""
    return f"{prefix}{port_id[:11]}"


def routing(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The namespaces of all routers, and what is in them and on the switch."""
    owned: list[Owned] = []
    for spec in specs.specs.values():
        if isinstance(spec, RouterSpec):
            owned += _router(spec, vlans, place)
    return owned


def legs_of(router: RouterSpec) -> list[RouterPort | HaSpec]:
    """All of the router's ports on this node."""
    outer = [] if router.gateway is None else [router.gateway.port]
    return [*router.interfaces, *outer, *([] if router.ha is None else [router.ha])]


def veth_and_port(
    owner: Key,
    port: RouterPort | HaSpec | DhcpSpec,
    names: tuple[str, str],
    namespace: str,
    tag: Vlan,
    place: Place,
    *,
    up: bool = True,
) -> list[Owned]:
    """A pair of interfaces for `port`, the outer one on the switch; `names` are the inner and the outer prefix."""
    inner, outer = (leg(prefix, port.port_id) for prefix in names)
    veth = Veth(namespace=namespace, name=inner, host_name=outer, mac=port.mac, mtu=port.mtu, up=up)
    ovs_port = OvsPort(
        name=outer,
        bridge=place.integration_bridge,
        tag=tag,
        iface_ids=(("attached-mac", port.mac), ("iface-id", port.port_id)),
        network_id=port.network_id,
    )
    return [Owned(owner, veth), Owned(owner, ovs_port)]


def with_link_local(addresses: Iterable[IPInterface], mac: Mac) -> tuple[IPInterface, ...]:
    """What an interface with these addresses needs: beside IPv6 ones a link-local one, the same wherever its MAC is."""
    given = tuple(addresses)
    if not any(isinstance(address, IPv6Interface) for address in given):
        return given
    return (*given, IPv6Interface((eui64(LINK_LOCAL, mac), LINK_LOCAL.prefixlen)))


def asked_at(port: RouterPort, *, metadata: bool) -> tuple[IPv6Interface, ...]:
    """Where instances ask over IPv6 who they are, if this node answers them and it is at this leg."""
    return (IPv6Interface(METADATA_ADDRESS_IPV6),) if metadata and port.asked_over_ipv6 else ()


def floating_addresses(router: RouterSpec) -> tuple[IPv4Interface, ...]:
    """What it has outside beside its gateway's addresses: those that stand for instances, as a whole or in part."""
    whole = {floating.outside for floating in router.floating_ips}
    return tuple(
        IPv4Interface((address, 32)) for address in sorted(whole | {one.outside for one in router.port_forwardings})
    )


def routes_of(router: RouterSpec) -> list[tuple[RouterPort, Route]]:
    """The router's routes, each with the leg through which its next hop is reached."""
    routes: list[tuple[RouterPort, Route]] = []
    gateway = router.gateway
    if gateway is not None:
        routes += [(gateway.port, Route(destination=_ANYWHERE[hop.version], next_hop=hop)) for hop in gateway.next_hops]
    legs = list(router.interfaces) + ([] if gateway is None else [gateway.port])
    for extra in router.routes:
        for port in legs:
            if any(extra.next_hop in address.network for address in port.addresses):
                routes.append((port, Route(destination=extra.destination, next_hop=extra.next_hop)))
                break
    return routes


def _router(router: RouterSpec, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    namespace, up = namespace_of(router.router_id), router.admin_state_up
    owned = [Owned(router.key, Namespace(name=namespace, forwarding=True))]
    legs: list[tuple[RouterPort | HaSpec, tuple[str, str]]] = [(port, ("qr-", "hr-")) for port in router.interfaces]
    if router.gateway is not None:
        legs.append((router.gateway.port, ("qg-", "hg-")))
    if router.ha is not None:
        legs.append((router.ha, ("ha-", "hh-")))
    for port, names in legs:
        if port.network_id in vlans:
            owned += veth_and_port(router.key, port, names, namespace, vlans[port.network_id], place, up=up)
    if up:
        own = _own_addresses(router, namespace, metadata=place.metadata)
        owned += [Owned(router.key, layer3) for layer3 in own]
    return owned


def _own_addresses(router: RouterSpec, namespace: str, *, metadata: bool) -> list[Layer3]:
    if router.ha is not None:
        name = leg("ha-", router.ha.port_id)
        return [Layer3(namespace=namespace, interface=name, addresses=(router.ha.address,))]
    routes = routes_of(router)
    gateway = router.gateway
    legs = [(leg("qr-", port.port_id), port, port.addresses) for port in router.interfaces]
    if gateway is not None:
        addresses = gateway.port.addresses + floating_addresses(router)
        legs.append((leg("qg-", gateway.port.port_id), gateway.port, addresses))
    return [
        Layer3(
            namespace=namespace,
            interface=name,
            addresses=tuple(
                sorted((*with_link_local(addresses, port.mac), *asked_at(port, metadata=metadata)), key=rank)
            ),
            routes=tuple(route for by, route in routes if by is port),
            announce=True,
        )
        for name, port, addresses in legs
    ]
