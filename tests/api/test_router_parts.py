"""What routers do beside routing: extra routes one by one, conntrack helpers, metering."""

from typing import Any

import pytest

from api_kit import Client

_ROUTE = {"destination": "10.77.0.0/16", "nexthop": "192.168.80.9"}
_OTHER = {"destination": "10.78.0.0/16", "nexthop": "192.168.80.9"}
_FTP = {"protocol": "tcp", "port": 21, "helper": "ftp"}


@pytest.fixture
def router(member: Client, two_network_nodes: tuple[str, str]) -> dict[str, Any]:
    router = member.router(name="r")
    member.join(router, member.subnet(member.network(name="n"), "192.168.80.0/24"))
    return router


def _routes(client: Client, router: dict[str, Any], verb: str, *routes: dict[str, str]) -> Any:
    path = f"/v2.0/routers/{router['id']}/{verb}"
    return client.put(path, {"router": {"routes": list(routes)}})["router"]["routes"]


def test_extra_routes_come_and_go_without_the_others(member: Client, router: dict[str, Any]) -> None:
    second_way = {**_ROUTE, "nexthop": "192.168.80.10"}
    assert _routes(member, router, "add_extraroutes", _ROUTE) == [_ROUTE]
    assert _routes(member, router, "add_extraroutes", _ROUTE, _OTHER, second_way) == [_ROUTE, _OTHER, second_way]
    assert _routes(member, router, "remove_extraroutes", _ROUTE) == [_OTHER, second_way]
    assert _routes(member, router, "remove_extraroutes", _ROUTE, second_way) == [_OTHER]
    assert member.get(f"/v2.0/routers/{router['id']}")["router"]["routes"] == [_OTHER]


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"router": {"routes": [{**_ROUTE, "nexthop": "192.168.81.9"}]}}, "InvalidRoutes", "is not connected with"),
        ({"router": {"routes": [{"destination": "10.0.0.0/8"}]}}, "HTTPBadRequest", "Expected keys: "),
        ({"router": {"routes": "all"}}, "HTTPBadRequest", "Invalid data format"),
        ({"router": {}}, "HTTPBadRequest", "Unable to find 'routes'"),
        ([], "HTTPBadRequest", "Unable to find 'routes'"),
    ],
)
def test_routes_that_cannot_be_are_refused(
    member: Client, router: dict[str, Any], body: Any, kind: str, words: str
) -> None:
    path = f"/v2.0/routers/{router['id']}"
    _routes(member, router, "add_extraroutes", _ROUTE)
    member.refused("PUT", f"{path}/add_extraroutes", body, 400, kind, words)
    assert member.get(path)["router"]["routes"] == [_ROUTE]


def test_a_helper_is_a_part_of_its_router(member: Client, stranger: Client, router: dict[str, Any]) -> None:
    path = f"/v2.0/routers/{router['id']}/conntrack_helpers"
    made = member.post(path, {"conntrack_helper": _FTP})["conntrack_helper"]
    assert made == {"id": made["id"], **_FTP}
    assert member.get(path) == {"conntrack_helpers": [made]}
    assert member.get(f"/v2.0/routers/{router['id']}")["router"]["conntrack_helpers"] == [_FTP]
    stranger.refused("GET", path, None, 404, "RouterNotFound")
    changed = member.put(f"{path}/{made['id']}", {"conntrack_helper": {"port": 2121}})["conntrack_helper"]
    assert changed == {**made, "port": 2121}
    member.delete(f"{path}/{made['id']}")
    member.refused("GET", f"{path}/{made['id']}", None, 404, "ConntrackHelperNotFound", made["id"])


@pytest.mark.parametrize(
    ("wish", "kind", "words"),
    [
        ({"helper": "telnet"}, "ConntrackHelperNotAllowed", "Conntrack Helper telnet is not allowed."),
        ({"protocol": "udp"}, "InvalidProtocolForHelper", "ftp does not support: udp. Supported protocols are: tcp"),
        ({}, "BadRequest", "A duplicate conntrack helper entry with same attributes already exists"),
        ({"port": 0}, "HTTPBadRequest", "not in range 1 through 65535"),
        ({"protocol": "ipx"}, "HTTPBadRequest", "ipx is not in valid_values"),
    ],
)
def test_a_helper_that_cannot_be_is_refused(
    member: Client, router: dict[str, Any], wish: dict[str, Any], kind: str, words: str
) -> None:
    path = f"/v2.0/routers/{router['id']}/conntrack_helpers"
    member.post(path, {"conntrack_helper": _FTP})
    member.refused("POST", path, {"conntrack_helper": {**_FTP, **wish}}, 400, kind, words)
    assert len(member.get(path)["conntrack_helpers"]) == 1


def test_a_router_takes_its_helpers_with_it(member: Client, two_network_nodes: tuple[str, str]) -> None:
    path = f"/v2.0/routers/{member.router()['id']}"
    member.post(f"{path}/conntrack_helpers", {"conntrack_helper": _FTP})
    member.delete(path)
    member.refused("GET", f"{path}/conntrack_helpers", None, 404, "RouterNotFound")


_LABELS, _RULES = "/v2.0/metering/metering-labels", "/v2.0/metering/metering-label-rules"


@pytest.fixture
def label(admin: Client) -> dict[str, Any]:
    made: dict[str, Any] = admin.post(_LABELS, {"metering_label": {"name": "m"}})["metering_label"]
    return made


def _rule(label: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"metering_label_rule": {"metering_label_id": label["id"], "direction": "ingress", **more}}


def test_a_label_and_its_rules_as_neutron_shows_them(admin: Client, label: dict[str, Any]) -> None:
    project = label["project_id"]
    assert label == {
        "id": label["id"],
        "name": "m",
        "description": "",
        "tenant_id": project,
        "project_id": project,
        "shared": False,
    }
    rule = admin.post(_RULES, _rule(label, remote_ip_prefix="10.0.0.0/24"))["metering_label_rule"]
    assert rule == {
        "id": rule["id"],
        "metering_label_id": label["id"],
        "direction": "ingress",
        "excluded": False,
        "remote_ip_prefix": "10.0.0.0/24",
        "source_ip_prefix": None,
        "destination_ip_prefix": None,
    }
    assert admin.get(f"{_RULES}?metering_label_id={label['id']}") == {"metering_label_rules": [rule]}
    admin.delete(f"{_LABELS}/{label['id']}")
    admin.refused("GET", f"{_RULES}/{rule['id']}", None, 404, "MeteringLabelRuleNotFound", "does not exist.")
    admin.refused("GET", f"{_LABELS}/{label['id']}", None, 404, "MeteringLabelNotFound", "does not exist.")


@pytest.mark.parametrize(
    ("prefixes", "status", "kind", "words"),
    [
        ({}, 400, "Invalid", "You must define at least one of the following parameters"),
        ({"remote_ip_prefix": "10.1.0.0/24", "source_ip_prefix": "10.2.0.0/24"}, 400, "Invalid", "in conjunction"),
        ({"source_ip_prefix": "10.1.0.0/33"}, 400, "Invalid", "source_ip_prefix: 10.1.0.0/33 is invalid"),
        ({"source_ip_prefix": "10.1.0.0/24", "destination_ip_prefix": "fd00::/64"}, 400, "Invalid", "versions"),
        ({"remote_ip_prefix": "10.0.0.128/25"}, 409, "MeteringLabelRuleOverlaps", "'10.0.0.128/25' overlaps another."),
        ({"source_ip_prefix": "10.1.0.0/24", "direction": "up"}, 400, "HTTPBadRequest", "up is not in valid_values"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(
    admin: Client, label: dict[str, Any], prefixes: dict[str, str], status: int, kind: str, words: str
) -> None:
    admin.post(_RULES, _rule(label, remote_ip_prefix="10.0.0.0/24"))
    admin.refused("POST", _RULES, _rule(label, **prefixes), status, kind, words)
    assert len(admin.get(_RULES)["metering_label_rules"]) == 1


def test_metering_is_set_by_managers_and_seen_by_the_project(admin: Client, member: Client, stranger: Client) -> None:
    member.refused("POST", _LABELS, {"metering_label": {"name": "m"}}, 403, "PolicyNotAuthorized")
    project = member.network()["project_id"]
    made = admin.post(_LABELS, {"metering_label": {"project_id": project}})["metering_label"]
    rule = admin.post(_RULES, _rule(made, remote_ip_prefix="10.0.0.0/24"))["metering_label_rule"]
    assert member.get(_LABELS) == {"metering_labels": [made]}
    assert member.get(_RULES) == {"metering_label_rules": [rule]}
    assert stranger.get(_LABELS) == {"metering_labels": []}
    assert stranger.get(_RULES) == {"metering_label_rules": []}
    member.refused("DELETE", f"{_RULES}/{rule['id']}", None, 403, "PolicyNotAuthorized")
