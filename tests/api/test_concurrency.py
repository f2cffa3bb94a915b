"""Many at once: nothing is given out twice, and nobody is turned away for having come at a bad moment."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from api_kit import Client
from futago.controller.store.database import Database
from futago.controller.store.rows import HaNetwork, Replica, Router, SecurityGroup

pytestmark = pytest.mark.each_database

T = TypeVar("T")


def _at_once(count: int, work: Callable[[], T]) -> list[T]:
    with ThreadPoolExecutor(count) as threads:
        return [future.result() for future in [threads.submit(work) for _ in range(count)]]


def test_eight_routers_at_once_in_a_new_project_share_one_ha_network(member: Client, database: Database) -> None:
    routers = _at_once(8, member.router)
    assert len({router["id"] for router in routers}) == 8
    with database.read() as view:
        assert view.count(HaNetwork) == 1
        assert sorted(router.vrid or 0 for router in view.find(Router)) == list(range(1, 9))


def test_eight_routers_at_once_are_each_put_on_both_nodes(
    member: Client, database: Database, two_network_nodes: tuple[str, str]
) -> None:
    _at_once(8, member.router)
    with database.read() as view:
        assert view.count(HaNetwork) == 1
        assert len({router.vrid for router in view.find(Router)}) == 8
        assert view.count(Replica, node="net1") == view.count(Replica, node="net2") == 8


def test_ports_made_at_once_have_addresses_and_macs_of_their_own(member: Client, database: Database) -> None:
    network = member.network(name="n")
    member.subnet(network, "10.0.0.0/28", enable_dhcp=False)

    def work() -> dict[str, Any]:
        return member.port(network)

    ports = _at_once(13, work)
    assert len({port["fixed_ips"][0]["ip_address"] for port in ports}) == 13
    assert len({port["mac_address"] for port in ports}) == 13
    with database.read() as view:
        assert view.count(SecurityGroup) == 1


def test_networks_made_at_once_have_segments_of_their_own(admin: Client) -> None:
    networks = _at_once(8, admin.network)
    assert sorted(network["provider:segmentation_id"] for network in networks) == list(range(1000, 1008))
