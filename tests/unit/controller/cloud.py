"""A small cloud in a database of its own: nodes that have joined, networks, a router; for tests of planning."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

from msgspec.structs import replace

from database_kit import sqlite
from futago.config import ControllerConfig
from futago.contract.report import NodeFacts
from futago.controller import allocate
from futago.controller.nodes import membership
from futago.controller.resources import dhcp, ha
from futago.controller.resources.service_ports import add_port
from futago.controller.store.rows import FloatingIp, Network, Port, Router, Segment, Subnet
from futago.values import IPAddress, IPv4Address, IPv6Mode, NetworkType


class Cloud:
    """Speaks to the store as the API's resources do, in a word each."""

    def __init__(self, directory: Path, **settings: object) -> None:
        self.config = replace(ControllerConfig(), **settings)
        self.database = sqlite(directory / "futago.db")

    def node(self, name: str, *roles: str, tunnel: str | None = None, reaching: tuple[str, ...] = ()) -> str:
        """A node joins and says who it is; returns its credential."""
        credential = membership.join(self.database, self.config, name)
        facts = NodeFacts(
            roles=roles,
            tunnel_address=IPv4Address(tunnel) if tunnel else None,
            tunnel_types=("vxlan",),
            bridge_mappings={physical_network: f"br-{physical_network}" for physical_network in reaching},
            datapath_type="netdev",
            version="0",
        )
        membership.introduce(self.database, self.config, name, facts)
        return credential

    def network(self, name: str, *, vni: int | None = None, external: bool = False) -> Network:
        kind = NetworkType.FLAT if external else NetworkType.VXLAN
        with self.database.write() as txn:
            network = txn.add(
                Network(
                    id=name,
                    project_id="p",
                    name=name,
                    external=external,
                    mtu=1500 if external else 1450,
                )
            )
            txn.add(
                Segment(
                    id=f"segment-{name}",
                    project_id="p",
                    network_type=kind,
                    physical_network="external1" if external else "",
                    segmentation_id=vni or 0,
                    network_id=name,
                )
            )
        return network

    def segments(self, network: Network, *ways: tuple[NetworkType, str, int]) -> list[Segment]:
        """Carry a network in these ways instead."""
        with self.database.write() as txn:
            for former in txn.find(Segment, network_id=network.id):
                txn.remove(former)
            return [
                txn.add(
                    Segment(
                        id=f"{network.id}-{position}",
                        project_id="p",
                        network_type=kind,
                        physical_network=where,
                        segmentation_id=number,
                        network_id=network.id,
                        position=position,
                    )
                )
                for position, (kind, where, number) in enumerate(ways)
            ]

    def subnet(
        self,
        network: Network,
        cidr: str,
        *,
        name: str = "subnet",
        enable_dhcp: bool = True,
        mode: IPv6Mode | None = None,
        gateway: IPAddress | None = None,
        dns: tuple[IPAddress, ...] = (),
        segment: Segment | None = None,
    ) -> Subnet:
        """A subnet; with a `mode` both for what routers tell and for how hosts get their addresses."""
        whole = ip_network(cidr)
        gateway = gateway or whole.network_address + 1
        with self.database.write() as txn:
            subnet = txn.add(
                Subnet(
                    id=f"{network.id}-{name}",
                    project_id="p",
                    network_id=network.id,
                    ip_version=whole.version,
                    cidr=whole,
                    gateway_ip=gateway,
                    ipv6_ra_mode=mode,
                    ipv6_address_mode=mode,
                    dns_nameservers=dns,
                    segment_id=None if segment is None else segment.id,
                    enable_dhcp=enable_dhcp,
                    allocation_pools=allocate.default_pools(whole, gateway),
                )
            )
            dhcp.place(txn, self.config, network.id)
        return subnet

    def router(self, name: str, *, project_id: str = "p", highly_available: bool = True) -> Router:
        with self.database.write() as txn:
            router = txn.add(Router(id=name, project_id=project_id, name=name, ha=highly_available))
            return ha.place(txn, self.config, router)

    def leg(self, router: Router, network: Network, *subnets: Subnet) -> Port:
        with self.database.write() as txn:
            return add_port(
                txn,
                network=network,
                project_id="p",
                device_owner="network:ha_router_replicated_interface",
                device_id=router.id,
                addresses=[(subnet, subnet.gateway_ip) for subnet in subnets],
            )

    def gateway(self, router: Router, network: Network, *subnets: Subnet) -> Port:
        with self.database.write() as txn:
            port = add_port(
                txn,
                network=network,
                project_id="",
                device_owner="network:router_gateway",
                device_id=router.id,
                addresses=[(subnet, None) for subnet in subnets],
            )
            known = txn.get(Router, id=router.id)
            assert known is not None
            txn.replace(known, replace(known, gateway_port_id=port.id, gateway_network_id=network.id))
            return port

    def instance(self, network: Network, subnet: Subnet, host: str) -> Port:
        with self.database.write() as txn:
            return add_port(
                txn,
                network=network,
                project_id="p",
                device_owner="compute:nova",
                device_id=str(uuid.uuid4()),
                host_id=host,
                addresses=[(subnet, None)],
            )

    def floating_ip(self, network: Network, subnet: Subnet, router: Router, port: Port, inside: str) -> FloatingIp:
        with self.database.write() as txn:
            outside = add_port(
                txn,
                network=network,
                project_id="",
                device_owner="network:floatingip",
                device_id="fip",
                addresses=[(subnet, IPv4Address("10.0.80.150"))],
            )
            return txn.add(
                FloatingIp(
                    id="fip",
                    project_id="p",
                    floating_network_id=network.id,
                    floating_ip_address=IPv4Address("10.0.80.150"),
                    floating_port_id=outside.id,
                    port_id=port.id,
                    fixed_ip_address=IPv4Address(inside),
                    router_id=router.id,
                )
            )

    @contextmanager
    def later(self, seconds: float) -> Iterator[None]:
        """Within it, every node's last heartbeat is `seconds` older."""
        from futago.controller.store.rows import Node

        with self.database.note() as txn:
            for node in txn.find(Node):
                txn.replace(node, replace(node, heartbeat_at=node.heartbeat_at - seconds))
        yield
        with self.database.note() as txn:
            for node in txn.find(Node):
                txn.replace(node, replace(node, heartbeat_at=time.time()))
