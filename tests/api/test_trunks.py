"""Trunks: which ports they take, under which tags, and what becomes of these."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client
from futago.config import ControllerConfig

NOBODY = "99999999-9999-4999-8999-999999999999"


@pytest.fixture
def config() -> ControllerConfig:
    return ControllerConfig(network_vlan_ranges=("external1", "vlan:1000:1010"))


def _ports(client: Client, number: int) -> list[Any]:
    return [client.port(client.network(name=f"n{place}")) for place in range(number)]


def _tagged(port: Any, number: object = 101) -> dict[str, Any]:
    return {"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": number}


def _trunk(client: Client, parent: Any, *subports: Any, **attributes: Any) -> Any:
    body = {"port_id": parent["id"], "sub_ports": list(subports), **attributes}
    return client.post("/v2.0/trunks", {"trunk": body})["trunk"]


def test_a_trunk_carries_ports_under_tags(member: Client) -> None:
    parent, one, two = _ports(member, 3)
    trunk = _trunk(member, parent, _tagged(one), name="t")
    assert trunk["sub_ports"] == [_tagged(one)]
    assert (trunk["status"], trunk["admin_state_up"], trunk["port_id"]) == ("DOWN", True, parent["id"])
    path = f"/v2.0/trunks/{trunk['id']}"
    added = member.put(f"{path}/add_subports", {"sub_ports": [_tagged(two, "102")]})
    assert added["sub_ports"] == [_tagged(one), _tagged(two, 102)]
    assert added["revision_number"] > trunk["revision_number"]
    assert member.get(f"{path}/get_subports") == {"sub_ports": added["sub_ports"]}
    details = member.get(f"/v2.0/ports/{parent['id']}")["port"]["trunk_details"]
    assert details["trunk_id"] == trunk["id"]
    assert details["sub_ports"][0] == {**_tagged(one), "mac_address": one["mac_address"]}
    assert "trunk_details" not in member.get(f"/v2.0/ports/{one['id']}")["port"]
    removed = member.put(f"{path}/remove_subports", {"sub_ports": [{"port_id": one["id"]}]})
    assert removed["sub_ports"] == [_tagged(two, 102)]
    member.delete(path)
    member.delete(f"/v2.0/ports/{parent['id']}")


def test_a_subport_is_bound_where_its_parent_is(admin: Client) -> None:
    parent, one, two = _ports(admin, 3)
    trunk = _trunk(admin, parent, _tagged(one))
    path = f"/v2.0/ports/{parent['id']}"
    admin.put(path, {"port": {"binding:host_id": "compute1", "device_owner": "compute:nova"}})
    admin.put(f"/v2.0/trunks/{trunk['id']}/add_subports", {"sub_ports": [_tagged(two, 102)]})
    for port in (one, two):
        shown = admin.get(f"/v2.0/ports/{port['id']}")["port"]
        assert (shown["binding:host_id"], shown["device_owner"]) == ("compute1", "trunk:subport")
    admin.refused("DELETE", f"/v2.0/trunks/{trunk['id']}", None, 409, "TrunkInUse", trunk["id"])
    admin.put(f"/v2.0/trunks/{trunk['id']}/remove_subports", {"sub_ports": [{"port_id": two["id"]}]})
    left = admin.get(f"/v2.0/ports/{two['id']}")["port"]
    assert (left["binding:host_id"], left["device_owner"]) == ("", "")
    admin.put(path, {"port": {"binding:host_id": ""}})
    assert admin.get(f"/v2.0/ports/{one['id']}")["port"]["binding:host_id"] == ""
    admin.delete(f"/v2.0/trunks/{trunk['id']}")


def test_a_port_is_on_one_trunk_once(member: Client) -> None:
    parent, one, other = _ports(member, 3)
    trunk = _trunk(member, parent, _tagged(one))
    path = f"/v2.0/trunks/{trunk['id']}/add_subports"
    member.refused("PUT", path, {"sub_ports": [_tagged(one, 102)]}, 409, "TrunkPortInUse", one["id"])
    member.refused("PUT", path, {"sub_ports": [_tagged(other, 101)]}, 409, "DuplicateSubPort", trunk["id"])
    member.refused("PUT", path, {"sub_ports": [_tagged(parent, 103)]}, 409, "ParentPortInUse", parent["id"])
    again = {"trunk": {"port_id": parent["id"]}}
    member.refused("POST", "/v2.0/trunks", again, 409, "ParentPortInUse", parent["id"])
    member.refused("POST", "/v2.0/trunks", {"trunk": {"port_id": one["id"]}}, 409, "TrunkPortInUse", one["id"])
    assert member.get(f"/v2.0/trunks/{trunk['id']}")["trunk"]["sub_ports"] == [_tagged(one)]


def test_ports_that_are_in_use_are_no_part_of_a_trunk(admin: Client) -> None:
    parent, used = _ports(admin, 2)
    admin.put(f"/v2.0/ports/{used['id']}", {"port": {"device_id": "vm", "binding:host_id": "compute1"}})
    body = {"trunk": {"port_id": parent["id"], "sub_ports": [_tagged(used)]}}
    admin.refused("POST", "/v2.0/trunks", body, 409, "PortInUse", "vm")
    admin.refused("POST", "/v2.0/trunks", {"trunk": {"port_id": used["id"]}}, 409, "ParentPortInUse", used["id"])
    assert admin.get("/v2.0/trunks")["trunks"] == []


def test_ports_of_a_trunk_stay_until_they_are_taken_off(member: Client) -> None:
    parent, one = _ports(member, 2)
    trunk = _trunk(member, parent, _tagged(one))
    words = f"is currently a subport for trunk {trunk['id']}."
    member.refused("DELETE", f"/v2.0/ports/{one['id']}", None, 409, "PortInUseAsSubPort", words)
    words = f"is currently a parent port for trunk {trunk['id']}."
    member.refused("DELETE", f"/v2.0/ports/{parent['id']}", None, 409, "PortInUseAsTrunkParent", words)


def test_a_trunk_that_is_down_is_left_as_it_is(member: Client) -> None:
    parent, one = _ports(member, 2)
    trunk = _trunk(member, parent)
    path = f"/v2.0/trunks/{trunk['id']}"
    assert member.put(path, {"trunk": {"admin_state_up": False}})["trunk"]["admin_state_up"] is False
    member.refused("PUT", f"{path}/add_subports", {"sub_ports": [_tagged(one)]}, 409, "TrunkDisabled", trunk["id"])
    member.refused("DELETE", path, None, 409, "TrunkDisabled")


def test_a_subport_can_have_its_networks_tag(admin: Client) -> None:
    provider = {"provider:network_type": "vlan", "provider:physical_network": "vlan"}
    (parent,) = _ports(admin, 1)
    vlan = admin.network(**provider, **{"provider:segmentation_id": 1007}, mtu=1400)
    trunk = _trunk(admin, parent, {"port_id": admin.port(vlan)["id"], "segmentation_type": "inherit"})
    assert trunk["sub_ports"][0]["segmentation_type"] == "vlan"
    assert trunk["sub_ports"][0]["segmentation_id"] == 1007
    (tunnelled,) = _ports(admin, 1)
    body = {"sub_ports": [{"port_id": tunnelled["id"], "segmentation_type": "inherit"}]}
    admin.refused("PUT", f"/v2.0/trunks/{trunk['id']}/add_subports", body, 400, "InvalidInput", "vxlan")


def test_a_subports_frames_must_fit_into_its_parents(member: Client) -> None:
    parent = member.port(member.network(mtu=1400))
    (wide,) = _ports(member, 1)
    body = {"trunk": {"port_id": parent["id"], "sub_ports": [_tagged(wide)]}}
    member.refused("POST", "/v2.0/trunks", body, 409, "SubPortMtuGreaterThanTrunkPortMtu", "of trunk")


@pytest.mark.parametrize(
    ("subports", "words"),
    [
        ("x", "is not a list"),
        (["x"], "is not a dict"),
        ([{}], "A valid port UUID must be specified"),
        ([{"port_id": "x"}], "Invalid UUID for subport: 'x'"),
        ([{"port_id": NOBODY}, {"port_id": NOBODY}], "Non unique UUID for subport"),
        ([{"segmentation_type": "vlan"}], "missing segmentation information"),
        ([{"segmentation_type": "vlan", "segmentation_id": "x"}], "segmentation_id 'x' is not an integer"),
        ([{"segmentation_type": "vlan", "segmentation_id": 4095}], "Segmentation ID '4095' is not in range"),
        ([{"segmentation_type": "gre", "segmentation_id": 1}], "Unknown segmentation_type 'gre'"),
    ],
)
def test_subports_that_make_no_sense_are_refused(member: Client, subports: Any, words: str) -> None:
    parent, one = _ports(member, 2)
    trunk = _trunk(member, parent)
    if isinstance(subports, list) and subports and "segmentation_type" in subports[0]:
        subports = [{"port_id": one["id"], **subports[0]}]
    path = f"/v2.0/trunks/{trunk['id']}/add_subports"
    member.refused("PUT", path, {"sub_ports": subports}, 400, "InvalidInput", words)


def test_half_a_tag_is_refused_before_its_port_is_looked_for(member: Client) -> None:
    (parent,) = _ports(member, 1)
    for half in ({"segmentation_type": "vlan"}, {"segmentation_id": 3}):
        body = {"trunk": {"port_id": parent["id"], "sub_ports": [{"port_id": NOBODY, **half}]}}
        member.refused("POST", "/v2.0/trunks", body, 400, "HTTPBadRequest", "missing segmentation information")


def test_strangers_do_not_see_a_trunk_and_readers_do_not_change_it(
    member: Client, as_: Callable[[str], Client]
) -> None:
    stranger, reader = as_("stranger"), as_("reader")
    parent, one = _ports(member, 2)
    trunk = _trunk(member, parent)
    path = f"/v2.0/trunks/{trunk['id']}"
    stranger.refused("GET", path, None, 404, "TrunkNotFound", trunk["id"])
    body = {"sub_ports": [_tagged(one)]}
    stranger.refused("PUT", f"{path}/add_subports", body, 404, "TrunkNotFound")
    reader.refused("PUT", f"{path}/add_subports", body, 403, "PolicyNotAuthorized")
    member.refused("PUT", f"{path}/add_subports", {}, 400, "HTTPBadRequest", "sub_ports")
    missing = {"sub_ports": [{"port_id": one["id"]}]}
    member.refused("PUT", f"{path}/remove_subports", missing, 404, "SubPortNotFound", one["id"])
