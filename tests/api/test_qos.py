"""QoS policies: their rules, who may use them, and what has them."""

from typing import Any

import pytest

from api_kit import PROJECT, Client

NOBODY = "99999999-9999-4999-8999-999999999999"
LIMIT: dict[str, Any] = {"max_kbps": 1000, "max_burst_kbps": "800"}


def _policy(client: Client, **attributes: Any) -> Any:
    return client.post("/v2.0/qos/policies", {"policy": {"name": "gold", **attributes}})["policy"]


def _rule(client: Client, policy: Any, kind: str, status: int = 201, **attributes: Any) -> Any:
    return client.post(f"/v2.0/qos/policies/{policy['id']}/{kind}_rules", {f"{kind}_rule": attributes}, status)


def test_a_policy_shows_its_rules(admin: Client) -> None:
    policy = _policy(admin, project_id=PROJECT)
    assert (policy["rules"], policy["shared"], policy["is_default"]) == ([], False, False)
    limit = _rule(admin, policy, "bandwidth_limit", **LIMIT)["bandwidth_limit_rule"]
    assert limit == {"id": limit["id"], "max_kbps": 1000, "max_burst_kbps": 800, "direction": "egress"}
    mark = _rule(admin, policy, "dscp_marking", dscp_mark=10)["dscp_marking_rule"]
    assert mark == {"id": mark["id"], "dscp_mark": 10}
    least = _rule(admin, policy, "minimum_bandwidth", min_kbps=5, direction="ingress")["minimum_bandwidth_rule"]
    shown = admin.get(f"/v2.0/qos/policies/{policy['id']}")["policy"]
    assert {rule["type"]: rule["id"] for rule in shown["rules"]} == {
        "bandwidth_limit": limit["id"],
        "dscp_marking": mark["id"],
        "minimum_bandwidth": least["id"],
    }
    assert {rule["qos_policy_id"] for rule in shown["rules"]} == {policy["id"]}


def test_rules_are_listed_changed_and_deleted_below_their_policy_and_by_their_id(admin: Client) -> None:
    policy = _policy(admin)
    rules = f"/v2.0/qos/policies/{policy['id']}/bandwidth_limit_rules"
    rule = _rule(admin, policy, "bandwidth_limit", **LIMIT)["bandwidth_limit_rule"]
    _rule(admin, policy, "bandwidth_limit", **LIMIT, direction="ingress")
    assert admin.get(f"{rules}?direction=egress")["bandwidth_limit_rules"] == [rule]
    changed = admin.put(f"{rules}/{rule['id']}", {"bandwidth_limit_rule": {"max_kbps": 7}})
    assert changed["bandwidth_limit_rule"]["max_kbps"] == 7
    alias = f"/v2.0/qos/alias-bandwidth-limit-rules/{rule['id']}"
    assert admin.get(alias)["alias_bandwidth_limit_rule"]["max_kbps"] == 7
    admin.put(alias, {"alias_bandwidth_limit_rule": {"max_kbps": 8}})
    admin.delete(alias)
    admin.refused("GET", f"{rules}/{rule['id']}", None, 404, "QosRuleNotFound", rule["id"])
    other = _policy(admin)
    (left,) = admin.get(rules)["bandwidth_limit_rules"]
    path = f"/v2.0/qos/policies/{other['id']}/bandwidth_limit_rules/{left['id']}"
    admin.refused("DELETE", path, None, 404, "QosRuleNotFound")


def test_packets_are_limited_where_an_instance_sends_them(admin: Client, member: Client) -> None:
    policy = _policy(admin, project_id=PROJECT)
    _rule(admin, policy, "bandwidth_limit", **LIMIT)
    made = _rule(admin, policy, "packet_rate_limit", max_kpps="5")["packet_rate_limit_rule"]
    assert made == {"id": made["id"], "max_kpps": 5, "max_burst_kpps": 0, "direction": "egress"}
    rules = f"/v2.0/qos/policies/{policy['id']}/packet_rate_limit_rules"
    path = f"{rules}/{made['id']}"
    body = {"packet_rate_limit_rule": {"max_kpps": 7, "max_burst_kpps": 3}}
    member.refused("PUT", path, body, 403, "PolicyNotAuthorized")
    changed = admin.put(path, body)["packet_rate_limit_rule"]
    assert changed == {**made, "max_kpps": 7, "max_burst_kpps": 3}
    assert member.get(rules)["packet_rate_limit_rules"] == [changed] == [member.get(path)["packet_rate_limit_rule"]]
    shown = member.get(f"/v2.0/qos/policies/{policy['id']}")["policy"]["rules"]
    assert {**changed, "qos_policy_id": policy["id"], "type": "packet_rate_limit"} in shown
    inwards = {"packet_rate_limit_rule": {"direction": "ingress"}}
    admin.refused("PUT", path, inwards, 400, "HTTPBadRequest", "ingress is not in valid_values")
    admin.get(f"/v2.0/qos/alias-packet-rate-limit-rules/{made['id']}", 404)
    admin.delete(path)
    admin.refused("GET", path, None, 404, "QosRuleNotFound", made["id"])


@pytest.mark.parametrize(
    ("kind", "rule", "status", "error"),
    [
        ("bandwidth_limit", {"max_kbps": 9}, 409, "QoSRulesConflict"),
        ("bandwidth_limit", {"max_kbps": "x", "direction": "ingress"}, 400, "InvalidInput"),
        ("bandwidth_limit", {"max_kbps": -1, "direction": "ingress"}, 400, "HTTPBadRequest"),
        ("bandwidth_limit", {"direction": "ingress"}, 400, "HTTPBadRequest"),
        ("bandwidth_limit", {"max_kbps": 9, "direction": "up"}, 400, "HTTPBadRequest"),
        ("minimum_bandwidth", {"min_kbps": 1001}, 409, "QoSRuleParameterConflict"),
        ("packet_rate_limit", {"max_kpps": 9, "direction": "ingress"}, 400, "HTTPBadRequest"),
        ("packet_rate_limit", {"max_kpps": -1}, 400, "HTTPBadRequest"),
        ("packet_rate_limit", {"max_kpps": 2**31}, 400, "HTTPBadRequest"),
        ("packet_rate_limit", {"max_kpps": "x"}, 400, "InvalidInput"),
        ("packet_rate_limit", {"max_burst_kpps": 9}, 400, "HTTPBadRequest"),
        ("packet_rate_limit", {"max_kbps": 9}, 400, "HTTPBadRequest"),
        ("dscp_marking", {"dscp_mark": 1}, 400, "HTTPBadRequest"),
        ("dscp_marking", {"max_kbps": 1}, 400, "HTTPBadRequest"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(
    admin: Client, kind: str, rule: dict[str, Any], status: int, error: str
) -> None:
    policy = _policy(admin)
    _rule(admin, policy, "bandwidth_limit", **LIMIT)
    path = f"/v2.0/qos/policies/{policy['id']}/{kind}_rules"
    admin.refused("POST", path, {f"{kind}_rule": rule}, status, error)
    assert len(admin.get(f"/v2.0/qos/policies/{policy['id']}")["policy"]["rules"]) == 1


def test_a_second_limit_of_packets_is_refused(admin: Client) -> None:
    policy = _policy(admin)
    made = _rule(admin, policy, "packet_rate_limit", max_kpps=5)["packet_rate_limit_rule"]
    path = f"/v2.0/qos/policies/{policy['id']}/packet_rate_limit_rules"
    admin.refused("POST", path, {"packet_rate_limit_rule": {"max_kpps": 6}}, 409, "QoSRulesConflict", made["id"])


def test_a_limit_below_what_is_asked_for_at_least_is_refused(admin: Client) -> None:
    policy = _policy(admin)
    _rule(admin, policy, "minimum_bandwidth", min_kbps=500)
    rule = _rule(admin, policy, "bandwidth_limit", **LIMIT)["bandwidth_limit_rule"]
    path = f"/v2.0/qos/policies/{policy['id']}/bandwidth_limit_rules/{rule['id']}"
    words = "as the existing rule of type minimum_bandwidth has value 500"
    body = {"bandwidth_limit_rule": {"max_kbps": 499}}
    admin.refused("PUT", path, body, 409, "QoSRuleParameterConflict", words)


def test_members_use_policies_and_do_not_make_them(admin: Client, member: Client) -> None:
    member.refused("POST", "/v2.0/qos/policies", {"policy": {"name": "x"}}, 403, "PolicyNotAuthorized")
    own, foreign = _policy(admin, project_id=PROJECT), _policy(admin)
    member.refused("PUT", f"/v2.0/qos/policies/{own['id']}", {"policy": {"name": "x"}}, 403, "PolicyNotAuthorized")
    path = f"/v2.0/qos/policies/{own['id']}/dscp_marking_rules"
    member.refused("POST", path, {"dscp_marking_rule": {"dscp_mark": 8}}, 403, "PolicyNotAuthorized")
    member.refused("GET", f"/v2.0/qos/policies/{foreign['id']}", None, 404, "QosPolicyNotFound", foreign["id"])
    network = member.network(qos_policy_id=own["id"])
    body = {"port": {"network_id": network["id"], "qos_policy_id": foreign["id"]}}
    member.refused("POST", "/v2.0/ports", body, 404, "QosPolicyNotFound")


def test_a_port_shows_its_policy_and_that_of_its_network(admin: Client) -> None:
    gold, silver = _policy(admin), _policy(admin)
    network = admin.network(qos_policy_id=gold["id"])
    port = admin.port(network, qos_policy_id=silver["id"])
    assert (port["qos_policy_id"], port["qos_network_policy_id"]) == (silver["id"], gold["id"])
    words = f"QoS Policy {silver['id']} is used by port {port['id']}."
    admin.refused("DELETE", f"/v2.0/qos/policies/{silver['id']}", None, 409, "QosPolicyInUse", words)
    words = f"QoS Policy {gold['id']} is used by network {network['id']}."
    admin.refused("DELETE", f"/v2.0/qos/policies/{gold['id']}", None, 409, "QosPolicyInUse", words)
    changed = admin.put(f"/v2.0/ports/{port['id']}", {"port": {"qos_policy_id": None}})["port"]
    assert changed["qos_policy_id"] is None
    admin.put(f"/v2.0/networks/{network['id']}", {"network": {"qos_policy_id": None}})
    admin.delete(f"/v2.0/qos/policies/{gold['id']}")
    admin.delete(f"/v2.0/qos/policies/{silver['id']}")
    body = {"port": {"qos_policy_id": NOBODY}}
    admin.refused("PUT", f"/v2.0/ports/{port['id']}", body, 404, "QosPolicyNotFound")


def test_a_shared_policy_is_everybodys_until_nobody_else_has_it(admin: Client, member: Client) -> None:
    policy = _policy(admin, shared=True)
    path, mine = f"/v2.0/qos/policies/{policy['id']}", {"policy": {"shared": False}}
    assert [one["id"] for one in member.get("/v2.0/qos/policies?shared=True")["policies"]] == [policy["id"]]
    network = member.network(qos_policy_id=policy["id"])
    admin.refused("PUT", path, mine, 409, "RbacPolicyInUse", "Details: project_id=*")
    admin.put(f"/v2.0/networks/{network['id']}", {"network": {"qos_policy_id": None}})
    assert admin.put(path, mine)["policy"]["shared"] is False
    member.get(path, 404)
    assert admin.put(path, {"policy": {"shared": True}})["policy"]["shared"] is True
    assert member.get(path)["policy"]["shared"] is True


def test_who_does_not_see_a_policy_cannot_take_it_off(admin: Client, member: Client) -> None:
    policy, network = _policy(admin), member.network()
    path = f"/v2.0/networks/{network['id']}"
    admin.put(path, {"network": {"qos_policy_id": policy["id"]}})
    body = {"network": {"qos_policy_id": None}}
    member.refused("PUT", path, body, 403, "PolicyRemoveAuthorizationError", policy["id"])
    assert member.put(path, {"network": {"name": "n"}})["network"]["qos_policy_id"] == policy["id"]


def test_a_policy_is_shared_with_one_project_as_long_as_it_has_it(
    admin: Client, member: Client, stranger: Client
) -> None:
    policy = _policy(admin)
    rule = _rule(admin, policy, "dscp_marking", dscp_mark=10)["dscp_marking_rule"]
    body = {"object_type": "qos_policy", "object_id": policy["id"], "action": "access_as_shared"}
    made = admin.post("/v2.0/rbac-policies", {"rbac_policy": {**body, "target_tenant": PROJECT}})["rbac_policy"]
    seen = member.get(f"/v2.0/qos/policies/{policy['id']}")["policy"]
    assert (seen["shared"], [one["id"] for one in seen["rules"]]) == (True, [rule["id"]])
    assert admin.get(f"/v2.0/qos/policies/{policy['id']}")["policy"]["shared"] is False
    assert stranger.get("/v2.0/qos/policies")["policies"] == []
    network = member.network(qos_policy_id=policy["id"])
    access = f"/v2.0/rbac-policies/{made['id']}"
    admin.refused("DELETE", access, None, 409, "RbacPolicyInUse", f"Details: project_id={PROJECT}")
    member.delete(f"/v2.0/networks/{network['id']}")
    admin.delete(access)
    member.get(f"/v2.0/qos/policies/{policy['id']}", 404)
    admin.delete(f"/v2.0/qos/policies/{policy['id']}")
    assert admin.get("/v2.0/rbac-policies")["rbac_policies"] == []


def test_a_project_has_one_default_policy_which_its_new_networks_get(admin: Client, member: Client) -> None:
    before = member.network()
    policy = _policy(admin, project_id=PROJECT, is_default=True)
    assert member.network()["qos_policy_id"] == policy["id"]
    assert member.get(f"/v2.0/networks/{before['id']}")["network"]["qos_policy_id"] is None
    assert admin.network()["qos_policy_id"] is None
    body = {"policy": {"name": "silver", "project_id": PROJECT, "is_default": True}}
    words = f"A default QoS policy exists for project {PROJECT}."
    admin.refused("POST", "/v2.0/qos/policies", body, 409, "QoSPolicyDefaultAlreadyExists", words)
    admin.put(f"/v2.0/qos/policies/{policy['id']}", {"policy": {"is_default": False}})
    assert admin.post("/v2.0/qos/policies", body)["policy"]["is_default"] is True


def test_the_kinds_of_rules_and_what_they_can_say(admin: Client, member: Client) -> None:
    kinds = member.get("/v2.0/qos/rule-types")["rule_types"]
    assert sorted(kind["type"] for kind in kinds) == [
        "bandwidth_limit",
        "dscp_marking",
        "minimum_bandwidth",
        "packet_rate_limit",
    ]
    assert member.get("/v2.0/qos/rule-types?all_supported=True")["rule_types"] == kinds
    every = member.get("/v2.0/qos/rule-types?all_rules=true")["rule_types"]
    assert {"minimum_packet_rate"} == {one["type"] for one in every if one not in kinds}
    member.refused("GET", "/v2.0/qos/rule-types?all_rules=x", None, 400, "InvalidInput", "converted to boolean")
    words = "['type'] is invalid attribute for filtering"
    member.refused("GET", "/v2.0/qos/rule-types?type=dscp_marking", None, 400, "HTTPBadRequest", words)
    (driver,) = admin.get("/v2.0/qos/rule-types/bandwidth_limit")["rule_type"]["drivers"]
    parameters = {one["parameter_name"]: one["parameter_values"] for one in driver["supported_parameters"]}
    assert parameters["direction"] == ["egress", "ingress"]
    assert parameters["max_kbps"] == {"start": 0, "end": 2147483647}
    (driver,) = admin.get("/v2.0/qos/rule-types/packet_rate_limit")["rule_type"]["drivers"]
    parameters = {one["parameter_name"]: one["parameter_values"] for one in driver["supported_parameters"]}
    whole = {"start": 0, "end": 2147483647}
    assert parameters == {"max_kpps": whole, "max_burst_kpps": whole, "direction": ["egress"]}
    admin.get("/v2.0/qos/rule-types/nonsense", 404)
    member.refused("GET", "/v2.0/qos/rule-types/bandwidth_limit", None, 403, "PolicyNotAuthorized")


def test_a_floating_ip_has_a_policy_and_shows_that_of_its_network(admin: Client, member: Client) -> None:
    gold, foreign, silver = _policy(admin, project_id=PROJECT), _policy(admin), _policy(admin)
    external = admin.external()
    made = member.floating_ip(external, qos_policy_id=gold["id"])
    assert (made["qos_policy_id"], made["qos_network_policy_id"]) == (gold["id"], None)
    admin.put(f"/v2.0/networks/{external['id']}", {"network": {"qos_policy_id": silver["id"]}})
    path = f"/v2.0/floatingips/{made['id']}"
    assert member.get(path)["floatingip"]["qos_network_policy_id"] == silver["id"]
    words = f"QoS Policy {gold['id']} is used by floatingip {made['id']}."
    admin.refused("DELETE", f"/v2.0/qos/policies/{gold['id']}", None, 409, "QosPolicyInUse", words)
    body = {"floatingip": {"qos_policy_id": foreign["id"]}}
    member.refused("PUT", path, body, 404, "QosPolicyNotFound", foreign["id"])
    assert member.put(path, {"floatingip": {"description": "d"}})["floatingip"]["qos_policy_id"] == gold["id"]
    assert member.put(path, {"floatingip": {"qos_policy_id": None}})["floatingip"]["qos_policy_id"] is None
    admin.delete(f"/v2.0/qos/policies/{gold['id']}")


def test_a_gateway_has_a_policy_as_long_as_it_is_there(admin: Client, member: Client) -> None:
    gold, foreign = _policy(admin, project_id=PROJECT), _policy(admin)
    external, other = admin.external(), admin.external("external2", "10.0.81.0/24")
    router = admin.router(ha=False, project_id=PROJECT)
    path = f"/v2.0/routers/{router['id']}"

    def lead(**info: Any) -> Any:
        body = {"router": {"external_gateway_info": {"network_id": external["id"], **info}}}
        return member.put(path, body)["router"]["external_gateway_info"]

    assert "qos_policy_id" not in lead()
    assert lead(qos_policy_id=gold["id"])["qos_policy_id"] == gold["id"]
    assert lead()["qos_policy_id"] == gold["id"]
    assert lead(network_id=other["id"])["qos_policy_id"] == gold["id"]
    words = f"QoS Policy {gold['id']} is used by router {router['id']}."
    admin.refused("DELETE", f"/v2.0/qos/policies/{gold['id']}", None, 409, "QosPolicyInUse", words)
    info = {"network_id": external["id"], "qos_policy_id": foreign["id"]}
    body = {"router": {"external_gateway_info": info}}
    member.refused("PUT", path, body, 404, "QosPolicyNotFound", foreign["id"])
    assert "qos_policy_id" not in lead(qos_policy_id=None)
    lead(qos_policy_id=gold["id"])
    member.put(path, {"router": {"external_gateway_info": {}}})
    assert "qos_policy_id" not in lead()
    admin.delete(f"/v2.0/qos/policies/{gold['id']}")
