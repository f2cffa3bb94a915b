"""An instance's port: for the node to which it is bound."""

from futago.contract.specs import PortSpec, Spec
from futago.controller import device_owners
from futago.controller.plan.firewall import address_pairs
from futago.controller.store.rows import FixedIp, Port


def plan_port(port: Port, fixed_ips: list[FixedIp]) -> dict[str, tuple[Spec, ...]]:
    """Node → the port; nothing while it is unbound, or where it belongs to the service (routers, DHCP)."""
    if not port.host_id or port.device_owner.startswith(device_owners.SERVICE):
        return {}
    spec = PortSpec(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        addresses=tuple(ip.ip_address for ip in sorted(fixed_ips, key=lambda ip: ip.position)),
        admin_state_up=port.admin_state_up,
        port_security=port.port_security_enabled,
        address_pairs=address_pairs(port),
        security_groups=tuple(sorted(port.security_group_ids)),
    )
    return {port.host_id: (spec,)}
