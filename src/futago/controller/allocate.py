"""Pure: which address, MAC, segment or VRID is next. What is taken comes in; uniqueness is the store's."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from typing import Final, TypeVar

from futago.controller.store.rows import Pool
from futago.segment_ranges import IdRange
from futago.values import MAX_VRID, IPAddress, IPNetwork, IPv4Network, Mac, rank

T = TypeVar("T")

_WINDOWS: Final = (8, 64, 256)
"""How many are looked at together: first few, since the first ones are mostly free."""
_MAC_PREFIX: Final = "fa:16:3e"
_SPARED: Final = 2
"""With fewer bits behind the prefix no addresses are set apart: from /31 on (RFC 3021), or /127 (RFC 6164)."""


def mac(three_bytes: bytes) -> Mac:
    """A MAC address in Neutron's range, from three random bytes."""
    return Mac(":".join((_MAC_PREFIX, *(f"{byte:02x}" for byte in three_bytes))))


def hosts(cidr: IPNetwork) -> Pool:
    """The first and the last address of `cidr` that a host can have.

    IPv6 has no broadcast address, but its first one is every router's (RFC 4291, 2.6.1).
    """
    spare = 1 if cidr.max_prefixlen - cidr.prefixlen >= _SPARED else 0
    last = cidr.broadcast_address
    return Pool(cidr.network_address + spare, last - spare if isinstance(cidr, IPv4Network) else last)


def within(pool: Pool, address: IPAddress) -> bool:
    """Whether `pool` has this address."""
    return rank(pool.start) <= rank(address) <= rank(pool.end)


def default_pools(cidr: IPNetwork, gateway: IPAddress | None) -> tuple[Pool, ...]:
    """All hosts of `cidr` but the gateway."""
    whole = hosts(cidr)
    if gateway is None or not within(whole, gateway):
        return (whole,)
    below = () if gateway == whole.start else (Pool(whole.start, gateway - 1),)
    above = () if gateway == whole.end else (Pool(gateway + 1, whole.end),)
    return (*below, *above)


def first_free(candidates: Iterable[T], taken: Callable[[Sequence[T]], Collection[T]]) -> T | None:
    """The first of `candidates` that is not taken; None when they are used up.

    `taken` says which of some are: it is asked about a few, then about more at a time.
    """
    remaining = iter(candidates)
    for number in chain(_WINDOWS, repeat(_WINDOWS[-1])):
        window = list(islice(remaining, number))
        if not window:
            return None
        gone = taken(window)
        found = next((candidate for candidate in window if candidate not in gone), None)
        if found is not None:
            return found
    raise AssertionError("the windows do not end")


def addresses(pools: Iterable[Pool], start: int) -> Iterator[IPAddress]:
    """The addresses of `pools`, the lowest first, from the one with the number `start` on."""
    for pool in sorted(pools, key=lambda pool: rank(pool.start)):
        yield from map(type(pool.start), range(max(int(pool.start), start), int(pool.end) + 1))


def segmentation_ids(ranges: Sequence[IdRange], start: int) -> Iterator[int]:
    """The ids of `ranges`, one after the other, from `start` on where they ascend."""
    least = start if list(ranges) == sorted(ranges) else 0
    return (number for first, last in ranges for number in range(max(first, least), last + 1))


def vrid(taken: Collection[int]) -> int | None:
    """The lowest virtual router id that is not `taken`; None when a HA network is full."""
    return next((number for number in range(1, MAX_VRID + 1) if number not in taken), None)
