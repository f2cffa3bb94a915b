"""QoS policies and trunks in specs: what a port gets, and which nodes hear of a change."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.port_features import PacketLimit, QosSpec, RateLimit, TrunkTag
from futago.contract.router_parts import AddressLimit
from futago.contract.specs import NetworkSpec, PortSpec, RouterSpec
from futago.controller.nodes.feed import Feed
from futago.controller.plan.qos import plan_qos
from futago.controller.store.port_rows import QosPolicy, QosRule, SubPort, Trunk
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Port, Router, Segment
from futago.values import IPv4Address, Mac, NetworkType, Vlan
from unit.controller.cloud import Cloud


def _rule(kind: str = "bandwidth_limit", **says: object) -> QosRule:
    return QosRule(id=str(uuid.uuid4()), policy_id="gold", kind=kind, **says)  # type: ignore[arg-type]


def test_a_limit_without_a_burst_gets_four_fifths_of_what_passes_in_a_second() -> None:
    spec = plan_qos([_rule(direction="egress", max_kbps=1000, max_burst_kbps=0)])
    assert spec == QosSpec(egress=RateLimit(kbps=1000, burst_kbits=800))


def test_each_kind_of_rule_has_its_place() -> None:
    spec = plan_qos(
        [
            _rule(direction="ingress", max_kbps=10, max_burst_kbps=3),
            _rule("dscp_marking", dscp_mark=0),
            _rule("minimum_bandwidth", direction="egress", min_kbps=5),
        ]
    )
    assert spec == QosSpec(ingress=RateLimit(kbps=10, burst_kbits=3), dscp=0)


def test_packets_are_counted_in_thousands_and_bursts_like_bits() -> None:
    spec = plan_qos([_rule("packet_rate_limit", direction="egress", max_kpps=2, max_burst_kpps=1)])
    assert spec == QosSpec(egress_packets=PacketLimit(per_second=2000, burst=1000))
    spec = plan_qos([_rule("packet_rate_limit", direction="egress", max_kpps=2, max_burst_kpps=0)])
    assert spec == QosSpec(egress_packets=PacketLimit(per_second=2000, burst=1600))


def test_a_limit_of_nothing_is_no_limit() -> None:
    assert plan_qos([_rule("packet_rate_limit", direction="egress", max_kpps=0, max_burst_kpps=5)]) == QosSpec()
    assert plan_qos([_rule(direction="egress", max_kbps=0, max_burst_kbps=0)]) == QosSpec()


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    made = Cloud(tmp_path)
    with made.database.write() as txn:
        txn.add(QosPolicy(id="gold", project_id="p"))
        for name in ("a", "b"):
            txn.add(_network(name))
            txn.add(_segment(name))
            for place in ("1", "2"):
                number = f"0{'ab'.index(name)}:0{place}"
                txn.add(
                    Port(
                        id=f"{name}{place}",
                        project_id="p",
                        network_id=name,
                        mac_address=Mac(f"fa:16:3e:00:{number}"),
                        host_id=f"compute{place}",
                    )
                )
    yield made
    made.database.close()


def _network(name: str) -> Network:
    return Network(id=name, project_id="p", mtu=1450)


def _segment(name: str) -> Segment:
    return Segment(
        id=name,
        project_id="p",
        network_type=NetworkType.VXLAN,
        physical_network="",
        segmentation_id=1000 + ord(name),
        network_id=name,
    )


def _specs(feed: Feed, node: str, since: int) -> dict[str, object]:
    return {spec.key: spec for spec in feed.changes(node, since).put}


def test_a_rule_reaches_the_nodes_of_what_has_its_policy_and_no_others(cloud: Cloud) -> None:
    with cloud.database.write() as txn:
        port = txn.get(Port, id="a1")
        network = txn.get(Network, id="b")
        assert port is not None
        assert network is not None
        txn.replace(port, replace(port, qos_policy_id="gold"))
        txn.replace(network, replace(network, qos_policy_id="gold"))
    feed = Feed(cloud.database, cloud.config)
    before = feed.changes("compute1", 0)
    assert {spec.qos for spec in before.put if isinstance(spec, PortSpec) and spec.port_id == "a1"} == {QosSpec()}
    with cloud.database.write() as txn:
        txn.add(_rule("dscp_marking", dscp_mark=8))
    one, two = _specs(feed, "compute1", before.revision), _specs(feed, "compute2", before.revision)
    assert set(one) == {"port/a1", "network/b"}
    assert set(two) == {"network/b"}
    port_spec, network_spec = one["port/a1"], two["network/b"]
    assert isinstance(port_spec, PortSpec)
    assert isinstance(network_spec, NetworkSpec)
    assert port_spec.qos == network_spec.qos == QosSpec(dscp=8)


def test_a_subport_is_planned_with_its_tag_and_as_its_trunk_is(cloud: Cloud) -> None:
    feed = Feed(cloud.database, cloud.config)
    since = feed.changes("compute1", 0).revision
    with cloud.database.write() as txn:
        trunk = txn.add(Trunk(id="t", project_id="p", port_id="a1"))
        txn.add(SubPort(port_id="b1", trunk_id="t", segmentation_type="vlan", segmentation_id=7))
    spec = _specs(feed, "compute1", since)["port/b1"]
    assert isinstance(spec, PortSpec)
    assert (spec.trunk, spec.admin_state_up) == (TrunkTag(parent_id="a1", vlan=Vlan(7)), True)
    with cloud.database.write() as txn:
        txn.replace(trunk, replace(trunk, admin_state_up=False))
        txn.touch("port/b1")
    down = _specs(feed, "compute1", feed.changes("compute1", 0).revision - 1)["port/b1"]
    assert isinstance(down, PortSpec)
    assert down.admin_state_up is False


def test_addresses_outside_are_limited_by_their_own_policy_or_by_their_networks(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    cloud.node("net1", "l3", tunnel="172.31.0.1")
    external, inside = cloud.network("ext", external=True), cloud.network("in", vni=1001)
    outer = cloud.subnet(external, "10.0.80.0/24", enable_dhcp=False)
    inner = cloud.subnet(inside, "192.168.80.0/24", enable_dhcp=False)
    router = cloud.router("r", highly_available=False)
    gateway = cloud.gateway(router, external, outer)
    port = cloud.instance(inside, inner, "compute1")
    cloud.floating_ip(external, outer, router, port, "192.168.80.10")
    feed = Feed(cloud.database, cloud.config)

    def limits(since: int = 0) -> dict[str, AddressLimit]:
        spec = _specs(feed, "net1", since)["router/r"]
        assert isinstance(spec, RouterSpec)
        return {str(one.address): one for one in spec.limits}

    with cloud.database.write() as txn:
        own = str(txn.find(FixedIp, port_id=gateway.id)[0].ip_address)
        for policy_id in ("gold", "silver"):
            txn.add(QosPolicy(id=policy_id, project_id="p"))
        txn.add(replace(_rule(direction="egress", max_kbps=100, max_burst_kbps=50), policy_id="silver"))
        network = txn.get(Network, id="ext")
        floating = txn.get(FloatingIp, id="fip")
        assert network is not None
        assert floating is not None
        txn.replace(network, replace(network, qos_policy_id="silver"))
        txn.replace(floating, replace(floating, qos_policy_id="gold"))
    silver = RateLimit(kbps=100, burst_kbits=50)
    assert limits() == {own: AddressLimit(address=IPv4Address(own), egress=silver)}
    since = feed.changes("net1", 0).revision
    with cloud.database.write() as txn:
        txn.add(_rule(direction="ingress", max_kbps=7, max_burst_kbps=7))
    gold = AddressLimit(address=IPv4Address("10.0.80.150"), ingress=RateLimit(kbps=7, burst_kbits=7))
    assert limits(since)["10.0.80.150"] == gold
    since = feed.changes("net1", 0).revision
    with cloud.database.write() as txn:
        rule = txn.find(QosRule, policy_id="silver")[0]
        txn.remove(rule)
    assert list(limits(since)) == ["10.0.80.150"]
    with cloud.database.write() as txn:
        known = txn.get(Router, id="r")
        assert known is not None
        txn.replace(known, replace(known, gateway_qos_policy_id="gold"))
    assert sorted(limits()) == sorted(["10.0.80.150", own])
    cloud.database.close()
