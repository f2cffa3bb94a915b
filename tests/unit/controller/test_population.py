"""L2 population: which node is told where which MAC addresses are."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.specs import NeighbourSpec, NetworkSpec, Spec
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import Port, Subnet
from unit.controller.cloud import Cloud

INSIDE = "vxlan-net80"


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Two network nodes and two compute nodes with an instance each."""
    cloud = Cloud(tmp_path, l2_population=True, dhcp_agents_per_network=1)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    cloud.node("net2", "l3", tunnel="172.31.0.12")
    cloud.node("compute1", tunnel="172.31.0.21")
    cloud.node("compute2", tunnel="172.31.0.22")
    return cloud


def routed(cloud: Cloud) -> tuple[Subnet, Port, Port, Port]:
    network = cloud.network(INSIDE, vni=1000)
    subnet = cloud.subnet(network, "192.168.80.0/24")
    leg = cloud.leg(cloud.router("router80"), network, subnet)
    return subnet, leg, cloud.instance(network, subnet, "compute1"), cloud.instance(network, subnet, "compute2")


def known(cloud: Cloud, node: str) -> dict[str, NeighbourSpec]:
    specs = Feed(cloud.database, cloud.config).changes(node, 0).put
    return {one.mac: one for one in specs if isinstance(one, NeighbourSpec) and one.network_id == INSIDE}


def network_of(cloud: Cloud, node: str) -> NetworkSpec:
    (found,) = [one for one in _specs(cloud, node) if isinstance(one, NetworkSpec) and one.network_id == INSIDE]
    return found


def _specs(cloud: Cloud, node: str) -> tuple[Spec, ...]:
    return Feed(cloud.database, cloud.config).changes(node, 0).put


def test_a_node_is_told_of_what_is_on_others_and_not_of_its_own(cloud: Cloud) -> None:
    _, leg, first, second = routed(cloud)
    there = known(cloud, "compute1")
    assert first.mac_address not in there
    other = there[second.mac_address]
    assert (other.nodes, other.wanders) == (("compute2",), False)
    assert [str(address) for address in other.addresses] == ["192.168.80.4"]
    assert there[leg.mac_address].nodes == ("net1", "net2")
    assert there[leg.mac_address].wanders
    dhcp_server = [one for one in there.values() if [str(a) for a in one.addresses] == ["192.168.80.2"]]
    assert [one.nodes for one in dhcp_server] == [("net1",)]
    assert network_of(cloud, "compute1").populated


def test_a_leg_wanders_for_the_routers_own_nodes_too(cloud: Cloud) -> None:
    _, leg, _, _ = routed(cloud)
    own = known(cloud, "net1")[leg.mac_address]
    assert (own.nodes, own.here, own.wanders) == (("net2",), True, True)


def test_an_address_that_several_may_use_wanders_and_nobody_answers_for_it(cloud: Cloud) -> None:
    _, _, first, second = routed(cloud)
    pair = {"ip_address": "192.168.80.99", "mac_address": "00:00:5e:00:01:01"}
    with cloud.database.write() as txn:
        for port in (first, second):
            row = txn.get(Port, id=port.id)
            assert row is not None
            txn.replace(row, replace(row, allowed_address_pairs=(pair,)))
    shared = known(cloud, "net1")["00:00:5e:00:01:01"]
    assert (shared.nodes, shared.addresses, shared.wanders) == (("compute1", "compute2"), (), True)
    assert known(cloud, "compute1")["00:00:5e:00:01:01"].here


def test_an_address_that_another_port_may_use_is_not_answered_for(cloud: Cloud) -> None:
    _, _, first, second = routed(cloud)
    with cloud.database.write() as txn:
        row = txn.get(Port, id=first.id)
        assert row is not None
        txn.replace(row, replace(row, allowed_address_pairs=({"ip_address": "192.168.80.4/31"},)))
    assert known(cloud, "net1")[second.mac_address].addresses == ()


def test_nodes_with_ports_that_may_use_any_address_are_named(cloud: Cloud) -> None:
    _, _, first, _ = routed(cloud)
    assert network_of(cloud, "net1").lawless == ()
    with cloud.database.write() as txn:
        row = txn.get(Port, id=first.id)
        assert row is not None
        txn.replace(row, replace(row, port_security_enabled=False))
    assert network_of(cloud, "net1").lawless == ("compute1",)
    assert network_of(cloud, "compute1").lawless == ()


def test_without_it_nobody_is_told_anything(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    for node in ("net1", "net2"):
        cloud.node(node, "l3", tunnel=f"172.31.0.1{node[-1]}")
    cloud.node("compute1", tunnel="172.31.0.21")
    cloud.node("compute2", tunnel="172.31.0.22")
    routed(cloud)
    assert known(cloud, "compute1") == {}
    assert not network_of(cloud, "compute1").populated
