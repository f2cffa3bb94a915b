"""A machine on the HA network without the key: it forges, it repeats what it has heard, and it moves nobody."""

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from futago import netns
from futago.contract.keys import SharedKey
from futago.values import IPAddress, IPv4Address, Millis
from futago.vrrp import packet
from futago.vrrp.config import AuthMode, Freshness, VirtualRouterConfig
from futago.vrrp.control import VrrpdClient
from futago.vrrp.events import SendAdvert
from futago.vrrp.packet import DropReason
from futago.vrrp.send import to_wire
from host.vrrpd_kit import Host, Pair, make_pair, wait_for
from unit.vrrp.samples import KEY, NEXT_KEY, authenticated, router

_ETHERNET = bytes.fromhex("01005e000012 fa163e000066 0800")
_IP = struct.Struct("!BBHHHBBH4s4s")


class Intruder:
    """A raw socket on the bridge of the HA network: it hears all, and can say anything in anybody's name."""

    def __init__(self, wire: str) -> None:
        self._socket = netns.run_inside(wire, self._open)

    def close(self) -> None:
        self._socket.close()

    def say(self, source: IPAddress, payload: bytes) -> None:
        size = _IP.size + len(payload)
        parts = (0x45, 0xC0, size, 0, 0, packet.TTL, packet.PROTOCOL)
        bare = _IP.pack(*parts, 0, source.packed, packet.GROUP.packed)
        header = _IP.pack(*parts, packet.internet_checksum(bare), source.packed, packet.GROUP.packed)
        self._socket.send(_ETHERNET + header + payload)

    def repeat(self, frame: bytes) -> None:
        self._socket.send(frame)

    def hear(self, wanted: Callable[[packet.Datagram, packet.Advert], bool]) -> bytes:
        """The next frame with an advertisement like this."""
        found: list[bytes] = []

        def look() -> bool:
            frame = self._socket.recv(2048)
            if frame[:14][-2:] == b"\x08\x00" and frame[23] == packet.PROTOCOL:
                datagram = packet.take_apart(frame[14:])
                message, _ = packet.cut(datagram.payload, ipv6=False)
                if wanted(datagram, packet.decode(message, datagram.ends)):
                    found.append(frame)
            return bool(found)

        wait_for("such an advertisement", look)
        return found[0]

    @staticmethod
    def _open() -> socket.socket:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        opened.bind(("br-ha", 0))
        opened.settimeout(20)
        return opened


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """As the controller configures them: no clock is trusted."""
    like = authenticated(router(advert_interval=Millis(300)), freshness=Freshness.GROWTH)
    with make_pair(tmp_path, like) as pair:
        pair.start()
        yield pair


@pytest.fixture
def intruder(pair: Pair) -> Iterator[Intruder]:
    with closing(Intruder(pair.wire)) as intruder:
        yield intruder


def forged(like: VirtualRouterConfig, priority: int, **changes: object) -> bytes:
    """An advertisement by somebody who knows everything of the router but its key."""
    config = msgspec.structs.replace(like, **changes)
    return to_wire(config, SendAdvert(priority, config.advert_interval), {}, 4e9)


def resign(host: Host) -> None:
    async def ask() -> None:
        async with VrrpdClient(host.socket) as client:
            await client.resign("router80")

    asyncio.run(ask())


def wait_until_dropped(host: Host, reason: DropReason, more_than: int = 0) -> None:
    wait_for(f"{reason} is counted", lambda: host.status().dropped.get(reason.value, 0) > more_than)


def test_a_better_priority_without_a_proof_does_not_move_the_active(pair: Pair, intruder: Intruder) -> None:
    active, standby = pair.active(), pair.standby()
    before = active.status()
    for mode, reason in ((AuthMode.OFF, DropReason.NO_PROOF), (AuthMode.ENFORCE, DropReason.PROOF)):
        wrong = (SharedKey(key_id=1, secret=bytes(32)),)
        intruder.say(standby.config.source, forged(standby.config, 255, auth_mode=mode, keys=wrong))
        wait_until_dropped(active, reason)
    unknown = (SharedKey(key_id=9, secret=bytes(32)),)
    intruder.say(IPv4Address("169.254.192.66"), forged(standby.config, 255, keys=unknown, send_key=9))
    wait_until_dropped(active, DropReason.KEY)
    assert (active.status().role, active.status().since) == (before.role, before.since)


def test_a_goodbye_in_the_actives_name_does_not_move_the_standby(pair: Pair, intruder: Intruder) -> None:
    active, standby = pair.active(), pair.standby()
    before = standby.status()
    intruder.say(active.config.source, forged(active.config, 0, auth_mode=AuthMode.OFF))
    wait_until_dropped(standby, DropReason.NO_PROOF)
    heard = standby.status().adverts_received
    wait_for(
        "the active is heard for longer than an election takes", lambda: standby.status().adverts_received > heard + 5
    )
    assert (standby.status().role, standby.status().since) == (before.role, before.since)
    assert active.active()


def test_a_recorded_goodbye_said_again_does_not_move_the_standby(pair: Pair, intruder: Intruder) -> None:
    """The recording is genuine: its sender did resign once, and is active again now."""
    first, second = pair.active(), pair.standby()
    resign(first)
    goodbye = intruder.hear(lambda datagram, advert: datagram.source == first.config.source and advert.priority == 0)
    wait_for("the second is active", second.active)
    resign(second)
    wait_for("the first is active again", lambda: first.active() and not second.active())
    since = second.status().since
    intruder.repeat(goodbye)
    wait_until_dropped(second, DropReason.REPLAY)
    heard = second.status().adverts_received
    wait_for(
        "the first is heard for longer than an election takes", lambda: second.status().adverts_received > heard + 5
    )
    assert second.status().since == since
    assert first.active()


def test_a_dead_active_is_not_kept_alive_by_its_recordings(pair: Pair, intruder: Intruder) -> None:
    active, standby = pair.active(), pair.standby()
    recording = intruder.hear(lambda datagram, _: datagram.source == active.config.source)
    active.kill_everything()

    def taken_over() -> bool:
        intruder.repeat(recording)
        return standby.active()

    wait_for("the standby takes over though it hears the dead one's words", taken_over)


def test_a_key_is_replaced_on_a_running_pair_and_nobody_misses_an_advertisement(pair: Pair) -> None:
    before = [host.status() for host in pair.hosts]
    steps: tuple[tuple[tuple[SharedKey, ...], int], ...] = (
        ((KEY, NEXT_KEY), 1),
        ((KEY, NEXT_KEY), 2),
        ((NEXT_KEY,), 2),
    )
    for keys, send_key in steps:
        for host in pair.hosts:
            host.configure(msgspec.structs.replace(host.config, keys=keys, send_key=send_key))
            heard = pair.standby().status().adverts_received
            wait_for("the next ones are heard", lambda: pair.standby().status().adverts_received > heard + 2)  # noqa: B023
    after = [host.status() for host in pair.hosts]
    assert [(status.role, status.since, status.dropped) for status in after] == [
        (status.role, status.since, {}) for status in before
    ]
