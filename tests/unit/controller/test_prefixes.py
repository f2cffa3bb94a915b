"""Sets of addresses as prefixes."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from hypothesis import given
from hypothesis import strategies as st

from futago.controller import prefixes
from futago.values import IPNetwork

SMALL = st.builds(
    lambda first, length: IPv4Network((first, length), strict=False), st.integers(0, 255), st.integers(24, 32)
)
SETS = st.lists(SMALL, max_size=6)


def addresses(found: list[IPv4Network] | tuple[IPNetwork, ...]) -> set[int]:
    return {int(prefix.network_address) + step for prefix in found for step in range(prefix.num_addresses)}


def of(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(map(ip_network, texts))


@given(some=SETS, others=SETS)
def test_they_are_sets(some: list[IPv4Network], others: list[IPv4Network]) -> None:
    whole = prefixes.compacted(some)
    assert addresses(whole) == addresses(some)
    assert sum(prefix.num_addresses for prefix in whole) == len(addresses(some))
    assert addresses(prefixes.without(some, others)) == addresses(some) - addresses(others)
    assert prefixes.meet(some, others) == bool(addresses(some) & addresses(others))
    assert prefixes.within(some, others) == (addresses(some) <= addresses(others))


def test_neighbours_become_one() -> None:
    assert prefixes.compacted(of("10.1.0.0/17", "10.0.0.0/16", "10.1.128.0/17")) == of("10.0.0.0/15")
    assert prefixes.compacted(of("2001:db8:0:2::/63", "2001:db8::/63")) == of("2001:db8::/62")


def test_other_families_take_nothing_away() -> None:
    assert prefixes.without(of("0.0.0.0/0"), of("::/96")) == of("0.0.0.0/0")


def test_the_tightest_prefix_that_fits_is_cut() -> None:
    free = of("10.0.0.0/16", "10.9.0.0/24", "10.8.0.0/24", "10.10.0.0/28")
    assert prefixes.first_of(free, 24) == IPv4Network("10.8.0.0/24")
    assert prefixes.first_of(free, 20) == IPv4Network("10.0.0.0/20")
    assert prefixes.first_of(free, 8) is None
    assert prefixes.first_of(of("::/0"), 64) == IPv6Network("::/64")


def test_quotas_count_addresses_or_links() -> None:
    assert prefixes.units(of("10.0.0.0/24", "10.1.0.0/30")) == 260
    assert prefixes.units(of("2001:db8::/62")) == 4
