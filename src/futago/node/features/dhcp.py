"""DHCP: one dnsmasq for each network, in a namespace with one leg into the network; every lease is static.

It also answers DNS for the instances' own names; it asks nobody else (its namespace leads nowhere else).
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import DhcpSpec, DhcpSubnet, NodeSpecs
from futago.node.features.routing import leg, veth_and_port, with_link_local
from futago.node.host import Dnsmasq, Layer3, Namespace, Owned, Place
from futago.values import IPAddress, IPv4Address, IPv6Network, Mac, Vlan, rank

_OPTION_MTU: Final = 26
_OPTION_CLASSLESS_ROUTES: Final = 121
_LINK_PREFIX: Final = 64


def namespace_of(network_id: str) -> str:
    """As Neutron names it."""
    return f"qdhcp-{network_id}"


def dhcp(specs: NodeSpecs, vlans: Mapping[str, Vlan], place: Place) -> list[Owned]:
    """The DHCP servers of this node, each with its namespace and its leg."""
    owned: list[Owned] = []
    for spec in specs.specs.values():
        if isinstance(spec, DhcpSpec) and spec.network_id in vlans:
            owned += _server(spec, vlans[spec.network_id], place)
    return owned


def render_config(spec: DhcpSpec) -> str:
    """The server's configuration; it stands for the addresses too, since dnsmasq binds them when it starts."""
    lines = [
        "no-hosts",
        "no-resolv",
        "no-ping",
        "strict-order",
        "bind-interfaces",
        f"interface={leg('tap', spec.port_id)}",
        "except-interface=lo",
        *(f"listen-address={address.ip}" for address in spec.addresses),
        "dhcp-authoritative",
        "leasefile-ro",
        f"domain={spec.domain}",
        f"local=/{spec.domain}/",
        "expand-hosts",
        "dhcp-hostsfile={directory}/hosts",
        "addn-hosts={directory}/names",
        f"dhcp-lease-max={_room_for(len(spec.hosts))}",
        f"dhcp-option-force={_OPTION_MTU},{spec.mtu}",
    ]
    if any(isinstance(subnet.cidr, IPv6Network) for subnet in spec.subnets):
        lines.append(_duid(spec.mac))
    for subnet in spec.subnets:
        lines += _subnet_v6(spec, subnet) if isinstance(subnet.cidr, IPv6Network) else _subnet(spec, subnet)
    return "".join(f"{line}\n" for line in lines)


def render_hosts(spec: DhcpSpec) -> str:
    """The static leases, as dnsmasq's `dhcp-hostsfile` wants them."""
    leased = [subnet.cidr for subnet in spec.subnets if not subnet.stateless]
    hosts = [host for host in spec.hosts if any(host.address in cidr for cidr in leased)]
    hosts.sort(key=lambda host: (rank(host.address), host.mac))
    return "".join(f"{host.mac},{_bracketed(host.address)},{host.hostname}\n" for host in hosts)


def render_names(spec: DhcpSpec) -> str:
    """The instances' names, as in hosts(5)."""
    hosts = sorted(spec.hosts, key=lambda host: rank(host.address))
    return "".join(f"{host.address} {host.hostname}.{spec.domain} {host.hostname}\n" for host in hosts)


def _server(spec: DhcpSpec, tag: Vlan, place: Place) -> list[Owned]:
    namespace, interface = namespace_of(spec.network_id), leg("tap", spec.port_id)
    server = Dnsmasq(
        network_id=spec.network_id,
        namespace=namespace,
        config=render_config(spec),
        hosts=render_hosts(spec),
        names=render_names(spec),
    )
    addresses = tuple(sorted(with_link_local(spec.addresses, spec.mac), key=rank))
    return [
        Owned(spec.key, Namespace(name=namespace, forwarding=False)),
        *veth_and_port(spec.key, spec, ("tap", "hd-"), namespace, tag, place),
        Owned(spec.key, Layer3(namespace=namespace, interface=interface, addresses=addresses)),
        Owned(spec.key, server),
    ]


def _room_for(hosts: int) -> int:
    """How many leases there may be; seldom another number, since another one is a restart of the server."""
    return max(1000, 1 << (2 * hosts).bit_length())


def _bracketed(address: IPAddress) -> str:
    return str(address) if isinstance(address, IPv4Address) else f"[{address}]"


def _duid(mac: Mac) -> str:
    """What clients know the server by (RFC 8415, 11.3), the same after every start; 32473 is nobody's (RFC 5612)."""
    return f"dhcp-duid=32473,{mac}"


def _subnet_v6(spec: DhcpSpec, subnet: DhcpSubnet) -> list[str]:
    """Routers tell of routes, and dnsmasq serves no range that is wider than a link's /64."""
    if subnet.cidr.prefixlen < _LINK_PREFIX:
        return []
    tag = f"subnet-{subnet.subnet_id[:8]}"
    own = [address.ip for address in spec.addresses if address.ip in subnet.cidr]
    servers = ",".join(_bracketed(server) for server in subnet.dns_servers or own)
    first, length = subnet.cidr.network_address, subnet.cidr.prefixlen
    lines = [
        f"dhcp-range=set:{tag},{first},static,{length},{spec.lease_seconds}s",
        f"dhcp-option=tag:{tag},option6:domain-search,{spec.domain}",
    ]
    return [*lines, f"dhcp-option=tag:{tag},option6:dns-server,{servers}"] if servers else lines


def _subnet(spec: DhcpSpec, subnet: DhcpSubnet) -> list[str]:
    tag = f"subnet-{subnet.subnet_id[:8]}"
    own = [address.ip for address in spec.addresses if address.ip in subnet.cidr]
    servers = subnet.dns_servers or tuple(own)
    routes = [(str(route.destination), str(route.next_hop)) for route in subnet.routes]
    if subnet.gateway is not None and routes:
        # A client that gets classless routes ignores the router option (RFC 3442), so the default route is among them.
        routes.append(("0.0.0.0/0", str(subnet.gateway)))
    lines = [
        f"dhcp-range=set:{tag},{subnet.cidr.network_address},static,{subnet.cidr.netmask},{spec.lease_seconds}s",
        f"dhcp-option=tag:{tag},option:router" + ("" if subnet.gateway is None else f",{subnet.gateway}"),
    ]
    if servers:
        lines.append(f"dhcp-option=tag:{tag},option:dns-server,{','.join(map(str, servers))}")
    if routes:
        pairs = ",".join(f"{destination},{next_hop}" for destination, next_hop in routes)
        lines.append(f"dhcp-option=tag:{tag},{_OPTION_CLASSLESS_ROUTES},{pairs}")
    return lines
