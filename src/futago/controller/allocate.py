"""Pure: which address, MAC, segment or VRID is next. What is taken comes in; uniqueness is the store's."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from futago.controller.store.rows import Pool
from futago.segment_ranges import IdRange
from futago.values import MAX_VRID, IPv4Address, IPv4Network, Mac

_MAC_PREFIX: Final = "fa:16:3e"
_SMALL_PREFIX: Final = 31
"""From /31 on, a network has no addresses set apart (RFC 3021)."""


def mac(three_bytes: bytes) -> Mac:
    """A MAC address in Neutron's range, from three random bytes."""
    return Mac(":".join((_MAC_PREFIX, *(f"{byte:02x}" for byte in three_bytes))))


def hosts(cidr: IPv4Network) -> Pool:
    """The first and the last address of `cidr` that a host can have."""
    spare = 0 if cidr.prefixlen >= _SMALL_PREFIX else 1
    return Pool(cidr.network_address + spare, cidr.broadcast_address - spare)


def default_pools(cidr: IPv4Network, gateway: IPv4Address | None) -> tuple[Pool, ...]:
    """All hosts of `cidr` but the gateway."""
    whole = hosts(cidr)
    if gateway is None or not whole.start <= gateway <= whole.end:
        return (whole,)
    below = (Pool(whole.start, gateway - 1),) if whole.start < gateway else ()
    above = (Pool(gateway + 1, whole.end),) if gateway < whole.end else ()
    return (*below, *above)


def first_free(pools: Iterable[Pool], taken: Collection[IPv4Address]) -> IPv4Address | None:
    """The lowest address of `pools` that is not `taken`; None when they are used up."""
    return next((address for address in _addresses(pools) if address not in taken), None)


def segmentation_id(ranges: Iterable[IdRange], taken: Collection[int]) -> int | None:
    """The lowest id of `ranges`, one after the other, that is not `taken`; None when they are used up."""
    ids = (number for first, last in ranges for number in range(first, last + 1))
    return next((number for number in ids if number not in taken), None)


def vrid(taken: Collection[int]) -> int | None:
    """The lowest virtual router id that is not `taken`; None when a HA network is full."""
    return next((number for number in range(1, MAX_VRID + 1) if number not in taken), None)


def _addresses(pools: Iterable[Pool]) -> Iterator[IPv4Address]:
    for pool in sorted(pools, key=lambda pool: pool.start):
        yield from map(IPv4Address, range(int(pool.start), int(pool.end) + 1))
