"""What `--profile` and the settings make of a router, as its nodes are told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from compat_kit.controller import Controller, wait_until
from compat_kit.nodes import TalkingNode
from futago.contract.specs import HaSpec
from futago.values import IPv4Address, IPv4Network, Role

NODE_SECONDS = 30
HA_ADDRESSES = IPv4Network("169.254.192.0/18")
AT_ONCE = 8


@contextmanager
def two_nodes(controller: Controller) -> Iterator[list[TalkingNode]]:
    """A started controller with two network nodes."""
    with ExitStack() as stack:
        stack.callback(controller.close)
        controller.start()
        yield [
            stack.enter_context(
                TalkingNode(
                    controller.url,
                    controller.join_token(),
                    f"server{number}",
                    number=number,
                    roles=("l3", "dhcp"),
                    role=role,
                )
            )
            for number, role in ((7, Role.ACTIVE), (8, Role.BACKUP))
        ]


def client(controller: Controller) -> httpx.Client:
    return httpx.Client(base_url=f"{controller.url}/v2.0", headers={"X-Auth-Token": controller.token()}, timeout=60)


def elections(nodes: list[TalkingNode]) -> list[HaSpec]:
    """How the one router takes part in the election on each node, once each knows of it."""
    wait_until(lambda: all(node.routers for node in nodes), NODE_SECONDS, "the nodes know of the router")
    return [router.ha for node in nodes for router in node.routers if router.ha is not None]


def test_the_seeds_profile_is_vrrp_2_with_a_password_every_2_seconds_and_priority_50(tmp_path: Path) -> None:
    controller = Controller(tmp_path / "state", "--profile", "seed")
    with two_nodes(controller) as nodes, client(controller) as http:
        assert http.post("/routers", json={"router": {"name": "router80"}}).status_code == 201
        found = elections(nodes)
    assert [(ha.version, ha.vrid, ha.priority, ha.advert_interval, ha.password) for ha in found] == [
        (2, 1, 50, 2000, "openstac")
    ] * 2
    assert {ha.advertised for ha in found} == {IPv4Address("169.254.0.1")}
    assert all(ha.address.ip in HA_ADDRESSES for ha in found)
    assert len({ha.address for ha in found}) == len(nodes)


def test_the_default_profile_is_vrrp_3_with_a_preferred_node(tmp_path: Path) -> None:
    controller = Controller(tmp_path / "state")
    with two_nodes(controller) as nodes, client(controller) as http:
        assert http.post("/routers", json={"router": {"name": "router80"}}).status_code == 201
        found = elections(nodes)
    assert {(ha.version, ha.vrid, ha.password) for ha in found} == {(3, 1, "")}
    assert len({ha.priority for ha in found}) == len(nodes)


def test_eight_routers_made_at_once_in_a_new_project_are_eight_ha_routers(tmp_path: Path) -> None:
    """The project's HA network is made once, each router gets a virtual router id of its own."""
    controller = Controller(tmp_path / "state")
    with two_nodes(controller) as nodes, client(controller) as http, ThreadPoolExecutor(AT_ONCE) as pool:
        bodies = [{"router": {"name": f"router{number}"}} for number in range(AT_ONCE)]
        answers = list(pool.map(lambda body: http.post("/routers", json=body), bodies))
        assert [answer.status_code for answer in answers] == [201] * AT_ONCE
        assert all(answer.json()["router"]["ha"] for answer in answers)
        wait_until(lambda: {len(node.routers) for node in nodes} == {AT_ONCE}, NODE_SECONDS, "all are on both nodes")
        found = elections(nodes)
        networks = http.get("/networks", params={"fields": "name"}).json()["networks"]
    assert sorted(ha.vrid for ha in found) == sorted([*range(1, AT_ONCE + 1)] * 2)
    assert len({ha.address for ha in found}) == AT_ONCE * 2
    assert len(networks) == 1
