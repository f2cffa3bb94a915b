"""Our engine and Debian's keepalived on one wire."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.vrrp.config import Version
from interop.peers import PASSWORD, Dialect, Keepalived, Ours
from interop.talk import BETTER, SLACK, WORSE, Talk
from interop.wire import make_wire

DIALECTS = {
    "v2 with a password": Dialect(version=Version.V2, family=4, interval=1, password=PASSWORD),
    "v3 over IPv4": Dialect(version=Version.V3, family=4, interval=0.3),
    "v3 over IPv6": Dialect(version=Version.V3, family=6, interval=0.3),
}


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS.keys())
def talk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Talk]:
    dialect: Dialect = request.param
    with make_wire(tmp_path) as wire:
        ours, theirs = Ours(wire, dialect, tmp_path / "ours"), Keepalived(wire, dialect, tmp_path / "theirs")
        try:
            yield Talk(wire, dialect, ours, theirs)
        finally:
            theirs.clean_up()
            ours.clean_up()


@pytest.fixture
def they_lead(talk: Talk) -> Talk:
    talk.they_lead()
    return talk


@pytest.fixture
def we_lead(talk: Talk) -> Talk:
    talk.we_lead()
    return talk


def test_when_they_die_we_take_over_after_the_down_interval(they_lead: Talk) -> None:
    died = time.time()
    they_lead.theirs.die()
    they_lead.we_are_active()
    last = they_lead.wire.adverts(they_lead.dialect.theirs)[-1].at
    gap = they_lead.first_of_ours(died) - last
    assert gap == pytest.approx(they_lead.dialect.down_after(WORSE), abs=SLACK)
    assert they_lead.wire.announced(they_lead.dialect.virtual, died)


def test_when_they_leave_we_take_over_after_the_skew(they_lead: Talk) -> None:
    left = time.time()
    they_lead.theirs.leave()
    they_lead.we_are_active()
    goodbye = they_lead.wire.adverts(they_lead.dialect.theirs)[-1]
    assert goodbye.advert.priority == 0
    assert they_lead.first_of_ours(left) - goodbye.at == pytest.approx(they_lead.dialect.skew(WORSE), abs=SLACK)


def test_when_they_come_back_with_a_higher_priority_we_yield(they_lead: Talk) -> None:
    they_lead.theirs.leave()
    they_lead.we_are_active()
    back = time.time()
    they_lead.theirs.start(BETTER)
    they_lead.they_are_active()
    first = they_lead.first_of_theirs(back)
    assert len(they_lead.wire.adverts(they_lead.dialect.ours, first)) <= 2


def test_when_we_die_they_take_over_after_the_down_interval(we_lead: Talk) -> None:
    died = time.time()
    we_lead.ours.die()
    we_lead.they_are_active()
    last = we_lead.wire.adverts(we_lead.dialect.ours)[-1].at
    gap = we_lead.first_of_theirs(died) - last
    assert gap == pytest.approx(we_lead.dialect.down_after(WORSE), abs=SLACK)


def test_when_we_leave_they_take_over_after_the_skew(we_lead: Talk) -> None:
    left = time.time()
    we_lead.ours.leave()
    we_lead.they_are_active()
    goodbye = we_lead.wire.adverts(we_lead.dialect.ours)[-1]
    assert goodbye.advert.priority == 0
    assert we_lead.first_of_theirs(left) - goodbye.at == pytest.approx(we_lead.dialect.skew(WORSE), abs=SLACK)


def test_when_we_come_back_with_a_higher_priority_they_yield(we_lead: Talk) -> None:
    we_lead.ours.die()
    we_lead.they_are_active()
    back = time.time()
    we_lead.ours.start(BETTER)
    we_lead.we_are_active()
    assert we_lead.wire.announced(we_lead.dialect.virtual, back)


def test_tcpdump_reads_every_packet_of_ours_without_complaint(we_lead: Talk) -> None:
    we_lead.ours.leave()
    we_lead.they_are_active()
    assert we_lead.wire.adverts(we_lead.dialect.ours)[-1].advert.priority == 0
    assert we_lead.wire.complaints(we_lead.dialect.ours) == []
