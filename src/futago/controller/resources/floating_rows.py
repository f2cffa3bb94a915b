"""What other resources do to floating IPs: letting go of a port that ends, or of an external network that ends."""

from msgspec.structs import replace

from futago.controller.resources.service_ports import remove_port
from futago.controller.store.database import Transaction
from futago.controller.store.rows import FloatingIp, Port


def let_go_of(txn: Transaction, port_id: str) -> None:
    """Floating IPs of this port stand for nothing from now on; their addresses stay with their projects."""
    for floating_ip in txn.find(FloatingIp, port_id=port_id):
        txn.replace(floating_ip, replace(floating_ip, port_id=None, fixed_ip_address=None, router_id=None))


def release(txn: Transaction, floating_ip: FloatingIp) -> None:
    """Delete a floating IP, and give its address back to the external network."""
    txn.remove(floating_ip)
    port = txn.get(Port, id=floating_ip.floating_port_id)
    if port is not None:
        remove_port(txn, port)


def release_unused(txn: Transaction, network_id: str) -> None:
    """Delete the floating IPs of an external network that stand for nothing."""
    for floating_ip in txn.find(FloatingIp, floating_network_id=network_id):
        if floating_ip.router_id is None:
            release(txn, floating_ip)
