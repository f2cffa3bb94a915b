"""The rules that new security groups begin with."""

from typing import Any

from api_kit import Client

PATH = "/v2.0/default-security-group-rules"
SSH = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}


def add(admin: Client, **attributes: Any) -> dict[str, Any]:
    body = {**SSH, "used_in_default_sg": False, "used_in_non_default_sg": True, **attributes}
    return admin.post(PATH, {"default_security_group_rule": body})["default_security_group_rule"]


def rules_of(client: Client, name: str) -> list[tuple[str, str, Any, bool]]:
    groups = client.get(f"/v2.0/security-groups?name={name}")["security_groups"]
    rules = [rule for group in groups for rule in group["security_group_rules"]]
    assert {rule["remote_group_id"] for rule in rules} <= {None, groups[0]["id"]}
    return sorted(
        (
            (rule["direction"], rule["ethertype"], rule["port_range_min"], rule["belongs_to_default_sg"])
            for rule in rules
        ),
        key=str,
    )


def test_groups_begin_as_they_always_have(member: Client) -> None:
    rules = member.get(PATH)["default_security_group_rules"]
    assert len(rules) == 4
    assert set(rules[0]) == {
        "id", "description", "direction", "ethertype", "protocol", "port_range_min", "port_range_max",
        "remote_ip_prefix", "remote_group_id", "remote_address_group_id", "used_in_default_sg",
        "used_in_non_default_sg",
    }  # fmt: skip
    both = [(way, family, None, True) for way in ("egress", "ingress") for family in ("IPv4", "IPv6")]
    assert rules_of(member, "default") == both


def test_groups_begin_with_the_rules_for_their_kind(admin: Client, member: Client) -> None:
    rule = add(admin)
    assert member.get(f"{PATH}/{rule['id']}")["default_security_group_rule"] == rule
    member.post("/v2.0/security-groups", {"security_group": {"name": "web"}})
    out = [("egress", "IPv4", None, False), ("egress", "IPv6", None, False)]
    assert rules_of(member, "web") == [*out, ("ingress", "IPv4", 22, False)]
    assert len(rules_of(member, "default")) == 4
    admin.delete(f"{PATH}/{rule['id']}")
    member.post("/v2.0/security-groups", {"security_group": {"name": "later"}})
    assert rules_of(member, "later") == out
    assert len(rules_of(member, "web")) == 3


def test_a_project_begins_with_the_rules_for_default_groups(admin: Client, stranger: Client) -> None:
    add(admin, used_in_default_sg=True, used_in_non_default_sg=False, remote_group_id="PARENT")
    assert ("ingress", "IPv4", 22, True) in rules_of(stranger, "default")


def test_default_rules_are_an_admins_and_not_twice_the_same(admin: Client, member: Client) -> None:
    rule = add(admin)
    body = {"default_security_group_rule": {**SSH, "used_in_default_sg": True, "used_in_non_default_sg": True}}
    words = f"Default Security group rule already exists. Rule id is {rule['id']}."
    admin.refused("POST", PATH, body, 409, "DefaultSecurityGroupRuleExists", words)
    add(admin, used_in_default_sg=True, used_in_non_default_sg=False)
    member.refused("POST", PATH, body, 403, "PolicyNotAuthorized", "create_default_security_group_rule")
    member.refused("DELETE", f"{PATH}/{rule['id']}", None, 403, "PolicyNotAuthorized")
    kind = "SecurityGroupInvalidPortRange"
    wrong = {"default_security_group_rule": {**body["default_security_group_rule"], "port_range_max": 1}}
    admin.refused("POST", PATH, wrong, 400, kind)
    admin.refused("GET", f"{PATH}/x", None, 404, "DefaultSecurityGroupRuleNotFound", "rule x does not exist")
