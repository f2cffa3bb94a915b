"""What trunks have to do with their ports: these ask before they go, and where a parent goes its subports go, too."""

from collections.abc import Collection

from msgspec.structs import replace

from futago.controller import device_owners
from futago.controller.resources import lookup, trunk_errors
from futago.controller.resources.definition import Rendered
from futago.controller.resources.port_addresses import rebind
from futago.controller.store.database import Transaction, View
from futago.controller.store.port_rows import SubPort, Trunk
from futago.controller.store.rows import Port


def check_free(txn: Transaction, port_id: str) -> None:
    """See that a port belongs to no trunk.

    Raises:
        trunk_errors.PortInUseAsSubPort: it is tagged on one.
        trunk_errors.PortInUseAsTrunkParent: it carries one.

    """
    if (subport := txn.get(SubPort, port_id=port_id)) is not None:
        raise trunk_errors.PortInUseAsSubPort(port_id=port_id, trunk_id=subport.trunk_id)
    if (trunk := txn.get(Trunk, port_id=port_id)) is not None:
        raise trunk_errors.PortInUseAsTrunkParent(port_id=port_id, trunk_id=trunk.id)


def follow(txn: Transaction, parent: Port) -> None:
    """Bind the subports of a port to the host that it is on now."""
    trunk = txn.get(Trunk, port_id=parent.id)
    for port in subports(txn, trunk.id) if trunk is not None else ():
        bind(txn, port, parent.host_id)


def bind(txn: Transaction, subport: Port, host_id: str) -> None:
    """Have a port tagged on a trunk of this host."""
    owner = device_owners.SUBPORT
    moved = subport.host_id != host_id
    there = rebind(txn, subport, host_id)
    txn.replace(subport, replace(there, host_id=host_id, device_owner=owner, up=subport.up and not moved))


def let_go(txn: Transaction, subport: Port) -> None:
    """The port is on no trunk any more, and so on no host."""
    txn.replace(subport, replace(subport, host_id="", device_owner="", up=False))


def subports(view: View, trunk_id: str) -> list[Port]:
    """The ports that are tagged on a trunk."""
    return lookup.among(view, Port, "id", [row.port_id for row in view.find(SubPort, trunk_id=trunk_id)])


def details(view: View, port_ids: Collection[str]) -> dict[str, Rendered]:
    """What ports that are parents show of their trunks, by port."""
    trunks = lookup.among(view, Trunk, "port_id", port_ids)
    rows = lookup.among(view, SubPort, "trunk_id", [trunk.id for trunk in trunks])
    macs = {port.id: port.mac_address for port in lookup.among(view, Port, "id", [row.port_id for row in rows])}
    tagged = lookup.grouped(rows, "trunk_id")
    return {
        trunk.port_id: {
            "trunk_id": trunk.id,
            "sub_ports": [{**shown(row), "mac_address": macs[row.port_id]} for row in tagged.get(trunk.id, [])],
        }
        for trunk in trunks
    }


def shown(row: SubPort) -> Rendered:
    """A subport as the API shows it."""
    return {
        "port_id": row.port_id,
        "segmentation_type": row.segmentation_type,
        "segmentation_id": row.segmentation_id,
    }
