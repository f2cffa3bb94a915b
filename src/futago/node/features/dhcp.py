"""DHCP: one dnsmasq for each network, in a namespace with one leg into the network; every lease is static.

It also answers DNS for the instances' own names; it asks nobody else (its namespace leads nowhere else).
"""

from collections.abc import Mapping
from typing import Final

from futago.contract.specs import DhcpSpec, DhcpSubnet, NodeSpecs
from futago.node.features.routing import leg, veth_and_port
from futago.node.host import Dnsmasq, Layer3, Namespace, Owned, Place
from futago.values import Vlan

_OPTION_MTU: Final = 26
_OPTION_CLASSLESS_ROUTES: Final = 121


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
    for subnet in spec.subnets:
        lines += _subnet(spec, subnet)
    return "".join(f"{line}\n" for line in lines)


def render_hosts(spec: DhcpSpec) -> str:
    """The static leases, as dnsmasq's `dhcp-hostsfile` wants them."""
    hosts = sorted(spec.hosts, key=lambda host: (host.address, host.mac))
    return "".join(f"{host.mac},{host.address},{host.hostname}\n" for host in hosts)


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
        names=render_names(spec),
    )
    return [
        Owned(spec.key, Namespace(name=namespace, forwarding=False)),
        *veth_and_port(spec.key, spec, ("tap", "hd-"), namespace, tag, place),
        Owned(spec.key, Layer3(namespace=namespace, interface=interface, addresses=tuple(sorted(spec.addresses)))),
        Owned(spec.key, server),
    ]


def _room_for(hosts: int) -> int:
    """How many leases there may be; seldom another number, since another one is a restart of the server."""
    return max(1000, 1 << (2 * hosts).bit_length())


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
