"""Flows through a floating IP end with it; all others go on."""

from collections.abc import Iterator
from typing import Final

import pytest

from futago.contract.specs import RouterSpec, Spec
from host.node_kit import FUTAGO, Hosts, ThrowAwayHost, wait_until
from host.node_specs import NETNS, VM, VM_MAC, gateway_node, port, router

CLIENT: Final = "10.0.80.1"
Floating = tuple[tuple[str, str], ...]
BOTH: Final[Floating] = (("10.0.80.110", "192.168.80.10"), ("10.0.80.111", "192.168.80.11"))


def specs(floating: Floating) -> list[Spec]:
    others = [spec for spec in gateway_node() if not isinstance(spec, RouterSpec)]
    return [*others, port(), router(ha=False, floating=floating)]


def connections(host: ThrowAwayHost, *which: str) -> list[str]:
    return host.run(f"ip netns exec {NETNS} conntrack -L -p tcp {' '.join(which)}", check=False).splitlines()


@pytest.fixture
def node() -> Iterator[ThrowAwayHost]:
    """A router with two floating IPs, and one connection from outside through each, to one instance."""
    with Hosts("gw") as (host,):
        host.add_provider("br-ex1", "outside", f"{CLIENT}/24")
        host.write_config(roles='["l3"]', bridge_mappings='{external1 = "br-ex1"}')
        host.start_controller()
        host.give(specs(BOTH), revision=1)
        host.start_agent()
        host.wait_for_revision(1)
        host.run("ip netns add vm1")
        host.run(f"{FUTAGO} port plug {VM} --netns vm1 --mac {VM_MAC}")
        for address in ("192.168.80.10", "192.168.80.11"):
            host.run(f"ip -n vm1 addr add {address}/24 dev eth0")
        host.run("ip -n vm1 route add default via 192.168.80.1")
        host.run("ip netns exec vm1 python3 -m http.server 80 >/dev/null 2>&1 &")
        for outside, _ in BOTH:
            wait_until(lambda outside=outside: host.succeeds(connect(outside, "s.close()")), f"{outside} answers")
            host.run(connect(outside, "time.sleep(120)") + " >/dev/null 2>&1 &")
            wait_until(lambda outside=outside: established(host, outside), f"a connection through {outside}")
        yield host


def connect(address: str, then: str) -> str:
    """What connects from outside; `then` says what next."""
    code = f"import socket, time; s = socket.create_connection(('{address}', 80), 2); {then}"
    return f'ip netns exec outside python3 -c "{code}"'


def established(host: ThrowAwayHost, outside: str) -> bool:
    return bool(connections(host, "-d", outside, "--state", "ESTABLISHED"))


def test_connections_through_a_floating_ip_that_is_taken_away_end(node: ThrowAwayHost) -> None:
    node.give(specs(BOTH[1:]), revision=2)
    node.wait_for_revision(2)
    assert not connections(node, "-d", "10.0.80.110")
    assert established(node, "10.0.80.111")


def test_connections_through_a_floating_ip_that_moves_end(node: ThrowAwayHost) -> None:
    node.give(specs((("10.0.80.110", "192.168.80.99"), BOTH[1])), revision=2)
    node.wait_for_revision(2)
    assert not connections(node, "-d", "10.0.80.110", "--reply-src", "192.168.80.10")
    assert established(node, "10.0.80.111")


def test_an_agent_that_died_before_it_ended_them_ends_them_when_it_is_back(node: ThrowAwayHost) -> None:
    """What it had not finished is known by the missing digest; the old table is not there to tell what it was."""
    node.stop_agent()
    inside = f"ip netns exec {NETNS} nft"
    node.run(f"{inside} delete chain ip futago $({inside} list table ip futago | grep -o 'digest_[0-9a-f]*')")
    node.run(f"{inside} flush chain ip futago prerouting")
    node.give(specs(BOTH[1:]), revision=2)
    node.start_agent()
    node.wait_for_revision(2)
    assert not connections(node, "-d", "10.0.80.110")
    assert established(node, "10.0.80.111")
