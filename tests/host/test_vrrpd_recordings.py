"""Recordings of authenticated advertisements, played to an engine that has just been killed."""

import os
import signal
import socket
from pathlib import Path

import msgspec
import pytest

from futago import netns
from futago.values import Millis, Role
from futago.vrrp import packet
from futago.vrrp.config import Freshness
from futago.vrrp.packet import DropReason
from host.vrrpd_kit import Host, frames_sent, make_pair, wait_for
from unit.vrrp.samples import authenticated, router


def play(host: Host, frames: list[bytes]) -> None:
    """Send these frames once more, as they were."""
    player = netns.run_inside(host.namespace, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
    with player:
        for frame in frames:
            player.sendto(frame, ("ha-1", 0))


def killed(host: Host) -> None:
    """As hard as it goes; the warden starts another engine."""
    former = host.worker()
    os.kill(former, signal.SIGKILL)
    wait_for("another engine answers", lambda: host.working(former))


@pytest.mark.parametrize("kills", [1, 2])
def test_an_engine_that_was_killed_believes_no_recording_of_what_it_has_heard(tmp_path: Path, kills: int) -> None:
    """The window of the clock does not help here: only growth is asked for, so the marks alone protect."""
    like = authenticated(router(advert_interval=Millis(300), priority=50), freshness=Freshness.GROWTH)
    with make_pair(tmp_path, like) as pair:
        with frames_sent(pair.a, "ha-1") as sent:
            pair.a.start()
            pair.a.configure()
            wait_for("a is active", pair.a.active)
            pair.b.start()
            pair.b.configure(msgspec.structs.replace(pair.b.config, priority=40))
            wait_for("b has heard several", lambda: pair.b.status().adverts_received >= 5)
            pair.a.kill_everything()
        adverts = [frame for frame in sent if frame[23] == packet.PROTOCOL]
        for _ in range(kills):
            killed(pair.b)
            before = pair.b.status()
            play(pair.a, adverts)
            wait_for(
                "b has looked at all of them",
                lambda before=before: (
                    sum(pair.b.status().dropped.values()) >= sum(before.dropped.values()) + len(adverts)
                ),
            )
            assert set(pair.b.status().dropped) == {DropReason.REPLAY}
            assert pair.b.status().adverts_received == 0
        wait_for("b is active", lambda: pair.b.status().role is Role.ACTIVE)


def test_an_engine_that_was_killed_is_believed_by_its_peer(tmp_path: Path) -> None:
    like = authenticated(router(advert_interval=Millis(300), priority=50))
    with make_pair(tmp_path, like) as pair:
        pair.start()
        active, standby = pair.active(), pair.standby()
        for _ in range(2):
            killed(active)
            heard = standby.status().adverts_received
            wait_for(
                "the standby hears the next engine",
                lambda heard=heard: standby.status().adverts_received > heard + 2,
            )
        assert standby.status().dropped == {}
        assert standby.status().transitions == 1
        assert active.active()
