"""One controller with two network nodes and a compute node, for everything here that changes nothing of it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from compat_kit.clients import NEUTRON, OPENSTACK
from compat_kit.controller import Controller
from compat_kit.nodes import TalkingNode
from futago.values import Role

NETWORK_NODE = ("l3", "dhcp")


@pytest.fixture(scope="session")
def neutron() -> Path:
    """The `neutron` command."""
    return NEUTRON.install() / "neutron"


@pytest.fixture(scope="session")
def openstack() -> Path:
    """The `openstack` command."""
    return OPENSTACK.install() / "openstack"


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller after its first start, with servers 7 and 8 as network nodes and server 3 as a compute node."""
    made = Controller(tmp_path_factory.mktemp("controller") / "state")
    with ExitStack() as stack:
        stack.callback(made.close)
        made.start()
        for number, name, roles, role in (
            (7, "server7", NETWORK_NODE, Role.ACTIVE),
            (8, "server8", NETWORK_NODE, Role.BACKUP),
            (3, "server3", (), Role.BACKUP),
        ):
            node = TalkingNode(made.url, made.join_token(), name, number=number, roles=roles, role=role)
            stack.enter_context(node)
        yield made
