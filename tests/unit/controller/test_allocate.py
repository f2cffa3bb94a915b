"""Addresses, MACs, segments and VRIDs."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from futago.controller import allocate
from futago.controller.store.rows import Pool
from futago.segment_ranges import IdRange
from futago.values import IPAddress


def pool(start: str, end: str) -> Pool:
    return Pool(IPv4Address(start), IPv4Address(end))


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("192.168.80.0/24", "192.168.80.1", (pool("192.168.80.2", "192.168.80.254"),)),
        ("192.168.80.0/24", "192.168.80.254", (pool("192.168.80.1", "192.168.80.253"),)),
        (
            "10.0.0.0/29",
            "10.0.0.3",
            (pool("10.0.0.1", "10.0.0.2"), pool("10.0.0.4", "10.0.0.6")),
        ),
        ("10.0.0.0/24", None, (pool("10.0.0.1", "10.0.0.254"),)),
        ("10.0.0.0/24", "10.9.9.9", (pool("10.0.0.1", "10.0.0.254"),)),
        ("10.0.0.0/31", None, (pool("10.0.0.0", "10.0.0.1"),)),
        ("10.0.0.7/32", "10.0.0.7", ()),
        ("255.255.255.255/32", "255.255.255.255", ()),
        ("0.0.0.0/32", "0.0.0.0", ()),
        ("255.255.255.254/31", "255.255.255.255", (pool("255.255.255.254", "255.255.255.254"),)),
        ("255.255.255.254/31", "255.255.255.254", (pool("255.255.255.255", "255.255.255.255"),)),
        ("0.0.0.0/31", "0.0.0.0", (pool("0.0.0.1", "0.0.0.1"),)),
    ],
)
def test_the_default_pools_are_all_hosts_but_the_gateway(cidr: str, gateway: str | None, pools: tuple[Pool]) -> None:
    assert allocate.default_pools(IPv4Network(cidr), IPv4Address(gateway) if gateway else None) == pools


def first_free(pools: tuple[Pool, ...], taken: set[IPAddress]) -> IPAddress | None:
    return allocate.first_free(allocate.addresses(pools, 0), lambda window: taken & set(window))


@given(st.sets(st.integers(2, 20)))
def test_the_first_free_address_is_the_lowest_one_that_nobody_has(taken: set[int]) -> None:
    base = IPv4Address("10.0.0.0")
    found = first_free((pool("10.0.0.2", "10.0.0.20"),), {base + number for number in taken})
    free = sorted(set(range(2, 21)) - taken)
    assert found == (base + free[0] if free else None)


def test_segment_ids_come_from_all_ranges_in_order() -> None:
    assert list(allocate.segmentation_ids((IdRange(10, 11), IdRange(5, 6)), 11)) == [10, 11, 5, 6]
    assert list(allocate.segmentation_ids((IdRange(5, 6), IdRange(10, 11)), 6)) == [6, 10, 11]


def test_what_is_taken_is_asked_for_in_few_questions() -> None:
    asked: list[int] = []

    def taken(window: Sequence[int]) -> set[int]:
        asked.append(len(window))
        return {number for number in window if number < 1000}

    assert allocate.first_free(range(100_000), taken) == 1000
    assert asked == [8, 64, 256, 256, 256, 256]


def test_a_mac_is_one_of_neutrons() -> None:
    assert allocate.mac(b"\x25\x05\xd7") == "fa:16:3e:25:05:d7"


def test_vrids_end_at_254() -> None:
    assert allocate.vrid(set(range(1, 254))) == 254
    assert allocate.vrid(set(range(1, 255))) is None


def test_the_last_address_that_there_is_can_be_used_up() -> None:
    last = pool("255.255.255.255", "255.255.255.255")
    assert first_free((last,), set()) == last.end
    assert first_free((last,), {last.end}) is None
