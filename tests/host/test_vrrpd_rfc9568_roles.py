"""RFC 9568, 2.5: an active router that loses its role to and fro says so in the log, and a steady one is silent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.values import IPv4Address, Millis
from futago.vrrp import packet
from futago.vrrp.config import Version
from futago.vrrp.packet import Advert
from host.vrrpd_kit import Host, Pair, make_pair, wait_for
from host.vrrpd_wire import VRRP, inject, ipv4, multicast_mac, wait_for_adverts


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path) as made:
        made.start()
        yield made


def changes_of_role(host: Host) -> list[str]:
    """Why, in the order of the log."""
    lines = (host.directory / "log").read_text().splitlines()
    return [line.partition('because="')[2].partition('"')[0] for line in lines if "vrrp role changed" in line]


def advert_of_a_better_one() -> bytes:
    """Once, and never again: the network has lost what would have followed."""
    message = Advert(
        version=Version.V3, vrid=1, priority=200, interval=Millis(300), addresses=(IPv4Address("169.254.0.1"),)
    )
    source = IPv4Address("169.254.192.9")
    return ipv4(multicast_mac(packet.GROUP), source, packet.GROUP, VRRP, packet.encode(message), ttl=255)


def test_each_loss_of_the_role_and_each_return_is_logged_with_its_cause(pair: Pair) -> None:
    active, standby = pair.active(), pair.standby()
    before = len(changes_of_role(active)), len(changes_of_role(standby))
    for host in pair.hosts:
        inject(pair, host, "ha-1", advert_of_a_better_one())
    wait_for("the role is lost", lambda: len(changes_of_role(active)) > before[0])
    pair.wait_for_one_active()
    told = changes_of_role(active)[before[0] :] + changes_of_role(standby)[before[1] :]
    assert told[0] == "higher priority heard"
    assert {"active fell silent", "nobody was active"} & set(told)


def test_a_steady_pair_logs_no_change_of_role(pair: Pair) -> None:
    before = [changes_of_role(host) for host in pair.hosts]
    for host in pair.hosts:
        wait_for_adverts(host, 10)
    assert [changes_of_role(host) for host in pair.hosts] == before
