"""DHCP: one dnsmasq for each network, in a namespace with one leg into the network; every lease is static.

It also answers DNS for the instances' own names; it asks nobody else (its namespace leads nowhere else).
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import DhcpHost, DhcpSpec, DhcpSubnet, NodeSpecs
from futago.metadata.config import METADATA_ADDRESS
from futago.node.features.routing import leg, veth_and_port
from futago.node.host import Dnsmasq, Layer3, MetadataRoute, Namespace, Owned, Place
from futago.values import IPv4Address, IPv4Interface, IPv4Network, Vlan

_OPTION_MTU: Final = 26
_OPTION_CLASSLESS_ROUTES: Final = 121
_OPTION_CLASSLESS_ROUTES_OF_WINDOWS: Final = 249
_ON_LINK: Final = "0.0.0.0"  # noqa: S104 - a next hop
_METADATA: Final = IPv4Network(METADATA_ADDRESS)


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
    for subnet in spec.subnets:
        kind = f"{subnet.cidr.network_address},static,{subnet.cidr.netmask},{spec.lease_seconds}s"
        lines.append(f"dhcp-range=set:{_tag(subnet)},{kind}")
    return "".join(f"{line}\n" for line in lines)


def render_options(spec: DhcpSpec, *, metadata: MetadataRoute = "never") -> str:
    """What clients are told, as dnsmasq's `dhcp-optsfile` wants it: of each subnet, then of single hosts."""
    lines = [line for subnet in spec.subnets for line in _subnet(spec, subnet, metadata)]
    options = {(host.port_id, option) for host in spec.hosts for option in host.options}
    for port_id, option in sorted(options, key=lambda pair: (pair[0], pair[1].name, pair[1].ip_version)):
        kind = "option6" if option.ip_version == 6 else "option"
        name = option.name if kind == "option" and option.name.isdecimal() else f"{kind}:{option.name}"
        lines.append(",".join(filter(None, [f"tag:port-{port_id}", name, option.value])))
    return "".join(f"{line}\n" for line in lines)


def render_hosts(spec: DhcpSpec) -> str:
    """The static leases, as dnsmasq's `dhcp-hostsfile` wants them."""
    hosts = sorted(spec.hosts, key=lambda host: (host.address, host.mac))
    return "".join(f"{host.mac},{_host_tag(host)}{host.address},{host.hostname}\n" for host in hosts)


def render_names(spec: DhcpSpec) -> str:
    """The instances' names, as in hosts(5)."""
    hosts = sorted(spec.hosts, key=lambda host: host.address)
    return "".join(f"{host.address} {host.hostname}.{spec.domain} {host.hostname}\n" for host in hosts)


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
    addresses = {*spec.addresses, *([IPv4Interface(_METADATA)] if place.metadata_route != "never" else [])}
    return [
        Owned(spec.key, Namespace(name=namespace, forwarding=False)),
        *veth_and_port(spec.key, spec, ("tap", "hd-"), namespace, tag, place),
        Owned(spec.key, Layer3(namespace=namespace, interface=interface, addresses=tuple(sorted(addresses)))),
        Owned(spec.key, server),
    ]


def _room_for(hosts: int) -> int:
    """How many leases there may be; seldom another number, since another one is a restart of the server."""
    return max(1000, 1 << (2 * hosts).bit_length())


def _tag(subnet: DhcpSubnet) -> str:
    return f"subnet-{subnet.subnet_id[:8]}"


def _host_tag(host: DhcpHost) -> str:
    """Only what is told other things needs to be told apart."""
    return f"set:port-{host.port_id}," if host.options else ""


def _subnet(spec: DhcpSpec, subnet: DhcpSubnet, metadata: MetadataRoute) -> list[str]:
    """Both servers answer a question, and either may be dead tomorrow: their clients have both for their DNS."""
    own = [address.ip for address in spec.addresses if address.ip in subnet.cidr]
    servers = [str(server) for server in subnet.dns_servers or (*own, *subnet.servers)]
    nobody = servers == ["0.0.0.0"]  # noqa: S104 - Neutron's way to say that clients are told of no DNS server
    told = {
        "option:router": [] if subnet.gateway is None else [str(subnet.gateway)],
        "option:dns-server": [] if nobody else servers,
    }
    lines = [",".join([f"tag:{_tag(subnet)}", option, *values]) for option, values in told.items()]
    routes = ",".join(f"{destination},{next_hop}" for destination, next_hop in _routes(subnet, own, metadata))
    numbers = (_OPTION_CLASSLESS_ROUTES, _OPTION_CLASSLESS_ROUTES_OF_WINDOWS) if routes else ()
    return lines + [f"tag:{_tag(subnet)},{number},{routes}" for number in numbers]


def _routes(subnet: DhcpSubnet, own: list[IPv4Address], metadata: MetadataRoute) -> list[tuple[str, str]]:
    routes = [(str(cidr), _ON_LINK) for cidr in subnet.neighbours]
    routes += [(str(route.destination), str(route.next_hop)) for route in subnet.routes]
    through_us = metadata == "always" or (metadata == "isolated" and subnet.isolated)
    if through_us and own and _METADATA not in (route.destination for route in subnet.routes):
        routes.append((str(_METADATA), str(own[0])))
    if subnet.gateway is not None and routes:
        # A client that gets classless routes ignores the router option (RFC 3442), so the default route is among them.
        routes.append(("0.0.0.0/0", str(subnet.gateway)))
    return routes
