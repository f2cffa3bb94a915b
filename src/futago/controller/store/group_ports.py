"""Which ports are in which security groups: a port has its groups as a list, in which no index finds a group.

Kept within the transactions that write ports, so that what a port costs does not grow with the cloud.
"""

from typing import Protocol

from futago.controller import device_owners
from futago.controller.store import rows
from futago.controller.store.port_rows import GroupPort


class Txn(Protocol):
    """What of a transaction is used here."""

    def add(self, row: GroupPort) -> GroupPort: ...
    def remove(self, row: rows.Row) -> None: ...


def follow(txn: Txn, old: rows.Row | None, new: rows.Row | None) -> None:
    """`new` is in the place of `old`; either may be none, or no port."""
    before, after = _of(old), _of(new)
    for entry in before:
        if entry not in after:
            txn.remove(entry)
    for entry in after:
        if entry not in before:
            txn.add(entry)


def _of(row: rows.Row | None) -> list[GroupPort]:
    if not isinstance(row, rows.Port):
        return []
    filtered = row.port_security_enabled and not row.device_owner.startswith(device_owners.SERVICE)
    host = row.host_id if filtered else ""
    groups = dict.fromkeys(row.security_group_ids)  # a request may name one twice
    return [GroupPort(security_group_id=group_id, port_id=row.id, host_id=host) for group_id in groups]
