"""Bytes on the wire over IPv6, and the two checksums over IPv4. The vectors were worked out from the RFCs' drawings."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.values import IPAddress, IPv4Address, IPv6Address, Mac, Millis
from futago.vrrp import packet
from futago.vrrp.config import Version
from futago.vrrp.packet import Advert, BadPacket, DropReason, Ends

LINK = IPv6Address("fe80::100")
V6 = Advert(version=Version.V3, vrid=0x33, priority=200, interval=Millis(1000), addresses=(LINK,))
V4 = Advert(version=Version.V3, vrid=0x33, priority=200, interval=Millis(1000), addresses=(IPv4Address("192.0.2.100"),))
ENDS_V6 = Ends(IPv6Address("fe80::10"), packet.GROUP_IPV6)
ENDS_V4 = Ends(IPv4Address("198.51.100.10"), packet.GROUP)

link_local = st.integers(0, 2**64 - 1).map(lambda low: IPv6Address(0xFE80 << 112 | low))
others = st.lists(st.integers(0, 2**128 - 1).map(IPv6Address), max_size=10).map(tuple)


def with_first(first: IPv6Address, rest: tuple[IPAddress, ...]) -> Advert:
    return Advert(version=Version.V3, vrid=1, priority=100, interval=Millis(1000), addresses=(first, *rest))


def refusal(data: bytes, ends: Ends) -> DropReason:
    with pytest.raises(BadPacket) as refused:
        packet.decode(data, ends)
    return refused.value.reason


def test_an_ipv6_advert_has_16_bytes_for_each_address_and_a_checksum_with_the_pseudo_header() -> None:
    data = packet.encode(V6, ENDS_V6)
    pseudo = ENDS_V6.source.packed + ENDS_V6.destination.packed + bytes([0, 0, 0, 24, 0, 0, 0, 112])
    assert data[:6].hex() == "3133c8010064"
    assert data[8:] == LINK.packed
    assert packet.internet_checksum(pseudo + data) == 0


@given(link_local, others)
def test_what_is_encoded_over_ipv6_is_decoded_to_the_same(first: IPv6Address, rest: tuple[IPAddress, ...]) -> None:
    advert = with_first(first, rest)
    assert packet.decode(packet.encode(advert, ENDS_V6), ENDS_V6) == advert


def test_an_ipv6_advert_that_reached_another_destination_is_damaged() -> None:
    data = packet.encode(V6, ENDS_V6)
    assert refusal(data, Ends(ENDS_V6.source, IPv6Address("ff02::13"))) is DropReason.CHECKSUM


def test_an_ipv6_advert_without_the_pseudo_header_in_its_checksum_is_refused() -> None:
    assert refusal(packet.encode(V6), ENDS_V6) is DropReason.CHECKSUM


def test_the_first_address_of_an_ipv6_advert_must_be_link_local() -> None:
    data = packet.encode(with_first(IPv6Address("2001:db8::1"), (LINK,)), ENDS_V6)
    assert refusal(data, ENDS_V6) is DropReason.FIRST_ADDRESS


def test_version_2_does_not_exist_over_ipv6() -> None:
    data = packet.encode(Advert(version=Version.V2, vrid=1, priority=1, interval=Millis(1000), addresses=V6.addresses))
    assert refusal(data, ENDS_V6) is DropReason.VERSION


def test_over_ipv4_both_checksums_are_accepted_and_no_third() -> None:
    alone, with_pseudo_header = packet.encode(V4), packet.encode(V4, ENDS_V4)
    assert (alone[6:8].hex(), with_pseudo_header[6:8] != alone[6:8]) == ("4402", True)
    assert packet.decode(alone, ENDS_V4) == packet.decode(with_pseudo_header, ENDS_V4) == V4
    damaged = bytearray(with_pseudo_header)
    damaged[2] ^= 1
    assert refusal(bytes(damaged), ENDS_V4) is DropReason.CHECKSUM


def test_version_2_has_no_pseudo_header() -> None:
    seed = Advert(version=Version.V2, vrid=1, priority=50, interval=Millis(2000), addresses=V4.addresses)
    assert refusal(packet.encode(seed, ENDS_V4), ENDS_V4) is DropReason.CHECKSUM


def test_a_trailer_is_cut_off_only_if_it_has_the_right_length() -> None:
    message = packet.encode(V4)
    assert packet.cut(message + bytes(28), ipv6=False) == (message, bytes(28))
    assert packet.cut(message + bytes(27), ipv6=False) == (message + bytes(27), b"")
    assert packet.cut(message, ipv6=False) == (message, b"")


@given(st.binary(max_size=128))
def test_no_bytes_crash_the_decoder_of_ipv6(data: bytes) -> None:
    with suppress(BadPacket):
        message, trailer = packet.cut(data, ipv6=True)
        packet.decode(message, ENDS_V6, trailer)


def test_an_ipv6_header_is_taken_apart() -> None:
    head = bytes([0x6C, 0, 0, 0, 0, 4, 112, 255]) + ENDS_V6.source.packed + ENDS_V6.destination.packed
    datagram = packet.take_apart(head + b"data")
    assert (datagram.ends, datagram.ttl, datagram.payload) == (ENDS_V6, 255, b"data")


def test_a_neighbour_advertisement_comes_from_the_address_that_it_is_about_and_goes_to_all_nodes() -> None:
    frame = packet.neighbour_advertisement(Mac("fa:16:3e:25:05:d7"), LINK)
    ethernet, ip, icmp = frame[:14], frame[14:54], frame[54:]
    assert ethernet.hex() == "333300000001fa163e2505d786dd"
    assert (ip[4:8].hex(), ip[8:24]) == ("00203aff", LINK.packed)
    assert ip[24:] == IPv6Address("ff02::1").packed
    router_not_solicited_override = "a0000000"
    assert (icmp[0], icmp[4:8].hex(), icmp[8:24]) == (136, router_not_solicited_override, LINK.packed)
    assert icmp[24:].hex() == "0201fa163e2505d7"
    pseudo = ip[8:40] + bytes([0, 0, 0, 32, 0, 0, 0, 58])
    assert packet.internet_checksum(pseudo + icmp) == 0
