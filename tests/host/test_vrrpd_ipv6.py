"""Real engines over IPv6: link-local advertisements, addresses that are usable at once, and a silent standby."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from futago.values import Millis, Role
from futago.vrrp.config import AuthMode
from futago.vrrp.timing import ANNOUNCE_AGAIN_AFTER
from host.vrrpd_kit import Host, Pair, capture, frames_sent, make_pair, run, wait_for
from unit.vrrp.samples import INSIDE, INSIDE_IPV6, INSIDE_LINK, authenticated, router_v6

VIRTUAL_IPV6 = {str(INSIDE_LINK.address), str(INSIDE_IPV6.address)}
OVER_IPV6 = router_v6(advert_interval=Millis(300), priority=50)
NEIGHBOUR_ADVERTISEMENT, MULTICAST_REPORT = 136, 143
LONG_ENOUGH = 20
"""Adverts, of six seconds: the kernel's reports come up to one after their cause, its solicitations up to four."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path, OVER_IPV6) as made:
        yield made


def icmpv6_type(frame: bytes) -> int | None:
    """MLD has an extension header before it."""
    if frame[12:14] != b"\x86\xdd":
        return None
    return frame[62] if frame[20] == 0 else frame[54]


def is_advert(frame: bytes) -> bool:
    return frame[12:14] == b"\x86\xdd" and frame[20] == 112


def leaves_a_group(frame: bytes) -> bool:
    """A multicast report with a record that changes to INCLUDE, of no source (RFC 3810, 5.2)."""
    return icmpv6_type(frame) == MULTICAST_REPORT and 3 in records(frame[62:])


def records(report: bytes) -> list[int]:
    """The record types of a report that has no sources."""
    return [report[8 + 20 * n] for n in range(int.from_bytes(report[6:8], "big"))]


def hear(host: Host, adverts: int) -> None:
    heard = host.status().adverts_received
    wait_for("adverts are heard", lambda: host.status().adverts_received >= heard + adverts)


def test_one_ipv6_router_becomes_active_and_only_it_has_the_addresses_and_the_route(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    assert (active.addresses(), standby.addresses()) == (VIRTUAL_IPV6, set())
    route = run("ip", "-n", active.namespace, "-6", "route", "show", "default")
    assert "via 2001:db8:80::ff dev qr-1 proto 142" in route
    assert "tentative" not in run("ip", "-n", active.namespace, "-6", "address")
    assert "ff02::1:ff80:1" in run("ip", "-n", active.namespace, "maddress", "show", "dev", "qr-1")


def test_of_equal_priorities_the_higher_link_local_address_becomes_active(pair: Pair) -> None:
    pair.a.start()
    pair.b.start()
    pair.a.configure()
    pair.b.configure()
    pair.wait_for_one_active()
    pair.a.kill_everything()
    wait_for("the other is active", pair.b.active)
    assert pair.b.addresses() == VIRTUAL_IPV6


def test_a_standby_sends_nothing_and_an_active_announces_each_address(pair: Pair) -> None:
    pair.a.start()
    pair.b.start()
    pair.a.configure()
    wait_for("the first is active", pair.a.active)
    with frames_sent(pair.b, "qr-1", "qg-1") as silent, frames_sent(pair.a, "qr-1") as spoken:
        pair.b.configure()
        wait_for("the second hears the first", lambda: pair.b.status().adverts_received > 3)
        pair.a.configure(msgspec.structs.replace(pair.a.config, addresses=(*pair.a.config.addresses, INSIDE)))
    assert silent == []
    assert spoken != []


def test_a_takeover_is_announced_by_unsolicited_neighbour_advertisements_again_and_again(pair: Pair) -> None:
    with frames_sent(pair.a, "qr-1") as frames:
        pair.a.start()
        pair.a.configure()
        wait_for("it is active", pair.a.active)
        wait_for("a second goes by", lambda: pair.a.status().adverts_sent >= 6)
    told = [frame for frame in frames if icmpv6_type(frame) == NEIGHBOUR_ADVERTISEMENT]
    to_all_nodes = [frame for frame in told if frame[:2] == b"\x33\x33"]
    assert len(to_all_nodes) == (1 + len(ANNOUNCE_AGAIN_AFTER)) * len(VIRTUAL_IPV6)
    router_and_override = 0xA0
    assert {frame[58] for frame in told} == {router_and_override}


def test_a_standby_sends_nothing_from_before_its_engine_starts_and_through_its_crashes(pair: Pair) -> None:
    """The capture begins before there is an engine, and ends after it was killed, and killed with its warden."""
    pair.a.start()
    pair.a.configure()
    wait_for("the first is active", pair.a.active)
    with capture(pair.b, "qr-1", "qg-1") as sent:
        pair.b.start()
        pair.b.configure()
        hear(pair.b, 4)
        worker = pair.b.worker()
        os.kill(worker, signal.SIGKILL)
        wait_for("another worker answers", lambda: pair.b.working(worker))
        hear(pair.b, 4)
        pair.b.kill_everything()
        pair.b.start()
        hear(pair.b, LONG_ENOUGH)
    assert pair.b.status().role is Role.BACKUP
    assert sent == []


def test_who_was_active_sends_nothing_when_it_is_a_backup(pair: Pair) -> None:
    """Taking an address off makes the kernel leave its multicast group, by a report with the router's MAC address.

    The capture begins before there is an engine. The last word of an active router that yields comes after it has
    taken its addresses off: from then on there is nothing, and no report of leaving before it either.
    """
    former, other = pair.hosts
    with capture(former, "ha-1", "qr-1", "qg-1") as sent:
        former.start()
        former.configure()
        wait_for("it is active", former.active)
        other.start()
        other.configure(msgspec.structs.replace(other.config, priority=200, preempt=True))
        wait_for("it is a backup", lambda: other.active() and not former.active())
        hear(former, LONG_ENOUGH)
    last_word = max(one.at for one in sent if is_advert(one.frame))
    spoken = [one for one in sent if one.leg != "ha-1"]
    assert any(icmpv6_type(one.frame) == NEIGHBOUR_ADVERTISEMENT for one in spoken)
    assert [one for one in spoken if one.at > last_word] == []
    assert [one for one in spoken if leaves_a_group(one.frame)] == []


def test_a_router_whose_link_local_source_is_taken_away_leaves_to_its_peer(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    run("ip", "-n", active.namespace, "address", "flush", "dev", "ha-1")
    wait_for("the peer is active", standby.active)
    wait_for("it has left", lambda: active.status().role is Role.INITIALIZE)
    assert active.addresses() == set()


def test_tcpdump_finds_no_fault_in_an_ipv6_advertisement(pair: Pair) -> None:
    pair.a.start()
    pair.a.configure()
    command = ["ip", "netns", "exec", pair.b.namespace, "tcpdump", "-lnvvti", "ha-1", "-c", "1", "ip6 proto 112"]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    assert "hlim 255" in seen
    assert "fe80::a9fe:c001 > ff02::12" in seen
    assert "VRRPv3" in seen
    assert "bad" not in seen


def test_authenticated_routers_elect_one_and_ignore_who_has_no_key(tmp_path: Path) -> None:
    with make_pair(tmp_path, authenticated(OVER_IPV6)) as pair:
        pair.start()
        active, standby = pair.active(), pair.standby()
        intruder = msgspec.structs.replace(standby.config, auth_mode=AuthMode.OFF, keys=(), priority=254)
        standby.configure(intruder)
        wait_for("it is not heard", lambda: "authentication trailer" in str(active.status().dropped))
        assert active.active()
        assert active.status().statistics.authentication_errors > 0


def test_a_restart_of_an_authenticated_router_is_not_taken_for_a_replay(tmp_path: Path) -> None:
    with make_pair(tmp_path, authenticated(OVER_IPV6)) as pair:
        pair.start()
        active, standby = pair.active(), pair.standby()
        active.terminate()
        active.start()
        heard = standby.status().adverts_received
        wait_for("the peer hears it again", lambda: standby.status().adverts_received > heard + 3)
        assert active.active()
        assert standby.status().dropped == {}
