"""From rows to specs: address scopes of routers' legs, and the names that DHCP servers answer for."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.specs import DhcpSpec, NodeSpecs, RouterSpec
from futago.controller.nodes.feed import Feed
from futago.controller.store.addressing_rows import AddressScope, SubnetPool
from futago.controller.store.rows import Network, Port, Subnet
from futago.values import IPv6Mode
from unit.controller.cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path, min_l3_agents_per_router=1)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    return cloud


def everything(cloud: Cloud) -> NodeSpecs:
    return NodeSpecs().after(Feed(cloud.database, cloud.config).changes("net1", 0))


def into_scope(cloud: Cloud, subnet: Subnet) -> None:
    """Have the subnet come of a pool that is in the one scope of its family."""
    scope_id = f"scope-{subnet.ip_version}"
    with cloud.database.write() as txn:
        if txn.get(AddressScope, id=scope_id) is None:
            txn.add(AddressScope(id=scope_id, project_id="p", ip_version=subnet.ip_version))
        pool = SubnetPool(
            id=f"pool-{subnet.id}",
            project_id="p",
            ip_version=subnet.ip_version,
            prefixes=(subnet.cidr,),
            min_prefixlen=8,
            max_prefixlen=32,
            default_prefixlen=8,
            address_scope_id=scope_id,
        )
        txn.add(pool)
        txn.replace(subnet, replace(subnet, subnetpool_id=pool.id))


def test_the_legs_of_a_router_say_in_which_scope_they_are(cloud: Cloud) -> None:
    inside, other, over_ipv6, outside = (
        cloud.network("in", vni=1),
        cloud.network("other", vni=2),
        cloud.network("sixth", vni=3),
        cloud.network("out", external=True),
    )
    subnet, beside = cloud.subnet(inside, "10.0.0.0/24"), cloud.subnet(other, "10.0.1.0/24")
    external = cloud.subnet(outside, "198.51.100.0/24", enable_dhcp=False)
    router = cloud.router("r")
    first = cloud.leg(router, inside, subnet)
    cloud.leg(router, other, beside)
    sixth = cloud.subnet(over_ipv6, "2001:db8::/64", mode=IPv6Mode.SLAAC)
    third = cloud.leg(router, over_ipv6, sixth)
    cloud.gateway(router, outside, external)
    for one in (subnet, external, sixth):
        into_scope(cloud, one)
    spec = everything(cloud).specs["router/r"]
    assert isinstance(spec, RouterSpec)
    assert {port.port_id: port.ipv4_scope for port in spec.interfaces if port.ipv4_scope} == {first.id: "scope-4"}
    assert {port.port_id: port.ipv6_scope for port in spec.interfaces if port.ipv6_scope} == {third.id: "scope-6"}
    assert spec.gateway is not None
    assert spec.gateway.port.ipv4_scope == "scope-4"
    assert spec.gateway.port.ipv6_scope == ""


def test_a_named_port_is_found_in_its_networks_domain_and_in_its_own(cloud: Cloud) -> None:
    network = cloud.network("n", vni=1)
    subnet = cloud.subnet(network, "10.0.0.0/24")
    ports = [cloud.instance(network, subnet, "net1") for _ in range(3)]
    with cloud.database.write() as txn:
        row = txn.get(Network, id=network.id)
        assert row is not None
        txn.replace(row, replace(row, dns_domain="example.org."))
        for port, named in zip(
            ports, ({"dns_name": "a"}, {"dns_name": "b", "dns_domain": "own.org."}, {}), strict=True
        ):
            known = txn.get(Port, id=port.id)
            assert known is not None
            txn.replace(known, replace(known, **named))
    spec = everything(cloud).specs["dhcp/n"]
    assert isinstance(spec, DhcpSpec)
    assert [host.fqdn for host in spec.hosts] == ["a.example.org", "b.own.org", ""]
    assert [host.hostname for host in spec.hosts][:2] == ["a", "b"]
