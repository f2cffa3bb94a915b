"""A router: the same on every node that carries it, but for the replica's own port and priority."""

from ipaddress import ip_interface
from typing import Final

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.contract.specs import (
    FloatingIpSpec,
    GatewaySpec,
    HaAuth,
    HaPeer,
    HaSpec,
    RouterPort,
    RouterSpec,
    Spec,
    StaticRoute,
)
from futago.controller import device_owners
from futago.controller.plan.instance import leads_out
from futago.controller.plan.router_parts import conntrack_helpers, limits, meters, port_forwardings
from futago.controller.plan.secrets import derive, sender
from futago.controller.plan.views import RouterView, Settings
from futago.controller.store.rows import FixedIp, FloatingIp, Port, Replica
from futago.values import IPAddress, IPInterface, IPv4Address, IPv4Interface, IPv6Address, IPv6Mode, IPv6Network

_IPV4: Final = 4
_IPV6: Final = 6
_SMALLEST_MTU: Final = 68
"""Of an interface; a network without subnets may have less."""
_ADVERTISED_BASE: Final = IPv4Address("169.254.0.0")


def plan_router(view: RouterView, settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Node → the router's replica there.

    An HA router without its HA port goes nowhere: without an election every node would answer for its addresses.
    """
    elections = {replica.node: _ha(view, replica, settings) for replica in view.replicas}
    return {node: (_replica(view, ha),) for node, ha in elections.items() if ha is not None or not view.router.ha}


def _replica(view: RouterView, ha: HaSpec | None) -> RouterSpec:
    interfaces = [port for port in view.ports if port.device_owner in device_owners.INTERFACES and port.admin_state_up]
    return RouterSpec(
        router_id=view.router.id,
        admin_state_up=view.router.admin_state_up,
        ha=ha,
        interfaces=tuple(_leg(view, port) for port in sorted(interfaces, key=lambda port: port.id)),
        gateway=_gateway(view),
        floating_ips=tuple(
            _floating_ip(row, row.fixed_ip_address)
            for row in sorted(view.floating_ips, key=lambda row: row.floating_ip_address)
            if row.fixed_ip_address is not None
        ),
        routes=tuple(StaticRoute(destination=r.destination, next_hop=r.nexthop) for r in view.router.routes),
        port_forwardings=port_forwardings(view),
        conntrack_helpers=conntrack_helpers(view),
        meters=meters(view),
        limits=limits(view),
    )


def _ha(view: RouterView, replica: Replica, settings: Settings) -> HaSpec | None:
    port = _port(view, replica.ha_port_id)
    vrid = view.router.vrid
    if port is None or vrid is None:
        return None
    leg, address = _leg(view, port), _ha_address(view, port)
    return HaSpec(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        mtu=leg.mtu,
        address=address,
        vrid=vrid,
        priority=_priority(replica, settings),
        version=settings.vrrp_version,
        advert_interval=settings.advert_interval,
        preempt=False,
        password=settings.password,
        advertised=_ADVERTISED_BASE + vrid,
        auth=_auth(view, settings),
        yielding=replica.yielding or not replica.admin_state_up or replica.node in view.drained,
        peers=_peers(view, replica, settings),
    )


def _peers(view: RouterView, replica: Replica, settings: Settings) -> tuple[HaPeer, ...]:
    peers = [
        HaPeer(node=other.node, address=_ha_address(view, port).ip, priority=_priority(other, settings))
        for other in view.replicas
        if other.node != replica.node and (port := _port(view, other.ha_port_id)) is not None
    ]
    return tuple(sorted(peers, key=lambda peer: peer.address))


def _priority(replica: Replica, settings: Settings) -> int:
    return replica.priority if settings.priority is None else settings.priority


def _auth(view: RouterView, settings: Settings) -> HaAuth | None:
    """No keys, no proof: without them a router that enforced it would hear nobody."""
    send_key = sender(view.vrrp_keys)
    if settings.auth_mode is None or send_key is None:
        return None
    return HaAuth(
        mode=settings.auth_mode,
        keys=derive(view.vrrp_keys, view.router.id),
        send_key=send_key,
    )


def _gateway(view: RouterView) -> GatewaySpec | None:
    port = _port(view, view.router.gateway_port_id)
    if port is None:
        return None
    by_family: dict[int, IPAddress] = {}
    for fixed_ip in _fixed_ips(view, port):
        gateway = view.subnets[fixed_ip.subnet_id].gateway_ip
        if gateway is not None:
            by_family.setdefault(gateway.version, gateway)
    return GatewaySpec(
        port=_leg(view, port),
        next_hops=tuple(by_family[version] for version in sorted(by_family)),
        enable_snat=view.router.enable_snat,
    )


def _leg(view: RouterView, port: Port) -> RouterPort:
    return RouterPort(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        mtu=max(view.networks[port.network_id].mtu, _SMALLEST_MTU),
        addresses=tuple(_with_prefix(view, fixed_ip) for fixed_ip in _fixed_ips(view, port)),
        advertisement=_advertisement(view, port) if port.device_owner in device_owners.INTERFACES else None,
        asked_over_ipv6=any(leads_out(view.subnets[one.subnet_id], one, port) for one in _fixed_ips(view, port)),
        ipv4_scope=_scope(view, port, _IPV4),
        ipv6_scope=_scope(view, port, _IPV6),
    )


def _scope(view: RouterView, port: Port, ip_version: int) -> str:
    """A network's subnets of one family are in one scope."""
    subnets = (view.subnets[fixed_ip.subnet_id] for fixed_ip in _fixed_ips(view, port))
    pools = (subnet.subnetpool_id for subnet in subnets if subnet.ip_version == ip_version and subnet.subnetpool_id)
    return next((view.scopes[pool] for pool in pools if pool in view.scopes), "")


def _advertisement(view: RouterView, port: Port) -> Advertisement | None:
    """Of the leg's subnets, those whose hosts are told things by us."""
    subnets = [view.subnets[fixed_ip.subnet_id] for fixed_ip in _fixed_ips(view, port)]
    told = [subnet for subnet in subnets if subnet.ipv6_ra_mode is not None]
    if not told:
        return None
    servers = dict.fromkeys(server for subnet in told for server in subnet.dns_nameservers)
    modes = {subnet.ipv6_ra_mode for subnet in told}
    return Advertisement(
        managed=IPv6Mode.DHCPV6_STATEFUL in modes,
        other=IPv6Mode.DHCPV6_STATELESS in modes,
        mtu=view.networks[port.network_id].mtu,
        prefixes=tuple(
            AdvertisedPrefix(prefix=subnet.cidr, autonomous=subnet.automatic)
            for subnet in told
            if isinstance(subnet.cidr, IPv6Network)
        ),
        dns_servers=tuple(server for server in servers if isinstance(server, IPv6Address)),
    )


def _with_prefix(view: RouterView, fixed_ip: FixedIp) -> IPInterface:
    return ip_interface((fixed_ip.ip_address, view.subnets[fixed_ip.subnet_id].cidr.prefixlen))


def _ha_address(view: RouterView, port: Port) -> IPv4Interface:
    """The one on the HA network, which is an IPv4 network."""
    address = _with_prefix(view, _fixed_ips(view, port)[0])
    assert isinstance(address, IPv4Interface), "the controller has made the HA network"
    return address


def _floating_ip(row: FloatingIp, inside: IPv4Address) -> FloatingIpSpec:
    return FloatingIpSpec(floating_ip_id=row.id, outside=row.floating_ip_address, inside=inside)


def _port(view: RouterView, port_id: str | None) -> Port | None:
    return next((port for port in view.ports if port.id == port_id), None)


def _fixed_ips(view: RouterView, port: Port) -> list[FixedIp]:
    own = [fixed_ip for fixed_ip in view.fixed_ips if fixed_ip.port_id == port.id]
    return sorted(own, key=lambda fixed_ip: fixed_ip.position)
