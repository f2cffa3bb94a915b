"""VRRPv3 over IPv4 has two checksums: RFC 9568's, over the message alone, and that of RFC 5798 as most have read it,
with a pseudo-header. We take both. keepalived 2.2.7 and FRR 8.4 take only the one with the pseudo-header, and have no
setting for it: beside them, ours must send that one.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from futago.vrrp.config import Checksum, Version
from host.vrrpd_kit import wait_for
from interop.peers import Dialect, Frr, Keepalived, Ours
from interop.talk import BETTER, WORSE, Talk
from interop.wire import Wire, make_wire

MESSAGE = Dialect(version=Version.V3, family=4, interval=0.3, checksum=Checksum.MESSAGE)
COMPLAINTS = {Keepalived: "Invalid VRRPv3 checksum", Frr: "Bad VRRP checksum"}


@pytest.fixture(params=[Keepalived, Frr], ids=["keepalived", "FRR"])
def talk(
    request: pytest.FixtureRequest, tmp_path: Path, make_frr: Callable[[Wire, Dialect, Path], Frr]
) -> Iterator[Talk]:
    make_theirs = make_frr if request.param is Frr else Keepalived
    with make_wire(tmp_path) as wire:
        ours, theirs = Ours(wire, MESSAGE, tmp_path / "ours"), make_theirs(wire, MESSAGE, tmp_path / "theirs")
        try:
            yield Talk(wire, MESSAGE, ours, theirs)
        finally:
            theirs.clean_up()
            ours.clean_up()


def test_we_obey_the_checksum_with_a_pseudo_header_whichever_we_send(talk: Talk) -> None:
    talk.they_lead()
    assert talk.wire.checksums(talk.dialect.theirs) == {Checksum.PSEUDO_HEADER}


def test_they_do_not_hear_the_checksum_over_the_message_alone(talk: Talk) -> None:
    """So two are active: what `checksum = "pseudo-header"` is for."""
    talk.ours.start(BETTER)
    talk.we_are_active()
    talk.theirs.start(WORSE)
    talk.wire.wait_for_adverts(2, talk.dialect.theirs, since=time.time())
    assert talk.wire.checksums(talk.dialect.ours) == {Checksum.MESSAGE}
    assert talk.wire.adverts(talk.dialect.ours)[-1].advert.priority == BETTER
    wait_for("they say why", lambda: COMPLAINTS[type(talk.theirs)] in talk.theirs.told())


def test_they_hear_the_checksum_with_a_pseudo_header(talk: Talk) -> None:
    """The opposite, on the same wire: they fall silent as soon as they can read us."""
    talk.ours.dialect = replace(MESSAGE, checksum=Checksum.PSEUDO_HEADER)
    talk.we_lead()
    assert talk.wire.checksums(talk.dialect.ours) == {Checksum.PSEUDO_HEADER}
