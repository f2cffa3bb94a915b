"""An instance's port: for the node to which it is bound."""

from futago.contract.port_features import TrunkTag
from futago.contract.specs import PortSpec, Spec
from futago.controller import device_owners
from futago.controller.plan.firewall import address_pairs
from futago.controller.plan.qos import plan_qos
from futago.controller.store.port_rows import QosRule, SubPort, Trunk
from futago.controller.store.rows import FixedIp, Port
from futago.values import Vlan


def plan_port(
    port: Port,
    fixed_ips: list[FixedIp],
    rules: list[QosRule] | None = None,
    tagged: tuple[SubPort, Trunk] | None = None,
) -> dict[str, tuple[Spec, ...]]:
    """Node → the port; nothing while it is unbound, or where it belongs to the service (routers, DHCP).

    `rules` are those of a policy of its own, `tagged` says on which trunk it is.
    """
    if not port.host_id or port.device_owner.startswith(device_owners.SERVICE):
        return {}
    spec = PortSpec(
        port_id=port.id,
        network_id=port.network_id,
        mac=port.mac_address,
        addresses=tuple(ip.ip_address for ip in sorted(fixed_ips, key=lambda ip: ip.position)),
        admin_state_up=port.admin_state_up and (tagged is None or tagged[1].admin_state_up),
        port_security=port.port_security_enabled,
        address_pairs=address_pairs(port),
        security_groups=tuple(sorted(port.security_group_ids)),
        qos=None if rules is None else plan_qos(rules),
        trunk=None if tagged is None else _tag(*tagged),
    )
    return {port.host_id: (spec,)}


def _tag(subport: SubPort, trunk: Trunk) -> TrunkTag:
    return TrunkTag(parent_id=trunk.port_id, vlan=Vlan(subport.segmentation_id))
