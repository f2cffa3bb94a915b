"""A virtual router moves between two nodes: who talks to it hardly notices."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import msgspec
import pytest

from futago.contract.specs import PeerSpec, RouterSpec, Spec
from futago.values import IPv4Address, IPv4Interface, NetworkType, Role
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import HA_NET, INSIDE, ROUTER, VM, VM_MAC, network, port, router

LONGEST_GAP_SECONDS: Final = 2.0
"""A router that resigns is replaced after the skew time, 0.8 s at this priority; the rest is for a busy machine. A
switch that did not learn would go on for minutes."""


def specs(other: str, address: str, ha_address: str) -> list[Spec]:
    """A replica of a router with an inner leg only, and an instance's port."""
    replica = router(ha=True, floating=())
    assert replica.ha is not None
    ha = msgspec.structs.replace(replica.ha, address=IPv4Interface(ha_address), port_id=ha_address)
    return [
        PeerSpec(node=other, tunnel_address=IPv4Address(address)),
        network(INSIDE, NetworkType.VXLAN, 1000, other),
        network(HA_NET, NetworkType.VXLAN, 1001, other),
        msgspec.structs.replace(replica, gateway=None, ha=ha),
        port(),
    ]


@pytest.fixture
def pair() -> Iterator[tuple[ThrowAwayHost, ThrowAwayHost]]:
    """Two nodes with a replica each, the first one active, and an instance on the second."""
    with Hosts("one", "two") as (one, two):
        for host, mine in (
            (one, specs("two", "192.0.2.2", "169.254.192.1/18")),
            (two, specs("one", "192.0.2.1", "169.254.192.2/18")),
        ):
            assert any(isinstance(spec, RouterSpec) for spec in mine)
            host.write_config(roles='["l3"]')
            host.start_controller()
            host.give(mine, revision=1)
            host.start_agent()
            host.wait_for_revision(1)
        two.run("ip netns add vm1")
        two.run(f"{FUTAGO} port plug {VM} --netns vm1 --mac {VM_MAC}")
        two.run("ip -n vm1 addr add 192.168.80.10/24 dev eth0")
        for host, role in ((one, Role.ACTIVE), (two, Role.BACKUP)):
            host.run(f"{FUTAGO} vrrpd --socket {host.state}/vrrpd.sock --state /run/vrrpd.json >/dev/null 2>&1 &")
            has_role(host, role)
        wait_until(lambda: two.succeeds("ip netns exec vm1 ping -c1 -W1 192.168.80.1"), "the router answers")
        yield one, two


def test_the_instance_finds_the_router_on_either_node(pair: tuple[ThrowAwayHost, ThrowAwayHost]) -> None:
    """Away from and back to a node: each time the announcement must change what both switches have learned."""
    one, two = pair
    for active, standby in ((one, two), (two, one)):
        ping = two.popen("ip netns exec vm1 ping -D -i 0.05 -c 120 -W 1 192.168.80.1")
        active.run(f"{FUTAGO} vrrp resign {ROUTER} --socket {active.state}/vrrpd.sock")
        has_role(standby, Role.ACTIVE)
        has_role(active, Role.BACKUP)
        assert longest_gap(ping.communicate()[0]) < LONGEST_GAP_SECONDS


def has_role(host: ThrowAwayHost, role: Role) -> None:
    wait_until(lambda: [one.role for one in host.last_report().roles] == [role], f"{host.name} is {role}")


def longest_gap(said: str) -> float:
    times = [float(time) for time in re.findall(r"^\[([0-9.]+)\] \d+ bytes", said, re.MULTILINE)]
    assert len(times) > 2, said
    return max(after - before for before, after in pairwise(times))
