"""Who may use a network, whether it leads outside, and in which address scopes it is."""

from collections.abc import Mapping, Sequence
from typing import Final

from futago.controller import device_owners
from futago.controller.resources import addressing_errors, errors, floating_rows, lookup, sharing
from futago.controller.resources.definition import Rendered
from futago.controller.resources.sharing import EVERYBODY, EXTERNAL, SHARED
from futago.controller.store.addressing_rows import SubnetPool
from futago.controller.store.database import Transaction, View
from futago.controller.store.rows import Network, Port, Subnet

NO_SCOPES: Final[dict[str, str | None]] = {"ipv4_address_scope": None, "ipv6_address_scope": None}


def begin(txn: Transaction, network: Network, *, shared: bool) -> None:
    """Let those use a new network who are to."""
    _check_only_default(txn, network)
    if shared:
        sharing.open_for_all(txn, "network", network)
    if network.external:
        sharing.open_for_all(txn, "network", network, EXTERNAL)


def change(txn: Transaction, network: Network, changed: Network, *, shared: bool | None) -> None:
    """Let others use a network, or no longer; who uses it already is not put out.

    Raises:
        errors.InvalidSharedSetting: others have ports on it.
        errors.ExternalNetworkInUse: routers or floating IPs are on it.

    """
    _check_only_default(txn, changed)
    if shared:
        sharing.open_for_all(txn, "network", network)
    elif shared is not None:
        _close_for_all(txn, network)
    if changed.external and not network.external:
        sharing.open_for_all(txn, "network", network, EXTERNAL)
    if network.external and not changed.external:
        floating_rows.release_unused(txn, network.id)
        outside = [device_owners.GATEWAY, device_owners.FLOATING_IP]
        if txn.count(Port, network_id=network.id, device_owner=outside):
            raise errors.ExternalNetworkInUse(network_id=network.id)
        sharing.close(txn, network.id, action=EXTERNAL)


def scopes(view: View, subnets: Mapping[str, Sequence[Subnet]]) -> dict[str, Rendered]:
    """Network → its address scopes, by family, for those networks whose `subnets` are from pools."""
    pool_ids = {row.subnetpool_id for rows in subnets.values() for row in rows if row.subnetpool_id}
    pools = {pool.id: pool for pool in lookup.among(view, SubnetPool, "id", pool_ids)}
    return {
        network_id: {
            **NO_SCOPES,
            **{
                f"ipv{row.ip_version}_address_scope": pools[row.subnetpool_id].address_scope_id
                for row in rows
                if row.subnetpool_id in pools
            },
        }
        for network_id, rows in (subnets.items() if pools else ())
    }


def _close_for_all(txn: Transaction, network: Network) -> None:
    left = sharing.targets(txn, network.id, SHARED)
    if EVERYBODY not in left:
        return
    users = {port.project_id for port in txn.find(Port, network_id=network.id)}
    if sharing.losing(users, network.project_id, EVERYBODY, left - {EVERYBODY}):
        raise errors.InvalidSharedSetting(network_id=network.id)
    sharing.close(txn, network.id, action=SHARED, target_project=EVERYBODY)


def _check_only_default(txn: Transaction, network: Network) -> None:
    """Of the external networks one at most is the default."""
    if not network.is_default or not network.external:
        return
    for other in txn.find(Network, is_default=True, external=True):
        if other.id != network.id:
            raise addressing_errors.DefaultExternalNetworkExists(net_id=other.id)
