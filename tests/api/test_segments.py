"""How networks are carried: the types, the ranges of their ids, what is used up, and how large their frames may be."""

from collections.abc import Callable
from typing import Any

import pytest

from api_kit import ADMIN, Client
from futago.config import ControllerConfig

pytestmark = pytest.mark.each_database

SEED = ControllerConfig(
    tenant_network_types=("vlan", "gre", "vxlan"),
    flat_networks=("external1", "external2", "external3"),
    network_vlan_ranges=("external1", "external2", "external3", "vlan:1000:1001"),
    tunnel_id_ranges=("1:2",),
    vni_ranges=("1000:1000",),
    vxlan_group="239.1.1.1",
)
"""As the seed has them, with fewer ids."""


def segment(network: dict[str, Any]) -> tuple[str, str | None, int | None, int]:
    return (
        network["provider:network_type"],
        network["provider:physical_network"],
        network["provider:segmentation_id"],
        network["mtu"],
    )


def asked(network_type: str | None = None, physical_network: str | None = None, number: int | None = None) -> Any:
    wishes = {
        "provider:network_type": network_type,
        "provider:physical_network": physical_network,
        "provider:segmentation_id": number,
    }
    return {name: value for name, value in wishes.items() if value is not None}


@pytest.fixture
def config() -> ControllerConfig:
    return SEED


def test_a_network_without_a_type_has_the_first_one_that_has_an_id_left(admin: Client, member: Client) -> None:
    made = [member.network(name=f"n{number}") for number in range(5)]
    assert [segment(admin.get(f"/v2.0/networks/{network['id']}")["network"]) for network in made] == [
        ("vlan", "vlan", 1000, 1500),
        ("vlan", "vlan", 1001, 1500),
        ("gre", None, 1, 1458),
        ("gre", None, 2, 1458),
        ("vxlan", None, 1000, 1450),
    ]
    words = "No project network is available for allocation"
    member.refused("POST", "/v2.0/networks", {"network": {}}, 409, "NoNetworkAvailable", words)


def test_an_id_comes_back_with_the_network_that_had_it(admin: Client) -> None:
    made = [admin.network() for _ in range(5)]
    admin.delete(f"/v2.0/networks/{made[2]['id']}")
    assert segment(admin.network()) == ("gre", None, 1, 1458)


@pytest.mark.parametrize(
    ("request_", "given"),
    [
        (asked("vlan"), ("vlan", "vlan", 1000, 1500)),
        (asked("vlan", "vlan"), ("vlan", "vlan", 1000, 1500)),
        (asked("vlan", "vlan", 42), ("vlan", "vlan", 42, 1500)),
        (asked("vlan", "external2", 42), ("vlan", "external2", 42, 1500)),
        (asked("gre", None, 2**31 - 1), ("gre", None, 2**31 - 1, 1458)),
        (asked("vxlan", None, 2**24 - 1), ("vxlan", None, 2**24 - 1, 1450)),
        (asked("flat", "external3"), ("flat", "external3", None, 1500)),
    ],
)
def test_an_administrator_chooses_type_physical_network_and_id(admin: Client, request_: Any, given: Any) -> None:
    assert segment(admin.network(**request_)) == given


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (asked("vlan", None, 5), "segmentation_id requires physical_network for VLAN provider network"),
        (asked("vlan", "external4", 5), "physical_network 'external4' unknown for VLAN provider network"),
        (asked("vlan", "external1"), "Physical network external1 requires segmentation_id to be specified"),
        (asked("vlan", "vlan", 4095), "segmentation_id 4095 is out of range for vlan (1 through 4094)"),
        (asked("vxlan", None, 2**24), "segmentation_id 16777216 is out of range for vxlan (1 through 16777215)"),
        (asked("gre", "vlan"), "provider:physical_network specified for gre network"),
        (asked("flat", "vlan"), "physical_network 'vlan' unknown for flat provider network"),
        (asked("flat", "external1", 5), "segmentation_id prohibited for flat provider network"),
        (asked(None, None, 5), "network_type required"),
    ],
)
def test_a_segment_that_cannot_be_is_refused(admin: Client, request_: Any, words: str) -> None:
    admin.refused("POST", "/v2.0/networks", {"network": request_}, 400, "InvalidInput", words)


@pytest.mark.parametrize(
    ("request_", "kind", "words"),
    [
        (asked("vlan", "vlan", 1000), "VlanIdInUse", "The VLAN 1000 on physical network vlan is in use."),
        (asked("gre", None, 1), "TunnelIdInUse", "The tunnel ID 1 is in use."),
        (asked("flat", "external1"), "FlatNetworkInUse", "Physical network external1 is in use."),
    ],
)
def test_a_segment_has_one_network(admin: Client, request_: Any, kind: str, words: str) -> None:
    admin.network(**request_)
    admin.refused("POST", "/v2.0/networks", {"network": request_}, 409, kind, words)


def test_one_number_may_come_on_every_physical_network_and_tunnel_type(admin: Client) -> None:
    for request_ in (asked("vlan", "vlan", 7), asked("vlan", "external1", 7), asked("gre", None, 7)):
        admin.network(**request_)
    admin.network(**asked("vxlan", None, 7))


def test_the_networks_for_advertisements_are_tunnelled_where_projects_have_tunnels(
    admin: Client, two_network_nodes: tuple[str, str]
) -> None:
    admin.router(name="r")
    (ha,) = [n for n in admin.get("/v2.0/networks")["networks"] if n["name"].startswith("HA network")]
    assert segment(ha) == ("vxlan", None, 1000, 1450)


class TestWithAnotherHaType:
    @pytest.fixture
    def config(self) -> ControllerConfig:
        return ControllerConfig(
            tenant_network_types=("vxlan",), l3_ha_network_type="vlan", network_vlan_ranges=("p:9:9",)
        )

    @pytest.mark.usefixtures("two_network_nodes")
    def test_the_networks_for_advertisements_have_it(self, as_: Callable[[str], Client]) -> None:
        admin = as_(ADMIN)
        admin.router(name="r")
        (ha,) = admin.get("/v2.0/networks")["networks"]
        assert segment(ha) == ("vlan", "p", 9, 1500)


class TestWithOtherMtus:
    @pytest.fixture
    def config(self) -> ControllerConfig:
        return ControllerConfig(
            global_physnet_mtu=9000,
            path_mtu=4000,
            physical_network_mtus={"slow": 1400, "fast": 9100},
            network_vlan_ranges=("slow", "fast", "plain"),
            tunnel_id_ranges=("1:9",),
        )

    @pytest.mark.parametrize(
        ("request_", "mtu"),
        [
            (asked("vxlan"), 3950),
            (asked("gre"), 3958),
            (asked("flat", "slow"), 1400),
            (asked("flat", "fast"), 9000),
            (asked("vlan", "plain", 3), 9000),
        ],
    )
    def test_a_network_has_the_largest_that_its_segment_carries(
        self, as_: Callable[[str], Client], request_: Any, mtu: int
    ) -> None:
        admin = as_(ADMIN)
        network = admin.network(**request_)
        assert network["mtu"] == mtu
        path = f"/v2.0/networks/{network['id']}"
        words = f"Requested MTU is too big, maximum is {mtu}"
        admin.refused("PUT", path, {"network": {"mtu": mtu + 1}}, 400, "InvalidInput", words)
        assert admin.put(path, {"network": {"mtu": 1300}})["network"]["mtu"] == 1300
        assert admin.put(path, {"network": {"mtu": mtu}})["network"]["mtu"] == mtu


def test_a_vlan_network_moves_to_another_id_and_gives_its_own_back(admin: Client) -> None:
    network = admin.network(**asked("vlan", "vlan", 2001))
    path = f"/v2.0/networks/{network['id']}"
    moved = admin.put(path, {"network": {"provider:segmentation_id": 2002}})["network"]
    assert moved["provider:segmentation_id"] == 2002
    again = admin.network(**asked("vlan", "vlan", 2001))
    words = "The VLAN 2001 on physical network vlan is in use."
    admin.refused("PUT", path, {"network": {"provider:segmentation_id": 2001}}, 409, "VlanIdInUse", words)
    admin.delete(f"/v2.0/networks/{again['id']}")
    words = "Plugin does not support updating the following provider network attributes"
    admin.refused("PUT", path, {"network": {"provider:physical_network": "other"}}, 400, "InvalidInput", words)
    tunnel = admin.network(**asked("gre"))
    body = {"network": {"provider:segmentation_id": 77}}
    words = "Only VLAN type networks can be updated"
    admin.refused("PUT", f"/v2.0/networks/{tunnel['id']}", body, 400, "InvalidInput", words)
