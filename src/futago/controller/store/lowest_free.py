"""Where to look first for what is free: so that an address costs the same in a full network as in an empty one.

For a pool (the addresses of a subnet, the ids of a type of segments) a row tells below which value nothing is free. It
is a bound and need not be exact: whoever takes something may raise it, whoever gives something back lowers it, all
within their transactions. A pool without a row is looked through from its beginning.
"""

from typing import Final, Protocol, TypeVar

from futago.controller.store import rows

R = TypeVar("R", bound=rows.Row)

_WORTH_WRITING: Final = 4
"""A bound that is out by less costs less to look past than to write."""

_SEGMENTS: Final = "segments/"


class Txn(Protocol):
    """What of a transaction is used here."""

    def find(self, kind: type[R], **wanted: object) -> list[R]: ...
    def get(self, kind: type[R], **key: object) -> R | None: ...
    def add(self, row: R) -> R: ...
    def replace(self, old: R, new: R) -> R: ...
    def remove(self, row: rows.Row) -> None: ...


def addresses_of(subnet_id: str) -> str:
    """The pool of a subnet's addresses, as numbers."""
    return f"addresses/{subnet_id}"


def segments_of(network_type: str, physical_network: str) -> str:
    """The pool of the ids of a type of segments."""
    return f"{_SEGMENTS}{network_type}/{physical_network}"


def known(txn: Txn, pool: str) -> rows.LowestFree:
    """What is known of a pool: if nothing, that all of it may be free."""
    return txn.get(rows.LowestFree, pool=pool) or rows.LowestFree(pool=pool, value="")


def bound(of: rows.LowestFree) -> int:
    """Below this number nothing of the pool is free."""
    return int(of.value or 0)


def taken(txn: Txn, of: rows.LowestFree, first: int, number: int) -> None:
    """From `first`, where the pool or what is known of it begins, all is taken up to `number`, inclusive."""
    if number - first < _WORTH_WRITING:
        return
    fresh = rows.LowestFree(pool=of.pool, value=str(number + 1))
    if of.value:
        txn.replace(of, fresh)
    else:
        txn.add(fresh)


def given_back(txn: Txn, row: rows.Row) -> None:
    """`row` is removed: what it held is free."""
    match row:
        case rows.FixedIp():
            pool, number = addresses_of(row.subnet_id), int(row.ip_address)
        case rows.Segment():
            pool, number = segments_of(row.network_type, row.physical_network), row.segmentation_id
        case rows.Subnet():
            forget(txn, addresses_of(row.id))
            return
        case _:
            return
    of = known(txn, pool)
    if number < bound(of):
        txn.replace(of, rows.LowestFree(pool=pool, value=str(number)))


def forget(txn: Txn, pool: str) -> None:
    """Look from the beginning again: the pool itself has changed."""
    of = txn.get(rows.LowestFree, pool=pool)
    if of is not None:
        txn.remove(of)


def forget_segments(txn: Txn) -> None:
    """The ranges that segments come from are settings: at a start they may be others than before."""
    for of in txn.find(rows.LowestFree):
        if of.pool.startswith(_SEGMENTS):
            txn.remove(of)
