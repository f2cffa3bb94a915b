"""Security groups on their way to the nodes: who is told what, and how little a change tells."""

from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from futago.contract.firewall import AddressSetSpec, FirewallRule, SecurityGroupSpec
from futago.contract.specs import PortSpec, Spec
from futago.controller.nodes.feed import Feed
from futago.controller.store.rows import AddressGroup, Network, Port, SecurityGroup, SecurityGroupRule, Subnet
from unit.controller.cloud import Cloud


class Groups:
    """A cloud with two compute nodes and one network, and words for groups."""

    def __init__(self, directory: Path) -> None:
        self.cloud = Cloud(directory)
        self.cloud.node("compute1", tunnel="192.0.2.11")
        self.cloud.node("compute2", tunnel="192.0.2.12")
        self.network: Network = self.cloud.network("net", vni=1000)
        self.subnet: Subnet = self.cloud.subnet(self.network, "192.168.80.0/24", enable_dhcp=False)
        self.feed = Feed(self.cloud.database, self.cloud.config)

    def group(self, name: str, **fields: Any) -> SecurityGroup:
        with self.cloud.database.write() as txn:
            return txn.add(SecurityGroup(id=name, project_id="p", name=name, **fields))

    def rule(self, group: str, **fields: Any) -> SecurityGroupRule:
        with self.cloud.database.write() as txn:
            known: dict[str, Any] = {
                "id": f"{group}-{len(txn.find(SecurityGroupRule))}",
                "project_id": "p",
                "direction": "ingress",
            }
            return txn.add(SecurityGroupRule(security_group_id=group, **(known | fields)))

    def unrule(self, rule: SecurityGroupRule) -> None:
        with self.cloud.database.write() as txn:
            txn.remove(rule)

    def port(self, host: str, *groups: str, **fields: Any) -> Port:
        port = self.cloud.instance(self.network, self.subnet, host)
        return self.change(port, security_group_ids=groups, **fields)

    def change(self, port: Port, **fields: Any) -> Port:
        with self.cloud.database.write() as txn:
            known = txn.get(Port, id=port.id)
            assert known is not None
            return txn.replace(known, replace(known, **fields))

    def now(self) -> int:
        return self.feed.changes("compute1", 0).revision

    def of(self, node: str, kind: type[Spec]) -> dict[str, Spec]:
        return {spec.key: spec for spec in self.feed.changes(node, 0).put if isinstance(spec, kind)}

    def told(self, node: str, since: int) -> tuple[set[str], set[str]]:
        """The keys that come and go."""
        changes = self.feed.changes(node, since)
        return {spec.key for spec in changes.put}, set(changes.remove)


@pytest.fixture
def groups(tmp_path: Path) -> Iterator[Groups]:
    made = Groups(tmp_path)
    yield made
    made.cloud.database.close()


def test_a_port_says_what_holds_at_it(groups: Groups) -> None:
    groups.group("web")
    pair = {"ip_address": "10.1.2.3/24", "mac_address": "00:00:5e:00:01:07"}
    groups.port("compute1", "web", allowed_address_pairs=(pair,))
    (spec,) = groups.of("compute1", PortSpec).values()
    assert isinstance(spec, PortSpec)
    assert (spec.port_security, spec.security_groups) == (True, ("web",))
    assert [(one.mac, str(one.addresses)) for one in spec.address_pairs] == [("00:00:5e:00:01:07", "10.1.2.0/24")]


def test_a_rule_in_the_words_of_the_api_becomes_one_in_numbers(groups: Groups) -> None:
    groups.group("web", stateful=False)
    groups.rule("web", protocol="tcp", port_range_min=22, port_range_max=23, remote_ip_prefix="10.1.2.3/24")
    groups.rule("web", protocol="icmp", port_range_min=8, ethertype="IPv6")
    groups.rule("web", protocol="47", direction="egress")
    groups.port("compute1", "web")
    spec = groups.of("compute1", SecurityGroupSpec)["security-group/web"]
    assert isinstance(spec, SecurityGroupSpec)
    assert not spec.stateful
    assert set(spec.rules) == {
        FirewallRule(direction="ingress", version=4, protocol=6, first=22, last=23, remote=ip_network("10.1.2.0/24")),
        FirewallRule(direction="ingress", version=6, protocol=58, first=8, last=None),
        FirewallRule(direction="egress", version=4, protocol=47),
    }


def test_groups_and_sets_go_only_where_a_port_needs_them(groups: Groups) -> None:
    groups.group("web")
    groups.group("db")
    groups.rule("db", remote_group_id="web")
    groups.port("compute1", "web")
    groups.port("compute2", "db")
    assert set(groups.of("compute1", SecurityGroupSpec)) == {"security-group/web"}
    assert set(groups.of("compute2", SecurityGroupSpec)) == {"security-group/db"}
    assert groups.of("compute1", AddressSetSpec) == {}
    assert set(groups.of("compute2", AddressSetSpec)) == {"address-set/group/web"}


def test_a_new_member_is_told_by_one_spec_to_those_who_name_the_group(groups: Groups) -> None:
    groups.group("web")
    groups.group("db")
    for number in range(5):
        groups.rule("db", remote_group_id="web", protocol="tcp", port_range_min=number + 1, port_range_max=number + 1)
    groups.port("compute2", "db")
    groups.port("compute1", "web")
    before = groups.now()
    groups.port("compute1", "web")
    assert groups.told("compute2", before) == ({"address-set/group/web"}, set())


def test_members_come_with_their_address_pairs_and_go_with_their_ports(groups: Groups) -> None:
    groups.group("web")
    groups.rule("web", remote_group_id="web")
    port = groups.port("compute1", "web", allowed_address_pairs=({"ip_address": "10.9.0.0/16"},))

    def addresses() -> list[str]:
        found = groups.of("compute1", AddressSetSpec)["address-set/group/web"]
        assert isinstance(found, AddressSetSpec)
        return [str(one) for one in found.addresses]

    own = addresses()
    assert own[0] == "10.9.0.0/16"
    groups.port("compute2", "web")
    assert len(addresses()) == 3
    groups.change(port, security_group_ids=(), allowed_address_pairs=())
    assert groups.of("compute1", AddressSetSpec) == {}


def test_a_rule_that_goes_takes_the_set_along_that_only_it_named(groups: Groups) -> None:
    groups.group("web")
    with groups.cloud.database.write() as txn:
        txn.add(AddressGroup(id="office", project_id="p", addresses=("203.0.113.0/24", "fe80::/10")))
    rule = groups.rule("web", remote_address_group_id="office")
    groups.port("compute1", "web")
    (found,) = groups.of("compute1", AddressSetSpec).values()
    assert isinstance(found, AddressSetSpec)
    assert [str(one) for one in found.addresses] == ["203.0.113.0/24", "fe80::/10"]
    before = groups.now()
    groups.unrule(rule)
    assert groups.told("compute1", before) == ({"security-group/web"}, {"address-set/address-group/office"})


def test_a_port_that_moves_takes_its_groups_along(groups: Groups) -> None:
    groups.group("web")
    groups.rule("web", remote_group_id="web")
    port = groups.port("compute1", "web")
    before = groups.now()
    groups.change(port, host_id="compute2")
    assert {"security-group/web", "address-set/group/web"} <= groups.told("compute2", before)[0]
    assert {"security-group/web", "address-set/group/web"} <= groups.told("compute1", before)[1]


def test_a_port_without_port_security_needs_no_groups(groups: Groups) -> None:
    groups.group("web")
    groups.port("compute1", "web", port_security_enabled=False)
    assert groups.of("compute1", SecurityGroupSpec) == {}


def test_a_feed_that_starts_anew_tells_the_same(groups: Groups) -> None:
    groups.group("web")
    groups.rule("web", remote_group_id="web")
    groups.port("compute1", "web")
    groups.port("compute2", "web")
    groups.now()
    fresh = Feed(groups.cloud.database, groups.cloud.config)
    for node in ("compute1", "compute2"):
        assert set(fresh.changes(node, 0).put) == set(groups.feed.changes(node, 0).put)
