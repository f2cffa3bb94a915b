"""What other resources do to floating IPs: letting go of a port that ends, or of an external network that ends."""

from msgspec.structs import replace

from futago.controller.resources.service_ports import remove_port
from futago.controller.store.database import Transaction
from futago.controller.store.routing_rows import PortForwarding
from futago.controller.store.rows import FloatingIp, Port
from futago.values import IPAddress


def let_go_of(txn: Transaction, port_id: str) -> None:
    """Floating IPs of this port stand for nothing from now on; their addresses stay with their projects."""
    for forwarding in txn.find(PortForwarding, internal_port_id=port_id):
        end_forwarding(txn, forwarding)
    for floating_ip in txn.find(FloatingIp, port_id=port_id):
        txn.replace(floating_ip, replace(floating_ip, port_id=None, fixed_ip_address=None, router_id=None))


def end_forwarding(txn: Transaction, forwarding: PortForwarding) -> None:
    """Forward these ports no more; after the last of a floating IP no router has its address."""
    txn.remove(forwarding)
    floating_ip = txn.get(FloatingIp, id=forwarding.floatingip_id)
    if floating_ip is not None and not txn.count(PortForwarding, floatingip_id=floating_ip.id):
        txn.replace(floating_ip, replace(floating_ip, router_id=None))


def end_forwardings_to(txn: Transaction, port_id: str, address: IPAddress) -> None:
    """Nothing is forwarded any more to this address, which the port gives up."""
    for forwarding in txn.find(PortForwarding, internal_port_id=port_id, internal_ip_address=address):
        end_forwarding(txn, forwarding)


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
