"""Networks with several segments, and routed ones, whose subnets are on segments: as ML2 and its segments plugin."""

from typing import Any

import pytest
from msgspec.structs import replace

from api_kit import Client
from futago.config import ControllerConfig
from futago.controller.store.database import Database
from futago.controller.store.rows import DhcpReplica, Node, Port

pytestmark = pytest.mark.each_database

NOBODY = "00000000-0000-4000-8000-000000000000"


def provider(kind: str, where: str | None = None, number: int | None = None) -> dict[str, Any]:
    return {
        "provider:network_type": kind,
        "provider:physical_network": where,
        "provider:segmentation_id": number,
    }


def wish(kind: str, where: str | None = None, number: int | None = None) -> dict[str, Any]:
    return {name: value for name, value in provider(kind, where, number).items() if value is not None}


@pytest.fixture
def config() -> ControllerConfig:
    return ControllerConfig(
        flat_networks=("rack1", "rack2"),
        network_vlan_ranges=("rack1:100:101", "rack2:100:101"),
        tenant_network_types=("vxlan",),
        tunnel_id_ranges=("1:9",),
        vni_ranges=("1000:1009",),
        physical_network_mtus={"rack2": 1400},
    )


@pytest.fixture
def racks(database: Database, two_network_nodes: tuple[str, str]) -> tuple[str, str]:
    """Two nodes, each in a rack of its own."""
    for name, where in zip(two_network_nodes, ("rack1", "rack2"), strict=True):
        reach(database, name, where)
    return two_network_nodes


def reach(database: Database, name: str, *physical_networks: str) -> None:
    with database.write() as txn:
        node = txn.get(Node, name=name)
        assert node is not None
        assert node.facts is not None
        facts = replace(node.facts, bridge_mappings={one: f"br-{one}" for one in physical_networks}, tunnel_types=())
        txn.replace(node, replace(node, facts=facts))


def segment(admin: Client, network: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    return admin.post("/v2.0/segments", {"segment": {"network_id": network["id"], **attributes}})["segment"]


def segments(admin: Client, network: dict[str, Any]) -> list[dict[str, Any]]:
    found = admin.get(f"/v2.0/segments?network_id={network['id']}")["segments"]
    return sorted(found, key=lambda one: one["physical_network"] or "")


def routed(admin: Client) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
    """A network with a segment in each rack, and a subnet on each."""
    network = admin.network(segments=[wish("vlan", "rack1", 5), wish("vlan", "rack2", 6)])
    held = segments(admin, network)
    cidrs = ("10.0.1.0/24", "10.0.2.0/24")
    subnets = [admin.subnet(network, cidr, segment_id=one["id"]) for cidr, one in zip(cidrs, held, strict=True)]
    return network, held, subnets


class TestSeveralSegments:
    def test_they_are_shown_instead_of_the_one(self, admin: Client, member: Client) -> None:
        network = admin.network(segments=[wish("vlan", "rack1", 5), wish("vxlan")])
        assert network["segments"] == [provider("vlan", "rack1", 5), provider("vxlan", None, 1000)]
        assert not [name for name in network if name.startswith("provider:")]
        assert admin.get(f"/v2.0/networks/{network['id']}")["network"] == network
        one = admin.network(segments=[wish("flat", "rack1")])
        assert {name: one[name] for name in provider("flat")} == provider("flat", "rack1")
        assert "segments" not in one
        for query in ("provider:physical_network=rack1&provider:segmentation_id=5", "provider:network_type=vxlan"):
            found = admin.get(f"/v2.0/networks?{query}")["networks"]
            assert network["id"] in [one["id"] for one in found]
        assert admin.get("/v2.0/networks?provider:physical_network=rack2")["networks"] == []
        own = member.network(name="n")
        assert not {"segments", *provider("")} & own.keys()

    def test_ids_are_taken_in_turn_and_come_back_with_the_network(self, admin: Client) -> None:
        network = admin.network(segments=[wish("vlan", "rack1"), wish("vlan", "rack1")])
        assert [one["provider:segmentation_id"] for one in network["segments"]] == [100, 101]
        body = {"network": {"segments": [wish("vlan", "rack2", 7), wish("vlan", "rack1")]}}
        words = "No project network is available for allocation"
        admin.refused("POST", "/v2.0/networks", body, 409, "NoNetworkAvailable", words)
        assert admin.network(**wish("vlan", "rack2", 7))["provider:segmentation_id"] == 7, "a refusal takes nothing"
        admin.delete(f"/v2.0/networks/{network['id']}")
        assert admin.network(**wish("vlan", "rack1"))["provider:segmentation_id"] == 100
        assert admin.get("/v2.0/segments?physical_network=rack1")["segments"][0]["segmentation_id"] == 100

    def test_the_mtu_is_what_all_of_them_carry(self, admin: Client) -> None:
        network = admin.network(segments=[wish("vlan", "rack1", 5), wish("vxlan")])
        assert network["mtu"] == 1450
        segment(admin, network, network_type="vlan", physical_network="rack2", segmentation_id=5)
        path = f"/v2.0/networks/{network['id']}"
        assert admin.get(path)["network"]["mtu"] == 1400
        words = "Requested MTU is too big, maximum is 1400"
        admin.refused("PUT", path, {"network": {"mtu": 1401}}, 400, "InvalidInput", words)
        body = {"network": {"segments": [wish("vlan", "rack1", 6), wish("vxlan")], "mtu": 1500}}
        words = "Requested MTU is too big, maximum is 1450"
        admin.refused("POST", "/v2.0/networks", body, 400, "InvalidInput", words)

    @pytest.mark.parametrize(
        ("body", "kind", "words"),
        [
            (
                {"segments": [wish("vxlan")], **wish("vxlan")},
                "SegmentsSetInConjunctionWithProviders",
                "Segments and provider values cannot both be set.",
            ),
            (
                {"segments": [wish("vlan", "rack1", 5), wish("vlan", "rack1", 5)]},
                "SegmentsContainDuplicateEntry",
                "Duplicate segment entry in request.",
            ),
            ({"segments": [wish("vxlan"), {"provider:segmentation_id": 5}]}, "InvalidInput", "network_type required"),
            ({"segments": [{"color": "red"}]}, "HTTPBadRequest", "Unrecognized attribute(s) 'color'"),
            ({"segments": ["vxlan"]}, "HTTPBadRequest", "is not a list of segments"),
        ],
    )
    def test_what_cannot_be_is_refused(self, admin: Client, body: Any, kind: str, words: str) -> None:
        admin.refused("POST", "/v2.0/networks", {"network": body}, 400, kind, words)

    def test_an_id_has_one_network(self, admin: Client) -> None:
        admin.network(segments=[wish("vlan", "rack1", 5), wish("vlan", "rack2", 5)])
        body = {"network": {"segments": [wish("vxlan"), wish("vlan", "rack2", 5)]}}
        words = "The VLAN 5 on physical network rack2 is in use."
        admin.refused("POST", "/v2.0/networks", body, 409, "VlanIdInUse", words)

    def test_they_are_not_changed_through_the_network(self, admin: Client) -> None:
        network = admin.network(segments=[wish("vlan", "rack1", 5), wish("vlan", "rack2", 6)])
        path = f"/v2.0/networks/{network['id']}"
        words = "Provider network attributes can be updated only in provider networks with a single segment"
        admin.refused("PUT", path, {"network": {"provider:segmentation_id": 7}}, 400, "InvalidInput", words)
        words = "Plugin does not support updating the following provider network attributes: segments"
        admin.refused("PUT", path, {"network": {"segments": [wish("vxlan")]}}, 400, "InvalidInput", words)
        assert admin.put(path, {"network": {"segments": network["segments"]}})["network"]["segments"]

    def test_a_project_does_not_choose_them(self, member: Client) -> None:
        body = {"network": {"segments": [wish("vxlan")]}}
        member.refused("POST", "/v2.0/networks", body, 403, "PolicyNotAuthorized")


class TestSegments:
    def test_every_network_has_one_and_may_get_more(self, admin: Client) -> None:
        network = admin.network(**wish("vlan", "rack1", 5))
        (first,) = segments(admin, network)
        assert (first["name"], first["description"], first["tags"]) == (None, "", [])
        asked = {"network_type": "vlan", "physical_network": "rack2", "name": "second", "description": "of rack 2"}
        second = segment(admin, network, **asked)
        assert {**second, **asked, "network_id": network["id"], "segmentation_id": 100} == second
        shown = admin.get(f"/v2.0/networks/{network['id']}")["network"]["segments"]
        assert shown == [provider("vlan", "rack1", 5), provider("vlan", "rack2", 100)]
        path = f"/v2.0/segments/{second['id']}"
        assert admin.get(path)["segment"] == second
        changed = admin.put(path, {"segment": {"name": None, "description": ""}})["segment"]
        assert (changed["name"], changed["description"], changed["revision_number"]) == (None, "", 1)
        words = "Cannot update read-only attribute segmentation_id"
        admin.refused("PUT", path, {"segment": {"segmentation_id": 7}}, 400, "HTTPBadRequest", words)

    def test_the_only_vlan_still_moves_and_stays_the_same_segment(self, admin: Client) -> None:
        network = admin.network(**wish("vlan", "rack1"))
        (before,) = segments(admin, network)
        admin.put(f"/v2.0/networks/{network['id']}", {"network": {"provider:segmentation_id": 9}})
        (after,) = segments(admin, network)
        assert (after["id"], after["segmentation_id"]) == (before["id"], 9)
        assert admin.network(**wish("vlan", "rack1"))["provider:segmentation_id"] == 100

    def test_what_is_deleted_comes_back(self, admin: Client) -> None:
        network = admin.network(**wish("vlan", "rack1"))
        second = segment(admin, network, network_type="vlan", physical_network="rack1")
        assert second["segmentation_id"] == 101
        (first,) = (one for one in segments(admin, network) if one["id"] != second["id"])
        admin.delete(f"/v2.0/segments/{first['id']}")
        shown = admin.get(f"/v2.0/networks/{network['id']}")["network"]
        assert {name: shown[name] for name in provider("")} == provider("vlan", "rack1", 101)
        assert admin.network(**wish("vlan", "rack1"))["provider:segmentation_id"] == 100
        admin.delete(f"/v2.0/segments/{second['id']}")
        shown = admin.get(f"/v2.0/networks/{network['id']}")["network"]
        assert {name: shown[name] for name in provider("")} == dict.fromkeys(provider(""))
        admin.delete(f"/v2.0/networks/{network['id']}")

    def test_they_are_an_administrators(self, admin: Client, member: Client, stranger: Client) -> None:
        network = member.network(name="n")
        (held,) = segments(admin, network)
        path = f"/v2.0/segments/{held['id']}"
        for somebody in (member, stranger):
            assert somebody.get("/v2.0/segments")["segments"] == []
            somebody.refused("PUT", path, {"segment": {"name": "mine"}}, 404, "HTTPNotFound")
        body = {"segment": {"network_id": network["id"], "network_type": "vxlan"}}
        member.refused("POST", "/v2.0/segments", body, 403, "PolicyNotAuthorized")

    @pytest.mark.parametrize(
        ("attributes", "status", "kind", "words"),
        [
            ({"network_id": NOBODY, "network_type": "vxlan"}, 404, "NetworkNotFound", NOBODY),
            ({"network_type": "ether"}, 400, "InvalidInput", "network type 'ether' is not supported"),
            ({"network_type": "vlan", "segmentation_id": 5}, 400, "InvalidInput", "requires physical_network"),
            ({}, 400, "HTTPBadRequest", "Required attribute 'network_type' not specified"),
        ],
    )
    def test_one_that_cannot_be_is_refused(
        self, admin: Client, attributes: Any, status: int, kind: str, words: str
    ) -> None:
        body = {"segment": {"network_id": admin.network()["id"], **attributes}}
        admin.refused("POST", "/v2.0/segments", body, status, kind, words)

    def test_one_that_is_used_stays(self, admin: Client, racks: tuple[str, str]) -> None:
        network, (first, second), subnets = routed(admin)
        path = f"/v2.0/segments/{second['id']}"
        words = f"cannot be deleted: The segment is still associated with subnet(s) {subnets[1]['id']}."
        admin.refused("DELETE", path, None, 409, "SegmentInUse", words)
        port = admin.port(network, **{"binding:host_id": racks[1]})
        admin.delete(f"/v2.0/ports/{port['id']}")
        admin.delete(f"/v2.0/subnets/{subnets[1]['id']}")
        admin.delete(path)
        plain = admin.network(segments=[wish("vlan", "rack1", 15), wish("vlan", "rack2", 16)])
        admin.port(plain, **{"binding:host_id": racks[0]})
        on, beside = segments(admin, plain)
        words = "The segment is still bound with 1 port(s)."
        admin.refused("DELETE", f"/v2.0/segments/{on['id']}", None, 409, "SegmentInUse", words)
        admin.delete(f"/v2.0/segments/{beside['id']}")
        assert [one["id"] for one in segments(admin, network)] == [first["id"]]


class TestSubnetsOnSegments:
    def test_all_are_on_one_or_none_is(self, admin: Client) -> None:
        network, (first, _), subnets = routed(admin)
        assert [one["segment_id"] for one in subnets] == [one["id"] for one in segments(admin, network)]
        assert admin.get(f"/v2.0/networks/{network['id']}")["network"]["l2_adjacency"] is False
        body = {"network_id": network["id"], "cidr": "10.0.3.0/24", "ip_version": 4}
        kind, words = "SubnetsNotAllAssociatedWithSegments", "all be associated with segments or all not associated"
        admin.refused("POST", "/v2.0/subnets", {"subnet": body}, 400, kind, words)
        unknown = {"subnet": {**body, "segment_id": NOBODY}}
        admin.refused("POST", "/v2.0/subnets", unknown, 404, "SegmentNotFound", f"Segment {NOBODY} could not be found.")
        other = admin.network()
        strange = {"subnet": {**body, "network_id": other["id"], "segment_id": first["id"]}}
        words = f"The subnet's network id, '{other['id']}', doesn't match the network_id of segment '{first['id']}'"
        admin.refused("POST", "/v2.0/subnets", strange, 400, "NetworkIdsDontMatch", words)

    def test_a_network_becomes_a_routed_one(self, admin: Client) -> None:
        network = admin.network(**wish("vlan", "rack1", 5))
        (held,) = segments(admin, network)
        subnet = admin.subnet(network, "10.0.1.0/24")
        path = f"/v2.0/subnets/{subnet['id']}"
        wanted = {"subnet": {"segment_id": held["id"]}}
        beside = admin.subnet(network, "10.0.2.0/24")
        admin.refused("PUT", path, wanted, 400, "SubnetsNotAllAssociatedWithSegments")
        admin.delete(f"/v2.0/subnets/{beside['id']}")
        second = segment(admin, network, network_type="vlan", physical_network="rack2")
        words = "it is only possible to associate an existing subnet with a segment on networks with a single segment."
        admin.refused("PUT", path, wanted, 400, "NoUpdateSubnetWhenMultipleSegmentsOnNetwork", words)
        admin.delete(f"/v2.0/segments/{second['id']}")
        assert admin.put(path, wanted)["subnet"]["segment_id"] == held["id"]
        assert admin.put(path, wanted)["subnet"]["segment_id"] == held["id"]
        words = "A subnet that is already associated with a segment cannot have its segment association changed."
        body: Any = {"subnet": {"segment_id": None}}
        admin.refused("PUT", path, body, 400, "SubnetSegmentAssociationChangeNotAllowed", words)

    def test_projects_neither_see_nor_choose_the_segment(self, admin: Client, member: Client) -> None:
        network = member.network(name="n")
        (held,) = segments(admin, network)
        assert "segment_id" not in member.subnet(network, "10.0.1.0/24")
        body = {"network_id": network["id"], "cidr": "10.0.2.0/24", "ip_version": 4, "segment_id": held["id"]}
        member.refused("POST", "/v2.0/subnets", {"subnet": body}, 403, "PolicyNotAuthorized")

    def test_hosts_are_told_the_way_to_the_other_segments(self, admin: Client) -> None:
        network, held, (first, second) = routed(admin)

        def routes(subnet: dict[str, Any]) -> list[tuple[str, str]]:
            shown = admin.get(f"/v2.0/subnets/{subnet['id']}")["subnet"]["host_routes"]
            return [(route["destination"], route["nexthop"]) for route in shown]

        assert routes(first) == [("10.0.2.0/24", "10.0.1.1")]
        assert routes(second) == [("10.0.1.0/24", "10.0.2.1")]
        summary = {"destination": "10.0.0.0/16", "nexthop": "10.0.4.9"}
        third = admin.subnet(network, "10.0.4.0/24", segment_id=held[0]["id"], host_routes=[summary])
        assert routes(third) == [("10.0.0.0/16", "10.0.4.9")]
        assert routes(first) == [("10.0.2.0/24", "10.0.1.1")], "the third is on its own segment"
        assert routes(second) == [("10.0.1.0/24", "10.0.2.1"), ("10.0.4.0/24", "10.0.2.1")]
        moved = {"gateway_ip": "10.0.2.254", "allocation_pools": [{"start": "10.0.2.10", "end": "10.0.2.99"}]}
        admin.put(f"/v2.0/subnets/{second['id']}", {"subnet": moved})
        assert routes(second) == [("10.0.1.0/24", "10.0.2.254"), ("10.0.4.0/24", "10.0.2.254")]
        admin.delete(f"/v2.0/subnets/{third['id']}")
        assert routes(second) == [("10.0.1.0/24", "10.0.2.254")]


class TestPortsOfRoutedNetworks:
    def test_one_without_a_host_waits_for_its_address(self, admin: Client, racks: tuple[str, str]) -> None:
        network, _, subnets = routed(admin)
        port = admin.port(network)
        assert (port["fixed_ips"], port["ip_allocation"]) == ([], "deferred")
        path = f"/v2.0/ports/{port['id']}"
        bound = admin.put(path, {"port": {"binding:host_id": racks[1]}})["port"]
        assert ([one["subnet_id"] for one in bound["fixed_ips"]], bound["ip_allocation"]) == (
            [subnets[1]["id"]],
            "immediate",
        )
        kind, words = (
            "HostNotCompatibleWithFixedIps",
            f"Host {racks[0]} is not connected to a segment where the existing",
        )
        admin.refused("PUT", path, {"port": {"binding:host_id": racks[0]}}, 409, kind, words)
        assert admin.get(path)["port"]["binding:host_id"] == racks[1]
        admin.put(path, {"port": {"binding:host_id": ""}})
        move = {"port": {"binding:host_id": racks[0], "fixed_ips": [{"subnet_id": subnets[0]["id"]}]}}
        assert admin.put(path, move)["port"]["fixed_ips"][0]["subnet_id"] == subnets[0]["id"]

    def test_one_with_a_host_has_addresses_of_its_segment(self, admin: Client, racks: tuple[str, str]) -> None:
        network, _, subnets = routed(admin)
        for host, subnet in zip(racks, subnets, strict=True):
            port = admin.port(network, **{"binding:host_id": host})
            assert [one["subnet_id"] for one in port["fixed_ips"]] == [subnet["id"]]
        other = {
            "network_id": network["id"],
            "binding:host_id": racks[0],
            "fixed_ips": [{"subnet_id": subnets[1]["id"]}],
        }
        words = f"because fixed_ips included invalid subnet {subnets[1]['id']}"
        admin.refused("POST", "/v2.0/ports", {"port": other}, 400, "InvalidInput", words)

    def test_an_address_may_be_chosen_before_the_host(self, admin: Client, racks: tuple[str, str]) -> None:
        network, _, subnets = routed(admin)
        both = {"network_id": network["id"], "fixed_ips": [{"subnet_id": one["id"]} for one in subnets]}
        words = "Cannot allocate addresses from different segments."
        admin.refused("POST", "/v2.0/ports", {"port": both}, 400, "FixedIpsSubnetsNotOnSameSegment", words)
        port = admin.port(network, fixed_ips=[{"ip_address": "10.0.2.77"}])
        assert (port["fixed_ips"][0]["subnet_id"], port["ip_allocation"]) == (subnets[1]["id"], "immediate")
        path = f"/v2.0/ports/{port['id']}"
        admin.refused("PUT", path, {"port": {"binding:host_id": racks[0]}}, 409, "HostNotCompatibleWithFixedIps")
        assert admin.put(path, {"port": {"binding:host_id": racks[1]}})["port"]["binding:host_id"] == racks[1]

    def test_a_host_is_on_one_segment(self, admin: Client, database: Database, racks: tuple[str, str]) -> None:
        network, _, _ = routed(admin)
        body = {"port": {"network_id": network["id"], "binding:host_id": "elsewhere"}}
        words = f"Host elsewhere is not connected to any segments on routed provider network '{network['id']}'."
        admin.refused("POST", "/v2.0/ports", body, 409, "HostNotConnectedToAnySegment", words)
        reach(database, racks[0], "rack1", "rack2")
        body["port"]["binding:host_id"] = racks[0]
        words = f"Host {racks[0]} is connected to multiple segments on routed provider network '{network['id']}'."
        admin.refused("POST", "/v2.0/ports", body, 409, "HostConnectedToMultipleSegments", words)

    def test_what_needs_no_address_says_so(self, admin: Client) -> None:
        network, _, _ = routed(admin)
        assert admin.port(network, fixed_ips=[])["ip_allocation"] == "none"
        assert admin.port(admin.network())["ip_allocation"] == "immediate"

    def test_a_new_automatic_subnet_gives_addresses_on_its_segment_only(
        self, admin: Client, racks: tuple[str, str]
    ) -> None:
        network, held, _ = routed(admin)
        ports = [admin.port(network, **{"binding:host_id": host}) for host in racks]
        waiting = admin.port(network)
        modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
        six = admin.subnet(network, "2001:db8::/64", ip_version=6, segment_id=held[1]["id"], **modes)
        having = [
            one["id"]
            for one in (*ports, waiting)
            if six["id"] in {ip["subnet_id"] for ip in admin.get(f"/v2.0/ports/{one['id']}")["port"]["fixed_ips"]}
        ]
        assert having == [ports[1]["id"]]
        bound = admin.put(f"/v2.0/ports/{waiting['id']}", {"port": {"binding:host_id": racks[1]}})["port"]
        assert six["id"] in {one["subnet_id"] for one in bound["fixed_ips"]}
        admin.put(f"/v2.0/ports/{waiting['id']}", {"port": {"fixed_ips": [{"subnet_id": six["id"]}]}})
        words = "One or more ports have an IP allocation from this subnet"
        admin.refused("DELETE", f"/v2.0/subnets/{six['id']}", None, 409, "SubnetInUse", words)
        admin.delete(f"/v2.0/ports/{waiting['id']}")
        admin.delete(f"/v2.0/subnets/{six['id']}")


def test_each_segment_has_dhcp_servers_of_its_own(admin: Client, database: Database, racks: tuple[str, str]) -> None:
    network, _, subnets = routed(admin)

    def served() -> dict[str, list[str]]:
        with database.read() as view:
            found = {}
            for replica in view.find(DhcpReplica, network_id=network["id"]):
                port = view.get(Port, id=replica.port_id)
                assert port is not None
                shown = admin.get(f"/v2.0/ports/{port.id}")["port"]
                found[replica.node] = [one["subnet_id"] for one in shown["fixed_ips"]]
            return found

    assert served() == {racks[0]: [subnets[0]["id"]], racks[1]: [subnets[1]["id"]]}
    reach(database, racks[0], "rack2")
    reach(database, racks[1], "rack1")
    admin.put(f"/v2.0/subnets/{subnets[0]['id']}", {"subnet": {"name": "the cables are exchanged"}})
    assert served() == {racks[0]: [subnets[1]["id"]], racks[1]: [subnets[0]["id"]]}
    reach(database, racks[0], "rack1")
    reach(database, racks[1], "rack2")
    admin.delete(f"/v2.0/subnets/{subnets[1]['id']}")
    assert served() == {racks[0]: [subnets[0]["id"]]}
    plain = admin.network(segments=[wish("vlan", "rack1", 25), wish("vlan", "rack2", 26)])
    admin.subnet(plain, "10.0.9.0/24")
    with database.read() as view:
        assert {one.node for one in view.find(DhcpReplica, network_id=plain["id"])} == set(racks)
