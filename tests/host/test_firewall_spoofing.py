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
from host.forgeries import DEAF, VIRTUAL_MAC, Instance
from host.node_kit import wait_until
from host.node_specs import INSIDE

ME, MINE, VICTIM = MACS["one"], ADDRESSES["one"], ADDRESSES["two"]
ONE: Final = Instance(mac=ME, address=MINE, link_local=LINK_LOCALS["one"], victim=VICTIM)
FORGED, ALLOWED, OF_A_VIRTUAL_ROUTER, LAST = ONE.forged(), ONE.allowed(), ONE.of_a_virtual_router(), ONE.last()


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


WIPES: Final = {
    "openvswitch": {
        "ovs-ofctl del-flows br-int table=71": "ovs-ofctl dump-flows br-int table=71 | grep -qi reg5",
        "ovs-ofctl del-flows br-int table=60": "ovs-ofctl dump-flows br-int table=60 | grep -qi reg5",
    },
    "iptables_hybrid": {
        "nft delete table bridge futago": "nft list table bridge futago",
        "nft delete table inet futago": "nft list table inet futago",
    },
}
"""What somebody may do to the firewall, and how it is seen that it is undone."""


def test_what_somebody_deletes_of_the_firewall_comes_back(walls: Firewall) -> None:
    walls.give(OPEN)
    for wipe, back in WIPES[walls.driver].items():
        walls.host.run(wipe)
        walls.host.stop_agent()
        walls.host.start_agent()
        wait_until(lambda back=back: walls.host.succeeds(back), f"what `{wipe}` took away is back")
        assert arriving(walls, FORGED) == set()
        assert walls.pings("one", ADDRESSES["two"])


def test_what_is_an_instances_own_leaves_it(walls: Firewall) -> None:
    walls.give(OPEN)
    assert arriving(walls, ALLOWED) == set(ALLOWED)


def test_without_port_security_an_instance_may_say_anything(walls: Firewall) -> None:
    walls.give(OPEN, ports=[port("one", port_security=False, security_groups=())])
    assert arriving(walls, FORGED) == set(FORGED) - DEAF


def test_a_virtual_router_of_a_tenant_speaks_where_it_is_allowed_and_nowhere_else(walls: Firewall) -> None:
    walls.give(OPEN)
    assert arriving(walls, OF_A_VIRTUAL_ROUTER) == set()
    walls.give(OPEN, ports=[port("one", address_pairs=(pair(VIRTUAL_MAC, f"{ONE.virtual}/32"),))])
    assert arriving(walls, OF_A_VIRTUAL_ROUTER) == set(OF_A_VIRTUAL_ROUTER)
    still = {
        name: FORGED[name] for name in ("ARP for another's address", "VRRP from the router's address", "a redirect")
    }
    assert arriving(walls, still) == set()


def test_a_virtual_routers_mac_is_no_way_past_the_rules(walls: Firewall) -> None:
    """Frames for the MAC of an address pair meet the rules of the port that has it."""
    pairs = (pair(VIRTUAL_MAC, f"{ONE.virtual}/32"),)
    to_it = frames.udp(MACS["open"], ADDRESSES["open"], ONE.virtual, (7, 7), to=VIRTUAL_MAC)
    last = frames.arp(MACS["open"], ADDRESSES["open"], MINE)
    walls.give(OPEN, ports=[port("one", address_pairs=pairs)])
    walls.send("one", OF_A_VIRTUAL_ROUTER["its ARP"])
    assert to_it in walls.heard("one", "open", [to_it], last)
    walls.give(group(egress()), ports=[port("one", address_pairs=pairs)])
    assert to_it not in walls.heard("one", "open", [to_it], last)


def test_two_ports_may_have_one_virtual_routers_mac(walls: Firewall) -> None:
    pairs = (pair(VIRTUAL_MAC, f"{ONE.virtual}/32"),)
    walls.give(OPEN, ports=[port(name, address_pairs=pairs) for name in ("one", "two")])
    to_it = frames.udp(MACS["open"], ADDRESSES["open"], ONE.virtual, (7, 7), to=VIRTUAL_MAC)
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
