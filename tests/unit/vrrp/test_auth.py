"""Authenticated advertisements: whom they keep out, and that they keep nobody else out."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from futago.contract.keys import SharedKey
from futago.values import IPv4Address, IPv6Address, Millis, Role
from futago.vrrp import auth, packet, send
from futago.vrrp.auth import Marks
from futago.vrrp.config import AuthMode, Freshness, Version, VirtualRouterConfig
from futago.vrrp.engine import Engine
from futago.vrrp.events import SendAdvert
from futago.vrrp.flaws import refuse
from futago.vrrp.packet import Advert, Datagram, DropReason, Ends
from unit.vrrp.samples import KEY, NEXT_KEY, PEER, authenticated, from_peer, router, router_v2, router_v6

NOW = Millis(500)
NOON = 1_795_000_000.5
"""The time of day."""
OTHER = SharedKey(key_id=1, secret=bytes(32))
ENFORCED = authenticated(router())
BY_GROWTH = authenticated(router(), freshness=Freshness.GROWTH)
VECTOR_SEQUENCE = 0x68000000_8000_0000


def listener(config: VirtualRouterConfig, marks: Marks | None = None) -> Engine:
    engine = Engine()
    engine.start(config, Millis(0), adopt=False, wall=NOON, marks=marks)
    return engine


def outcome(engine: Engine, datagram: Datagram, wall: float = NOON) -> DropReason | None:
    """Why the packet was dropped; None is not at all."""
    before = dict(engine.counters("router80").dropped)
    engine.receive("router80", datagram, NOW, wall=wall)
    after = engine.counters("router80").dropped
    return next((reason for reason in after if after[reason] != before.get(reason, 0)), None)


def altered(datagram: Datagram, at: int) -> Datagram:
    data = bytearray(datagram.payload)
    data[at] ^= 1
    return replace(datagram, payload=bytes(data))


def test_the_vector_over_ipv4() -> None:
    advert = Advert(
        version=Version.V3, vrid=0x33, priority=200, interval=Millis(1000), addresses=(IPv4Address("192.0.2.100"),)
    )
    trailer = auth.sign(packet.without_checksum(advert), IPv4Address("198.51.100.10"), KEY, VECTOR_SEQUENCE)
    assert packet.encode(advert, None, trailer).hex() == (
        "3133c80100644402c00002640101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265"
    )


def test_the_vector_over_ipv6_has_a_checksum_that_covers_the_trailer() -> None:
    source = IPv6Address("fe80::10")
    advert = Advert(
        version=Version.V3, vrid=0x33, priority=200, interval=Millis(1000), addresses=(IPv6Address("fe80::100"),)
    )
    trailer = auth.sign(packet.without_checksum(advert), source, KEY, VECTOR_SEQUENCE)
    assert packet.encode(advert, Ends(source, IPv6Address("fe80::20")), trailer).hex() == (
        "3133c8010064a2e9fe800000000000000000000000000100010100006800000080000000c8c56146ebfd66ee10ec4d8186461b78"
    )


@pytest.mark.parametrize("config", [ENFORCED, authenticated(router_v6()), authenticated(router_v2())])
def test_an_advert_of_a_member_is_used(config: VirtualRouterConfig) -> None:
    assert outcome(listener(config), from_peer(config, wall=NOON)) is None


@pytest.mark.parametrize("priority", [0, 100, 255])
def test_a_spoofed_advert_moves_nobody(priority: int) -> None:
    spoofed = from_peer(authenticated(router(), keys=(OTHER,)), wall=NOON, priority=priority)
    engine = listener(ENFORCED)
    deadline = engine.deadline()
    assert outcome(engine, spoofed) is DropReason.PROOF
    assert engine.deadline() == deadline


@pytest.mark.parametrize("priority", [0, 255])
def test_an_advert_without_a_trailer_moves_nobody_where_it_is_enforced(priority: int) -> None:
    engine = Engine()
    engine.start(ENFORCED, Millis(0), adopt=True, wall=NOON)
    assert outcome(engine, from_peer(router(), priority=priority)) is DropReason.NO_PROOF
    assert engine.role("router80") is Role.ACTIVE


def test_a_replayed_advert_moves_nobody() -> None:
    engine, recorded = listener(ENFORCED), from_peer(ENFORCED, wall=NOON)
    assert outcome(engine, recorded) is None
    assert outcome(engine, recorded, NOON + 1) is DropReason.REPLAY


def test_an_old_recording_is_refused_by_who_has_never_heard_the_sender() -> None:
    assert outcome(listener(ENFORCED), from_peer(ENFORCED, wall=NOON), NOON + 5.1) is DropReason.STALE


def test_an_advert_from_the_future_is_refused() -> None:
    """Else it would put the mark so high that nothing true came over it."""
    assert outcome(listener(ENFORCED), from_peer(ENFORCED, wall=NOON + 6)) is DropReason.STALE


def test_the_window_is_three_intervals_and_at_least_5_seconds() -> None:
    assert (auth.window(Millis(1000)), auth.window(Millis(2000))) == (5.0, 6.0)


@pytest.mark.parametrize("at", [1, 2, 4, 8, 12 + 1, 12 + 4, 12 + 27])
def test_no_byte_can_be_changed(at: int) -> None:
    assert outcome(listener(ENFORCED), altered(from_peer(ENFORCED, wall=NOON), at)) is not None


def test_a_member_cannot_be_made_to_speak_from_another_address() -> None:
    said = from_peer(ENFORCED, wall=NOON)
    moved = Datagram(source=IPv4Address("169.254.192.9"), ttl=255, payload=said.payload)
    assert outcome(listener(ENFORCED), moved) is DropReason.PROOF


def test_a_forged_advert_does_not_move_the_mark() -> None:
    engine = listener(ENFORCED)
    outcome(engine, from_peer(authenticated(router(), keys=(OTHER,)), wall=NOON + 4))
    assert outcome(engine, from_peer(ENFORCED, wall=NOON)) is None


def test_an_unknown_key_and_an_unknown_scheme_have_reasons_of_their_own() -> None:
    theirs = authenticated(router(), keys=(NEXT_KEY,), send_key=2)
    assert outcome(listener(ENFORCED), from_peer(theirs, wall=NOON)) is DropReason.KEY
    other_scheme = 12
    assert outcome(listener(ENFORCED), altered(from_peer(ENFORCED, wall=NOON), other_scheme)) is DropReason.SCHEME


def test_who_does_not_use_authentication_drops_the_trailer_for_its_length() -> None:
    assert outcome(listener(router()), from_peer(ENFORCED, wall=NOON)) is DropReason.LENGTH


PLAIN = authenticated(router(), auth_mode=AuthMode.RECEIVE_ONLY)
BOTH = authenticated(router(), auth_mode=AuthMode.PERMISSIVE)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(PLAIN, router()), (router(), PLAIN), (PLAIN, BOTH), (BOTH, PLAIN), (BOTH, ENFORCED), (ENFORCED, BOTH)],
)
def test_a_rollout_has_no_gap(ours: VirtualRouterConfig, theirs: VirtualRouterConfig) -> None:
    """Two neighbouring steps understand each other."""
    assert outcome(listener(ours), from_peer(theirs, wall=NOON)) is None


@pytest.mark.parametrize("mode", [AuthMode.RECEIVE_ONLY, AuthMode.PERMISSIVE])
def test_a_trailer_that_is_there_must_be_right_even_where_none_is_needed(mode: AuthMode) -> None:
    forged = from_peer(authenticated(router(), keys=(OTHER,)), wall=NOON)
    assert outcome(listener(authenticated(router(), auth_mode=mode)), forged) is DropReason.PROOF


def test_keys_are_rotated_without_a_gap() -> None:
    """Add, switch, drop: at each step each understands who is a step behind."""
    added = authenticated(router(), keys=(KEY, NEXT_KEY))
    switched = authenticated(router(), keys=(KEY, NEXT_KEY), send_key=2)
    dropped = authenticated(router(), keys=(NEXT_KEY,), send_key=2)
    path = [ENFORCED, added, switched, dropped]
    for behind, ahead in pairwise(path):
        assert outcome(listener(ahead), from_peer(behind, wall=NOON)) is None
        assert outcome(listener(behind), from_peer(ahead, wall=NOON)) is None


def test_a_restart_is_not_taken_for_a_replay_even_if_the_clock_was_set_back() -> None:
    engine = listener(ENFORCED)
    first = from_peer(ENFORCED, wall=NOON)
    assert outcome(engine, first) is None
    last = auth.next_sequence(None, NOON)
    assert outcome(engine, from_peer(ENFORCED, wall=NOON - 2, last=last)) is None


def test_a_receiver_that_restarts_with_its_marks_takes_no_recording() -> None:
    marks = {auth.sender(PEER, KEY.key_id): auth.next_sequence(None, NOON)}
    assert outcome(listener(ENFORCED, marks), from_peer(ENFORCED, wall=NOON)) is DropReason.REPLAY


def test_another_key_cures_a_member_whose_clock_once_ran_in_the_future() -> None:
    """Its mark is above all that it can send once it is installed anew, with its clock set right."""
    ours = authenticated(BY_GROWTH, keys=(KEY, NEXT_KEY))
    engine = listener(ours)
    assert outcome(engine, from_peer(ours, wall=NOON + 1e6)) is None
    assert outcome(engine, from_peer(ours, wall=NOON)) is DropReason.REPLAY
    assert outcome(engine, from_peer(replace(ours, send_key=NEXT_KEY.key_id), wall=NOON)) is None
    assert outcome(engine, from_peer(ours, wall=NOON)) is DropReason.REPLAY


def test_another_key_begins_with_the_clock() -> None:
    """Who still has the sequences of a future that its clock once showed is believed again."""
    future = auth.next_sequence(None, NOON + 1e6)
    marks = {auth.sender(PEER, KEY.key_id): future}
    theirs = replace(authenticated(ENFORCED, keys=(KEY, NEXT_KEY)), source=PEER)
    for send_key, expected in ((KEY.key_id, DropReason.STALE), (NEXT_KEY.key_id, None)):
        said = send.to_wire(replace(theirs, send_key=send_key), SendAdvert(100, Millis(1000)), marks, NOON)
        heard = Datagram(source=PEER, ttl=packet.TTL, payload=said)
        assert outcome(listener(authenticated(ENFORCED, keys=(KEY, NEXT_KEY))), heard) is expected


def test_what_is_said_again_is_looked_at_again_when_it_differs_in_anything() -> None:
    """A packet that is equal to the last one is not read again; one that is not is."""
    for config in (router(), ENFORCED, authenticated(router_v6()), authenticated(router_v2())):
        engine = listener(config)
        assert outcome(engine, from_peer(config, wall=NOON)) is None
        again = from_peer(config, wall=NOON + 1)
        for changes in ({"ttl": 254}, {"destination": config.source}, {"payload": again.payload + b"x"}):
            assert outcome(engine, replace(again, **changes)) is not None
        for at in range(len(again.payload)):
            assert outcome(engine, altered(again, at)) is not None
        assert outcome(engine, again) is None


def test_without_synchronised_clocks_only_growth_is_asked_for() -> None:
    engine = listener(BY_GROWTH)
    assert outcome(engine, from_peer(BY_GROWTH, wall=1000.0)) is None
    assert outcome(engine, from_peer(BY_GROWTH, wall=1001.0)) is None
    assert outcome(engine, from_peer(BY_GROWTH, wall=1000.5)) is DropReason.REPLAY


@given(st.lists(st.floats(0, 2**32 - 1), min_size=1, max_size=20))
def test_whatever_the_clock_does_the_sequence_grows(clock: list[float]) -> None:
    last = auth.next_sequence(None, clock[0])
    for reading in clock:
        following = auth.next_sequence(last, reading)
        assert auth.grows(following, last)
        last = following


def test_the_sequence_grows_over_the_end_of_its_64_bits() -> None:
    assert auth.next_sequence(2**64 - 1, 2.0**32 - 1) == 0
    assert auth.grows(0, 2**64 - 1)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"keys": ()}, "auth_mode: authentication is enforce without a key"),
        ({"send_key": 9}, "send_key: there is no key 9 to send with"),
        (
            {"keys": (SharedKey(key_id=1, secret=b"short"),)},
            "keys: a key has 32 to 64 bytes; `openssl rand -base64 32` makes one",
        ),
        ({"keys": (SharedKey(key_id=0, secret=bytes(32)),)}, "keys: key ids run from 1 to 255"),
        ({"keys": (KEY, KEY)}, "keys: two keys have the same id"),
    ],
)
def test_keys_that_cannot_work_are_refused(changes: dict[str, object], reason: str) -> None:
    assert refuse([authenticated(router(), **changes)]) == {"router80": reason}


def test_a_key_is_not_printed() -> None:
    assert "secret=..." in repr(ENFORCED)
    assert repr(KEY.secret) not in repr(ENFORCED)
