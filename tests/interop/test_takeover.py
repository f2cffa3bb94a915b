"""Our engine and another implementation on one wire: who takes over from whom, and when.

FRR knows no passwords. Over IPv6 it advertises from the link-local address of its macvlan, which is the virtual one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from futago.values import IPv6Address
from futago.vrrp.config import Version
from interop.peers import PASSWORD, Dialect, Frr, Keepalived, Ours
from interop.talk import BETTER, SLACK, WORSE, Talk
from interop.wire import Wire, make_wire

V2 = Dialect(version=Version.V2, family=4, interval=1)
V3 = Dialect(version=Version.V3, family=4, interval=0.3)
V3_IPV6 = Dialect(version=Version.V3, family=6, interval=0.3)

WITH_KEEPALIVED = {
    "keepalived, v2 with a password": (Keepalived, replace(V2, password=PASSWORD)),
    "keepalived, v3 over IPv4": (Keepalived, V3),
    "keepalived, v3 over IPv6": (Keepalived, V3_IPV6),
}
WITH_FRR = {
    "FRR, v2": (Frr, V2),
    "FRR, v3 over IPv4": (Frr, V3),
    "FRR, v3 over IPv6": (Frr, replace(V3_IPV6, source=IPv6Address("fe80::1"))),
}
CONVERSATIONS = WITH_KEEPALIVED | WITH_FRR


@pytest.fixture(params=list(CONVERSATIONS.values()), ids=list(CONVERSATIONS))
def talk(
    request: pytest.FixtureRequest, tmp_path: Path, make_frr: Callable[[Wire, Dialect, Path], Frr]
) -> Iterator[Talk]:
    kind, dialect = request.param
    make_theirs = make_frr if kind is Frr else Keepalived
    with make_wire(tmp_path) as wire:
        ours, theirs = Ours(wire, dialect, tmp_path / "ours"), make_theirs(wire, dialect, tmp_path / "theirs")
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
    they_lead.theirs.die()
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


@pytest.mark.parametrize("talk", WITH_KEEPALIVED.values(), ids=WITH_KEEPALIVED.keys(), indirect=True)
def test_tcpdump_reads_every_packet_of_ours_without_complaint(we_lead: Talk) -> None:
    we_lead.ours.leave()
    we_lead.they_are_active()
    assert we_lead.wire.adverts(we_lead.dialect.ours)[-1].advert.priority == 0
    assert we_lead.wire.complaints(we_lead.dialect.ours) == []
