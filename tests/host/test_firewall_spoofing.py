"""What an instance forges goes nowhere; what it has a right to does."""

from collections.abc import Iterator
from typing import Final

import pytest

from futago.values import IPv4Address
from host import frames
from host.firewall_kit import (
    ADDRESSES,
    LINK_LOCALS,
    MACS,
    Firewall,
    egress,
    firewall,
    group,
    ingress,
    pair,
    port,
)
from host.node_kit import wait_until
from host.node_specs import INSIDE

ME, MINE, MY_LINK_LOCAL = MACS["one"], ADDRESSES["one"], LINK_LOCALS["one"]
ROUTER, ROUTERS_MAC, VICTIM = "192.168.80.1", "fa:16:3e:00:09:01", ADDRESSES["two"]
VIRTUAL_MAC, VIRTUAL = "00:00:5e:00:01:07", "192.168.80.100"
ROUTERS_LINK_LOCAL = "fe80::f816:3eff:fe00:901"
LAST: Final = frames.arp(ME, MINE, "192.168.80.13")
"""Its own address: a frame that arrives."""

FORGED: Final = {
    "another MAC": frames.arp(ROUTERS_MAC, MINE, VICTIM),
    "another MAC in IP": frames.udp(ROUTERS_MAC, MINE, "192.168.80.255", (5, 5)),
    "ARP for another's address": frames.arp(ME, ROUTER, VICTIM, reply=True),
    "ARP with another's MAC inside": frames.arp(ME, MINE, VICTIM, claims=ROUTERS_MAC),
    "a gratuitous ARP for the router": frames.arp(ME, ROUTER, ROUTER),
    "a probe for another's address": frames.arp(ME, "0.0.0.0", ROUTER),
    "another's IPv4 address": frames.udp(ME, VICTIM, "192.168.80.255", (5, 5)),
    "another's IPv6 address": frames.udp6(ME, "2001:db8::1", "ff02::1", (5, 5)),
    "a DHCP server": frames.udp(ME, MINE, "255.255.255.255", (67, 68)),
    "a DHCP server without address": frames.udp(ME, "0.0.0.0", "255.255.255.255", (67, 68)),
    "a DHCPv6 server": frames.udp6(ME, MY_LINK_LOCAL, "ff02::1", (547, 546)),
    "a router advertisement": frames.router_advertisement(ME, MY_LINK_LOCAL),
    "the router's router advertisement": frames.router_advertisement(ROUTERS_MAC, ROUTERS_LINK_LOCAL),
    "a neighbour advertisement for another": frames.neighbour_advertisement(ME, MY_LINK_LOCAL, ROUTERS_LINK_LOCAL),
    "one with another's MAC inside": frames.neighbour_advertisement(
        ME, MY_LINK_LOCAL, MY_LINK_LOCAL, claims=ROUTERS_MAC
    ),
    "one from another's address": frames.neighbour_advertisement(ME, ROUTERS_LINK_LOCAL, ROUTERS_LINK_LOCAL),
    "a solicitation from another's address": frames.neighbour_solicitation(ME, ROUTERS_LINK_LOCAL, "fe80::5"),
    "a solicitation with another's MAC": frames.neighbour_solicitation(
        ME, MY_LINK_LOCAL, "fe80::5", claims=ROUTERS_MAC
    ),
    "a redirect": frames.icmpv6(ME, MY_LINK_LOCAL, "ff02::1", 137, bytes(36)),
    "an MLD query": frames.icmpv6(ME, MY_LINK_LOCAL, "ff02::1", 130, bytes(20)),
    "VRRP": frames.vrrp(ME, MINE),
    "VRRP over IPv6": frames.vrrp6(ME, MY_LINK_LOCAL),
    "VRRP from a virtual router's MAC": frames.vrrp(VIRTUAL_MAC, MINE),
    "VRRP from the router's address": frames.vrrp(ME, ROUTER),
    "a virtual router's ARP": frames.arp(VIRTUAL_MAC, VIRTUAL, VIRTUAL),
    "a tag of another network": frames.tagged(frames.arp(ME, MINE, VICTIM), 2),
    "a tag of its own network": frames.tagged(frames.arp(ME, MINE, VICTIM), 1),
    "an unknown kind of frame": frames.ethernet(ME, 0x88B5, b"hello"),
    "spanning tree": frames.ethernet(ME, 38, bytes(38), to="01:80:c2:00:00:00"),
}
ALLOWED: Final = {
    "ARP": frames.arp(ME, MINE, VICTIM),
    "a gratuitous ARP": frames.arp(ME, MINE, MINE),
    "a probe": frames.arp(ME, "0.0.0.0", MINE),
    "IPv4": frames.udp(ME, MINE, "192.168.80.255", (5, 5)),
    "IPv6": frames.udp6(ME, MY_LINK_LOCAL, "ff02::1", (5, 5)),
    "a DHCP client": frames.udp(ME, "0.0.0.0", "255.255.255.255", (68, 67)),
    "a DHCPv6 client": frames.udp6(ME, MY_LINK_LOCAL, "ff02::1:2", (546, 547)),
    "a neighbour solicitation": frames.neighbour_solicitation(ME, MY_LINK_LOCAL, "fe80::5"),
    "a neighbour advertisement": frames.neighbour_advertisement(ME, MY_LINK_LOCAL, MY_LINK_LOCAL),
    "a router solicitation": frames.icmpv6(ME, MY_LINK_LOCAL, "ff02::2", 133, bytes(4)),
    "an MLD report": frames.icmpv6(ME, "::", "ff02::16", 143, bytes(4)),
}
OF_A_VIRTUAL_ROUTER: Final = {
    "VRRP": frames.vrrp(ME, MINE),
    "VRRP from its MAC": frames.vrrp(VIRTUAL_MAC, MINE),
    "its ARP": frames.arp(VIRTUAL_MAC, VIRTUAL, VIRTUAL),
    "its packets": frames.udp(VIRTUAL_MAC, VIRTUAL, "192.168.80.255", (5, 5)),
}
DEAF: Final = frozenset({"spanning tree", "a tag of another network", "a tag of its own network"})
"""A switch or the port's VLAN stops these, whatever the firewall does."""


@pytest.fixture(scope="module", params=["openvswitch", "iptables_hybrid"])
def walls(request: pytest.FixtureRequest) -> Iterator[Firewall]:
    with firewall(request.param) as made:
        made.give(OPEN)
        yield made


OPEN: Final = group(egress(), egress(6), ingress(), ingress(version=6))
"""Nothing is refused for want of a rule."""


def arriving(walls: Firewall, what: dict[str, bytes]) -> set[str]:
    heard = walls.heard("open", "one", what.values(), LAST)
    return {name for name, frame in what.items() if frame in heard}


def test_nothing_forged_leaves_an_instance(walls: Firewall) -> None:
    walls.give(OPEN)
    assert arriving(walls, FORGED) == set()


def test_nothing_forged_leaves_an_instance_that_has_no_address(walls: Firewall) -> None:
    walls.give(OPEN, ports=[port("one", addresses=())])
    what = FORGED | {"its former address": frames.arp(ME, MINE, VICTIM)}
    with walls.hearing("open") as listener:
        walls.send("one", *what.values(), ALLOWED["a DHCP client"])
        assert listener.stdout is not None
        assert bytes.fromhex(listener.stdout.readline()) == ALLOWED["a DHCP client"]


def test_what_is_an_instances_own_leaves_it(walls: Firewall) -> None:
    walls.give(OPEN)
    assert arriving(walls, ALLOWED) == set(ALLOWED)


def test_without_port_security_an_instance_may_say_anything(walls: Firewall) -> None:
    walls.give(OPEN, ports=[port("one", port_security=False, security_groups=())])
    assert arriving(walls, FORGED) == set(FORGED) - DEAF


def test_a_virtual_router_of_a_tenant_speaks_where_it_is_allowed_and_nowhere_else(walls: Firewall) -> None:
    walls.give(OPEN)
    assert arriving(walls, OF_A_VIRTUAL_ROUTER) == set()
    walls.give(OPEN, ports=[port("one", address_pairs=(pair(VIRTUAL_MAC, f"{VIRTUAL}/32"),))])
    assert arriving(walls, OF_A_VIRTUAL_ROUTER) == set(OF_A_VIRTUAL_ROUTER)
    still = {
        name: FORGED[name] for name in ("ARP for another's address", "VRRP from the router's address", "a redirect")
    }
    assert arriving(walls, still) == set()


def test_a_virtual_routers_mac_is_no_way_past_the_rules(walls: Firewall) -> None:
    """Frames for the MAC of an address pair meet the rules of the port that has it."""
    pairs = (pair(VIRTUAL_MAC, f"{VIRTUAL}/32"),)
    to_it = frames.udp(MACS["open"], ADDRESSES["open"], VIRTUAL, (7, 7), to=VIRTUAL_MAC)
    last = frames.arp(MACS["open"], ADDRESSES["open"], MINE)
    walls.give(OPEN, ports=[port("one", address_pairs=pairs)])
    walls.send("one", OF_A_VIRTUAL_ROUTER["its ARP"])
    assert to_it in walls.heard("one", "open", [to_it], last)
    walls.give(group(egress()), ports=[port("one", address_pairs=pairs)])
    assert to_it not in walls.heard("one", "open", [to_it], last)


def test_two_ports_may_have_one_virtual_routers_mac(walls: Firewall) -> None:
    pairs = (pair(VIRTUAL_MAC, f"{VIRTUAL}/32"),)
    walls.give(OPEN, ports=[port(name, address_pairs=pairs) for name in ("one", "two")])
    to_it = frames.udp(MACS["open"], ADDRESSES["open"], VIRTUAL, (7, 7), to=VIRTUAL_MAC)
    last = frames.arp(MACS["open"], ADDRESSES["open"], MINE)

    def hears(active: str) -> bool:
        walls.send(active, OF_A_VIRTUAL_ROUTER["its ARP"])
        return to_it in walls.heard(active, "open", [to_it], last)

    for active in ("one", "two", "one"):
        wait_until(lambda active=active: hears(active), f"{active} has the virtual router's frames")


def test_an_address_that_a_port_was_given_is_its_own_at_once(walls: Firewall) -> None:
    further = frames.arp(ME, "192.168.80.99", VICTIM)
    walls.give(OPEN)
    assert arriving(walls, {"further": further}) == set()
    walls.give(OPEN, ports=[port("one", addresses=(IPv4Address(MINE), IPv4Address("192.168.80.99")))])
    assert arriving(walls, {"further": further}) == {"further"}


def test_a_port_that_is_not_known_says_nothing(walls: Firewall) -> None:
    """Whoever plugs an interface in without the agent's knowledge must not be on a network by that."""
    walls.give(OPEN)
    walls.host.run(
        "ip netns add two2 && ip link add stray type veth peer name eth0 netns two2 && ip -n two2 link set eth0 up"
    )
    walls.host.run("ip link set stray up && ovs-vsctl add-port br-int stray")
    tag = walls.host.run(f"ovs-vsctl --bare --columns=tag find port external_ids:futago-network={INSIDE}").split()[0]
    walls.host.run(f"ovs-vsctl set port stray tag={tag}")
    stray = frames.arp("fa:16:3e:00:09:09", "192.168.80.98", VICTIM)
    with walls.hearing("open") as listener:
        walls.host.run(f"ip netns exec two2 python3 {frames.__file__} send eth0 {stray.hex()}")
        walls.send("one", LAST)
        assert listener.stdout is not None
        assert bytes.fromhex(listener.stdout.readline()) == LAST
    walls.host.run("ovs-vsctl del-port stray && ip link del stray")
