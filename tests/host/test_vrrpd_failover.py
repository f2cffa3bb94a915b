"""Real engines on real interfaces: who has the addresses, and what happens when something dies."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from futago.values import Role
from futago.vrrp.tables import Tables
from futago.vrrp.timing import ANNOUNCE_AGAIN_AFTER
from host.vrrpd_kit import (
    LONG_HOLD,
    SHORT_HOLD,
    VIRTUAL,
    Pair,
    addresses_lost,
    frames_sent,
    make_pair,
    plug,
    run,
    wait_for,
)
from unit.vrrp.samples import FLOATING, INSIDE, INSIDE_IPV6, OUTSIDE, router_v2

FRAME_TYPE_ARP = b"\x08\x06"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path) as made:
        yield made


@pytest.fixture
def hasty_pair(tmp_path: Path) -> Iterator[Pair]:
    """Its guards wait only a second."""
    with make_pair(tmp_path, hold_seconds=SHORT_HOLD) as made:
        yield made


@pytest.fixture
def seed_pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path, router_v2()) as made:
        yield made


def test_one_becomes_active_and_only_it_has_the_addresses_and_the_route(pair: Pair) -> None:
    pair.start()
    assert pair.active().addresses() == VIRTUAL
    assert "via 10.0.80.1 dev qg-1" in pair.active().default_route()
    assert pair.standby().addresses() == set()
    assert pair.standby().default_route() == ""


def test_the_loss_of_the_active_host_moves_the_addresses_to_the_other(pair: Pair) -> None:
    pair.start()
    lost, survivor = pair.active(), pair.standby()
    lost.kill_everything()
    lost.links("down")
    wait_for("the other is active", survivor.active)
    assert survivor.addresses() == VIRTUAL
    assert survivor.status().cause == "active fell silent"


def test_a_host_that_comes_back_with_its_old_addresses_leaves_exactly_one_active(pair: Pair) -> None:
    """The worst return: the dead engine's addresses are still there, and both believe that they are active."""
    pair.start()
    lost, survivor = pair.active(), pair.standby()
    lost.kill_everything()
    lost.links("down")
    wait_for("the other is active", survivor.active)
    lost.links("up")
    lost.start()
    pair.wait_for_one_active()
    assert pair.active().addresses() == VIRTUAL
    assert pair.standby().addresses() == set()


def test_a_killed_engine_is_replaced_by_one_that_goes_on_as_if_nothing_had_happened(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    before = standby.status().transitions
    worker = active.worker()
    with addresses_lost(active) as lost:
        os.kill(worker, signal.SIGKILL)
        wait_for("another engine is active", lambda: active.worker() != worker and active.active())
    assert active.status().cause == "adopted"
    assert lost == []
    assert standby.status().transitions == before


def test_a_restart_of_the_active_engine_changes_no_role_and_loses_no_address(pair: Pair) -> None:
    pair.start()
    active, standby = pair.active(), pair.standby()
    since, transitions = active.status().since, standby.status().transitions
    with addresses_lost(active) as lost:
        assert active.terminate() == 0
        assert active.addresses() == VIRTUAL
        active.start()
        wait_for("active again", active.active)
        heard = standby.status().adverts_received
        wait_for("the peer hears adverts again", lambda: standby.status().adverts_received > heard + 2)
    assert lost == []
    assert standby.status().transitions == transitions
    assert active.status().since == since


def test_a_restart_neutralises_the_guard_that_the_former_engine_left(pair: Pair) -> None:
    """Long after the hold is over, the addresses are where they were."""
    pair.start()
    active = pair.active()
    active.terminate()
    active.start()
    sent = active.status().adverts_sent
    adverts_in_a_hold_and_more = int((LONG_HOLD + 1) / 0.3)
    wait_for("the hold is over", lambda: active.status().adverts_sent > sent + adverts_in_a_hold_and_more)
    assert active.addresses() == VIRTUAL
    assert active.active()


def test_a_standby_that_was_away_when_the_active_engine_asked_for_patience_hears_it_from_the_guard(pair: Pair) -> None:
    """It would elect itself beside addresses that nobody can take off for seconds."""
    pair.start()
    stopped, survivor = pair.active(), pair.standby()
    survivor.terminate()
    stopped.terminate()
    survivor.start()
    assert stopped.addresses() == VIRTUAL
    wait_for("it is active", survivor.active)
    assert stopped.addresses() == set()
    assert survivor.status().cause == "active resigned"


def test_an_engine_stopped_for_good_hands_over_and_leaves_no_address_behind(hasty_pair: Pair) -> None:
    hasty_pair.start()
    stopped, survivor = hasty_pair.active(), hasty_pair.standby()
    assert stopped.terminate() == 0
    wait_for("the other is active", survivor.active)
    assert survivor.status().cause == "active resigned"
    assert stopped.addresses() == set()
    assert stopped.default_route() == ""


def test_when_the_warden_is_killed_the_engine_hands_over_as_if_it_had_been_stopped(hasty_pair: Pair) -> None:
    hasty_pair.start()
    orphaned, survivor = hasty_pair.active(), hasty_pair.standby()
    assert orphaned.warden
    orphaned.warden.kill()
    wait_for("the other is active", survivor.active)
    assert orphaned.addresses() == set()


def test_an_engine_that_keeps_dying_lets_its_peer_take_over(pair: Pair) -> None:
    """Adopting again and again what it cannot keep up would be worse than a failover."""
    pair.start()
    dying, survivor = pair.active(), pair.standby()
    for _ in range(4):
        worker = dying.worker()
        os.kill(worker, signal.SIGKILL)
        wait_for("another engine answers", lambda was=worker: dying.working(was))
    wait_for("the other is active", survivor.active)
    assert survivor.addresses() == VIRTUAL
    pair.wait_for_one_active()


def test_an_engine_starts_as_a_backup_after_its_guard_has_withdrawn(hasty_pair: Pair) -> None:
    hasty_pair.start()
    stopped, survivor = hasty_pair.active(), hasty_pair.standby()
    stopped.terminate()
    wait_for("the other is active", survivor.active)
    stopped.start()
    hasty_pair.wait_for_one_active()
    assert survivor.active()


def test_the_standby_sends_nothing_into_the_networks_that_it_stands_by_for(pair: Pair) -> None:
    """From its start, over a change of its addresses and a restart."""
    pair.a.start()
    pair.a.configure()
    wait_for("the first is active", pair.a.active)
    with frames_sent(pair.b, "qr-1", "qg-1") as frames:
        pair.b.start()
        pair.b.configure()
        wait_for("the second hears the first", lambda: pair.b.status().adverts_received > 3)
        pair.b.configure(msgspec.structs.replace(pair.b.config, addresses=(INSIDE, OUTSIDE, FLOATING)))
        pair.b.terminate()
        pair.b.start()
        wait_for("it hears the first again", lambda: pair.b.status().adverts_received > 3)
    assert pair.b.status().role is Role.BACKUP
    assert frames == []


def test_a_takeover_is_announced_for_every_address_in_both_forms_and_again(pair: Pair) -> None:
    with frames_sent(pair.a, "qr-1", "qg-1") as frames:
        pair.a.start()
        pair.a.configure()
        wait_for("it is active", pair.a.active)
        wait_for("a second goes by", lambda: pair.a.status().adverts_sent >= 5)
    arp = [frame for frame in frames if frame[12:14] == FRAME_TYPE_ARP]
    first_and_last, between = 2, len(ANNOUNCE_AGAIN_AFTER) - 1
    broadcast = [frame for frame in arp if frame[:6] == b"\xff" * 6]
    assert len(broadcast) == len(VIRTUAL) * (2 * first_and_last + between)
    lessons = {frame[:6] for frame in arp} - {b"\xff" * 6}
    assert len(lessons) == first_and_last + between, "each to another group, so that switches learn from each"
    assert all(lesson[0] & 3 == 3 for lesson in lessons), "locally administered groups"


def test_an_address_added_to_an_active_router_appears_without_touching_the_others(pair: Pair) -> None:
    pair.start()
    active = pair.active()
    with addresses_lost(active) as lost:
        assert active.configure(msgspec.structs.replace(active.config, addresses=(INSIDE, OUTSIDE, FLOATING))) == {}
        assert active.addresses() == {*VIRTUAL, str(FLOATING.address)}
        assert active.configure() == {}
        assert active.addresses() == VIRTUAL
    assert lost == [str(FLOATING.address)]
    assert active.active()


def test_addresses_that_somebody_else_has_put_before_a_takeover_are_ours_after_it(pair: Pair) -> None:
    """An address without our mark would outlive us: nobody would know it for a former engine's."""
    pair.start()
    active, standby = pair.active(), pair.standby()
    run("ip", "-n", standby.namespace, "address", "add", str(INSIDE.address), "dev", "qr-1")
    run("ip", "-n", standby.namespace, "address", "add", str(INSIDE_IPV6.address), "dev", "qr-1", "nodad")
    standby.configure(msgspec.structs.replace(standby.config, addresses=(INSIDE, OUTSIDE, INSIDE_IPV6)))
    active.kill_everything()
    wait_for("the standby is active", standby.active)
    with closing(Tables(standby.namespace)) as tables:
        marked = {str(found.address): found.ours for found in tables.addresses()}
    assert [marked[str(one.address)] for one in (INSIDE, OUTSIDE, INSIDE_IPV6)] == [True, True, True]


def test_addresses_that_somebody_takes_from_the_active_router_come_back(pair: Pair) -> None:
    pair.start()
    active = pair.active()
    run("ip", "-n", active.namespace, "address", "del", str(OUTSIDE.address), "dev", "qg-1")
    wait_for("the address and the route are back", lambda: active.addresses() == VIRTUAL and active.default_route())


def test_an_interface_of_the_active_router_that_is_made_anew_gets_its_addresses_back(pair: Pair) -> None:
    pair.start()
    active = pair.active()
    run("ip", "-n", active.namespace, "link", "del", "qg-1")
    plug(pair.wire, active.namespace, "qg-1")
    wait_for("the address and the route are back", lambda: active.addresses() == VIRTUAL and active.default_route())
    assert active.active()


def test_an_ha_interface_that_is_made_anew_is_used_anew(pair: Pair) -> None:
    """The old one's sockets would stay silent for ever."""
    pair.start()
    standby = pair.standby()
    run("ip", "-n", standby.namespace, "link", "del", "ha-1")
    plug(pair.wire, standby.namespace, "ha-1")
    run("ip", "-n", standby.namespace, "address", "add", f"{standby.config.source}/18", "dev", "ha-1")
    wait_for("it has joined again", lambda: standby.status().cause == "started" and standby.status().transitions > 1)
    wait_for("it hears the active", lambda: standby.status().adverts_received > 3)
    assert standby.status().role is Role.BACKUP


def test_a_restart_in_the_seed_s_profile_changes_no_role(seed_pair: Pair) -> None:
    """VRRPv2 cannot ask for patience; three intervals are patience enough."""
    seed_pair.start()
    active, standby = seed_pair.active(), seed_pair.standby()
    transitions = standby.status().transitions
    with addresses_lost(active) as lost:
        active.terminate()
        active.start()
        heard = standby.status().adverts_received
        wait_for("the peer hears adverts again", lambda: standby.status().adverts_received > heard + 2)
    assert (active.active(), lost) == (True, [])
    assert standby.status().transitions == transitions


def test_the_seed_s_advertisement_reads_in_tcpdump_as_in_the_seed(seed_pair: Pair) -> None:
    seed_pair.a.start()
    seed_pair.a.configure()
    command = ["ip", "netns", "exec", seed_pair.b.namespace, "tcpdump", "-lnti", "ha-1", "-c", "1", "vrrp"]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    expected = (
        "IP 169.254.192.1 > 224.0.0.18: VRRPv2, Advertisement, vrid 1, prio 50, authtype simple, intvl 2s, length 20"
    )
    assert seen.stdout.strip() == expected


def test_tcpdump_finds_no_fault_in_the_seed_s_advertisement(seed_pair: Pair) -> None:
    seed_pair.a.start()
    seed_pair.a.configure()
    command = ["ip", "netns", "exec", seed_pair.b.namespace, "tcpdump", "-lnvvti", "ha-1", "-c", "1", "vrrp"]
    seen = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout
    assert "ttl 255" in seen
    assert 'addrs: 169.254.0.1 auth "openstac"' in seen
    assert "bad" not in seen
