"""Networks with several segments: each node is told of the one that it uses, and of who else uses that."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from futago.contract.report import NodeFacts
from futago.contract.specs import DhcpSpec, NeighbourSpec, NetworkSpec, NodeSpecs
from futago.controller import reach
from futago.controller.nodes import membership
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import Network, Node, Segment, Subnet
from futago.values import IPv4Address, IPv4Network, NetworkType
from unit.controller.cloud import Cloud

RACK1 = (NetworkType.VLAN, "rack1", 5)
RACK2 = (NetworkType.VLAN, "rack2", 6)
TUNNEL = (NetworkType.VXLAN, "", 1000)


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """Two nodes in each of two racks; those of the second have tunnels, too."""
    cloud = Cloud(tmp_path, l2_population=True, dhcp_agents_per_network=1)
    cloud.node("a1", "dhcp", reaching=("rack1",))
    cloud.node("a2", reaching=("rack1",))
    cloud.node("b1", "dhcp", tunnel="172.31.0.21", reaching=("rack2",))
    cloud.node("b2", tunnel="172.31.0.22", reaching=("rack2",))
    return cloud


def everything(cloud: Cloud, node: str) -> NodeSpecs:
    return NodeSpecs().after(Feed(cloud.database, cloud.config).changes(node, 0))


def network_at(cloud: Cloud, node: str) -> tuple[NetworkType, str | None, int | None, tuple[str, ...]]:
    spec = everything(cloud, node).specs["network/n"]
    assert isinstance(spec, NetworkSpec)
    return spec.network_type, spec.physical_network, spec.segmentation_id, spec.members


def inhabited(cloud: Cloud, *ways: tuple[NetworkType, str, int]) -> tuple[Network, Subnet]:
    """A network that is carried in these ways, with an instance on each node."""
    network = cloud.network("n", vni=1)
    cloud.segments(network, *ways)
    subnet = cloud.subnet(network, "10.0.0.0/24", enable_dhcp=False)
    for node in ("a1", "a2", "b1", "b2"):
        cloud.instance(network, subnet, node)
    return network, subnet


def test_each_node_is_told_of_the_segment_that_it_reaches(cloud: Cloud) -> None:
    inhabited(cloud, RACK1, RACK2)
    assert network_at(cloud, "a1") == (NetworkType.VLAN, "rack1", 5, ("a2",))
    assert network_at(cloud, "b2") == (NetworkType.VLAN, "rack2", 6, ("b1",))


def test_of_several_that_it_reaches_a_node_uses_the_first(cloud: Cloud) -> None:
    inhabited(cloud, RACK1, TUNNEL, RACK2)
    assert network_at(cloud, "b1") == (NetworkType.VXLAN, None, 1000, ("b2",))


def test_a_node_that_reaches_none_is_told_of_the_first_and_says_why_not(cloud: Cloud) -> None:
    inhabited(cloud, RACK2, TUNNEL)
    assert network_at(cloud, "a1") == (NetworkType.VLAN, "rack2", 6, ("a2", "b1", "b2"))


def test_only_neighbours_on_the_same_tunnels_are_told(cloud: Cloud) -> None:
    inhabited(cloud, RACK1, TUNNEL)
    known = {
        node: [spec.nodes for spec in everything(cloud, node).specs.values() if isinstance(spec, NeighbourSpec)]
        for node in ("a1", "b1")
    }
    assert known == {"a1": [], "b1": [("b2",)]}


def test_a_network_without_a_segment_is_nowhere(cloud: Cloud) -> None:
    network, _ = inhabited(cloud, RACK1)
    cloud.segments(network)
    assert set(everything(cloud, "a1").specs) & {"network/n"} == set()


def test_a_node_that_comes_to_reach_another_one_is_told_at_once(cloud: Cloud) -> None:
    inhabited(cloud, RACK1, RACK2)
    feed = Feed(cloud.database, cloud.config)
    before = feed.changes("b1", 0)
    with cloud.database.read() as view:
        node = view.get(Node, name="b1")
    assert node is not None
    assert node.facts is not None
    fresh = replace(node.facts, bridge_mappings={"rack1": "br1", "rack2": "br2"})
    membership.introduce(cloud.database, cloud.config, "b1", fresh)
    (spec,) = [one for one in feed.changes("b1", before.revision).put if isinstance(one, NetworkSpec)]
    assert (spec.physical_network, spec.members) == ("rack1", ("a1", "a2"))


def test_a_segment_that_is_added_reaches_only_who_uses_it(cloud: Cloud) -> None:
    inhabited(cloud, RACK1)
    feed = Feed(cloud.database, cloud.config)
    since = {node: feed.changes(node, 0).revision for node in ("a1", "b1")}
    with cloud.database.write() as txn:
        kind, where, number = RACK2
        txn.add(
            Segment(
                id="more",
                project_id="p",
                network_type=kind,
                physical_network=where,
                segmentation_id=number,
                network_id="n",
                position=1,
            )
        )
    told = {node: feed.changes(node, since[node]).put for node in ("a1", "b1")}
    (there,), (here,) = told["b1"], told["a1"]
    assert isinstance(there, NetworkSpec)
    assert isinstance(here, NetworkSpec)
    assert (there.physical_network, there.members) == ("rack2", ("b2",))
    assert (here.physical_network, here.members) == ("rack1", ("a2",)), "the others have left its segment"


def test_a_dhcp_server_serves_its_segment_and_knows_the_rest_to_be_far(cloud: Cloud) -> None:
    network = cloud.network("n", vni=1)
    first, second = cloud.segments(network, RACK1, RACK2)
    places = (("10.0.1.0/24", first), ("10.0.2.0/24", second), ("10.0.3.0/24", first))
    for cidr, segment in places:
        cloud.subnet(network, cidr, name=cidr, segment=segment)
    spec = everything(cloud, "a1").specs["dhcp/n"]
    assert isinstance(spec, DhcpSpec)
    served = {str(subnet.cidr): subnet.neighbours for subnet in spec.subnets}
    assert served == {
        "10.0.1.0/24": (IPv4Network("10.0.3.0/24"),),
        "10.0.3.0/24": (IPv4Network("10.0.1.0/24"),),
    }
    other = everything(cloud, "b1").specs["dhcp/n"]
    assert isinstance(other, DhcpSpec)
    assert [(str(subnet.cidr), subnet.neighbours) for subnet in other.subnets] == [("10.0.2.0/24", ())]


class TestReach:
    @staticmethod
    def facts(*physical_networks: str, tunnels: tuple[str, ...] = ()) -> NodeFacts:
        return NodeFacts(
            roles=(),
            tunnel_address=IPv4Address("192.0.2.1") if tunnels else None,
            tunnel_types=tunnels or ("vxlan",),
            bridge_mappings={name: f"br-{name}" for name in physical_networks},
            datapath_type="netdev",
            version="0",
        )

    @staticmethod
    def segment(position: int, way: tuple[NetworkType, str, int]) -> Segment:
        kind, where, number = way
        return Segment(
            id=str(position),
            project_id="p",
            network_type=kind,
            physical_network=where,
            segmentation_id=number,
            network_id="n",
            position=position,
        )

    @pytest.mark.parametrize(
        ("way", "facts", "leads"),
        [
            (RACK1, facts("rack1"), True),
            (RACK1, facts("rack2", tunnels=("vxlan",)), False),
            (TUNNEL, facts(tunnels=("vxlan",)), True),
            (TUNNEL, facts(tunnels=("gre",)), False),
            (TUNNEL, facts(), False),
            ((NetworkType.FLAT, "rack1", 0), facts("rack1"), True),
            (RACK1, None, False),
        ],
    )
    def test_bridge_mappings_and_tunnel_types_say_where_a_host_is(
        self, way: tuple[NetworkType, str, int], facts: NodeFacts | None, *, leads: bool
    ) -> None:
        assert reach.leads_to(facts, self.segment(0, way)) is leads

    def test_on_a_routed_network_a_host_is_on_a_segment_with_subnets(self) -> None:
        segments = [self.segment(0, TUNNEL), self.segment(1, RACK2)]
        subnet = Subnet(id="s", project_id="p", network_id="n", cidr=IPv4Network("10.0.0.0/24"), segment_id="1")
        facts = self.facts("rack2", tunnels=("vxlan",))
        assert reach.used(facts, segments, []) == segments[0]
        assert reach.used(facts, segments, [subnet]) == segments[1]
        assert reach.connected(facts, segments, [subnet]) == [segments[1]]

    def test_the_only_segment_is_used_whether_it_is_reached_or_not(self) -> None:
        (segment,) = [self.segment(0, RACK1)]
        assert reach.used(None, [segment], []) == segment
        assert reach.used(None, [], []) is None
