"""Security groups: the default one, and rules that make sense."""

from typing import Any

import pytest

from api_kit import PROJECT, Client

pytestmark = pytest.mark.each_database

SSH = {"direction": "ingress", "protocol": "tcp", "port_range_min": "22", "port_range_max": "22"}
NOBODY = "99999999-9999-4999-8999-999999999999"


def _default(client: Client) -> Any:
    (group,) = client.get(f"/v2.0/security-groups?name=default&project_id={PROJECT}")["security_groups"]
    return group


def test_every_project_has_a_default_group_with_four_rules(member: Client) -> None:
    group = _default(member)
    kinds = sorted((rule["direction"], rule["ethertype"], rule["remote_group_id"]) for rule in _by_peer(group))
    assert kinds == [
        ("egress", "IPv4", ""),
        ("egress", "IPv6", ""),
        ("ingress", "IPv4", "self"),
        ("ingress", "IPv6", "self"),
    ]
    assert _default(member)["id"] == group["id"]


def _by_peer(group: Any) -> list[dict[str, Any]]:
    peers = {None: "", group["id"]: "self"}
    return [{**rule, "remote_group_id": peers[rule["remote_group_id"]]} for rule in group["security_group_rules"]]


def test_a_port_is_in_the_default_group_unless_it_says_otherwise(member: Client) -> None:
    network = member.network(name="n")
    assert member.port(network)["security_groups"] == [_default(member)["id"]]
    assert member.port(network, security_groups=[])["security_groups"] == []
    assert member.port(network, port_security_enabled=False)["security_groups"] == []


def test_the_default_group_stays_what_it_is(member: Client) -> None:
    path = f"/v2.0/security-groups/{_default(member)['id']}"
    member.refused("DELETE", path, None, 409, "SecurityGroupCannotRemoveDefault")
    member.refused("PUT", path, {"security_group": {"name": "x"}}, 409, "SecurityGroupCannotUpdateDefault")
    other = member.post("/v2.0/security-groups", {"security_group": {"name": "web"}})["security_group"]
    body = {"security_group": {"name": "default"}}
    path = f"/v2.0/security-groups/{other['id']}"
    member.refused("PUT", path, body, 409, "SecurityGroupDefaultAlreadyExists")
    member.refused("POST", "/v2.0/security-groups", body, 409, "SecurityGroupDefaultAlreadyExists")


def test_a_rule_for_ssh(member: Client) -> None:
    group = _default(member)
    body = {**SSH, "ethertype": "IPv4", "remote_ip_prefix": "0.0.0.0/0", "security_group_id": group["id"]}
    rule = member.post("/v2.0/security-group-rules", {"security_group_rule": body})["security_group_rule"]
    assert (rule["port_range_min"], rule["port_range_max"], rule["protocol"]) == (22, 22, "tcp")
    assert rule["normalized_cidr"] == "0.0.0.0/0"
    assert rule["belongs_to_default_sg"] is True
    again = {"security_group_rule": body}
    words = f"Rule id is {rule['id']}."
    member.refused("POST", "/v2.0/security-group-rules", again, 409, "SecurityGroupRuleExists", words)
    member.delete(f"/v2.0/security-group-rules/{rule['id']}")


@pytest.mark.parametrize(
    ("change", "status", "kind"),
    [
        ({"direction": "sideways"}, 400, "HTTPBadRequest"),
        ({"ethertype": "IPX"}, 400, "SecurityGroupRuleInvalidEtherType"),
        ({"protocol": "bogus"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"protocol": "256"}, 400, "SecurityGroupRuleInvalidProtocol"),
        ({"port_range_min": 23}, 400, "SecurityGroupInvalidPortRange"),
        ({"port_range_max": None}, 400, "SecurityGroupInvalidPortRange"),
        ({"port_range_min": 70000}, 400, "SecurityGroupInvalidPortValue"),
        ({"port_range_min": "x"}, 400, "SecurityGroupInvalidPortValue"),
        ({"protocol": None}, 400, "SecurityGroupProtocolRequiredWithPorts"),
        ({"protocol": "gre"}, 400, "SecurityGroupInvalidProtocolForPort"),
        ({"protocol": "icmp", "port_range_min": 300}, 400, "SecurityGroupInvalidIcmpValue"),
        ({"protocol": "icmp", "port_range_min": None}, 400, "SecurityGroupMissingIcmpType"),
        ({"protocol": "ipv6-icmp"}, 400, "SecurityGroupEthertypeConflictWithProtocol"),
        ({"remote_ip_prefix": "bad"}, 400, "InvalidCIDR"),
        ({"remote_ip_prefix": "2001:db8::/32"}, 400, "SecurityGroupRuleParameterConflict"),
        ({"remote_group_id": NOBODY}, 404, "SecurityGroupNotFound"),
        ({"security_group_id": NOBODY}, 404, "SecurityGroupNotFound"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(member: Client, change: dict[str, Any], status: int, kind: str) -> None:
    body = {**SSH, "security_group_id": _default(member)["id"], **change}
    member.refused("POST", "/v2.0/security-group-rules", {"security_group_rule": body}, status, kind)


def test_a_group_in_use_stays_and_a_free_one_goes_with_the_rules_that_name_it(member: Client) -> None:
    made = member.post("/v2.0/security-groups", {"security_group": {"name": "web"}})["security_group"]
    assert [rule["direction"] for rule in made["security_group_rules"]] == ["egress", "egress"]
    body = {"direction": "ingress", "security_group_id": _default(member)["id"], "remote_group_id": made["id"]}
    member.post("/v2.0/security-group-rules", {"security_group_rule": body})
    port = member.port(member.network(name="n"), security_groups=[made["id"]])
    path = f"/v2.0/security-groups/{made['id']}"
    member.refused("DELETE", path, None, 409, "SecurityGroupInUse", "in use")
    member.delete(f"/v2.0/ports/{port['id']}")
    member.delete(path)
    assert len(_default(member)["security_group_rules"]) == 4


def test_an_address_group_gains_and_loses_addresses(member: Client) -> None:
    body = {"address_group": {"name": "office", "addresses": ["203.0.113.9/24", "10.0.0.1/32"]}}
    made = member.post("/v2.0/address-groups", body)["address_group"]
    assert made["addresses"] == ["10.0.0.1/32", "203.0.113.0/24"]
    path = f"/v2.0/address-groups/{made['id']}"
    more = member.put(f"{path}/add_addresses", {"addresses": ["fe80::/10"]})["address_group"]
    assert more["addresses"] == ["10.0.0.1/32", "203.0.113.0/24", "fe80::/10"]
    less = member.put(f"{path}/remove_addresses", {"addresses": ["10.0.0.1/32"]})["address_group"]
    assert less["addresses"] == ["203.0.113.0/24", "fe80::/10"]
    assert member.get(path)["address_group"] == less
    twice = {"addresses": ["203.0.113.0/24"]}
    member.refused("PUT", f"{path}/add_addresses", twice, 400, "AddressesAlreadyExist", "already exist")
    gone = {"addresses": ["10.0.0.1/32"]}
    member.refused("PUT", f"{path}/remove_addresses", gone, 404, "AddressesNotFound", "not found")
    member.refused("PUT", f"{path}/add_addresses", {"addresses": ["x"]}, 400, "InvalidInput")
    member.refused("PUT", f"{path}/add_addresses", {"names": []}, 400, "InvalidInput")


def test_an_address_group_that_a_rule_names_stays(member: Client) -> None:
    made = member.post("/v2.0/address-groups", {"address_group": {"name": "office"}})["address_group"]
    body = {**SSH, "security_group_id": _default(member)["id"], "remote_address_group_id": made["id"]}
    rule = member.post("/v2.0/security-group-rules", {"security_group_rule": body})["security_group_rule"]
    assert rule["remote_address_group_id"] == made["id"]
    path = f"/v2.0/address-groups/{made['id']}"
    member.refused("DELETE", path, None, 409, "AddressGroupInUse", "is in use")
    again = {"security_group_rule": body | {"remote_ip_prefix": "0.0.0.0/0"}}
    member.refused("POST", "/v2.0/security-group-rules", again, 400, "SecurityGroupMultipleRemoteEntites")
    nobody = {"security_group_rule": body | {"remote_address_group_id": NOBODY}}
    member.refused("POST", "/v2.0/security-group-rules", nobody, 404, "AddressGroupNotFound")
    member.delete(f"/v2.0/security-group-rules/{rule['id']}")
    member.delete(path)


def test_nobody_sees_or_changes_another_projects_address_group(member: Client, stranger: Client) -> None:
    made = member.post("/v2.0/address-groups", {"address_group": {"name": "office"}})["address_group"]
    assert stranger.get("/v2.0/address-groups")["address_groups"] == []
    path = f"/v2.0/address-groups/{made['id']}/add_addresses"
    stranger.refused("PUT", path, {"addresses": ["10.0.0.1"]}, 404, "AddressGroupNotFound")


def test_stateless_groups_and_stateful_ones_do_not_mix(member: Client) -> None:
    network = member.network(name="n")
    body = {"security_group": {"name": "quick", "stateful": False}}
    quick = member.post("/v2.0/security-groups", body)["security_group"]
    assert quick["stateful"] is False
    port = {"port": {"network_id": network["id"], "security_groups": [quick["id"], _default(member)["id"]]}}
    member.refused("POST", "/v2.0/ports", port, 409, "SecurityGroupConflict", "both stateful and stateless")
    member.port(network, security_groups=[quick["id"]])
    change = {"security_group": {"stateful": True}}
    path = f"/v2.0/security-groups/{quick['id']}"
    member.refused("PUT", path, change, 409, "SecurityGroupInUse", "in use")
