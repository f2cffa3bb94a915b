"""Gathers what concerns instances' ports: their own rows, the rules that hold for them, the trunk that they are on."""

from collections.abc import Collection, Mapping

from futago.contract.specs import Spec
from futago.controller.plan.port import plan_port
from futago.controller.store.database import View
from futago.controller.store.port_rows import QosRule, SubPort, Trunk
from futago.controller.store.rows import FixedIp, FloatingIp, Network, Port, Router


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
    networks = view.find(Network, qos_policy_id=policy_ids)
    routers = {row.id for row in view.find(Router, gateway_qos_policy_id=policy_ids)}
    routers |= {row.router_id for row in view.find(FloatingIp, qos_policy_id=policy_ids) if row.router_id is not None}
    outside = [row.id for row in networks if row.external]
    routers |= {row.id for row in view.find(Router, gateway_network_id=outside)} if outside else set()
    return {*ports, *(f"network/{row.id}" for row in networks), *(f"router/{one}" for one in routers)}


def rules_outside(
    view: View, router: Router, floating_ips: Collection[FloatingIp], networks: Mapping[str, Network]
) -> dict[str, tuple[QosRule, ...]]:
    """The rules of the policies that hold for a router's addresses outside, by policy."""
    external = networks.get(router.gateway_network_id or "")
    named = {router.gateway_qos_policy_id, *(row.qos_policy_id for row in floating_ips)}
    policy_ids = [one for one in {*named, external.qos_policy_id if external is not None else None} if one is not None]
    return {policy_id: tuple(rules(view, policy_id) or ()) for policy_id in sorted(policy_ids)}


def _tagged(view: View, port_id: str) -> tuple[SubPort, Trunk] | None:
    subport = view.get(SubPort, port_id=port_id)
    trunk = None if subport is None else view.get(Trunk, id=subport.trunk_id)
    return None if subport is None or trunk is None else (subport, trunk)
