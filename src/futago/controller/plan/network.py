"""A network: who has members of it, and who serves DHCP in it."""

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any

from futago.contract.specs import DhcpHost, DhcpOption, DhcpRoute, DhcpSpec, DhcpSubnet, NetworkSpec, Spec
from futago.controller import device_owners
from futago.controller.plan import names
from futago.controller.plan.instance import asked_over_ipv6, plan_instances
from futago.controller.plan.population import lawless_nodes, plan_population, populated
from futago.controller.plan.qos import plan_qos
from futago.controller.plan.views import NetworkView, Settings
from futago.controller.store.rows import DhcpReplica, FixedIp, Port, Subnet
from futago.values import IPInterface, IPNetwork, IPv6Mode, default_hostname, rank


def plan_network(view: NetworkView, settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Node → its specs of this network: itself, its neighbours, a DHCP server of its own, who asks for metadata."""
    members, told = view.members, populated(view.network, settings)
    plans: dict[str, tuple[Spec, ...]] = {node: (_network(view, members - {node}, told=told),) for node in members}
    for node, neighbours in plan_population(view, members).items() if told else ():
        plans[node] = (*plans[node], *neighbours)
    for replica in view.dhcp_replicas:
        plans[replica.node] = (*plans.get(replica.node, ()), _dhcp(view, replica, settings))
    for node, instances in plan_instances(view, settings).items():
        plans[node] = (*plans.get(node, ()), *instances)
    return plans


def _network(view: NetworkView, others: frozenset[str], *, told: bool) -> NetworkSpec:
    network = view.network
    return NetworkSpec(
        network_id=network.id,
        network_type=network.network_type,
        physical_network=network.physical_network,
        segmentation_id=network.segmentation_id,
        mtu=network.mtu,
        members=tuple(sorted(others)),
        populated=told,
        lawless=tuple(sorted(others & lawless_nodes(view))) if told else (),
        qos=None if view.qos_rules is None else plan_qos(view.qos_rules),
    )


def _dhcp(view: NetworkView, replica: DhcpReplica, settings: Settings) -> DhcpSpec:
    """A server answers for the subnets in which it has an address; in a full one it may have none."""
    port = next(port for port in view.ports if port.id == replica.port_id)
    held = [fixed_ip for fixed_ip in view.fixed_ips if fixed_ip.port_id == port.id]
    reached = {fixed_ip.subnet_id for fixed_ip in held}
    subnets = {subnet.id: subnet for subnet in view.subnets if subnet.enable_dhcp and subnet.id in reached}
    served = sorted((subnet for subnet in subnets.values() if _has_dhcp(subnet)), key=lambda subnet: subnet.id)
    own = [fixed_ip for fixed_ip in held if fixed_ip.subnet_id in subnets]
    return DhcpSpec(
        network_id=view.network.id,
        port_id=port.id,
        mac=port.mac_address,
        mtu=view.network.mtu,
        addresses=tuple(_with_prefix(fixed_ip, subnets[fixed_ip.subnet_id]) for fixed_ip in _in_order(own)),
        domain=settings.dns_domain,
        lease_seconds=settings.lease_seconds,
        subnets=tuple(_subnet(view, subnet, port) for subnet in served),
        hosts=_hosts(view, subnets, settings.dns_domain),
        asked_over_ipv6=port.id == asked_over_ipv6(view),
    )


def _has_dhcp(subnet: Subnet) -> bool:
    """Whether there is anything to ask for: not where hosts are told everything, nor where others serve."""
    served = {IPv6Mode.DHCPV6_STATEFUL, IPv6Mode.DHCPV6_STATELESS}
    return subnet.ipv6_address_mode in served or not (subnet.ipv6_ra_mode or subnet.ipv6_address_mode)


def _subnet(view: NetworkView, subnet: Subnet, own: Port) -> DhcpSubnet:
    here = {fixed_ip.ip_address: fixed_ip.port_id for fixed_ip in view.fixed_ips if fixed_ip.subnet_id == subnet.id}
    owners = {port.id: port.device_owner for port in view.ports}
    servers = {address for address, port_id in here.items() if owners.get(port_id) == device_owners.DHCP}
    routed = {address for address, port_id in here.items() if owners.get(port_id) in device_owners.INTERFACES}
    return DhcpSubnet(
        subnet_id=subnet.id,
        cidr=subnet.cidr,
        gateway=subnet.gateway_ip,
        dns_servers=subnet.dns_nameservers,
        routes=tuple(DhcpRoute(destination=r.destination, next_hop=r.nexthop) for r in subnet.host_routes),
        servers=tuple(sorted((address for address in servers if here[address] != own.id), key=rank)),
        neighbours=_neighbours(view, subnet),
        isolated=subnet.gateway_ip not in routed,
        stateless=subnet.automatic,
    )


def _neighbours(view: NetworkView, subnet: Subnet) -> tuple[IPNetwork, ...]:
    others = (other.cidr for other in view.subnets if other.id != subnet.id and other.ip_version == subnet.ip_version)
    return tuple(sorted(others, key=str))


def _hosts(view: NetworkView, subnets: dict[str, Subnet], domain: str) -> tuple[DhcpHost, ...]:
    """A lease for every address but the DHCP servers' own, in the order of addresses."""
    ports: dict[str, Port] = {port.id: port for port in view.ports if port.device_owner != device_owners.DHCP}
    leased = [ip for ip in view.fixed_ips if ip.port_id in ports and ip.subnet_id in subnets]
    return tuple(
        DhcpHost(
            mac=ports[ip.port_id].mac_address,
            address=ip.ip_address,
            hostname=names.label(ports[ip.port_id], domain) or default_hostname(ip.ip_address),
            fqdn=names.fqdn(view.network, ports[ip.port_id], domain),
            port_id=ip.port_id,
            options=tuple(_option(option) for option in ports[ip.port_id].extra_dhcp_opts),
        )
        for ip in sorted(leased, key=lambda ip: rank(ip.ip_address))
    )


def _option(row: Mapping[str, Any]) -> DhcpOption:
    return DhcpOption(name=row["opt_name"], value=row["opt_value"], ip_version=row["ip_version"])


def _in_order(fixed_ips: list[FixedIp]) -> list[FixedIp]:
    return sorted(fixed_ips, key=lambda fixed_ip: fixed_ip.position)


def _with_prefix(fixed_ip: FixedIp, subnet: Subnet) -> IPInterface:
    return ip_interface((fixed_ip.ip_address, subnet.cidr.prefixlen))
