"""The walkthrough's router, networks and one instance as the specs that three hosts of the lab have on their disks."""

from futago.contract.specs import (
    DhcpHost,
    DhcpSpec,
    DhcpSubnet,
    FloatingIpSpec,
    GatewaySpec,
    HaSpec,
    NetworkSpec,
    PeerSpec,
    PortSpec,
    RouterPort,
    RouterSpec,
    Spec,
)
from futago.lab.state import Instance
from futago.values import IPv4Address, IPv4Interface, IPv4Network, Mac, Millis, NetworkType

ROUTER = "0b1c2d3e-0000-4000-8000-000000000080"
NETNS = f"qrouter-{ROUTER}"
GATEWAY = "192.168.80.1"
OUTSIDE_ADDRESS = "10.0.80.101"
FLOATING_IP = "10.0.80.102"
HOSTS = {"net1": "172.31.0.11", "net2": "172.31.0.12", "compute1": "172.31.0.21"}
INSTANCE = Instance(
    name="vm1",
    host="compute1",
    port_id="5a5a5a5a-0000-4000-8000-000000000001",
    mac=Mac("fa:16:3e:80:00:05"),
    mtu=1450,
    address="192.168.80.5",
)

_INSIDE = "1d1d1d1d-0000-4000-8000-000000000001"
_OUTSIDE = "2d2d2d2d-0000-4000-8000-000000000002"
_HA = "3d3d3d3d-0000-4000-8000-000000000003"


def of(host: str) -> list[Spec]:
    """What `host` must make true."""
    tunnels: list[Spec] = [
        PeerSpec(node=name, tunnel_address=IPv4Address(address)) for name, address in HOSTS.items() if name != host
    ]
    inside = _vxlan(_INSIDE, 1000, host, *HOSTS)
    if host == INSTANCE.host:
        return [*tunnels, inside, _port()]
    number = int(host[-1])
    return [*tunnels, inside, _vxlan(_HA, 1001, host, "net1", "net2"), _flat(), _replica(number), _dhcp(number)]


def _vxlan(network_id: str, vni: int, host: str, *members: str) -> NetworkSpec:
    return NetworkSpec(
        network_id=network_id,
        network_type=NetworkType.VXLAN,
        physical_network=None,
        segmentation_id=vni,
        mtu=1450,
        members=tuple(sorted(set(members) - {host})),
    )


def _flat() -> NetworkSpec:
    return NetworkSpec(
        network_id=_OUTSIDE,
        network_type=NetworkType.FLAT,
        physical_network="external1",
        segmentation_id=None,
        mtu=1500,
        members=(),
    )


def _port() -> PortSpec:
    return PortSpec(
        port_id=INSTANCE.port_id,
        network_id=_INSIDE,
        mac=INSTANCE.mac,
        addresses=(IPv4Address(INSTANCE.address),),
        admin_state_up=True,
    )


def _leg(port_id: str, network_id: str, mac: str, mtu: int, address: str) -> RouterPort:
    return RouterPort(
        port_id=port_id, network_id=network_id, mac=Mac(mac), mtu=mtu, addresses=(IPv4Interface(address),)
    )


def _replica(number: int) -> RouterSpec:
    ha = HaSpec(
        port_id=f"4d4d4d4d-0000-4000-8000-00000000000{number}",
        network_id=_HA,
        mac=Mac(f"fa:16:3e:80:01:0{number}"),
        mtu=1450,
        address=IPv4Interface(f"169.254.192.{number}/18"),
        vrid=1,
        priority=100,
        version=3,
        advert_interval=Millis(300),
        preempt=False,
        password="",
        advertised=IPv4Address("169.254.0.1"),
    )
    outside = _leg("6d6d6d6d-0000-4000-8000-000000000006", _OUTSIDE, "fa:16:3e:80:00:02", 1500, f"{OUTSIDE_ADDRESS}/24")
    return RouterSpec(
        router_id=ROUTER,
        admin_state_up=True,
        ha=ha,
        interfaces=(_leg("7d7d7d7d-0000-4000-8000-000000000007", _INSIDE, "fa:16:3e:80:00:01", 1450, f"{GATEWAY}/24"),),
        gateway=GatewaySpec(port=outside, next_hops=(IPv4Address("10.0.80.1"),), enable_snat=True),
        floating_ips=(
            FloatingIpSpec(
                floating_ip_id="8d8d8d8d-0000-4000-8000-000000000008",
                outside=IPv4Address(FLOATING_IP),
                inside=IPv4Address(INSTANCE.address),
            ),
        ),
        routes=(),
    )


def _dhcp(number: int) -> DhcpSpec:
    subnet = DhcpSubnet(
        subnet_id="9d9d9d9d-0000-4000-8000-000000000009",
        cidr=IPv4Network("192.168.80.0/24"),
        gateway=IPv4Address(GATEWAY),
        dns_servers=(),
        routes=(),
    )
    return DhcpSpec(
        network_id=_INSIDE,
        port_id=f"ad4d4d4d-0000-4000-8000-00000000000{number}",
        mac=Mac(f"fa:16:3e:80:02:0{number}"),
        mtu=1450,
        addresses=(IPv4Interface(f"192.168.80.{number + 1}/24"),),
        domain="openstacklocal",
        lease_seconds=86400,
        subnets=(subnet,),
        hosts=(DhcpHost(mac=INSTANCE.mac, address=IPv4Address(INSTANCE.address), hostname="vm1"),),
    )
