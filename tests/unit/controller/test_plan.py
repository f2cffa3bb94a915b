"""From rows to specs: who gets what, and what a write costs."""

from collections.abc import Sequence
from ipaddress import ip_network
from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.config import Profile
from futago.contract.router_parts import ConntrackHelperSpec, MeterRule, MeterSpec
from futago.contract.specs import DhcpSpec, HaPeer, NetworkSpec, NodeSpecs, PeerSpec, PortSpec, RouterSpec, SpecChanges
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.gather import plan_keys
from futago.controller.resources import errors, ha
from futago.controller.store.routing_rows import ConntrackHelper, MeteringLabel, MeteringRule, PortForwarding
from futago.controller.store.rows import FloatingIp, Network, Port, Replica, Router
from futago.controller.store.session import Session
from futago.values import IPv4Address, IPv4Interface
from unit.controller.cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Two network nodes and a compute node, all in the tunnel mesh."""
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", "dhcp", tunnel="172.31.0.11")
    cloud.node("net2", "l3", "dhcp", tunnel="172.31.0.12")
    cloud.node("compute1", tunnel="172.31.0.21")
    return cloud


def everything(cloud: Cloud, node: str) -> NodeSpecs:
    return NodeSpecs().after(Feed(cloud.database, cloud.config).changes(node, 0))


def specs_of(feed: Feed, node: str) -> list[object]:
    return list(NodeSpecs().after(feed.changes(node, 0)).specs.values())


def routed(cloud: Cloud) -> Router:
    """The seed's walkthrough: router80 between vxlan-net80 and ext-net80, with one instance and its floating IP."""
    ext, net = cloud.network("ext-net80", external=True), cloud.network("vxlan-net80", vni=1000)
    ext_subnet = cloud.subnet(ext, "10.0.80.0/24", enable_dhcp=False)
    subnet = cloud.subnet(net, "192.168.80.0/24")
    router = cloud.router("router80")
    cloud.leg(router, net, subnet)
    cloud.gateway(router, ext, ext_subnet)
    port = cloud.instance(net, subnet, "compute1")
    cloud.floating_ip(ext, ext_subnet, router, port, "192.168.80.50")
    return router


def test_a_router_stands_on_both_nodes_with_addresses_of_its_own_and_everything_else_alike(cloud: Cloud) -> None:
    routed(cloud)
    first, second = (everything(cloud, node).specs["router/router80"] for node in ("net1", "net2"))
    assert isinstance(first, RouterSpec)
    assert isinstance(second, RouterSpec)
    assert first.ha is not None
    assert second.ha is not None
    assert [first.ha.address, second.ha.address] == [
        IPv4Interface("169.254.192.1/18"),
        IPv4Interface("169.254.192.2/18"),
    ]
    assert (first.ha.vrid, first.ha.advertised) == (1, IPv4Address("169.254.0.1"))
    assert first.ha.peers == (HaPeer(node="net2", address=second.ha.address.ip, priority=second.ha.priority),)
    assert (first.interfaces, first.gateway, first.floating_ips) == (
        second.interfaces,
        second.gateway,
        second.floating_ips,
    )
    assert first.gateway is not None
    assert first.gateway.next_hops == (IPv4Address("10.0.80.1"),)


def test_one_node_is_preferred_and_the_seed_prefers_none(cloud: Cloud, tmp_path: Path) -> None:
    cloud.router("a")
    cloud.router("b")
    with cloud.database.read() as view:
        chosen = {(r.router_id, r.node): r.priority for r in view.find(Replica)}
    assert chosen == {("a", "net1"): 200, ("a", "net2"): 100, ("b", "net2"): 200, ("b", "net1"): 100}


def test_a_replica_that_was_moved_away_and_back_is_as_distinct_as_before(cloud: Cloud) -> None:
    """With equal priorities two could become active at once."""
    router = cloud.router("a")
    for node in ("net1", "net2"):
        with cloud.database.write() as txn:
            replica = txn.get(Replica, router_id="a", node=node)
            assert replica is not None
            ha.remove_replica(txn, replica)
            ha.add_replica(txn, router, node)
    with cloud.database.read() as view:
        assert {replica.node: replica.priority for replica in view.find(Replica)} == {"net1": 200, "net2": 100}


def test_the_instance_goes_to_its_host_and_dhcp_to_two_nodes(cloud: Cloud) -> None:
    routed(cloud)
    kinds = {
        node: sorted({type(s).__name__ for s in everything(cloud, node).specs.values()})
        for node in ("net1", "net2", "compute1")
    }
    assert kinds == {
        "net1": ["DhcpSpec", "NetworkSpec", "PeerSpec", "RouterSpec"],
        "net2": ["DhcpSpec", "NetworkSpec", "PeerSpec", "RouterSpec"],
        "compute1": ["NetworkSpec", "PeerSpec", "PortSpec"],
    }


def test_dhcp_leases_an_address_to_every_port_but_the_servers(cloud: Cloud) -> None:
    routed(cloud)
    spec = everything(cloud, "net1").specs["dhcp/vxlan-net80"]
    assert isinstance(spec, DhcpSpec)
    leased = [str(host.address) for host in spec.hosts]
    assert leased == ["192.168.80.1", "192.168.80.4"]
    assert [str(address) for address in spec.addresses] == ["192.168.80.2/24"]


def test_a_server_and_a_leg_whose_ports_are_down_are_not_there(cloud: Cloud) -> None:
    routed(cloud)
    with cloud.database.write() as txn:
        (server,) = (port for port in txn.find(Port, device_owner="network:dhcp") if port.host_id == "net1")
        (leg,) = txn.find(Port, device_owner="network:ha_router_replicated_interface")
        for port in (server, leg):
            txn.replace(port, replace(port, admin_state_up=False))
    specs = everything(cloud, "net1").specs
    router = specs["router/router80"]
    assert isinstance(router, RouterSpec)
    assert "dhcp/vxlan-net80" not in specs
    assert router.interfaces == ()
    assert router.gateway is not None
    assert "dhcp/vxlan-net80" in everything(cloud, "net2").specs


def test_floods_go_to_the_nodes_that_have_members_and_to_no_other(cloud: Cloud) -> None:
    cloud.node("compute2", tunnel="172.31.0.22")
    routed(cloud)
    spec = everything(cloud, "compute1").specs["network/vxlan-net80"]
    assert isinstance(spec, NetworkSpec)
    assert spec.members == ("net1", "net2")
    assert "network/vxlan-net80" not in everything(cloud, "compute2").specs


def test_ports_that_are_nowhere_cost_nothing_where_nobody_serves(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as nobody has DHCP or metadata for them, they are not even read."""
    network = cloud.network("silent", vni=2000)
    subnet = cloud.subnet(network, "10.9.0.0/16", enable_dhcp=False)
    cloud.instance(network, subnet, "compute1")
    feed = Feed(cloud.database, cloud.config)
    feed.concerned()
    rows: list[int] = []
    ask = Session.ask

    def counted(self: Session, text: str, values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        found = ask(self, text, values)
        rows.append(len(found))
        return found

    def cost() -> int:
        cloud.instance(network, subnet, "")
        rows.clear()
        feed.concerned()
        return sum(rows)

    monkeypatch.setattr(Session, "ask", counted)
    first = cost()
    assert {cost() for _ in range(30)} == {first}
    assert any(isinstance(spec, NetworkSpec) and spec.network_id == "silent" for spec in specs_of(feed, "compute1"))


def test_every_node_knows_the_tunnel_ends_of_the_others(cloud: Cloud) -> None:
    peers = [spec for spec in everything(cloud, "net1").specs.values() if isinstance(spec, PeerSpec)]
    assert {peer.node for peer in peers} == {"net2", "compute1"}


def test_a_write_reaches_only_the_nodes_that_it_concerns(cloud: Cloud) -> None:
    routed(cloud)
    feed = Feed(cloud.database, cloud.config)
    before = {node: feed.changes(node, 0).revision for node in ("net1", "compute1")}
    other = cloud.network("other", vni=1999)
    cloud.instance(other, cloud.subnet(other, "10.1.0.0/24", enable_dhcp=False), "compute1")
    to_net1, to_compute1 = (feed.changes(node, before[node]) for node in ("net1", "compute1"))
    assert (to_net1.put, to_net1.remove) == ((), ())
    assert {type(spec) for spec in to_compute1.put} == {NetworkSpec, PortSpec}


def test_what_a_node_applies_step_by_step_is_what_it_would_get_whole(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    state = NodeSpecs().after(feed.changes("net1", 0))
    routed(cloud)
    state = state.after(feed.changes("net1", state.revision))
    with cloud.database.write() as txn:
        for replica in txn.find(Replica, node="net1"):
            txn.remove(replica)
    state = state.after(feed.changes("net1", state.revision))
    assert state == everything(cloud, "net1")
    assert "router/router80" not in state.specs


def test_a_controller_that_cannot_tell_the_difference_answers_with_everything(cloud: Cloud) -> None:
    routed(cloud)
    answer: SpecChanges = Feed(cloud.database, cloud.config).changes("net1", 1)
    assert answer.complete
    assert answer.revision > 1


def test_a_controller_that_slept_longer_than_the_change_log_reaches_back_looks_at_everything(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another controller has written meanwhile, and has forgotten the oldest of it."""
    monkeypatch.setattr("futago.controller.nodes.feed.CHANGES_KEPT", 3)
    feed = Feed(cloud.database, cloud.config)
    state = NodeSpecs().after(feed.changes("net1", 0))
    cloud.router("router80")
    with cloud.database.note() as txn:
        txn.forget_changes(before=txn.revision() + 1)
    for number in range(3):
        cloud.network(f"n{number}", vni=number + 1)
    state = state.after(feed.changes("net1", state.revision, state.origin))
    assert state == everything(cloud, "net1")


def test_other_settings_of_the_controller_reach_a_node_that_is_up_to_date(cloud: Cloud) -> None:
    """Or its replicas would go on speaking the old VRRP, against new ones that speak the new."""
    cloud.router("router80")
    reached = NodeSpecs().after(Feed(cloud.database, cloud.config).changes("net1", 0))
    again = Feed(cloud.database, cloud.config).changes("net1", reached.revision, reached.origin)
    assert (again.complete, again.put) == (False, ())
    other = Feed(cloud.database, replace(cloud.config, profile=Profile.SEED))
    changed = other.changes("net1", reached.revision, reached.origin)
    assert changed.complete
    router = reached.after(changed).specs["router/router80"]
    assert isinstance(router, RouterSpec)
    assert router.ha is not None
    assert (router.ha.version, router.ha.priority) == (2, 50)


def test_a_revision_of_another_database_means_nothing(cloud: Cloud, tmp_path: Path) -> None:
    reached = NodeSpecs().after(Feed(cloud.database, cloud.config).changes("net1", 0))
    (tmp_path / "other").mkdir()
    other = Cloud(tmp_path / "other")
    feed = Feed(other.database, other.config)
    feed.changes("net1", 0)
    for number in range(reached.revision + 1):
        other.network(f"n{number}", vni=number + 1)
    assert feed.changes("net1", reached.revision, reached.origin).complete


def test_too_few_living_nodes_refuse_an_ha_router_and_none_at_all_does_not(cloud: Cloud, tmp_path: Path) -> None:
    with cloud.later(3600), pytest.raises(errors.HaNotEnoughAvailableAgents, match="required 2, available 0"):
        cloud.router("refused")
    (tmp_path / "empty").mkdir()
    assert Cloud(tmp_path / "empty").router("early").vrid == 1


def test_a_router_made_before_its_nodes_is_placed_when_they_come(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    cloud.router("early")
    cloud.node("net1", "l3")
    cloud.node("net2", "l3")
    with cloud.database.read() as view:
        assert [(r.node, r.priority) for r in view.find(Replica)] == [("net1", 200), ("net2", 100)]


def test_the_255th_router_of_a_project_gets_a_second_ha_network(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    routers = [cloud.router(f"r{number}") for number in range(255)]
    assert [router.vrid for router in routers[:254]] == list(range(1, 255))
    assert routers[254].vrid == 1
    assert len({router.ha_network_id for router in routers}) == 2


def test_the_last_router_of_a_project_takes_its_ha_network_along(cloud: Cloud) -> None:
    from futago.controller.resources import ha

    router = cloud.router("r")
    with cloud.database.write() as txn:
        ha.withdraw(txn, router)
    with cloud.database.read() as view:
        assert view.find(Network) == []


def routers_specs(cloud: Cloud) -> RouterSpec:
    spec = everything(cloud, "net1").specs["router/router80"]
    assert isinstance(spec, RouterSpec)
    return spec


def test_a_router_forwards_ports_reads_connections_and_counts(cloud: Cloud) -> None:
    """What is left out comes before what is counted; a floating IP of which ports are forwarded stands for no port."""
    routed(cloud)
    with cloud.database.write() as txn:
        floating = txn.find(FloatingIp)[0]
        assert floating.port_id is not None
        assert floating.fixed_ip_address is not None
        txn.add(
            PortForwarding(
                id="f",
                floatingip_id=floating.id,
                router_id="router80",
                internal_port_id=floating.port_id,
                internal_ip_address=floating.fixed_ip_address,
                protocol="tcp",
                internal_first=22,
                internal_last=22,
                external_first=2201,
                external_last=2201,
            )
        )
        txn.replace(floating, replace(floating, port_id=None, fixed_ip_address=None))
        txn.add(ConntrackHelper(id="h", router_id="router80", protocol="tcp", port=21, helper="ftp"))
        txn.add(MeteringLabel(id="ours", project_id="p"))
        txn.add(MeteringLabel(id="theirs", project_id="q"))
        for number, (label, excluded) in enumerate([("ours", False), ("ours", True), ("theirs", False)]):
            rule = MeteringRule(
                id=str(number),
                metering_label_id=label,
                direction="ingress",
                excluded=excluded,
                remote_ip_prefix="10.0.0.5/8",
            )
            txn.add(rule)
    spec = routers_specs(cloud)
    (forwarding,) = spec.port_forwardings
    assert (str(forwarding.outside), forwarding.first, forwarding.inside_first) == ("10.0.80.150", 2201, 22)
    assert spec.floating_ips == ()
    assert spec.conntrack_helpers == (ConntrackHelperSpec(helper="ftp", protocol="tcp", port=21),)
    inside = ip_network("10.0.0.0/8")
    rules = tuple(MeterRule(outwards=False, excluded=one, destination=inside) for one in (True, False))
    assert spec.meters == (MeterSpec(label_id="ours", rules=rules),)


def test_a_label_bears_on_the_routers_of_its_project_or_on_all(cloud: Cloud) -> None:
    routed(cloud)
    cloud.router("other", project_id="q")
    with cloud.database.read() as view:
        assert {key for key in plan_keys(view, frozenset({"metering/q"})) if key.startswith("router/")} == {
            "router/other"
        }
        both = {"router/other", "router/router80"}
        assert {key for key in plan_keys(view, frozenset({"metering/"})) if key.startswith("router/")} == both
