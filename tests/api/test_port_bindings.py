"""The hosts of a port: where it is, where it may move, and the move."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import Client


@pytest.fixture
def service(as_: Callable[[str], Client]) -> Client:
    """Nova, say."""
    return as_("service")


def _port(admin: Client, **attributes: Any) -> Any:
    about = {"device_owner": "compute:nova", "device_id": "vm", "binding:host_id": "compute1"}
    return admin.port(admin.network(), **{**about, **attributes})


def test_a_port_moves_to_the_host_that_it_was_bound_to_before(admin: Client, service: Client) -> None:
    port = _port(admin)
    path = f"/v2.0/ports/{port['id']}/bindings"
    made = service.post(path, {"binding": {"host": "compute2", "profile": {"a": "b"}}})["binding"]
    assert (made["host"], made["status"], made["vif_type"], made["profile"]) == (
        "compute2",
        "INACTIVE",
        "ovs",
        {"a": "b"},
    )
    assert admin.get(f"/v2.0/ports/{port['id']}")["port"]["binding:host_id"] == "compute1"
    hosts = [(one["host"], one["status"]) for one in admin.get(path)["bindings"]]
    assert hosts == [("compute1", "ACTIVE"), ("compute2", "INACTIVE")]
    moved = admin.put(f"{path}/compute2/activate", {})
    assert (moved["host"], moved["status"]) == ("compute2", "ACTIVE")
    shown = admin.get(f"/v2.0/ports/{port['id']}")["port"]
    assert (shown["binding:host_id"], shown["binding:profile"], shown["status"]) == ("compute2", {"a": "b"}, "DOWN")
    assert admin.get(f"{path}/compute1")["binding"]["status"] == "INACTIVE"
    service.delete(f"{path}/compute1")
    assert [one["host"] for one in admin.get(path)["bindings"]] == ["compute2"]
    admin.delete(f"/v2.0/ports/{port['id']}")


def test_a_second_binding_is_changed_by_itself(admin: Client, service: Client) -> None:
    path = f"/v2.0/ports/{_port(admin)['id']}/bindings"
    service.post(path, {"binding": {"host": "compute2"}})
    changed = admin.put(f"{path}/compute2", {"binding": {"profile": {"migrating_to": "compute2"}}})["binding"]
    assert changed["profile"] == {"migrating_to": "compute2"}
    assert admin.get(f"{path}/compute1")["binding"]["profile"] == {}


def test_bindings_that_are_there_or_are_not(admin: Client, service: Client) -> None:
    port = _port(admin)
    path = f"/v2.0/ports/{port['id']}/bindings"
    body = {"binding": {"host": "compute1"}}
    service.refused("POST", path, body, 409, "PortBindingAlreadyExists", "compute1")
    admin.refused("PUT", f"{path}/compute1/activate", {}, 409, "PortBindingAlreadyActive")
    admin.refused("PUT", f"{path}/compute3/activate", {}, 404, "PortBindingNotFound", "compute3")
    service.refused("POST", path, {"binding": {}}, 400, "HTTPBadRequest", "host")
    service.refused("POST", path, {"binding": {"host": "compute2", "x": 1}}, 400, "HTTPBadRequest", "'x'")
    service.refused("POST", path, {}, 400, "HTTPBadRequest", "binding")


def test_only_instances_ports_have_several_bindings_and_only_admins_see_them(admin: Client, member: Client) -> None:
    port = admin.port(admin.network())
    admin.refused("GET", f"/v2.0/ports/{port['id']}/bindings", None, 400, "BadRequest", "Invalid port")
    own = member.port(member.network())
    member.refused("GET", f"/v2.0/ports/{own['id']}/bindings", None, 403, "PolicyNotAuthorized")


def test_the_mac_address_of_a_bound_port_stays(admin: Client) -> None:
    port = _port(admin)
    path = f"/v2.0/ports/{port['id']}"
    admin.refused("PUT", path, {"port": {"mac_address": "fa:16:3e:00:00:99"}}, 409, "PortBound", "already bound")
    admin.put(path, {"port": {"binding:host_id": ""}})
    changed = admin.put(path, {"port": {"mac_address": "fa:16:3e:00:00:99"}})["port"]
    assert changed["mac_address"] == "fa:16:3e:00:00:99"


def test_what_others_say_of_a_port_is_kept(admin: Client, member: Client) -> None:
    port = member.port(member.network(), numa_affinity_policy="required", device_profile="gpu")
    assert (port["numa_affinity_policy"], port["device_profile"], port["data_plane_status"]) == (
        "required",
        "gpu",
        None,
    )
    path = f"/v2.0/ports/{port['id']}"
    member.refused("PUT", path, {"port": {"data_plane_status": "DOWN"}}, 403, "PolicyNotAuthorized")
    assert admin.put(path, {"port": {"data_plane_status": "DOWN"}})["port"]["data_plane_status"] == "DOWN"
    assert admin.put(path, {"port": {"data_plane_status": None}})["port"]["data_plane_status"] is None
    admin.refused("PUT", path, {"port": {"data_plane_status": "BUILD"}}, 400, "HTTPBadRequest")
    member.put(path, {"port": {"numa_affinity_policy": "socket"}})
    member.put(path, {"port": {"numa_affinity_policy": "legacy"}})
    admin.put(path, {"port": {"binding:host_id": "compute1"}})
    body = {"port": {"numa_affinity_policy": None}}
    admin.refused("PUT", path, body, 409, "PortBoundNUMAAffinityPolicy", "compute1")
