"""Network segment ranges: what networks get their segments from."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from api_kit import OTHER_PROJECT, PROJECT, Client
from futago.config import ControllerConfig

_PATH = "/v2.0/network-segment-ranges"


@pytest.fixture
def config() -> ControllerConfig:
    return replace(
        ControllerConfig(),
        tenant_network_types=("vxlan",),
        vni_ranges=("1000:1001",),
        tunnel_id_ranges=("1:10",),
        network_vlan_ranges=("external1", "vlan:1000:1001"),
    )


def _ranges(admin: Client, *, default: bool) -> list[dict[str, Any]]:
    return [one for one in admin.get(_PATH)["network_segment_ranges"] if one["default"] is default]


def _add(admin: Client, first: int, last: int, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = admin.post(_PATH, _wish(first, last, **more))["network_segment_range"]
    return made


def _wish(first: int, last: int, **more: Any) -> dict[str, Any]:
    return {"network_segment_range": {"network_type": "vxlan", "minimum": first, "maximum": last, **more}}


def _segment(admin: Client, network: dict[str, Any]) -> Any:
    return admin.get(f"/v2.0/networks/{network['id']}")["network"]["provider:segmentation_id"]


def test_the_configurations_ranges_are_shown_and_stay(admin: Client, member: Client) -> None:
    network = member.network()
    shown = _ranges(admin, default=True)
    assert {(r["network_type"], r["physical_network"], r["minimum"], r["maximum"]) for r in shown} == {
        ("vxlan", None, 1000, 1001),
        ("gre", None, 1, 10),
        ("vlan", "vlan", 1000, 1001),
    }
    vxlan = next(one for one in shown if one["network_type"] == "vxlan")
    assert (vxlan["used"], vxlan["available"]) == ({"1000": network["project_id"]}, [1001])
    path = f"{_PATH}/{vxlan['id']}"
    assert admin.get(path)["network_segment_range"] == vxlan
    for method, body in (("DELETE", None), ("PUT", {"network_segment_range": {"maximum": 2000}})):
        admin.refused(method, path, body, 400, "NetworkSegmentRangeDefaultReadOnly", "is a default segment range")


def test_a_shared_range_is_used_when_the_others_are_full(admin: Client, member: Client, stranger: Client) -> None:
    made = _add(admin, 5000, 5000, name="more")
    assert (made["shared"], made["default"], made["project_id"], made["available"]) == (True, False, None, [5000])
    assert [_segment(admin, member.network()) for _ in range(3)] == [1000, 1001, 5000]
    stranger.refused("POST", "/v2.0/networks", {"network": {}}, 409, "NoNetworkAvailable")
    assert admin.get(f"{_PATH}/{made['id']}")["network_segment_range"]["used"] == {"5000": PROJECT}


def test_a_projects_own_range_comes_first_and_is_nobody_elses(admin: Client, member: Client, stranger: Client) -> None:
    _add(admin, 6000, 6000, shared=False, project_id=PROJECT)
    _add(admin, 1000, 1000, shared=False, project_id=OTHER_PROJECT)
    assert [_segment(admin, member.network()) for _ in range(2)] == [6000, 1001]
    member.refused("POST", "/v2.0/networks", {"network": {}}, 409, "NoNetworkAvailable")
    assert _segment(admin, stranger.network()) == 1000


def test_a_vlan_range_opens_a_physical_network(admin: Client) -> None:
    vlan = {"network_type": "vlan", "physical_network": "external1"}
    wish = {"provider:network_type": "vlan", "provider:physical_network": "external1"}
    admin.refused("POST", "/v2.0/networks", {"network": wish}, 400, "InvalidInput", "requires segmentation_id")
    _add(admin, 300, 301, **vlan)
    assert _segment(admin, admin.network(**wish)) == 300


def test_a_range_in_use_neither_goes_nor_shrinks_away(admin: Client) -> None:
    made = _add(admin, 5000, 5009)
    admin.network(**{"provider:network_type": "vxlan", "provider:segmentation_id": 5005})
    path = f"{_PATH}/{made['id']}"
    for method, body in (("DELETE", None), ("PUT", {"network_segment_range": {"minimum": 5006}})):
        admin.refused(method, path, body, 409, "NetworkSegmentRangeReferencedByProject", "is referenced by")
    change = {"minimum": 5005, "maximum": 5006, "name": "smaller"}
    changed = admin.put(path, {"network_segment_range": change})["network_segment_range"]
    assert {name: changed[name] for name in change} == change
    assert changed["available"] == [5006]


@pytest.mark.parametrize(
    ("wish", "status", "kind", "words"),
    [
        (_wish(5009, 5020), 409, "NetworkSegmentRangeOverlaps", "overlaps with range(s) with id"),
        (_wish(20, 10), 400, "NetworkTunnelRangeError", "'20:10' - End of tunnel range is less than start"),
        (_wish(1, 2**24), 400, "NetworkTunnelRangeError", "16777216 is not a valid vxlan identifier"),
        (_wish(1, 4095, network_type="vlan", physical_network="p"), 400, "NetworkVlanRangeError", "valid VLAN tag"),
        (_wish(1, 2, network_type="vlan"), 400, "BadRequest", "Network type vlan requires 'physical_network'"),
        (_wish(1, 2, network_type="flat"), 400, "HTTPBadRequest", "flat is not in valid_values"),
    ],
)
def test_a_range_that_cannot_be_is_refused(
    admin: Client, wish: dict[str, Any], status: int, kind: str, words: str
) -> None:
    _add(admin, 5000, 5009)
    admin.refused("POST", _PATH, wish, status, kind, words)
    assert len(_ranges(admin, default=False)) == 1


def test_ranges_are_an_admins_business(admin: Client, as_: Callable[[str], Client]) -> None:
    made = _add(admin, 5000, 5009)
    member = as_("member")
    assert member.get(_PATH) == {"network_segment_ranges": []}
    member.refused("POST", _PATH, _wish(1, 2), 403, "PolicyNotAuthorized")
    member.refused("DELETE", f"{_PATH}/{made['id']}", None, 404, "HTTPNotFound")
    admin.delete(f"{_PATH}/{made['id']}")


def test_pages_of_ranges_are_cut_though_some_are_settings(admin: Client) -> None:
    _add(admin, 5000, 5009)
    found = [one["id"] for one in admin.get(_PATH)["network_segment_ranges"]]
    page = admin.get(f"{_PATH}?limit=2")["network_segment_ranges"]
    assert [one["id"] for one in page] == sorted(found)[:2]


def test_ids_of_a_new_range_are_found_though_those_before_were_taken(admin: Client, member: Client) -> None:
    added = _add(admin, 5000, 5009)
    for _ in range(10):
        member.network()
    _add(admin, 100, 109)
    assert _ids(admin, [member.network() for _ in range(3)]) == {5008, 5009, 100}
    admin.refused("DELETE", f"{_PATH}/{added['id']}", None, 409, "NetworkSegmentRangeReferencedByProject")


def _ids(admin: Client, networks: list[dict[str, Any]]) -> set[int]:
    return {admin.get(f"/v2.0/networks/{one['id']}")["network"]["provider:segmentation_id"] for one in networks}


def test_collections_may_be_spelled_with_underscores_as_sdks_do(admin: Client) -> None:
    made = _add(admin, 5000, 5001)
    path = f"/v2.0/network_segment_ranges/{made['id']}"
    assert admin.get("/v2.0/network_segment_ranges?name=nothing") == {"network_segment_ranges": []}
    assert admin.get(path)["network_segment_range"] == made
    assert admin.put(path, {"network_segment_range": {"maximum": 5002}})["network_segment_range"]["maximum"] == 5002
    admin.delete(path)
    assert admin.get("/v2.0/security_groups") == admin.get("/v2.0/security-groups")
    assert admin.get("/v2.0/availability-zones") == admin.get("/v2.0/availability_zones")
    router = admin.post("/v2.0/routers", {"router": {}})["router"]
    assert admin.get(f"/v2.0/routers/{router['id']}/conntrack-helpers") == {"conntrack_helpers": []}
    admin.refused("PUT", f"/v2.0/routers/{router['id']}/add-router-interface", {}, 404, "HTTPNotFound")
    admin.refused("PATCH", "/v2.0/security_groups", None, 405, "HTTPMethodNotAllowed")
