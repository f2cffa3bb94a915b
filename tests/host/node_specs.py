"""The specs of two nodes: a network node `gw` (router, DHCP) and a compute node `vm` (one instance)."""

from msgspec.structs import replace

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
from futago.values import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, Mac, Millis, NetworkType

ROUTER = "7a46dba8-0d2b-4f0e-9f5c-0a1b2c3d4e5f"
INSIDE = "11111111-aaaa-4000-8000-000000000001"
OUTSIDE = "22222222-aaaa-4000-8000-000000000002"
HA_NET = "33333333-aaaa-4000-8000-000000000003"
QR = "aaaaaaaa-0001-4000-8000-000000000001"
QG = "bbbbbbbb-0002-4000-8000-000000000002"
HA = "cccccccc-0003-4000-8000-000000000003"
DHCP = "dddddddd-0004-4000-8000-000000000004"
OTHER = "ffffffff-0009-4000-8000-000000000009"
VM = "eeeeeeee-0005-4000-8000-000000000005"
VM_MAC = Mac("fa:16:3e:00:00:05")
SUBNET = "55555555-aaaa-4000-8000-000000000005"

NETNS = f"qrouter-{ROUTER}"

PEER_GW = PeerSpec(node="gw", tunnel_address=IPv4Address("192.0.2.1"))
PEER_VM = PeerSpec(node="vm", tunnel_address=IPv4Address("192.0.2.2"))


def network(network_id: str, kind: NetworkType, vni: int | None, *members: str) -> NetworkSpec:
    flat = kind is NetworkType.FLAT
    return NetworkSpec(
        network_id=network_id,
        network_type=kind,
        physical_network="external1" if flat else None,
        segmentation_id=vni,
        mtu=1500 if flat else 1450,
        members=members,
    )


def leg(port_id: str, network_id: str, mac: str, mtu: int, address: str) -> RouterPort:
    return RouterPort(
        port_id=port_id, network_id=network_id, mac=Mac(mac), mtu=mtu, addresses=(IPv4Interface(address),)
    )


def router(*, ha: bool, floating: tuple[tuple[str, str], ...] = (("10.0.80.110", "192.168.80.10"),)) -> RouterSpec:
    election = HaSpec(
        port_id=HA,
        network_id=HA_NET,
        mac=Mac("fa:16:3e:00:00:03"),
        mtu=1450,
        address=IPv4Interface("169.254.192.1/18"),
        vrid=1,
        priority=50,
        version=2,
        advert_interval=Millis(2000),
        preempt=False,
        password="openstack",
        advertised=IPv4Address("169.254.0.1"),
    )
    return RouterSpec(
        router_id=ROUTER,
        admin_state_up=True,
        ha=election if ha else None,
        interfaces=(leg(QR, INSIDE, "fa:16:3e:00:00:01", 1450, "192.168.80.1/24"),),
        gateway=GatewaySpec(
            port=leg(QG, OUTSIDE, "fa:16:3e:00:00:02", 1500, "10.0.80.101/24"),
            next_hops=(IPv4Address("10.0.80.1"),),
            enable_snat=True,
        ),
        floating_ips=tuple(
            FloatingIpSpec(floating_ip_id=f"fip-{o}", outside=IPv4Address(o), inside=IPv4Address(i))
            for o, i in floating
        ),
        routes=(),
    )


def scoped(inside: str, other: str, outside: str | None, *, snat: bool = True) -> RouterSpec:
    """A router with two legs inside and one outside, each in a scope."""
    plain = router(ha=False)
    assert plain.gateway is not None
    first = replace(plain.interfaces[0], ipv4_scope=inside)
    second = replace(leg(OTHER, INSIDE, "fa:16:3e:00:00:09", 1450, "192.168.90.1/24"), ipv4_scope=other)
    port = replace(plain.gateway.port, ipv4_scope=outside or "")
    gateway = None if outside is None else replace(plain.gateway, port=port, enable_snat=snat)
    return replace(plain, interfaces=(first, second), gateway=gateway)


def scoped_over_ipv6(inside: str, other: str, outside: str | None) -> RouterSpec:
    """The same over IPv6, in addition, where IPv4 has no scopes."""
    plain = scoped("", "", None if outside is None else "")
    ports = (*plain.interfaces, *(() if plain.gateway is None else (plain.gateway.port,)))
    wanted = (("2001:db8:1::1/64", inside), ("2001:db8:2::1/64", other), ("2001:db8:3::1/64", outside or ""))
    legs = [
        replace(port, addresses=(*port.addresses, IPv6Interface(address)), ipv6_scope=scope)
        for port, (address, scope) in zip(ports, wanted, strict=False)
    ]
    gateway = None if plain.gateway is None else replace(plain.gateway, port=legs[2])
    return replace(plain, interfaces=tuple(legs[:2]), gateway=gateway)


def dhcp() -> DhcpSpec:
    return DhcpSpec(
        network_id=INSIDE,
        port_id=DHCP,
        mac=Mac("fa:16:3e:00:00:04"),
        mtu=1450,
        addresses=(IPv4Interface("192.168.80.2/24"),),
        domain="openstacklocal",
        lease_seconds=86400,
        subnets=(
            DhcpSubnet(
                subnet_id=SUBNET,
                cidr=IPv4Network("192.168.80.0/24"),
                gateway=IPv4Address("192.168.80.1"),
                dns_servers=(),
                routes=(),
            ),
        ),
        hosts=(DhcpHost(mac=VM_MAC, address=IPv4Address("192.168.80.10"), hostname="host-192-168-80-10"),),
    )


def port() -> PortSpec:
    return PortSpec(
        port_id=VM, network_id=INSIDE, mac=VM_MAC, addresses=(IPv4Address("192.168.80.10"),), admin_state_up=True
    )


def gateway_node(*, ha: bool = False) -> list[Spec]:
    return [
        PEER_VM,
        network(INSIDE, NetworkType.VXLAN, 1000, "vm"),
        network(OUTSIDE, NetworkType.FLAT, None),
        network(HA_NET, NetworkType.VXLAN, 1001, "vm"),
        router(ha=ha),
        dhcp(),
    ]


def compute_node() -> list[Spec]:
    return [PEER_GW, network(INSIDE, NetworkType.VXLAN, 1000, "gw"), port()]
