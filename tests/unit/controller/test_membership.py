"""Who may be which node, and what it costs when one comes."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.report import NodeFacts, Report, RouterRole
from futago.controller.nodes import membership, reports
from futago.controller.resources import dhcp, ha
from futago.controller.store.rows import DhcpReplica, Node, Port, Replica
from futago.values import IPv4Address, Role
from unit.controller.cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Two nodes that carry a router and a network's DHCP."""
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    cloud.node("net2", "l3", "dhcp", tunnel="172.31.0.12")
    cloud.router("r")
    cloud.subnet(cloud.network("n", vni=1500), "10.0.0.0/24")
    return cloud


def node(cloud: Cloud, name: str) -> Node:
    with cloud.database.read() as view:
        found = view.get(Node, name=name)
    assert found is not None
    return found


def facts(cloud: Cloud, name: str) -> NodeFacts:
    known = node(cloud, name).facts
    assert known is not None
    return known


def revision(cloud: Cloud) -> int:
    with cloud.database.read() as view:
        return view.revision()


def carrying(cloud: Cloud) -> tuple[set[str], set[str]]:
    """The nodes of the router and those of the DHCP servers."""
    with cloud.database.read() as view:
        return {row.node for row in view.find(Replica)}, {row.node for row in view.find(DhcpReplica)}


def up(cloud: Cloud, port: Port) -> bool:
    with cloud.database.read() as view:
        found = view.get(Port, id=port.id)
    assert found is not None
    return found.up


def clear(cloud: Cloud, name: str) -> None:
    """An operator takes everything off a node by hand."""
    with cloud.database.write() as txn:
        for replica in txn.find(Replica, node=name):
            ha.remove_replica(txn, replica)
        for server in txn.find(DhcpReplica, node=name):
            dhcp.remove_replica(txn, server)


def test_the_token_takes_no_name_away_from_a_living_node(cloud: Cloud) -> None:
    before = node(cloud, "net1").credential_hash
    with pytest.raises(membership.NameTaken, match=r"A node named net1 is alive.*name of its own"):
        membership.join(cloud.database, cloud.config, "net1")
    assert node(cloud, "net1").credential_hash == before


def test_a_node_that_was_installed_anew_joins_once_the_old_one_counts_as_dead(cloud: Cloud) -> None:
    with cloud.later(seconds=60):
        credential = membership.join(cloud.database, cloud.config, "net1")
    with cloud.database.read() as view:
        assert membership.authentic(view, "net1", credential)


@pytest.mark.parametrize("name", ["", "a b", "a/b", "n\u00e4", "x" * 256, "a\n", "\x00"])
def test_a_name_that_no_host_has_is_refused(cloud: Cloud, name: str) -> None:
    with pytest.raises(membership.Unfit, match="1 to 255 letters"):
        membership.join(cloud.database, cloud.config, name)


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "224.0.0.18", "255.255.255.255", "172.31.0.12"])
def test_tunnels_end_at_an_address_of_the_node_itself(cloud: Cloud, address: str) -> None:
    """The last one is net2's: with it there, both nodes' traffic would go to one of them."""
    before = revision(cloud)
    with pytest.raises(membership.Unfit, match=address):
        wrong = replace(facts(cloud, "net1"), tunnel_address=IPv4Address(address))
        membership.introduce(cloud.database, cloud.config, "net1", wrong)
    assert facts(cloud, "net1").tunnel_address == IPv4Address("172.31.0.11")
    assert revision(cloud) == before


def test_a_host_with_a_new_name_takes_its_tunnel_address_along(cloud: Cloud) -> None:
    with cloud.later(seconds=60):
        cloud.node("renamed", "l3", tunnel="172.31.0.11")
    assert facts(cloud, "renamed").tunnel_address == IPv4Address("172.31.0.11")
    assert facts(cloud, "net1").tunnel_address is None


def test_a_node_that_connects_again_changes_nothing_but_its_heartbeat(cloud: Cloud) -> None:
    clear(cloud, "net2")
    before, known = revision(cloud), node(cloud, "net2")
    membership.introduce(cloud.database, cloud.config, "net2", facts(cloud, "net2"))
    assert carrying(cloud) == ({"net1"}, {"net1"})
    assert revision(cloud) == before
    assert replace(node(cloud, "net2"), heartbeat_at=known.heartbeat_at) == known
    assert node(cloud, "net2").heartbeat_at >= known.heartbeat_at


def test_other_facts_are_noted_and_bring_no_work(cloud: Cloud) -> None:
    clear(cloud, "net2")
    membership.introduce(cloud.database, cloud.config, "net2", replace(facts(cloud, "net2"), version="2"))
    assert facts(cloud, "net2").version == "2"
    assert carrying(cloud) == ({"net1"}, {"net1"})


def test_a_node_that_was_dead_gets_what_waits_for_one(cloud: Cloud) -> None:
    clear(cloud, "net2")
    with cloud.later(seconds=60):
        membership.introduce(cloud.database, cloud.config, "net1", facts(cloud, "net1"))
        membership.introduce(cloud.database, cloud.config, "net2", facts(cloud, "net2"))
    assert carrying(cloud) == ({"net1", "net2"}, {"net1", "net2"})


def test_a_new_role_brings_the_work_of_that_role_only(cloud: Cloud) -> None:
    clear(cloud, "net2")
    membership.introduce(cloud.database, cloud.config, "net2", replace(facts(cloud, "net2"), roles=("l3",)))
    assert carrying(cloud) == ({"net1"}, {"net1"})
    membership.introduce(cloud.database, cloud.config, "net2", replace(facts(cloud, "net2"), roles=("l3", "dhcp")))
    assert carrying(cloud) == ({"net1"}, {"net1", "net2"})


def test_a_node_is_believed_only_about_routers_that_it_carries(cloud: Cloud) -> None:
    cloud.node("compute1")
    network = cloud.network("m", vni=1501)
    router = cloud.router("r2")
    leg = cloud.leg(router, network, cloud.subnet(network, "10.1.0.0/24", enable_dhcp=False))
    said = Report(
        revision=1,
        roles=(RouterRole(router_id="r2", role=Role.ACTIVE, since=0.0, cause="timer"),),
        ports_up=(leg.id,),
        failures=(),
    )
    reports.take(cloud.database, "compute1", said)
    assert not up(cloud, leg)
    reports.take(cloud.database, "net1", said)
    assert up(cloud, leg)
    reports.take(cloud.database, "compute1", replace(said, ports_up=()))
    assert up(cloud, leg)
