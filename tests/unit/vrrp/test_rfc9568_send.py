"""RFC 9568, 5.2 and 7.2: what a router puts on the wire, and what it refuses to be configured with."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.controller import schedule
from futago.values import IPv4Address, IPv6Address, Mac, Millis
from futago.vrrp import packet, send
from futago.vrrp.config import Checksum, VirtualRouterConfig
from futago.vrrp.events import SendAdvert
from futago.vrrp.flaws import refuse
from futago.vrrp.packet import Ends
from unit.vrrp.samples import router, router_v6

MAC = Mac("fa:16:3e:25:05:d7")
FAMILIES = pytest.mark.parametrize("config", [router(), router_v6()], ids=["ipv4", "ipv6"])
EVERY_INTERVAL = range(1, 4096)


def sent(config: VirtualRouterConfig, priority: int = 100, interval: int = 1000) -> bytes:
    return send.to_wire(config, SendAdvert(priority, Millis(interval)), {}, 0.0)


def ends(config: VirtualRouterConfig) -> Ends:
    return Ends(config.source, packet.GROUP_IPV6 if config.ipv6 else packet.GROUP)


def covered_over_ipv6(data: bytes) -> bytes:
    """What RFC 8200, 8.1 has the checksum cover: addresses, length, next header 112."""
    source, group = router_v6().source, packet.GROUP_IPV6
    return source.packed + group.packed + len(data).to_bytes(4, "big") + bytes([0, 0, 0, 112]) + data


@FAMILIES
def test_the_reserved_bits_are_zero_at_every_interval(config: VirtualRouterConfig) -> None:
    for centiseconds in EVERY_INTERVAL:
        data = sent(config, interval=10 * centiseconds)
        assert (data[4] >> 4, int.from_bytes(data[4:6], "big")) == (0, centiseconds)


@pytest.mark.parametrize("interval", [40_960, 655_350])
def test_an_interval_that_would_spill_into_the_reserved_bits_is_refused(interval: int) -> None:
    assert "is not in 10..40950" in refuse([router(advert_interval=Millis(interval))])["router80"]


@pytest.mark.parametrize("interval", [0, -10, 5])
def test_an_interval_of_less_than_a_centisecond_is_refused(interval: int) -> None:
    assert "is not in 10..40950" in refuse([router(advert_interval=Millis(interval))])["router80"]


def test_every_interval_from_1_to_4095_centiseconds_can_be_configured() -> None:
    assert not any(refuse([router(advert_interval=Millis(10 * each))]) for each in EVERY_INTERVAL)


@FAMILIES
@given(priority=st.integers(0, 255), centiseconds=st.integers(1, 4095), vrid=st.integers(1, 255))
def test_the_fields_of_an_advert_are_those_of_the_configuration(
    config: VirtualRouterConfig, priority: int, centiseconds: int, vrid: int
) -> None:
    from_vrid = router_v6(vrid=vrid) if config.ipv6 else router(vrid=vrid)
    data = sent(from_vrid, priority, 10 * centiseconds)
    addresses = b"".join(address.packed for address in from_vrid.advertised)
    head = bytes([0x31, vrid, priority, len(from_vrid.advertised)]) + centiseconds.to_bytes(2, "big")
    assert (data[:6], data[8:]) == (head, addresses)


@FAMILIES
def test_an_advert_of_another_configuration_has_other_bytes(config: VirtualRouterConfig) -> None:
    """No field is left out: each one shows."""
    other = router_v6(vrid=2) if config.ipv6 else router(vrid=2)
    variants = {sent(config), sent(config, priority=101), sent(config, interval=1010), sent(other)}
    assert len(variants) == 4


@pytest.mark.parametrize("number", [1, 2, 255])
def test_over_ipv4_the_checksum_covers_the_message_from_version_to_last_address(number: int) -> None:
    config = router(advertised=tuple(IPv4Address(0xC0000200 + each) for each in range(number)))
    data = sent(config)
    assert len(data) == 8 + 4 * number
    assert packet.internet_checksum(data) == 0


def test_over_ipv4_a_checksum_with_a_pseudo_header_is_sent_only_if_it_is_asked_for() -> None:
    """It is what peers of RFC 5798 insist on."""
    older = sent(router(checksum=Checksum.PSEUDO_HEADER))
    assert packet.internet_checksum(older) != 0
    assert older[:6] + older[8:] == sent(router())[:6] + sent(router())[8:]


def test_over_ipv6_the_checksum_covers_the_pseudo_header() -> None:
    data = sent(router_v6())
    assert packet.internet_checksum(covered_over_ipv6(data)) == 0


@pytest.mark.parametrize("checksum", list(Checksum))
def test_over_ipv6_the_checksum_of_the_message_alone_is_never_sent(checksum: Checksum) -> None:
    data = sent(router_v6(checksum=checksum))
    assert packet.internet_checksum(data) != 0
    assert packet.internet_checksum(covered_over_ipv6(data)) == 0


def test_over_ipv6_the_first_address_that_is_sent_is_link_local() -> None:
    link, other = IPv6Address("fe80::1"), IPv6Address("2001:db8::1")
    assert sent(router_v6(advertised=(link, other)))[8:24] == link.packed


@pytest.mark.parametrize("first", ["2001:db8::1", "::1", "fec0::1", "ff02::12"])
def test_a_first_ipv6_address_that_is_not_link_local_is_refused(first: str) -> None:
    config = router_v6(advertised=(IPv6Address(first), IPv6Address("fe80::1")))
    assert refuse([config]) == {"router80": "advertised: the first advertised address is not link-local"}


def test_a_router_that_backs_up_has_a_priority_from_1_to_254() -> None:
    assert not any(refuse([router(priority=each)]) for each in range(1, 255))
    assert all(1 <= schedule.priority(rank) <= 254 for rank in range(300))


@pytest.mark.parametrize("priority", [0, 256, -1])
def test_a_priority_that_no_router_can_have_is_refused(priority: int) -> None:
    assert refuse([router(priority=priority)]) == {"router80": f"priority {priority} is not in 1..255"}


def test_the_priorities_of_a_router_s_replicas_are_so_far_apart_that_they_elect_one_after_another() -> None:
    """8.3.2: the difference is what an advert may take from the first to the second."""
    second = 1000
    waits = [3 * second + (256 - schedule.priority(rank)) * second // 256 for rank in range(4)]
    apart = [later - sooner for sooner, later in pairwise(waits)]
    assert min(apart) >= 90


def test_gratuitous_arp_has_our_mac_address_as_its_target_in_both_forms() -> None:
    """Errata 7947 and 7949. Linux, too, takes a reply for gratuitous only if its target is its sender."""
    for frame in packet.gratuitous_arp(MAC, IPv4Address("10.0.80.101")):
        sender, target = frame[22:28], frame[32:38]
        assert sender == target == bytes.fromhex("fa163e2505d7")


def test_gratuitous_arp_names_the_ipv4_address_as_sender_and_as_target() -> None:
    address = IPv4Address("10.0.80.101")
    for frame in packet.gratuitous_arp(MAC, address):
        assert frame[:6] == b"\xff" * 6
        assert (frame[28:32], frame[38:42]) == (address.packed, address.packed)


def test_an_unsolicited_neighbour_advertisement_is_a_router_s_and_overrides_and_answers_nobody() -> None:
    address = IPv6Address("fe80::80:1")
    icmp = packet.neighbour_advertisement(MAC, address)[54:]
    router_flag, solicited_flag, override_flag = 0x80, 0x40, 0x20
    assert (icmp[0], icmp[1]) == (136, 0)
    assert icmp[4] & (router_flag | solicited_flag | override_flag) == router_flag | override_flag
    assert icmp[8:24] == address.packed
    assert icmp[24:] == bytes([2, 1]) + bytes.fromhex("fa163e2505d7")
