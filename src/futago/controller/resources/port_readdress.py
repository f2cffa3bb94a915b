"""The addresses of a port that is there: others that a request asks for, or those that it keeps on another host."""

from collections.abc import Sequence
from typing import Any

from futago.controller import device_owners
from futago.controller.resources.definition import Absent
from futago.controller.resources.port_addresses import Wishes, allocation, change, rebind, wishes
from futago.controller.resources.router_legs import check_moved, legs
from futago.controller.store.database import Transaction
from futago.controller.store.rows import Network, Port, Router
from futago.controller.store.touched import touched


def readdress(
    txn: Transaction, network: Network, port: Port, asked: Sequence[dict[str, Any]] | Absent, host: str
) -> str:
    """See to a port's addresses on this host; returns when it gets them. Raises as `wishes`, `change` and `rebind`."""
    if isinstance(asked, Absent):
        return rebind(txn, port, host).ip_allocation
    _move(txn, port, wishes(txn, network, asked, port.device_owner, host))
    return allocation(asked)


def _move(txn: Transaction, port: Port, wanted: Wishes) -> None:
    """Give a port other addresses; those of a router's leg have to suit the router."""
    router = txn.get(Router, id=port.device_id) if port.device_owner in device_owners.LEGS else None
    left = [leg.subnet for leg in legs(txn, router) if leg.port.id == port.id] if router is not None else []
    change(txn, port, wanted)
    if router is not None:
        check_moved(txn, router, port, left)
    for key in touched(port):
        txn.touch(key)
