"""Pure: arithmetic with sets of addresses that are written as prefixes of one family."""

from collections.abc import Iterable
from ipaddress import summarize_address_range
from typing import Final

from futago.values import IPNetwork, IPv4Address, IPv4Network, IPv6Address, rank

UNITS: Final = {4: 32, 6: 64}
"""What quotas count: prefixes of this length."""

_Range = tuple[int, int]
"""The first and the last address."""


def compacted(prefixes: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """The same addresses in as few prefixes as can be, sorted."""
    known = list(prefixes)
    return _prefixes(known[0].version, _merged(known)) if known else ()


def without(prefixes: Iterable[IPNetwork], taken: Iterable[IPNetwork]) -> tuple[IPNetwork, ...]:
    """The addresses of `prefixes` that are not `taken`."""
    known = list(prefixes)
    holes = _merged(one for one in taken if known and one.version == known[0].version)
    left = [part for whole in _merged(known) for part in _cut(whole, holes)]
    return _prefixes(known[0].version, left) if known else ()


def meet(some: Iterable[IPNetwork], others: Iterable[IPNetwork]) -> bool:
    """Whether they have an address in common."""
    known = list(others)
    return any(one.overlaps(other) for one in some for other in known)


def within(inner: Iterable[IPNetwork], outer: Iterable[IPNetwork]) -> bool:
    """Whether all addresses of `inner` are in `outer`."""
    return not without(inner, outer)


def first_of(free: Iterable[IPNetwork], length: int) -> IPNetwork | None:
    """The first prefix of this length out of the tightest of `free` that has one; None when there is none."""
    fitting = [prefix for prefix in free if prefix.prefixlen <= length]
    if not fitting:
        return None
    tightest = max(fitting, key=lambda prefix: (prefix.prefixlen, [-part for part in rank(prefix)]))
    if isinstance(tightest, IPv4Network):
        return next(tightest.subnets(new_prefix=length))
    return next(tightest.subnets(new_prefix=length))


def units(prefixes: Iterable[IPNetwork]) -> float:
    """How much of a quota these take: IPv4 addresses, or IPv6 /64s."""
    return sum(2.0 ** (UNITS[prefix.version] - prefix.prefixlen) for prefix in prefixes)


def _merged(prefixes: Iterable[IPNetwork]) -> list[_Range]:
    ranges: list[_Range] = []
    for first, last in sorted((int(one.network_address), int(one.broadcast_address)) for one in prefixes):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], max(last, ranges[-1][1]))
        else:
            ranges.append((first, last))
    return ranges


def _cut(whole: _Range, holes: Iterable[_Range]) -> list[_Range]:
    first, last = whole
    parts = []
    for hole_first, hole_last in holes:
        if hole_last < first or hole_first > last:
            continue
        if hole_first > first:
            parts.append((first, hole_first - 1))
        first = hole_last + 1
    return [*parts, (first, last)] if first <= last else parts


def _prefixes(version: int, ranges: Iterable[_Range]) -> tuple[IPNetwork, ...]:
    if version == 4:
        return tuple(p for a, b in ranges for p in summarize_address_range(IPv4Address(a), IPv4Address(b)))
    return tuple(p for a, b in ranges for p in summarize_address_range(IPv6Address(a), IPv6Address(b)))
