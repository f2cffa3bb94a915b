"""Bytes on the wire. The vectors were worked out by hand from the drawings of RFC 3768 and RFC 9568."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.values import IPv4Address, Mac, Millis
from futago.vrrp import packet
from futago.vrrp.config import Version
from futago.vrrp.packet import Advert, BadPacket, DropReason

SEED = Advert(
    version=Version.V2,
    vrid=1,
    priority=50,
    interval=Millis(2000),
    addresses=(IPv4Address("169.254.0.1"),),
    password=b"openstac",
)
SEED_BYTES = bytes.fromhex("21013201 0102 5845 a9fe0001 6f70656e73746163")
V3 = Advert(version=Version.V3, vrid=0x33, priority=200, interval=Millis(1000), addresses=(IPv4Address("192.0.2.100"),))
V3_BYTES = bytes.fromhex("3133c801 0064 4402 c0000264")

addresses = st.lists(st.integers(0, 2**32 - 1).map(IPv4Address), min_size=1, max_size=20).map(tuple)
v3_adverts = st.builds(
    Advert,
    version=st.just(Version.V3),
    vrid=st.integers(1, 255),
    priority=st.integers(0, 255),
    interval=st.integers(1, 4095).map(lambda centiseconds: Millis(centiseconds * 10)),
    addresses=addresses,
)
v2_adverts = st.builds(
    Advert,
    version=st.just(Version.V2),
    vrid=st.integers(1, 255),
    priority=st.integers(0, 255),
    interval=st.integers(1, 255).map(lambda seconds: Millis(seconds * 1000)),
    addresses=addresses,
    password=st.none() | st.binary(max_size=8).map(lambda secret: secret.rstrip(b"\0")),
)


def refusal(data: bytes) -> DropReason:
    with pytest.raises(BadPacket) as refused:
        packet.decode(data)
    return refused.value.reason


def with_checksum(data: bytes) -> bytes:
    """`data` with its bytes 6 and 7 made right, so that only what a test spoils is wrong."""
    return data[:6] + packet.internet_checksum(data[:6] + b"\0\0" + data[8:]).to_bytes(2, "big") + data[8:]


def test_the_seed_s_advertisement_is_20_bytes_with_the_first_8_letters_of_its_password() -> None:
    assert packet.encode(SEED) == SEED_BYTES
    assert len(SEED_BYTES) == 20


def test_a_long_password_is_cut_to_8_bytes_and_a_short_one_is_filled_with_zeros() -> None:
    assert packet.password_bytes("openstack") == b"openstac"
    short = Advert(version=Version.V2, vrid=1, priority=1, interval=Millis(1000), addresses=(), password=b"abc")
    assert packet.encode(short).endswith(b"abc\0\0\0\0\0")


def test_without_a_password_version_2_says_authentication_type_0_and_eight_zeros() -> None:
    plain = Advert(version=Version.V2, vrid=1, priority=1, interval=Millis(1000), addresses=(IPv4Address(1),))
    assert packet.encode(plain)[4] == 0
    assert packet.encode(plain).endswith(bytes(8))
    assert packet.password_bytes("") is None


def test_version_3_has_the_checksum_of_the_message_alone() -> None:
    assert packet.encode(V3) == V3_BYTES
    assert packet.decode(V3_BYTES) == V3


@given(v2_adverts | v3_adverts)
def test_what_is_encoded_is_decoded_to_the_same(advert: Advert) -> None:
    assert packet.decode(packet.encode(advert)) == advert


@given(st.binary(max_size=64))
def test_no_bytes_crash_the_decoder(data: bytes) -> None:
    with suppress(BadPacket):
        packet.decode(data)


@given(st.binary(max_size=64))
def test_no_bytes_crash_the_reading_of_the_ip_header(data: bytes) -> None:
    with suppress(BadPacket):
        packet.take_apart(data)


@given(v2_adverts | v3_adverts, st.data())
def test_a_packet_with_one_bit_flipped_is_never_taken_for_the_same_advertisement(
    advert: Advert, data: st.DataObject
) -> None:
    good = packet.encode(advert)
    bit = data.draw(st.integers(0, len(good) * 8 - 1))
    bad = bytearray(good)
    bad[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BadPacket):
        packet.decode(bytes(bad))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (V3_BYTES[:7], DropReason.SHORT),
        (b"\x41" + V3_BYTES[1:], DropReason.VERSION),
        (b"\x32" + V3_BYTES[1:], DropReason.TYPE),
        (V3_BYTES + b"\0", DropReason.LENGTH),
        (V3_BYTES[:-1], DropReason.LENGTH),
        (SEED_BYTES[:-8], DropReason.LENGTH),
        (V3_BYTES[:-1] + b"\x65", DropReason.CHECKSUM),
        (with_checksum(b"\x31\x00" + V3_BYTES[2:]), DropReason.VRID),
        (with_checksum(V3_BYTES[:3] + b"\0" + V3_BYTES[4:8]), DropReason.NO_ADDRESS),
        (with_checksum(V3_BYTES[:4] + b"\0\0" + V3_BYTES[6:]), DropReason.INTERVAL),
        (with_checksum(SEED_BYTES[:4] + b"\x02" + SEED_BYTES[5:]), DropReason.AUTH_TYPE),
    ],
)
def test_each_validity_check_has_its_reason(data: bytes, reason: DropReason) -> None:
    assert refusal(data) is reason


def test_the_reserved_bits_of_version_3_are_ignored_on_receipt() -> None:
    """RFC 9568, 5.2.6."""
    assert packet.decode(with_checksum(V3_BYTES[:4] + b"\xf0" + V3_BYTES[5:])) == V3


def test_gratuitous_arp_has_a_request_and_a_reply_form_that_name_the_address_twice() -> None:
    request, reply = packet.gratuitous_arp(Mac("fa:16:3e:25:05:d7"), IPv4Address("10.0.80.101"))
    ours, ip = "fa163e2505d7", "0a005065"
    assert request.hex() == f"ffffffffffff{ours}0806 0001 0800 06 04 0001 {ours}{ip}{ours}{ip}".replace(" ", "")
    assert reply.hex() == f"ffffffffffff{ours}0806 0001 0800 06 04 0002 {ours}{ip}{ours}{ip}".replace(" ", "")


def test_ip_options_are_skipped() -> None:
    head = bytes([0x46]) + bytes(7) + bytes([255]) + bytes(3) + IPv4Address("10.0.0.1").packed + bytes(4)
    datagram = packet.take_apart(head + bytes(4) + b"payload")
    assert (datagram.source, datagram.ttl, datagram.payload) == (IPv4Address("10.0.0.1"), 255, b"payload")
