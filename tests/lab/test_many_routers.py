"""Many routers on one pair of network nodes."""

from collections.abc import Iterator

import pytest

from futago.lab.drill import crowd
from futago.lab.drill.scene import Scene
from lab_kit.cloud import Cloud

ROUTERS = 20


def quiet(_: str) -> None:
    """Nobody watches."""


@pytest.fixture
def scene(healthy: Cloud) -> Iterator[Scene]:
    """A scene with so many routers more, all active on one node; they are taken away afterwards."""
    scene = Scene(healthy)
    try:
        crowd.add(scene, ROUTERS, quiet)
        scene.settle()
        scene.gather()
        yield scene
    finally:
        healthy.heal()
        for router_id in scene.crowd:
            api = healthy.lab.api()
            api.update("routers", router_id, external_gateway_info=None)
            api.delete("routers", router_id)


def holders(scene: Scene, host: str) -> set[str]:
    """The further routers whose address a node has."""
    there = scene.lab.exec(host, ["ip", "netns", "list"]).stdout
    return {router for router, address in scene.crowd.items() if router in there and _has(scene, host, router, address)}


def _has(scene: Scene, host: str, router: str, address: str) -> bool:
    shown = scene.lab.exec(host, ["ip", "-oneline", "-4", "addr", "show"], netns=f"qrouter-{router}").stdout
    return f" {address}/" in shown


def answering(scene: Scene) -> set[str]:
    """The further routers that answer a ping from outside."""
    ping = "ping -n -c 1 -W 1 {0} >/dev/null && echo {0} & "
    script = "".join(ping.format(address) for address in scene.crowd.values()) + "wait"
    heard = set(scene.lab.exec("ext", ["sh", "-c", script], check=False).stdout.split())
    return {router for router, address in scene.crowd.items() if address in heard}


def senders(scene: Scene, host: str, router: str) -> set[str]:
    """The sources of the next advertisements that arrive at a router's replica."""
    listen = ["timeout", "20", "tcpdump", "-nn", "-q", "-i", "any", "-Q", "in", "-c", "6", "ip proto 112"]
    heard = scene.lab.exec(host, listen, netns=f"qrouter-{router}").stdout
    return {line.split(" IP ")[1].split(" > ")[0] for line in heard.splitlines() if " > 224.0.0.18" in line}


def test_all_routers_of_a_lost_node_are_taken_over(scene: Scene) -> None:
    cloud, everyone = scene.cloud, set(scene.crowd)
    assert holders(scene, scene.active) == everyone
    assert holders(scene, scene.standby) == set()
    scene.lab.power_off(scene.active)
    cloud.eventually("the survivor has every address", lambda: holders(scene, scene.standby) == everyone)
    cloud.eventually("every router answers", lambda: answering(scene) == everyone)
    survivor, lost = scene.standby, scene.active
    scene.lab.power_on(lost)
    scene.settle()
    assert (holders(scene, survivor), holders(scene, lost)) == (everyone, set())


def test_a_replica_hears_its_twin_and_no_other_router(scene: Scene) -> None:
    """All of them are in one HA network."""
    router = min(scene.crowd)
    assert len(senders(scene, scene.standby, router)) == 1
