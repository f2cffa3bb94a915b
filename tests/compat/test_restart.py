"""A controller that is restarted or killed in the middle of the walk loses nothing that it has acknowledged."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from compat_kit.clients import Result, once_elected, run
from compat_kit.controller import Controller, wait_until
from compat_kit.nodes import TalkingNode
from futago.values import Role

KILLS = 5
NODE_SECONDS = 30


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Controller]:
    """A controller that the test may break."""
    made = Controller(tmp_path / "state")
    made.start()
    yield made
    made.close()


def joined(controller: Controller, number: int, role: Role) -> TalkingNode:
    name, roles = f"server{number}", ("l3", "dhcp")
    return TalkingNode(controller.url, controller.join_token(), name, number=number, roles=roles, role=role)


def test_the_walk_goes_on_after_a_restart_in_its_middle(own: Controller, neutron: Path) -> None:
    """Networks, the router, its nodes and their roles: all there, though nobody has told the controller again."""

    def typed(line: str) -> Result:
        done = run(neutron, line.split()[1:], own.openrc())
        assert done.status == 0, done
        return done

    with joined(own, 7, Role.ACTIVE) as first, joined(own, 8, Role.BACKUP) as second:
        flat = "--provider:physical_network external1 --provider:network_type flat"
        typed(f"neutron net-create ext-net80 --router:external True {flat}")
        typed("neutron subnet-create ext-net80 10.0.80.0/24 --name ext-subnet80 --disable-dhcp --gateway 10.0.80.1")
        typed("neutron net-create vxlan-net80 --provider:network_type vxlan")
        typed("neutron subnet-create vxlan-net80 192.168.80.0/24 --name vxlan-subnet80 --gateway 192.168.80.1")
        typed("neutron router-create router80")
        before = typed("neutron net-show vxlan-net80").fields()
        own.stop()
        own.start()
        assert typed("neutron net-show vxlan-net80").fields() == before
        typed("neutron router-interface-add router80 vxlan-subnet80")
        own.kill()
        own.start()
        typed("neutron router-gateway-set router80 ext-net80")
        once_elected(lambda: typed("neutron l3-agent-list-hosting-router router80"))
        for node in (first, second):
            wait_until(lambda n=node: n.routers and n.routers[0].gateway, NODE_SECONDS, "the node has the gateway")
            (router,) = node.routers
            assert [str(leg.addresses[0]) for leg in router.interfaces] == ["192.168.80.1/24"]


def test_what_was_acknowledged_is_there_after_a_kill(own: Controller) -> None:
    """Killed with -9 as soon as the answer has come, several times."""
    headers = {"X-Auth-Token": own.token()}
    acknowledged: list[str] = []
    for number in range(KILLS):
        body = {"network": {"name": f"net{number}"}}
        answer = httpx.post(f"{own.url}/v2.0/networks", json=body, headers=headers, timeout=30)
        own.kill()
        assert answer.status_code == 201, answer.text
        acknowledged.append(answer.json()["network"]["id"])
        own.start()
    found = httpx.get(f"{own.url}/v2.0/networks?fields=id", headers=headers, timeout=30).json()["networks"]
    assert {network["id"] for network in found} == set(acknowledged)
