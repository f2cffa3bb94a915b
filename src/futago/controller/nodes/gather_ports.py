"""Gathers what concerns instances' ports: their own rows, the rules that hold for them, the trunk that they are on."""

from collections.abc import Collection

from futago.contract.specs import Spec
from futago.controller.plan.port import plan_port
from futago.controller.store.database import View
from futago.controller.store.port_rows import QosRule, SubPort, Trunk
from futago.controller.store.rows import FixedIp, Network, Port


def port(view: View, port_id: str) -> dict[str, tuple[Spec, ...]]:
    """The plan of one port."""
    row = view.get(Port, id=port_id)
    if row is None or not row.host_id:
        return {}
    return plan_port(row, view.find(FixedIp, port_id=port_id), rules(view, row.qos_policy_id), _tagged(view, port_id))


def rules(view: View, policy_id: str | None) -> list[QosRule] | None:
    """The rules of a policy, in an order that stays; None if there is no policy."""
    if policy_id is None:
        return None
    return sorted(view.find(QosRule, policy_id=policy_id), key=lambda rule: rule.id)


def keys_of_policies(view: View, policy_ids: Collection[str]) -> set[str]:
    """The plan keys of whatever has one of these policies."""
    if not policy_ids:
        return set()
    ports = (f"port/{row.id}" for row in view.find(Port, qos_policy_id=policy_ids))
    return {*ports, *(f"network/{row.id}" for row in view.find(Network, qos_policy_id=policy_ids))}


def _tagged(view: View, port_id: str) -> tuple[SubPort, Trunk] | None:
    subport = view.get(SubPort, port_id=port_id)
    trunk = None if subport is None else view.get(Trunk, id=subport.trunk_id)
    return None if subport is None or trunk is None else (subport, trunk)
