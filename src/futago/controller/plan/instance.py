"""What instances are told of themselves: for every node that they may ask."""

import re
from ipaddress import ip_interface
from typing import Final

from futago.contract.specs import DhcpRoute, InstanceAddress, InstanceSpec
from futago.controller import device_owners
from futago.controller.plan import names
from futago.controller.plan.views import NetworkView, Settings
from futago.controller.store.rows import FixedIp, InstanceData, Port, Subnet
from futago.values import default_hostname

_NOT_IN_A_NAME: Final = re.compile(r"[^a-z0-9-]+")
_LONGEST_LABEL: Final = 63
_IPV6: Final = 6


def plan_instances(view: NetworkView, settings: Settings) -> dict[str, tuple[InstanceSpec, ...]]:
    """Node → the instances of the network that may ask it: all of them, wherever a router or a DHCP server is."""
    carriers = {node for nodes in view.router_nodes.values() for node in nodes}
    carriers |= {replica.node for replica in view.dhcp_replicas}
    asked = carriers & view.metadata_nodes
    if not asked:
        return {}
    ports = [port for port in view.ports if not port.device_owner.startswith(device_owners.SERVICE)]
    held: dict[str, list[FixedIp]] = {}
    for fixed_ip in sorted(view.fixed_ips, key=lambda fixed_ip: fixed_ip.position):
        held.setdefault(fixed_ip.port_id, []).append(fixed_ip)
    instances = tuple(_instance(view, port, held[port.id], settings) for port in ports if port.id in held)
    return dict.fromkeys(asked, instances)


def asked_over_ipv6(view: NetworkView, near: frozenset[str] | None = None) -> str:
    """The DHCP server's port at which instances ask over IPv6, for the router that the network does not have; or "".

    Each segment has one: the nodes on it are `near`; None is all.
    """
    subnets = {subnet.id: subnet for subnet in view.subnets if subnet.ip_version == _IPV6}
    ports = {port.id: port for port in view.ports}
    held = [one for one in view.fixed_ips if one.subnet_id in subnets and one.port_id in ports]
    if any(leads_out(subnets[one.subnet_id], one, ports[one.port_id]) for one in held):
        return ""
    able = {one.port_id for one in held if subnets[one.subnet_id].enable_dhcp}
    servers = [one for one in view.dhcp_replicas if one.port_id in able and one.node in view.metadata_nodes]
    servers = [one for one in servers if near is None or one.node in near]
    return min(((one.node, one.port_id) for one in servers), default=("", ""))[1]


def leads_out(subnet: Subnet, held: FixedIp, port: Port) -> bool:
    """Whether this is the address of a router of ours that hosts of an IPv6 subnet have as their gateway."""
    ours = port.device_owner in device_owners.INTERFACES
    return ours and subnet.ip_version == _IPV6 and subnet.gateway_ip == held.ip_address


def _instance(view: NetworkView, port: Port, held: list[FixedIp], settings: Settings) -> InstanceSpec:
    data = view.instance_data.get(port.id) or InstanceData(port_id=port.id, network_id=port.network_id)
    subnets = {subnet.id: subnet for subnet in view.subnets}
    name = data.name or port.name
    label = names.label(port, settings.dns_domain) or _label(name) or default_hostname(held[0].ip_address)
    return InstanceSpec(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        mtu=view.network.mtu,
        addresses=tuple(_address(fixed_ip, subnets[fixed_ip.subnet_id]) for fixed_ip in held),
        instance_id=port.device_id or port.id,
        project_id=port.project_id,
        name=name or label,
        hostname=f"{label}.{settings.dns_domain}".rstrip("."),
        ssh_keys=data.ssh_keys,
        user_data=data.user_data,
        vendor_data=data.vendor_data,
        meta=tuple(sorted(data.meta.items())),
        availability_zone=data.availability_zone,
    )


def _address(fixed_ip: FixedIp, subnet: Subnet) -> InstanceAddress:
    return InstanceAddress(
        address=ip_interface((fixed_ip.ip_address, subnet.cidr.prefixlen)),
        dhcp=subnet.enable_dhcp,
        ipv6_mode=subnet.ipv6_address_mode,
        gateway=subnet.gateway_ip,
        dns_servers=subnet.dns_nameservers,
        routes=tuple(DhcpRoute(destination=r.destination, next_hop=r.nexthop) for r in subnet.host_routes),
    )


def _label(name: str) -> str:
    """A name as a host's (RFC 1123, 2.1): what does not belong there becomes a hyphen."""
    return _NOT_IN_A_NAME.sub("-", name.lower())[:_LONGEST_LABEL].strip("-")
