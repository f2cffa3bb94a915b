"""IPv6 routers in the engine: what they hear, what they refuse, and what they are refused for."""

import msgspec
import pytest

from futago.contract.codec import decode, encode
from futago.values import IPv4Address, IPv6Address, Millis, Role
from futago.vrrp import packet
from futago.vrrp.config import Checksum, Version, VirtualRouterConfig
from futago.vrrp.engine import Engine, Transmit
from futago.vrrp.flaws import refuse
from futago.vrrp.packet import Datagram, DropReason, Ends
from unit.vrrp.samples import INSIDE, INSIDE_IPV6, authenticated, from_peer, router, router_v6

NOW = Millis(500)


def listener(config: VirtualRouterConfig) -> Engine:
    engine = Engine()
    engine.start(config, Millis(0), adopt=False)
    return engine


def dropped(datagram: Datagram) -> dict[DropReason, int]:
    engine = listener(router_v6())
    engine.receive("router80", datagram, NOW)
    return dict(engine.counters("router80").dropped)


def changed(**changes: object) -> Datagram:
    usual = from_peer(router_v6())
    fields = {"source": usual.source, "destination": usual.destination, "ttl": 255, "payload": usual.payload}
    return Datagram(**(fields | changes))  # type: ignore[arg-type]


def test_an_ipv6_router_obeys_a_peer_and_elects_itself_when_it_falls_silent() -> None:
    engine = listener(router_v6())
    engine.receive("router80", from_peer(router_v6()), NOW)
    assert engine.deadline() == 500 + 3609
    orders = engine.timers(Millis(4109))
    (sent,) = [order.action.data for order in orders if isinstance(order.action, Transmit)]
    ends = Ends(router_v6().source, packet.GROUP_IPV6)
    assert packet.decode(sent, ends).addresses == router_v6().advertised
    assert engine.role("router80") is Role.ACTIVE


def test_the_hop_limit_the_source_and_the_destination_are_looked_at() -> None:
    assert dropped(changed(ttl=64)) == {DropReason.TTL: 1}
    assert dropped(changed(source=IPv6Address("2001:db8::2"))) == {DropReason.NOT_LINK_LOCAL: 1}
    assert dropped(changed(source=router_v6().source)) == {DropReason.OWN_SOURCE: 1}
    assert dropped(changed(destination=IPv6Address("ff02::1"))) == {DropReason.DESTINATION: 1}


def test_a_router_of_one_family_does_not_hear_the_other() -> None:
    assert dropped(from_peer(router())) == {DropReason.DESTINATION: 1}


def test_of_equal_priorities_the_higher_link_local_address_stays() -> None:
    engine = Engine()
    engine.start(router_v6(), Millis(0), adopt=True)
    engine.receive("router80", from_peer(router_v6()), NOW)
    assert engine.role("router80") is Role.BACKUP


@pytest.mark.parametrize("checksum", list(Checksum))
def test_over_ipv4_either_checksum_is_sent_as_it_is_set_and_both_are_heard(checksum: Checksum) -> None:
    theirs = from_peer(router(checksum=checksum))
    alone = packet.internet_checksum(theirs.payload) == 0
    assert alone == (checksum is Checksum.MESSAGE)
    engine = listener(router())
    engine.receive("router80", theirs, NOW)
    assert engine.counters("router80").received == 1


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (router_v6(source=IPv6Address("2001:db8::1")), "source: the source 2001:db8::1 is not link-local"),
        (router_v6(advertised=(INSIDE_IPV6.address.ip,)), "advertised: the first advertised address is not link-local"),
        (router_v6(advertised=(IPv4Address("169.254.0.1"),)), "advertised: all must be of the family of the source"),
        (router_v6(version=Version.V2), "version: VRRPv2 has no IPv6; say version = 3"),
    ],
)
def test_what_cannot_be_on_an_ipv6_wire_is_refused(config: VirtualRouterConfig, reason: str) -> None:
    assert refuse([config]) == {"router80": reason}


def test_the_families_of_one_interface_have_virtual_router_ids_of_their_own() -> None:
    """RFC 9568, 1: each family's virtual routers are always separate."""
    assert refuse([router(), msgspec.structs.replace(router_v6(), name="over ipv6")]) == {}


def test_a_configuration_of_both_families_survives_the_wire() -> None:
    config = authenticated(router_v6(addresses=(INSIDE_IPV6, INSIDE)))
    assert decode(encode(config), VirtualRouterConfig) == config


def test_addresses_of_both_families_can_be_sorted() -> None:
    assert sorted((INSIDE_IPV6, INSIDE)) == [INSIDE, INSIDE_IPV6]
