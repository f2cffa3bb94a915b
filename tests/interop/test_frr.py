"""Our engine and FRR's vrrpd on one wire.

FRR knows no passwords. Over IPv6 it advertises from the link-local address of its macvlan, which is the virtual one.
"""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from futago.values import IPv6Address
from futago.vrrp.config import Version
from interop.peers import Dialect, Frr, Ours, unpack_frr
from interop.talk import SLACK, WORSE, Talk
from interop.wire import make_wire

DIALECTS = {
    "v2": Dialect(version=Version.V2, family=4, interval=1),
    "v3 over IPv4": Dialect(version=Version.V3, family=4, interval=0.3),
    "v3 over IPv6": Dialect(version=Version.V3, family=6, interval=0.3, source=IPv6Address("fe80::1")),
}


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where FRR is unpacked; these tests are skipped where its packages cannot be had."""
    directory = tmp_path_factory.mktemp("frr")
    problem = unpack_frr(directory)
    if problem:
        pytest.skip(f"FRR's Debian packages cannot be downloaded: {problem}")
    return directory / "root"


@pytest.fixture(params=DIALECTS.values(), ids=DIALECTS.keys())
def talk(request: pytest.FixtureRequest, tmp_path: Path, unpacked: Path) -> Iterator[Talk]:
    dialect: Dialect = request.param
    with make_wire(tmp_path) as wire:
        ours, theirs = (
            Ours(wire, dialect, tmp_path / "ours"),
            Frr(wire, dialect, tmp_path / "theirs", unpacked=unpacked),
        )
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
    if talk.dialect.family == 6:
        pytest.skip("FRR 8.4 as a backup over IPv6 finds no address to bind on its macvlan, and never advertises")
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
