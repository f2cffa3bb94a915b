"""RFC 9568, 7.1 with its errata and the fields of 5.2: what an active router takes from the wire.

Every packet here comes with priority 255, so that one which gets through ends the role of the active router that hears
it: a check that is missing shows in the role, not only in a counter.
"""

from dataclasses import dataclass

import msgspec
import pytest

from futago.values import IPAddress, IPv4Address, IPv6Address, Millis, Role
from futago.vrrp import packet
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.engine import Engine, Order
from futago.vrrp.flaws import refuse
from futago.vrrp.packet import Advert, Datagram, DropReason, Ends
from unit.vrrp.samples import from_peer, router, router_v2, router_v6

NOW = Millis(500)
HIGHEST = 255
FAMILIES = pytest.mark.parametrize("config", [router(), router_v6()], ids=["ipv4", "ipv6"])


@dataclass
class Outcome:
    """What a router that was active has made of a packet."""

    role: Role
    received: int
    dropped: dict[DropReason, int]
    orders: list[Order]


def heard(config: VirtualRouterConfig, datagram: Datagram) -> Outcome:
    engine = Engine()
    engine.start(config, Millis(0), adopt=True)
    orders = engine.receive(config.name, datagram, NOW)
    counters = engine.counters(config.name)
    return Outcome(engine.role(config.name), counters.received, dict(counters.dropped), orders)


def is_used(outcome: Outcome) -> bool:
    return (outcome.role, outcome.received, outcome.dropped) == (Role.BACKUP, 1, {})


def is_discarded(outcome: Outcome, reason: DropReason) -> bool:
    """Counted for this reason, and nothing else has come of it."""
    return (outcome.role, outcome.received, outcome.dropped, outcome.orders) == (Role.ACTIVE, 0, {reason: 1}, [])


def best(config: VirtualRouterConfig) -> Datagram:
    """The packet that no active router can stand against."""
    return from_peer(config, priority=HIGHEST)


def changed(datagram: Datagram, **changes: object) -> Datagram:
    fields = {name: getattr(datagram, name) for name in ("source", "destination", "ttl", "payload")}
    return Datagram(**(fields | changes))


def rewritten(datagram: Datagram, at: int, value: int) -> Datagram:
    """With another byte, and the checksum that fits it."""
    data = bytearray(datagram.payload)
    data[at] = value
    return mended(datagram, bytes(data))


def mended(datagram: Datagram, payload: bytes) -> Datagram:
    """With this payload, its checksum made right: only what a test spoils is wrong."""
    blank = payload[:6] + b"\0\0" + payload[8:]
    ends = datagram.ends
    pseudo = ends.source.packed + ends.destination.packed + bytes(2) + len(blank).to_bytes(2, "big") + bytes(3) + b"p"
    covered = pseudo + blank if ends.ipv6 else blank
    checksum = packet.internet_checksum(covered).to_bytes(2, "big")
    return changed(datagram, payload=blank[:6] + checksum + blank[8:])


def listing(config: VirtualRouterConfig, number: int) -> Datagram:
    """The best advert with so many addresses, of which the first is ours."""
    first = config.advertised[0]
    rest: list[IPAddress] = [type(first)(int(first) + more) for more in range(1, number)]
    return best(msgspec.structs.replace(config, advertised=(first, *rest)))


@FAMILIES
def test_an_advert_that_keeps_every_rule_is_used(config: VirtualRouterConfig) -> None:
    assert is_used(heard(config, best(config)))


@FAMILIES
@pytest.mark.parametrize("ttl", [254, 128, 64, 1, 0])
def test_an_advert_with_another_ttl_or_hop_limit_than_255_is_discarded(config: VirtualRouterConfig, ttl: int) -> None:
    assert is_discarded(heard(config, changed(best(config), ttl=ttl)), DropReason.TTL)


@FAMILIES
@pytest.mark.parametrize("version", [number for number in range(16) if number != 3])
def test_an_advert_of_another_version_than_3_is_discarded(config: VirtualRouterConfig, version: int) -> None:
    outcome = heard(config, rewritten(best(config), 0, version << 4 | 1))
    (reason,) = outcome.dropped
    assert reason in {DropReason.VERSION, DropReason.LENGTH}
    assert is_discarded(outcome, reason)


def test_a_whole_advert_of_version_2_is_discarded_for_its_version() -> None:
    assert is_discarded(heard(router(), best(router_v2())), DropReason.VERSION)


@FAMILIES
@pytest.mark.parametrize("kind", [number for number in range(16) if number != 1])
def test_a_packet_of_another_type_than_1_is_discarded(config: VirtualRouterConfig, kind: int) -> None:
    assert is_discarded(heard(config, rewritten(best(config), 0, 3 << 4 | kind)), DropReason.TYPE)


@FAMILIES
def test_an_advert_that_was_cut_short_anywhere_is_discarded(config: VirtualRouterConfig) -> None:
    whole = best(config)
    for length in range(len(whole.payload)):
        short = whole.payload[:length]
        cut = mended(whole, short) if length >= 8 else changed(whole, payload=short)
        reason = DropReason.SHORT if length < 8 else DropReason.LENGTH
        assert is_discarded(heard(config, cut), reason), length


@FAMILIES
def test_an_advert_that_says_more_addresses_than_it_has_is_discarded(config: VirtualRouterConfig) -> None:
    assert is_discarded(heard(config, rewritten(best(config), 3, 2)), DropReason.LENGTH)


@FAMILIES
@pytest.mark.parametrize("number", [1, 2, 255])
def test_an_advert_of_1_to_255_addresses_is_used(config: VirtualRouterConfig, number: int) -> None:
    assert is_used(heard(config, listing(config, number)))


@FAMILIES
def test_an_advert_without_an_address_is_discarded(config: VirtualRouterConfig) -> None:
    none = best(config)
    empty = mended(none, none.payload[:3] + b"\0" + none.payload[4:8])
    assert is_discarded(heard(config, empty), DropReason.NO_ADDRESS)


@FAMILIES
def test_an_advert_with_any_bit_flipped_is_discarded(config: VirtualRouterConfig) -> None:
    good = best(config)
    for bit in range(8 * len(good.payload)):
        data = bytearray(good.payload)
        data[bit // 8] ^= 0x80 >> bit % 8
        outcome = heard(config, changed(good, payload=bytes(data)))
        assert (outcome.role, outcome.received) == (Role.ACTIVE, 0), bit


@FAMILIES
def test_an_advert_with_any_other_checksum_is_discarded(config: VirtualRouterConfig) -> None:
    good = best(config)
    right = int.from_bytes(good.payload[6:8], "big")
    for wrong in (right ^ 1, right ^ 0x8000, ~right & 0xFFFF, 0):
        spoilt = changed(good, payload=good.payload[:6] + wrong.to_bytes(2, "big") + good.payload[8:])
        assert is_discarded(heard(config, spoilt), DropReason.CHECKSUM)


def test_over_ipv6_the_checksum_of_the_message_alone_is_discarded() -> None:
    """What RFC 9568 asks for over IPv4 is wrong here."""
    good = best(router_v6())
    alone = packet.encode(packet.decode(good.payload, good.ends))
    assert is_discarded(heard(router_v6(), changed(good, payload=alone)), DropReason.CHECKSUM)


@FAMILIES
def test_an_advert_of_any_other_virtual_router_is_discarded(config: VirtualRouterConfig) -> None:
    for vrid in (number for number in range(256) if number != config.vrid):
        assert is_discarded(heard(config, rewritten(best(config), 1, vrid)), DropReason.VRID), vrid


@pytest.mark.parametrize("vrid", [1, 128, 255])
def test_the_advert_of_our_virtual_router_is_used_whatever_its_id(vrid: int) -> None:
    assert is_used(heard(router(vrid=vrid), best(router(vrid=vrid))))


def test_an_ipv6_advert_whose_first_address_is_not_link_local_is_discarded() -> None:
    """Not even if a link-local one follows."""
    own = router_v6().advertised[0]
    for first in (IPv6Address("2001:db8::1"), IPv6Address("::"), IPv6Address("fec0::1"), IPv6Address("ff02::1")):
        theirs = best(msgspec.structs.replace(router_v6(), advertised=(first, own)))
        assert is_discarded(heard(router_v6(), theirs), DropReason.FIRST_ADDRESS), first


def test_an_ipv6_advert_may_list_any_address_after_its_link_local_one() -> None:
    theirs = router_v6(advertised=(router_v6().advertised[0], IPv6Address("2001:db8::1")))
    assert is_used(heard(router_v6(), best(theirs)))


@FAMILIES
def test_an_interval_of_zero_is_discarded(config: VirtualRouterConfig) -> None:
    """It would have a backup elect itself at once, again and again."""
    good = best(config)
    zero = mended(good, good.payload[:4] + b"\0\0" + good.payload[6:])
    assert is_discarded(heard(config, zero), DropReason.INTERVAL)


@FAMILIES
@pytest.mark.parametrize("centiseconds", [1, 4095])
def test_the_shortest_and_the_longest_interval_are_used(config: VirtualRouterConfig, centiseconds: int) -> None:
    theirs = msgspec.structs.replace(config, advert_interval=Millis(10 * centiseconds))
    assert is_used(heard(config, best(theirs)))


@FAMILIES
def test_the_reserved_bits_of_a_peer_change_nothing(config: VirtualRouterConfig) -> None:
    """The interval beside them is learned as it is."""
    plain = best(config)
    reserved = mended(plain, plain.payload[:4] + bytes([plain.payload[4] | 0xF0]) + plain.payload[5:])
    assert reserved.payload != plain.payload
    engines = Engine(), Engine()
    for engine, datagram in zip(engines, (plain, reserved), strict=True):
        engine.start(config, Millis(0), adopt=False)
        engine.receive(config.name, datagram, NOW)
    assert engines[0].deadline() == engines[1].deadline() == NOW + 3609


def test_ipv4_addresses_in_an_ipv6_advert_are_discarded() -> None:
    """5.2.9: the family is that of the IP header, so 4 bytes are a quarter of an address."""
    mixed = Advert(
        version=router().version, vrid=1, priority=HIGHEST, interval=Millis(1000), addresses=(IPv4Address("192.0.2.1"),)
    )
    good = best(router_v6())
    payload = packet.encode(mixed, Ends(good.source, good.destination))
    assert is_discarded(heard(router_v6(), changed(good, payload=payload)), DropReason.LENGTH)


def test_ipv6_addresses_in_an_ipv4_advert_are_discarded() -> None:
    good = best(router_v6())
    mixed = packet.encode(packet.decode(good.payload, good.ends))
    assert is_discarded(heard(router(), changed(best(router()), payload=mixed)), DropReason.LENGTH)


def test_the_advertised_addresses_are_of_the_family_of_the_advert() -> None:
    assert refuse([router(), msgspec.structs.replace(router_v6(), name="over ipv6")]) == {}
    mixed = router(advertised=(IPv4Address("169.254.0.1"), IPv6Address("fe80::1")))
    assert refuse([mixed]) == {"router80": "advertised: all must be of the family of the source"}


@FAMILIES
def test_an_owner_uses_the_advert_of_another_one_and_counts_it(config: VirtualRouterConfig) -> None:
    """Erratum 8298: two owners that drop each other's adverts would both answer for ever."""
    owner = msgspec.structs.replace(config, priority=HIGHEST)
    engine = Engine()
    engine.start(owner, Millis(0), adopt=False)
    engine.receive(owner.name, best(owner), NOW)
    assert engine.counters(owner.name).other_owners == 1
    assert engine.role(owner.name) is Role.BACKUP


@FAMILIES
def test_who_is_no_owner_counts_no_other_owner(config: VirtualRouterConfig) -> None:
    engine = Engine()
    engine.start(config, Millis(0), adopt=False)
    engine.receive(config.name, best(config), NOW)
    assert engine.counters(config.name).other_owners == 0


@FAMILIES
def test_the_same_addresses_as_ours_are_not_counted_as_others(config: VirtualRouterConfig) -> None:
    engine = Engine()
    engine.start(config, Millis(0), adopt=False)
    engine.receive(config.name, best(config), NOW)
    engine.receive(config.name, listing(config, 2), NOW)
    assert (engine.counters(config.name).received, engine.counters(config.name).other_addresses) == (2, 1)
