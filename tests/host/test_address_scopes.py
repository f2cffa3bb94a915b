"""Address scopes by real packets: what a router's table translates, and what it lets pass."""

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from futago.node.drivers.nft import ruleset
from futago.node.drivers.nft_beside import BesideDriver
from futago.node.features.nat import render
from futago.node.features.scopes import over_ipv6
from futago.node.router_tables import ScopeTable
from host.node_specs import OTHER, QG, QR, scoped, scoped_over_ipv6

LEGS = {
    "a": (f"qr-{QR[:11]}", "192.168.80.1/24", "192.168.80.11/24"),
    "b": (f"qr-{OTHER[:11]}", "192.168.90.1/24", "192.168.90.10/24"),
    "outside": (f"qg-{QG[:11]}", "10.0.80.101/24", "10.0.80.1/24"),
}
SIXTH = {"a": "2001:db8:1::11", "b": "2001:db8:2::11", "outside": "2001:db8:3::11"}
HOSTS = {name: host.partition("/")[0] for name, (_, _, host) in LEGS.items()}
WITH_FLOATING_IP, FLOATING_IP, GATEWAY = "192.168.80.10", "10.0.80.110", "10.0.80.101"
SEEN = """
table ip seen {
    set sources { type ipv4_addr; flags dynamic; }
    chain input {
        type filter hook input priority 0;
        add @sources { ip saddr }
    }
}
"""


@dataclass(frozen=True)
class World:
    """A router's namespace, with a host at each leg."""

    prefix: str

    def run(self, name: str, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        argv = ["ip", "netns", "exec", f"{self.prefix}-{name}", *command]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=False)

    def take(self, inside: str, other: str, outside: str, *, snat: bool = True) -> None:
        """The legs are in these scopes from now on; the host outside has seen nobody yet."""
        spec = scoped(inside, other, outside, snat=snat)
        assert spec.gateway is not None
        loaded = self.run("router", "nft", "-f", "-", text=ruleset(render(spec, spec.gateway)))
        assert loaded.returncode == 0, loaded.stderr
        self.run("outside", "nft", "flush", "ruleset")
        assert self.run("outside", "nft", "-f", "-", text=SEEN).returncode == 0

    def take_over_ipv6(self, inside: str, other: str, outside: str) -> None:
        """The legs are in these scopes of IPv6 from now on."""
        namespace = f"{self.prefix}-router"
        rules = over_ipv6(scoped_over_ipv6(inside, other, outside))
        driver, table = BesideDriver(), ScopeTable(namespace=namespace, rules=rules)
        assert driver.put([table]) == {}
        assert driver.read([table]).get(table.key) == table

    def reaches(self, source: str, address: str, own: str | None = None) -> bool:
        chosen = ["-I", own] if own else []
        return self.run(source, "ping", "-c1", "-W1", *chosen, address).returncode == 0

    def seen_outside(self, address: str) -> bool:
        return address in self.run("outside", "nft", "list", "set", "ip", "seen", "sources").stdout


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    made = World(f"qrouter-{uuid.uuid4().hex[:6]}")
    names = ("router", *LEGS)
    for name in names:
        subprocess.run(["ip", "netns", "add", f"{made.prefix}-{name}"], check=True)
    try:
        for host, (leg, router_side, host_side) in LEGS.items():
            peer = f"{made.prefix}-{host}"
            made.run("router", "ip", "link", "add", leg, "type", "veth", "peer", "name", "eth0", "netns", peer)
            for name, interface, address in (("router", leg, router_side), (host, "eth0", host_side)):
                made.run(name, "ip", "address", "add", address, "dev", interface)
                made.run(name, "ip", "link", "set", interface, "up")
            made.run(host, "ip", "route", "add", "default", "via", router_side.partition("/")[0])
            for name, interface, address in (("router", leg, SIXTH[host][:-1]), (host, "eth0", SIXTH[host])):
                made.run(name, "ip", "address", "add", f"{address}/64", "dev", interface, "nodad")
            made.run(host, "ip", "route", "add", "default", "via", SIXTH[host][:-1])
        made.run("a", "ip", "address", "add", f"{WITH_FLOATING_IP}/24", "dev", "eth0")
        made.run("router", "ip", "address", "add", f"{FLOATING_IP}/32", "dev", LEGS["outside"][0])
        made.run("router", "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        yield made
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", f"{made.prefix}-{name}"], check=False)


def test_what_has_the_scope_outside_goes_out_as_it_is_and_is_reached(world: World) -> None:
    world.take("red", "blue", "red")
    assert world.reaches("a", HOSTS["outside"], HOSTS["a"])
    assert world.seen_outside(HOSTS["a"])
    assert world.reaches("outside", HOSTS["a"])


def test_what_has_another_scope_goes_out_translated_and_is_not_reached(world: World) -> None:
    world.take("red", "blue", "red")
    assert world.reaches("b", HOSTS["outside"])
    assert world.seen_outside(GATEWAY)
    assert not world.seen_outside(HOSTS["b"])
    assert not world.reaches("outside", HOSTS["b"])
    assert not world.reaches("a", HOSTS["b"])


def test_floating_ips_lead_from_scope_to_scope(world: World) -> None:
    world.take("red", "", "blue", snat=False)
    assert world.reaches("outside", FLOATING_IP)
    assert world.reaches("a", HOSTS["outside"], WITH_FLOATING_IP)
    assert world.seen_outside(FLOATING_IP)
    assert not world.reaches("a", HOSTS["outside"], HOSTS["a"])
    assert not world.reaches("b", HOSTS["outside"])


def test_without_scopes_everything_is_as_always(world: World) -> None:
    world.take("", "", "")
    assert world.reaches("a", HOSTS["b"], HOSTS["a"])
    assert world.reaches("outside", HOSTS["b"])
    assert world.reaches("b", HOSTS["outside"])
    assert world.seen_outside(GATEWAY)


def test_over_ipv6_networks_of_one_scope_reach_each_other_and_no_other(world: World) -> None:
    world.take_over_ipv6("red", "blue", "red")
    assert world.reaches("a", SIXTH["outside"])
    assert world.reaches("outside", SIXTH["a"])
    assert not world.reaches("a", SIXTH["b"])
    assert not world.reaches("b", SIXTH["outside"])
    world.take("red", "blue", "red")
    assert world.reaches("b", HOSTS["outside"])
    world.take_over_ipv6("red", "red", "")
    assert world.reaches("a", SIXTH["b"])
    assert not world.reaches("a", SIXTH["outside"])


def test_over_ipv6_without_scopes_everything_is_as_always(world: World) -> None:
    world.take_over_ipv6("", "", "")
    assert world.reaches("b", SIXTH["outside"])
    assert world.reaches("outside", SIXTH["a"])
