"""What a trace must know of the cloud: the rows around its ports, by the questions that it asks."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter

from futago.controller import device_owners
from futago.controller.store.database import View
from futago.controller.store.rows import FixedIp, Network, Node, Port, Replica, Router, Subnet
from futago.values import IPAddress


class NoTrace(Exception):
    """The trace cannot begin, or a node does not tell what it must; the text says why."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """Everything at one revision."""

    networks: dict[str, Network]
    subnets: dict[str, Subnet]
    ports: dict[str, Port]
    fixed_ips: list[FixedIp]
    routers: dict[str, Router]
    replicas: list[Replica]
    nodes: dict[str, Node]

    @classmethod
    def of(cls, view: View) -> "Cloud":
        return cls(
            networks={network.id: network for network in view.find(Network)},
            subnets={subnet.id: subnet for subnet in view.find(Subnet)},
            ports={port.id: port for port in view.find(Port)},
            fixed_ips=view.find(FixedIp),
            routers={router.id: router for router in view.find(Router)},
            replicas=view.find(Replica),
            nodes={node.name: node for node in view.find(Node)},
        )

    def addresses(self, port: Port) -> list[FixedIp]:
        held = [fixed_ip for fixed_ip in self.fixed_ips if fixed_ip.port_id == port.id]
        return sorted(held, key=lambda fixed_ip: fixed_ip.position)

    def source(self, port: Port, destination: IPAddress) -> IPAddress:
        """What a port sends from to `destination`: its first address of that family.

        Raises:
            NoTrace: it has none.

        """
        held = [ip.ip_address for ip in self.addresses(port) if ip.ip_address.version == destination.version]
        if not held:
            raise NoTrace(f"{label(port)} has no IPv{destination.version} address")
        return held[0]

    def holder(self, network_id: str, address: IPAddress) -> Port | None:
        """Whose an address is in a network."""
        held = (ip for ip in self.fixed_ips if ip.network_id == network_id and ip.ip_address == address)
        return next((self.ports[fixed_ip.port_id] for fixed_ip in held), None)

    def next_hop(self, port: Port, destination: IPAddress) -> IPAddress:
        """Where an instance sends what is for `destination`, by what its subnets say.

        Raises:
            NoTrace: it has no address, or no way there.

        """
        held = [self.subnets[fixed_ip.subnet_id] for fixed_ip in self.addresses(port)]
        subnets = [subnet for subnet in held if subnet.ip_version == destination.version]
        near = {subnet.cidr for subnet in self.subnets.values() if subnet.network_id == port.network_id}
        if any(destination in cidr for cidr in near):
            return destination
        routes = [(r.destination, r.nexthop) for subnet in subnets for r in subnet.host_routes]
        fitting = [(cidr.prefixlen, next_hop) for cidr, next_hop in routes if destination in cidr]
        fitting += [(-1, subnet.gateway_ip) for subnet in subnets[:1] if subnet.gateway_ip is not None]
        if not fitting:
            raise NoTrace(f"{label(port)} has no way to {destination}: no gateway, and no route of its subnets")
        return max(fitting, key=itemgetter(0))[1]

    def node_at(self, address: str) -> str:
        """The node whose tunnels end at an address; the address itself if nobody's do."""
        ends = {str(node.facts.tunnel_address): node.name for node in self.nodes.values() if node.facts is not None}
        return ends.get(address, address)

    def carriers(self, router_id: str) -> list[str]:
        return sorted(replica.node for replica in self.replicas if replica.router_id == router_id)

    def find(self, name: str) -> Port:
        """The instance's port of this id, name, device or address.

        Raises:
            NoTrace: there is none, or more than one.

        """
        found = [port for port in self._instances() if name in {port.id, port.name, port.device_id}]
        if not found:
            held = {fixed_ip.port_id for fixed_ip in self.fixed_ips if str(fixed_ip.ip_address) == name}
            found = [port for port in self._instances() if port.id in held or port.id.startswith(name)]
        if len(found) != 1:
            several = ", ".join(port.id for port in found)
            raise NoTrace(f"{name} is several ports: {several}" if found else f"there is no instance {name}")
        return found[0]

    def _instances(self) -> Iterator[Port]:
        return (port for port in self.ports.values() if not port.device_owner.startswith(device_owners.SERVICE))


def label(port: Port) -> str:
    """How a port is called in sentences."""
    return port.name or f"port {port.id[:11]}"
