"""What a trace must know of the cloud: the rows around its ports, by the questions that it asks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter

from futago.controller import device_owners, reach
from futago.controller.store.database import View
from futago.controller.store.port_rows import SubPort, Trunk
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Node, Port, Replica, Router, Segment, Subnet
from futago.values import IPAddress, IPv4Address


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
    floating_ips: list[FloatingIp]
    replicas: list[Replica]
    nodes: dict[str, Node]
    segments: list[Segment] = field(default_factory=list)
    parents: dict[str, str] = field(default_factory=dict)
    """Subport → the port on whose interface its frames are tagged."""

    @classmethod
    def of(cls, view: View) -> "Cloud":
        return cls(
            networks={network.id: network for network in view.find(Network)},
            subnets={subnet.id: subnet for subnet in view.find(Subnet)},
            ports={port.id: port for port in view.find(Port)},
            fixed_ips=view.find(FixedIp),
            routers={router.id: router for router in view.find(Router)},
            floating_ips=view.find(FloatingIp),
            replicas=view.find(Replica),
            nodes={node.name: node for node in view.find(Node)},
            segments=view.find(Segment),
            parents=_parents(view),
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
        """Who answers for an address in a network; for a floating IP the router that has it."""
        held = (ip for ip in self.fixed_ips if ip.network_id == network_id and ip.ip_address == address)
        port = next((self.ports[fixed_ip.port_id] for fixed_ip in held), None)
        if port is None or port.device_owner != device_owners.FLOATING_IP:
            return port
        router = next((one.router_id for one in self.floating_ips if one.floating_port_id == port.id), None)
        gateway = None if router is None else self.routers[router].gateway_port_id
        return None if gateway is None else self.ports[gateway]

    def called(self, port: Port) -> str:
        """How a port is called in sentences: a router's by its router."""
        if port.device_owner in device_owners.LEGS:
            router = self.routers[port.device_id]
            return f"router {router.name or router.id}"
        return "the DHCP server" if port.device_owner == device_owners.DHCP else label(port)

    def why_nowhere(self, port: Port) -> str:
        """Why nobody receives what is sent to a port."""
        if port.device_owner not in device_owners.LEGS:
            return "is on no node"
        return "is active on no node" if self.routers[port.device_id].admin_state_up else "is down (admin_state_up)"

    def next_hop(self, port: Port, destination: IPAddress) -> IPAddress:
        """Where an instance sends what is for `destination`, by what its subnets say.

        Raises:
            NoTrace: it has no address, or no way there, or there is more than one who gets it.

        """
        if destination.is_multicast or destination == IPv4Address("255.255.255.255"):
            raise NoTrace(f"{destination} is for many: a trace follows a packet to one address")
        if destination.version == 6 and destination.is_link_local:
            raise NoTrace(f"{destination} is a link-local address, and says nothing of who has it")
        held = [self.subnets[fixed_ip.subnet_id] for fixed_ip in self.addresses(port)]
        subnets = [subnet for subnet in held if subnet.ip_version == destination.version]
        segments = {subnet.segment_id for subnet in held}
        there = (subnet for subnet in self.subnets.values() if subnet.network_id == port.network_id)
        near = {subnet.cidr for subnet in there if subnet.segment_id in segments or not segments}
        if any(cidr.version == 4 and destination == cidr.broadcast_address for cidr in near):
            raise NoTrace(f"{destination} is for many: a trace follows a packet to one address")
        if any(destination in cidr for cidr in near):
            return destination
        routes = [(r.destination, r.nexthop) for subnet in subnets for r in subnet.host_routes]
        fitting = [(cidr.prefixlen, next_hop) for cidr, next_hop in routes if destination in cidr]
        fitting += [(-1, subnet.gateway_ip) for subnet in subnets[:1] if subnet.gateway_ip is not None]
        if not fitting:
            raise NoTrace(f"{label(port)} has no way to {destination}: no gateway, and no route of its subnets")
        return max(fitting, key=itemgetter(0))[1]

    def segment(self, network: Network, node: str) -> Segment:
        """The segment of a network that a node uses.

        Raises:
            NoTrace: the network has none.

        """
        held = reach.ordered(segment for segment in self.segments if segment.network_id == network.id)
        subnets = [subnet for subnet in self.subnets.values() if subnet.network_id == network.id]
        found = reach.used(self.nodes[node].facts if node in self.nodes else None, held, subnets)
        if found is None:
            raise NoTrace(f"network {network.name or network.id} has no segment")
        return found

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


def _parents(view: View) -> dict[str, str]:
    trunks = {trunk.id: trunk.port_id for trunk in view.find(Trunk)}
    return {row.port_id: trunks[row.trunk_id] for row in view.find(SubPort)}


def label(port: Port) -> str:
    """How a port is called in sentences."""
    return port.name or f"port {port.id[:11]}"
