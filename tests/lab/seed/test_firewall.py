"""Both firewall drivers over real paths between two hosts: what is let in, what is refused, what is forged.

`openvswitch` in the standard lab, `iptables_hybrid` in the lab from the seed's files.
"""

from collections.abc import Iterator

import pytest

from futago.lab.demo import walkthrough
from futago.lab.lab import Lab
from futago.lab.state import Instance
from host.forgeries import DEAF, VIRTUAL_MAC
from lab_kit.cloud import Cloud
from lab_kit.firewall import PREFIX, WEB, Street
from lab_kit.seed import SeedCloud

DRIVERS = ("openvswitch", "iptables_hybrid")
OPEN = {"port_security_enabled": False, "security_groups": []}


@pytest.fixture(scope="module", params=DRIVERS)
def street(request: pytest.FixtureRequest) -> Iterator[Street]:
    if request.param == "openvswitch":
        whole: Cloud = request.getfixturevalue("whole_cloud")
        whole.heal()
        lab, one, two, network = whole.lab, whole.vm1, whole.vm2, walkthrough.PROJECT_NETWORK
    else:
        seed: SeedCloud = request.getfixturevalue("seed")
        lab, network = seed.lab, "net80"
        one, two = seed.parts[80].vms
    hearer = lab.instance("hearer", "compute2", network, **OPEN)
    assert_driver(lab, one, request.param)
    try:
        yield Street(lab, one, two, hearer)
    finally:
        lab.end_instance("hearer")


def assert_driver(lab: Lab, vm: Instance, driver: str) -> None:
    """The instance is plugged as this driver wants it."""
    looked = lab.exec(vm.host, ["ip", "link", "show", f"qbr{vm.port_id[:11]}"], check=False)
    assert (looked.returncode == 0) == (driver == "iptables_hybrid")


def test_nothing_forged_reaches_another_host(street: Street) -> None:
    assert street.arriving(street.forger.forged()) == set()


def test_what_is_an_instances_own_reaches_another_host(street: Street) -> None:
    assert street.arriving(street.forger.allowed()) == set(street.forger.allowed())


def test_without_port_security_all_of_it_does(street: Street) -> None:
    forged = street.forger.forged()
    with street.port(street.one, **OPEN):
        street.eventually("it may say anything", lambda: street.arriving(forged) == set(forged) - DEAF)
    street.eventually("it is guarded again", lambda: street.arriving(forged) == set())


def test_a_port_scanner_finds_what_the_rules_let_in(street: Street) -> None:
    """The hearer is in no group; the twin is in the same one."""
    with street.web():
        street.eventually("the twin is a member", lambda: street.scanned(street.two) == "open")
        assert street.scanned(street.hearer) == "filtered"
        with street.let_in(protocol="tcp", port_range_min=WEB, port_range_max=WEB):
            street.eventually("the rule lets it in", lambda: street.scanned(street.hearer) == "open")
        street.eventually("it is shut again", lambda: street.scanned(street.hearer) == "filtered")


def test_an_instance_is_no_dhcp_server_and_no_router(street: Street) -> None:
    """A real server in the instance, real clients in another; without port security they hear it."""
    offer = f"Server Identifier: {street.one.address}"
    with street.serving_what_it_must_not():
        assert offer not in street.dhcp_servers()
        assert PREFIX not in street.routers()
        with street.port(street.one, **OPEN):
            street.eventually("its advertisements are heard", lambda: PREFIX in street.routers())
            street.eventually("its offers are heard", lambda: offer in street.dhcp_servers())


def test_a_tenants_own_virtual_router_works_by_its_address_pairs_and_not_without(street: Street) -> None:
    """keepalived with a virtual MAC in two instances; Linux answers pings from the instance's own MAC."""
    with street.tenants_own_router():
        street.eventually("both take the address: they do not hear each other", street.both_have_the_address)
        assert street.virtual_mac() == ""
    virtual = {"ip_address": street.forger.virtual}
    pairs = [virtual, virtual | {"mac_address": VIRTUAL_MAC}]
    given = {"allowed_address_pairs": pairs}
    with street.port(street.one, **given), street.port(street.two, **given), street.keepalived(street.two, 50):
        with street.keepalived(street.one, 100):
            street.eventually("the first has the address", lambda: street.holders() == [street.one.name])
            street.eventually("it answers", lambda: street.virtual_mac() == VIRTUAL_MAC)
        street.eventually("the second takes over", lambda: street.holders() == [street.two.name])
        street.eventually("it answers", lambda: street.virtual_mac() == VIRTUAL_MAC)


def test_a_broadcast_comes_in_by_the_rules(street: Street) -> None:
    """From an instance that no rule of the receiver's names, on the receiver's own host."""
    assert not street.hears_a_broadcast(street.two)
    with street.let_in(protocol="udp", port_range_min=99, port_range_max=99):
        street.eventually("the rule lets it in", lambda: street.hears_a_broadcast(street.two))
