"""From rows to specs over IPv6: what routers tell hosts, what DHCP serves, where default routes lead."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.advertisement import AdvertisedPrefix, Advertisement
from futago.contract.specs import DhcpSpec, NodeSpecs, RouterSpec
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import Network, Router
from futago.values import IPv4Address, IPv6Address, IPv6Mode, IPv6Network
from unit.controller.cloud import Cloud

DNS = (IPv6Address("2001:db8::53"),)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    cloud.node("net2", "l3", "dhcp", tunnel="172.31.0.12")
    return cloud


def specs(cloud: Cloud, node: str) -> NodeSpecs:
    return NodeSpecs().after(Feed(cloud.database, cloud.config).changes(node, 0))


def router_on(cloud: Cloud, node: str) -> RouterSpec:
    spec = specs(cloud, node).specs["router/r"]
    assert isinstance(spec, RouterSpec)
    return spec


def dhcp_on(cloud: Cloud, node: str) -> DhcpSpec:
    spec = specs(cloud, node).specs["dhcp/n"]
    assert isinstance(spec, DhcpSpec)
    return spec


@pytest.fixture
def network(cloud: Cloud) -> Network:
    return cloud.network("n", vni=1000)


@pytest.fixture
def router(cloud: Cloud) -> Router:
    return cloud.router("r")


def test_every_replica_tells_the_hosts_of_a_leg_the_same(cloud: Cloud, network: Network, router: Router) -> None:
    """What each subnet's hosts are to do, the network's MTU, and the IPv6 name servers."""
    cloud.leg(
        router,
        network,
        cloud.subnet(network, "10.0.0.0/24", name="v4", dns=(IPv4Address("192.0.2.53"),)),
        cloud.subnet(network, "2001:db8:1::/64", name="slaac", mode=IPv6Mode.SLAAC, dns=DNS),
        cloud.subnet(network, "2001:db8:2::/64", name="leased", mode=IPv6Mode.DHCPV6_STATEFUL, dns=DNS),
        cloud.subnet(network, "2001:db8:3::/64", name="silent"),
    )
    told = [router_on(cloud, node).interfaces[0].advertisement for node in ("net1", "net2")]
    expected = Advertisement(
        managed=True,
        other=False,
        mtu=1450,
        prefixes=(
            AdvertisedPrefix(prefix=IPv6Network("2001:db8:1::/64"), autonomous=True),
            AdvertisedPrefix(prefix=IPv6Network("2001:db8:2::/64"), autonomous=False),
        ),
        dns_servers=DNS,
    )
    assert told == [expected, expected]


@pytest.mark.parametrize(
    ("mode", "flags"),
    [
        (IPv6Mode.SLAAC, (False, False, True)),
        (IPv6Mode.DHCPV6_STATELESS, (False, True, True)),
        (IPv6Mode.DHCPV6_STATEFUL, (True, False, False)),
    ],
)
def test_each_mode_has_its_flags(
    cloud: Cloud, network: Network, router: Router, mode: IPv6Mode, flags: tuple[bool, bool, bool]
) -> None:
    cloud.leg(router, network, cloud.subnet(network, "2001:db8:1::/64", mode=mode))
    told = router_on(cloud, "net1").interfaces[0].advertisement
    assert told is not None
    assert (told.managed, told.other, told.prefixes[0].autonomous) == flags


def test_hosts_of_ipv4_and_of_silent_subnets_are_told_nothing(cloud: Cloud, network: Network, router: Router) -> None:
    cloud.leg(router, network, cloud.subnet(network, "10.0.0.0/24", name="v4"))
    other = cloud.network("m", vni=1002)
    cloud.leg(router, other, cloud.subnet(other, "2001:db8:1::/64", name="silent"))
    assert [port.advertisement for port in router_on(cloud, "net1").interfaces] == [None, None]


def test_a_gateway_of_both_families_leads_to_a_next_hop_of_each(cloud: Cloud, router: Router) -> None:
    """Of several subnets of one family, the first address's decides."""
    ext = cloud.network("ext", external=True)
    cloud.gateway(
        router,
        ext,
        cloud.subnet(ext, "2001:db8:80::/64", name="v6", enable_dhcp=False, gateway=IPv6Address("fe80::1")),
        cloud.subnet(ext, "10.0.80.0/24", name="first", enable_dhcp=False),
        cloud.subnet(ext, "10.0.81.0/24", name="second", enable_dhcp=False),
    )
    gateway = router_on(cloud, "net1").gateway
    assert gateway is not None
    assert gateway.next_hops == (IPv4Address("10.0.80.1"), IPv6Address("fe80::1"))
    assert [str(address) for address in gateway.port.addresses] == [
        "2001:db8:80::1/64",
        "10.0.80.2/24",
        "10.0.81.2/24",
    ]


def asked(cloud: Cloud) -> list[str]:
    """The nodes and their places at which the network's instances ask over IPv6 who they are."""
    found = [f"{node} dhcp" for node in ("net1", "net2") if dhcp_on(cloud, node).asked_over_ipv6]
    for node in ("net1", "net2"):
        routers = [spec for spec in specs(cloud, node).specs.values() if isinstance(spec, RouterSpec)]
        found += [f"{node} {one.router_id}" for one in routers if any(leg.asked_over_ipv6 for leg in one.interfaces)]
    return found


def test_instances_ask_over_ipv6_at_their_gateway(cloud: Cloud, network: Network, router: Router) -> None:
    """Not at another router that has a leg there, too, and not at an external leg."""
    subnet = cloud.subnet(network, "2001:db8:1::/64", mode=IPv6Mode.SLAAC)
    cloud.leg(router, network, subnet)
    cloud.leg(cloud.router("other"), network, replace(subnet, gateway_ip=IPv6Address("2001:db8:1::fe")))
    cloud.gateway(router, network, subnet)
    assert asked(cloud) == ["net1 r", "net2 r"]


def test_where_no_router_leads_out_one_dhcp_server_is_asked_over_ipv6(tmp_path: Path) -> None:
    """The first of those that answer."""
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    cloud.node("net2", "l3", "dhcp", "metadata", tunnel="172.31.0.12")
    network = cloud.network("n", vni=1000)
    v4 = cloud.subnet(network, "10.0.0.0/24", name="v4")
    assert asked(cloud) == []
    subnet = cloud.subnet(network, "2001:db8:1::/64", name="v6")
    cloud.leg(cloud.router("r"), network, v4)
    assert asked(cloud) == ["net2 dhcp"]
    cloud.leg(cloud.router("other"), network, subnet)
    assert asked(cloud) == ["net1 other", "net2 other"]


def test_dhcp_serves_where_there_is_something_to_ask_for(cloud: Cloud, network: Network) -> None:
    cloud.subnet(network, "10.0.0.0/24", name="v4")
    cloud.subnet(network, "2001:db8:1::/64", name="slaac", mode=IPv6Mode.SLAAC)
    cloud.subnet(network, "2001:db8:2::/64", name="leased", mode=IPv6Mode.DHCPV6_STATEFUL)
    cloud.subnet(network, "2001:db8:3::/64", name="informed", mode=IPv6Mode.DHCPV6_STATELESS)
    cloud.subnet(network, "2001:db8:4::/64", name="plain")
    spec = dhcp_on(cloud, "net1")
    assert {subnet.subnet_id: subnet.stateless for subnet in spec.subnets} == {
        "n-v4": False,
        "n-leased": False,
        "n-informed": True,
        "n-plain": False,
    }
    assert len(spec.addresses) == 5
