"""What goes to the kernel and what comes back, byte by byte (rtnetlink(7)); the kernel's own opinion is in `host`."""

import struct

from futago.values import IPv4Interface
from futago.vrrp import rtnetlink
from futago.vrrp.rtnetlink import FoundAddress
from unit.vrrp.samples import DEFAULT_ROUTE, DEFAULT_ROUTE_IPV6, FLOATING, INSIDE_IPV6, OUTSIDE

PROTOCOL = 142


def message(kind: int, sequence: int, body: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(body), kind, 0, sequence, 0) + body


def test_an_address_is_put_with_our_mark_and_only_if_it_is_not_there() -> None:
    data = rtnetlink.to_bytes(rtnetlink.put_address(OUTSIDE, 7), 3)
    body = bytes([2, 24, 0, 0, 7, 0, 0, 0])
    local, same = bytes([8, 0, 2, 0, 10, 0, 80, 101]), bytes([8, 0, 1, 0, 10, 0, 80, 101])
    mark = bytes([5, 0, 11, 0, PROTOCOL, 0, 0, 0])
    request_ack_create_exclusive = 0x1 | 0x4 | 0x400 | 0x200
    head = struct.pack("=IHHII", 48, 20, request_ack_create_exclusive, 3, 0)
    assert data == head + body + local + same + mark


def test_a_route_is_put_with_our_protocol_and_replaces_ours() -> None:
    change = rtnetlink.put_route(DEFAULT_ROUTE, 7)
    assert change.flags == 0x400 | 0x100
    assert change.body[:8] == bytes([2, 0, 0, 0, 254, PROTOCOL, 0, 1])


def test_a_route_is_restored_only_if_there_is_none() -> None:
    assert rtnetlink.restore_route(DEFAULT_ROUTE, 7).flags == 0x400 | 0x200


def test_only_our_route_is_removed_whatever_its_scope() -> None:
    assert rtnetlink.remove_route(DEFAULT_ROUTE, 7).body[5:7] == bytes([PROTOCOL, 255])


def test_what_is_there_already_and_what_is_gone_already_is_no_failure() -> None:
    exists, no_address = 17, 99
    assert exists in rtnetlink.put_address(FLOATING, 7).harmless
    assert no_address in rtnetlink.remove_address(FLOATING, 7).harmless
    assert no_address not in rtnetlink.put_address(FLOATING, 7).harmless


def test_each_change_finds_its_acknowledgement_by_number() -> None:
    data = message(2, 5, struct.pack("=i", 0)) + message(2, 6, struct.pack("=i", -17))
    assert rtnetlink.read_acknowledgements(data) == {5: 0, 6: 17}


def test_a_dump_is_read_until_it_is_done() -> None:
    label = bytes([9, 0, 3, 0]) + b"qg-1\0" + bytes(3)
    ours = bytes([2, 32, 0, 0, 7, 0, 0, 0, 8, 0, 2, 0, 10, 0, 80, 105, 5, 0, 11, 0, PROTOCOL, 0, 0, 0]) + label
    others = bytes([2, 8, 0, 0, 1, 0, 0, 0, 8, 0, 1, 0, 127, 0, 0, 1])
    part, last = rtnetlink.read_addresses(message(20, 1, ours) + message(20, 1, others))
    assert not last
    assert part == [
        FoundAddress(index=7, address=IPv4Interface("10.0.80.105/32"), ours=True),
        FoundAddress(index=1, address=IPv4Interface("127.0.0.1/8"), ours=False),
    ]
    assert rtnetlink.read_addresses(message(3, 1, bytes(4))) == ([], True)


def test_an_ipv6_address_is_put_without_duplicate_address_detection() -> None:
    change = rtnetlink.put_address(INSIDE_IPV6, 7)
    family, prefix, no_dad = 10, 64, 0x02
    assert change.body[:8] == bytes([family, prefix, no_dad, 0, 7, 0, 0, 0])
    assert change.body[8:28] == bytes([20, 0, 2, 0]) + INSIDE_IPV6.address.ip.packed


def test_an_ipv6_route_is_of_its_family() -> None:
    change = rtnetlink.put_route(DEFAULT_ROUTE_IPV6, 7)
    assert change.body[:2] == bytes([10, 0])
    assert DEFAULT_ROUTE_IPV6.next_hop.packed in change.body


def test_an_ipv6_address_is_read() -> None:
    address = bytes([20, 0, 1, 0]) + INSIDE_IPV6.address.ip.packed
    part, _ = rtnetlink.read_addresses(message(20, 1, bytes([10, 64, 0x80, 0, 7, 0, 0, 0]) + address))
    assert part == [FoundAddress(index=7, address=INSIDE_IPV6.address, ours=False)]


def test_a_message_cut_short_ends_the_reading() -> None:
    assert rtnetlink.read_acknowledgements(bytes(16)) == {}
