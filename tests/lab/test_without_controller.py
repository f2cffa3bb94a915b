"""Hosts whose disks hold their last specs, and no controller: the data plane comes up and fails over by itself."""

from collections.abc import Iterator

import msgspec
import pytest

from futago.contract.codec import encode
from futago.contract.specs import DhcpSpec, HaSpec, NodeSpecs, PeerSpec, RouterSpec, Spec
from futago.lab import instances, programs
from futago.lab import lab as labs
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.lab.traffic import Ping, connections, ssh_session
from futago.values import IPv4Address, IPv4Interface, Mac, Millis, NetworkType
from node_specs import HA_NET, INSIDE, NETNS, OUTSIDE, ROUTER, VM, VM_MAC, dhcp, network, port, router

NAME = "tests-alone"
NODES = {"net1": "172.31.0.11", "net2": "172.31.0.12", "compute1": "172.31.0.21"}
FLOATING = "10.0.80.110"
GATEWAY = "192.168.80.1"
INSTANCE = Instance(name="vm1", host="compute1", port_id=VM, mac=VM_MAC, mtu=1450, address=str(port().addresses[0]))


def peers(host: str) -> list[Spec]:
    return [PeerSpec(node=name, tunnel_address=IPv4Address(ip)) for name, ip in NODES.items() if name != host]


def members(host: str, *of: str) -> tuple[str, ...]:
    return tuple(sorted(set(of) - {host}))


def replica(number: int) -> RouterSpec:
    """The walkthrough's router, by the fast profile."""
    whole = router(ha=True)
    assert whole.ha is not None
    ha = msgspec.structs.replace(
        whole.ha,
        address=IPv4Interface(f"169.254.192.{number}/18"),
        mac=Mac(f"fa:16:3e:00:01:0{number}"),
        version=3,
        password="",
        priority=100,
        advert_interval=Millis(300),
    )
    assert isinstance(ha, HaSpec)
    return msgspec.structs.replace(whole, ha=ha)


def dhcp_server(number: int) -> DhcpSpec:
    return msgspec.structs.replace(
        dhcp(),
        port_id=f"dddddddd-0004-4000-8000-00000000000{number}",
        mac=Mac(f"fa:16:3e:00:02:0{number}"),
        addresses=(IPv4Interface(f"192.168.80.{number + 1}/24"),),
    )


def specs(host: str) -> list[Spec]:
    inside = network(INSIDE, NetworkType.VXLAN, 1000, *members(host, *NODES))
    if host == "compute1":
        return [*peers(host), inside, port()]
    number = int(host[-1])
    ha_network = network(HA_NET, NetworkType.VXLAN, 1001, *members(host, "net1", "net2"))
    outside = network(OUTSIDE, NetworkType.FLAT, None)
    return [*peers(host), inside, ha_network, outside, replica(number), dhcp_server(number)]


@pytest.fixture(scope="module")
def alone() -> Iterator[Lab]:
    labs.down(NAME)
    try:
        lab = labs.up(NAME, futago=False)
        token = lab.directory("controller") / "disk" / programs.CREDENTIALS / "join-token"
        token.parent.mkdir(parents=True)
        token.write_text("never used")
        for host in NODES:
            directory = lab.directory(host) / "disk" / "var-lib-futago" / "node"
            directory.mkdir(parents=True)
            wanted = NodeSpecs(revision=7, specs={spec.key: spec for spec in specs(host)})
            (directory / "specs.json").write_bytes(encode(wanted))
            lab.start_programs(host)
        wait_for("one holds the gateway", lambda: len(lab.holders(ROUTER, GATEWAY)) == 1, seconds=30)
        instances.start(lab, INSTANCE)
        yield lab
    finally:
        labs.down(NAME)


def test_the_router_fails_over_and_the_lost_node_returns_as_the_standby(alone: Lab) -> None:
    (active,) = alone.holders(ROUTER, GATEWAY)
    (standby,) = {"net1", "net2"} - {active}
    with Ping(alone, "ext", FLOATING) as ping, ssh_session(alone, "ext", FLOATING) as ssh:
        ping.wait_for_replies(50, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        alone.power_off(active)
        wait_for("the standby holds the gateway", lambda: alone.holders(ROUTER, GATEWAY) == (standby,), seconds=30)
        ping.wait_for_replies(50, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        assert ping.longest_gap().seconds < 5
        alone.power_on(active)
        wait_for("the lost node has its replica", lambda: has_replica(alone, active), seconds=30)
        ping.wait_for_replies(200, seconds=30)
        ssh.wait_for_lines(10, seconds=30)
        assert len(connections(ssh.lines())) == 1
    assert alone.holders(ROUTER, GATEWAY) == (standby,)


def has_replica(lab: Lab, host: str) -> bool:
    done = lab.exec(host, ["ip", "-o", "link"], netns=NETNS, check=False)
    return all(f" {prefix}-" in done.stdout for prefix in ("ha", "qr", "qg"))
