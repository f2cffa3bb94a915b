"""A network: who has members of it, and who serves DHCP in it."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import Any

from futago.contract.specs import DhcpHost, DhcpOption, DhcpRoute, DhcpSpec, DhcpSubnet, NetworkSpec, Spec
from futago.controller import device_owners, reach
from futago.controller.plan import names
from futago.controller.plan.instance import asked_over_ipv6, plan_instances
from futago.controller.plan.population import lawless_nodes, plan_population, populated
from futago.controller.plan.qos import plan_qos
from futago.controller.plan.views import NetworkView, Settings
from futago.controller.store.rows import DhcpReplica, FixedIp, Port, Segment, Subnet
from futago.values import IPInterface, IPNetwork, IPv6Mode, default_hostname, rank


def plan_network(view: NetworkView, settings: Settings) -> dict[str, tuple[Spec, ...]]:
    """Node → its specs of this network: itself, its neighbours, a DHCP server of its own, who asks for metadata."""
    plans: dict[str, tuple[Spec, ...]] = {}
    on: dict[str, frozenset[str]] = {}
    for segment, members in _on_segments(view):
        told = populated(segment, settings)
        for node in members:
            plans[node] = (_network(view, segment, members - {node}, told=told),)
            on[node] = members
        for node, neighbours in plan_population(view, members).items() if told else ():
            plans[node] = (*plans[node], *neighbours)
    ports = {port.id: port for port in view.ports}
    for replica in view.dhcp_replicas:
        if not ports[replica.port_id].admin_state_up:
            continue
        plans[replica.node] = (*plans.get(replica.node, ()), _dhcp(view, replica, settings, on.get(replica.node)))
    for node, instances in plan_instances(view, settings).items():
        plans[node] = (*plans.get(node, ()), *instances)
    return plans


def _on_segments(view: NetworkView) -> Iterator[tuple[Segment, frozenset[str]]]:
    """The segments that are used, and the nodes with members of the network that use each."""
    use = {node: reach.used(view.facts.get(node), view.segments, view.subnets) for node in view.members}
    for segment in view.segments:
        if members := frozenset(node for node in use if use[node] is segment):
            yield segment, members


def _network(view: NetworkView, segment: Segment, others: frozenset[str], *, told: bool) -> NetworkSpec:
    return NetworkSpec(
        network_id=view.network.id,
        network_type=segment.network_type,
        physical_network=segment.physical_network or None,
        segmentation_id=segment.segmentation_id or None,
        mtu=view.network.mtu,
        members=tuple(sorted(others)),
        populated=told,
        lawless=tuple(sorted(others & lawless_nodes(view))) if told else (),
        qos=None if view.qos_rules is None else plan_qos(view.qos_rules),
    )


def _dhcp(view: NetworkView, replica: DhcpReplica, settings: Settings, near: frozenset[str] | None) -> DhcpSpec:
    """A server answers for the subnets in which it has an address; in a full one it may have none.

    `near` are the nodes on the same segment.
    """
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
        asked_over_ipv6=port.id == asked_over_ipv6(view, near),
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
    """Those on other segments are no neighbours."""
    like = (subnet.ip_version, subnet.segment_id)
    others = (other for other in view.subnets if other.id != subnet.id and (other.ip_version, other.segment_id) == like)
    return tuple(sorted((other.cidr for other in others), key=str))


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
