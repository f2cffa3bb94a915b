"""Engines that stop living without dying, and engines that come back too late: never two actives."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host.vrrpd_kit import VIRTUAL, Pair, make_pair, run, wait_for


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with make_pair(tmp_path) as made:
        made.start()
        wait_for("one has been active for a second", lambda: made.active().status().adverts_sent > 3)
        yield made


def test_a_frozen_engine_loses_its_addresses_and_wakes_as_a_backup(pair: Pair) -> None:
    """The warden takes them off; without it the kernel would go on answering for them."""
    frozen, survivor = pair.active(), pair.standby()
    worker = frozen.worker()
    frozen.freeze(worker)
    wait_for("the other is active", survivor.active)
    assert survivor.status().cause == "active resigned"
    assert frozen.addresses() == set()
    heard = survivor.status().transitions
    frozen.thaw(worker)
    wait_for("it is a backup", lambda: frozen.status().cause == "addresses were withdrawn while frozen")
    assert pair.settled()
    assert (survivor.addresses(), frozen.addresses()) == (VIRTUAL, set())
    assert survivor.status().transitions == heard


@pytest.mark.parametrize("trouble", ["link set ha-1 down", "link del ha-1", "address flush dev ha-1"])
def test_a_frozen_engine_loses_its_addresses_though_its_peers_cannot_be_told(pair: Pair, trouble: str) -> None:
    """What happened to the interface for advertisements is no reason to keep the addresses."""
    frozen, survivor = pair.active(), pair.standby()
    worker = frozen.worker()
    frozen.freeze(worker)
    run("ip", "-n", frozen.namespace, *trouble.split())
    wait_for("its addresses are gone", lambda: frozen.addresses() == set())
    wait_for("the other is active", survivor.active)
    frozen.thaw(worker)


def test_a_host_that_was_frozen_as_a_whole_wakes_as_a_backup(pair: Pair) -> None:
    """Nobody could take its addresses off, so its first act is to do it."""
    frozen, survivor = pair.active(), pair.standby()
    assert frozen.warden
    everyone = (frozen.warden.pid, frozen.worker())
    frozen.freeze(*everyone)
    wait_for("the other is active", survivor.active)
    sent = survivor.status().adverts_sent
    wait_for("ten seconds go by", lambda: survivor.status().adverts_sent > sent + 33)
    transitions = survivor.status().transitions
    frozen.thaw(*everyone)
    wait_for("it is a backup", lambda: not frozen.active())
    assert frozen.status().cause == "was frozen for too long"
    assert (survivor.addresses(), frozen.addresses()) == (VIRTUAL, set())
    wait_for("it hears the other", lambda: frozen.status().adverts_received > 3)
    assert pair.settled()
    assert survivor.status().transitions == transitions


def test_an_engine_that_comes_back_too_late_starts_as_a_backup_without_its_old_addresses(pair: Pair) -> None:
    """Its network was there all the time, and so were its addresses: nobody was left to take them off."""
    late, survivor = pair.active(), pair.standby()
    late.kill_everything()
    wait_for("the other is active", survivor.active)
    assert late.addresses() == VIRTUAL
    transitions = survivor.status().transitions
    late.start()
    assert late.status().cause == "started"
    assert late.addresses() == set()
    wait_for("it hears the other", lambda: late.status().adverts_received > 5)
    assert pair.settled()
    assert survivor.status().transitions == transitions


def test_a_frozen_backup_is_left_alone(pair: Pair) -> None:
    standby, active = pair.standby(), pair.active()
    worker, heard = standby.worker(), standby.status().adverts_received
    sent = active.status().adverts_sent
    standby.freeze(worker)
    wait_for("ten intervals go by", lambda: active.status().adverts_sent > sent + 10)
    standby.thaw(worker)
    wait_for("it hears the active again", lambda: standby.status().adverts_received > heard + 3)
    assert pair.settled()
    assert active.active()
