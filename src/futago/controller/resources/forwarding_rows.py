"""What other resources do to port forwardings: an end, when the port or the address inside ends."""

from msgspec.structs import replace

from futago.controller.store.database import Transaction
from futago.controller.store.routing_rows import PortForwarding
from futago.controller.store.rows import FloatingIp
from futago.values import IPAddress


def end(txn: Transaction, forwarding: PortForwarding) -> None:
    """Forward these ports no more; after the last of a floating IP no router has its address."""
    txn.remove(forwarding)
    floating_ip = txn.get(FloatingIp, id=forwarding.floatingip_id)
    if floating_ip is not None and not txn.count(PortForwarding, floatingip_id=floating_ip.id):
        txn.replace(floating_ip, replace(floating_ip, router_id=None))


def end_to_port(txn: Transaction, port_id: str) -> None:
    """Nothing is forwarded any more to a port that ends."""
    for forwarding in txn.find(PortForwarding, internal_port_id=port_id):
        end(txn, forwarding)


def end_to_address(txn: Transaction, port_id: str, address: IPAddress) -> None:
    """Nothing is forwarded any more to an address that the port gives up."""
    for forwarding in txn.find(PortForwarding, internal_port_id=port_id, internal_ip_address=address):
        end(txn, forwarding)
