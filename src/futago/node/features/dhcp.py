"""DHCP: one dnsmasq for each network, in a namespace with one leg into the network; every lease is static.

It also answers DNS for the instances' own names; it asks nobody else (its namespace leads nowhere else).
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import DhcpHost, DhcpSpec, DhcpSubnet, NodeSpecs
from futago.metadata.config import METADATA_ADDRESS, METADATA_ADDRESS_IPV6
from futago.node.features.routing import leg, veth_and_port, with_link_local
from futago.node.host import Dnsmasq, Layer3, MetadataRoute, Namespace, Owned, Place
from futago.values import (
    IPAddress,
    IPInterface,
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Interface,
    IPv6Network,
    Mac,
    Vlan,
    rank,
)

_OPTION_MTU: Final = 26
_OPTION_CLASSLESS_ROUTES: Final = 121
_OPTION_CLASSLESS_ROUTES_OF_WINDOWS: Final = 249
_CLIENT_ID: Final = "client-id"
"""Nothing that a client is told, but what it may be known by beside its MAC (RFC 2132, 9.14); over IPv6 its DUID."""
_ON_LINK: Final = "0.0.0.0"  # noqa: S104 - a next hop
_METADATA: Final = IPv4Network(METADATA_ADDRESS)
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
        "dhcp-optsfile={directory}/options",
        "addn-hosts={directory}/names",
        f"dhcp-lease-max={_room_for(len(spec.hosts))}",
        f"dhcp-option-force={_OPTION_MTU},{spec.mtu}",
    ]
    if any(isinstance(subnet.cidr, IPv6Network) for subnet in spec.subnets):
        lines.append(_duid(spec.mac))
    for subnet in _served(spec):
        size = subnet.cidr.prefixlen if isinstance(subnet.cidr, IPv6Network) else subnet.cidr.netmask
        kind = f"{subnet.cidr.network_address},static,{size},{spec.lease_seconds}s"
        lines.append(f"dhcp-range=set:{_tag(subnet)},{kind}")
    return "".join(f"{line}\n" for line in lines)


def render_options(spec: DhcpSpec, *, metadata: MetadataRoute = "never") -> str:
    """What clients are told, as dnsmasq's `dhcp-optsfile` wants it: of each subnet, then of single hosts."""
    lines = [line for subnet in _served(spec) for line in _subnet(spec, subnet, metadata)]
    options = {(host.port_id, option) for host in spec.hosts for option in host.options if option.name != _CLIENT_ID}
    for port_id, option in sorted(options, key=lambda pair: (pair[0], pair[1].name, pair[1].ip_version)):
        kind = "option6" if option.ip_version == 6 else "option"
        name = option.name if kind == "option" and option.name.isdecimal() else f"{kind}:{option.name}"
        lines.append(",".join(filter(None, [f"tag:port-{port_id}", name, option.value])))
    return "".join(f"{line}\n" for line in lines)


def render_hosts(spec: DhcpSpec) -> str:
    """The static leases, as dnsmasq's `dhcp-hostsfile` wants them."""
    leased = [subnet.cidr for subnet in spec.subnets if not subnet.stateless]
    hosts = [host for host in spec.hosts if any(host.address in cidr for cidr in leased)]
    hosts.sort(key=lambda host: (rank(host.address), host.mac))
    return "".join(
        f"{host.mac},{_client_id(host)}{_host_tag(host)}{_bracketed(host.address)},{host.hostname}\n" for host in hosts
    )


def render_names(spec: DhcpSpec) -> str:
    """The instances' names, as in hosts(5)."""
    hosts = sorted(spec.hosts, key=lambda host: rank(host.address))
    return "".join(f"{host.address} {' '.join(_names(host, spec.domain))}\n" for host in hosts)


def _server(spec: DhcpSpec, tag: Vlan, place: Place) -> list[Owned]:
    namespace, interface = namespace_of(spec.network_id), leg("tap", spec.port_id)
    server = Dnsmasq(
        network_id=spec.network_id,
        namespace=namespace,
        config=render_config(spec),
        hosts=render_hosts(spec),
        options=render_options(spec, metadata=place.metadata_route),
        names=render_names(spec),
    )
    ours: set[IPInterface] = set() if place.metadata_route == "never" else {IPv4Interface(_METADATA)}
    if ours and spec.asked_over_ipv6:
        ours.add(IPv6Interface(METADATA_ADDRESS_IPV6))
    addresses = tuple(sorted({*with_link_local(spec.addresses, spec.mac), *ours}, key=rank))
    return [
        Owned(spec.key, Namespace(name=namespace, forwarding=False)),
        *veth_and_port(spec.key, spec, ("tap", "hd-"), namespace, tag, place),
        Owned(spec.key, Layer3(namespace=namespace, interface=interface, addresses=addresses)),
        Owned(spec.key, server),
    ]


def _names(host: DhcpHost, domain: str) -> list[str]:
    """The first one is what its address is called."""
    return list(dict.fromkeys(filter(None, [f"{host.hostname}.{domain}", host.fqdn, host.hostname])))


def _room_for(hosts: int) -> int:
    """How many leases there may be; seldom another number, since another one is a restart of the server."""
    return max(1000, 1 << (2 * hosts).bit_length())


def _served(spec: DhcpSpec) -> list[DhcpSubnet]:
    """Of IPv6, dnsmasq serves no range that is wider than a link's /64."""
    return [subnet for subnet in spec.subnets if subnet.cidr.version == 4 or subnet.cidr.prefixlen >= _LINK_PREFIX]


def _tag(subnet: DhcpSubnet) -> str:
    return f"subnet-{subnet.subnet_id[:8]}"


def _client_id(host: DhcpHost) -> str:
    known = [o.value for o in host.options if (o.name, o.ip_version) == (_CLIENT_ID, host.address.version)]
    return "".join(f"id:{value}," for value in known)


def _host_tag(host: DhcpHost) -> str:
    """Only what is told other things needs to be told apart."""
    return f"set:port-{host.port_id}," if any(option.name != _CLIENT_ID for option in host.options) else ""


def _bracketed(address: IPAddress) -> str:
    return str(address) if isinstance(address, IPv4Address) else f"[{address}]"


def _duid(mac: Mac) -> str:
    """What clients know the server by (RFC 8415, 11.3), the same after every start; 32473 is nobody's (RFC 5612)."""
    return f"dhcp-duid=32473,{mac}"


def _subnet(spec: DhcpSpec, subnet: DhcpSubnet, metadata: MetadataRoute) -> list[str]:
    """Of IPv6 routes the routers tell."""
    own = [address.ip for address in spec.addresses if address.ip in subnet.cidr]
    servers = ",".join(map(_bracketed, _dns_servers(subnet, own)))
    if isinstance(subnet.cidr, IPv6Network):
        told = {"option6:domain-search": spec.domain, "option6:dns-server": servers}
    else:
        told = {"option:router": str(subnet.gateway or ""), "option:dns-server": servers}
        routes = ",".join(f"{destination},{next_hop}" for destination, next_hop in _routes(subnet, own, metadata))
        numbers = (_OPTION_CLASSLESS_ROUTES, _OPTION_CLASSLESS_ROUTES_OF_WINDOWS) if routes else ()
        told |= {str(number): routes for number in numbers}
    return [",".join(filter(None, [f"tag:{_tag(subnet)}", option, value])) for option, value in told.items()]


def _dns_servers(subnet: DhcpSubnet, own: list[IPAddress]) -> tuple[IPAddress, ...]:
    """Both servers answer a question, and either may be dead tomorrow: their clients have both for their DNS."""
    servers = subnet.dns_servers or (*own, *subnet.servers)
    # 0.0.0.0 alone, or ::, is Neutron's way to say that clients are told of no DNS server.
    return () if all(server.is_unspecified for server in servers) else servers


def _routes(subnet: DhcpSubnet, own: list[IPAddress], metadata: MetadataRoute) -> list[tuple[str, str]]:
    routes = [(str(cidr), _ON_LINK) for cidr in subnet.neighbours]
    routes += [(str(route.destination), str(route.next_hop)) for route in subnet.routes]
    through_us = metadata == "always" or (metadata == "isolated" and subnet.isolated)
    if through_us and own and _METADATA not in (route.destination for route in subnet.routes):
        routes.append((str(_METADATA), str(own[0])))
    if subnet.gateway is not None and routes:
        # A client that gets classless routes ignores the router option (RFC 3442), so the default route is among them.
        routes.append(("0.0.0.0/0", str(subnet.gateway)))
    return routes
