"""What a router does beside routing: forwards ports, reads connections, counts."""

from collections.abc import Iterable
from ipaddress import ip_network

from futago.contract.router_parts import AddressLimit, ConntrackHelperSpec, MeterRule, MeterSpec, PortForwardingSpec
from futago.controller.plan.qos import plan_qos
from futago.controller.plan.views import RouterView
from futago.controller.store.routing_rows import MeteringRule
from futago.values import IPNetwork, IPv4Address


def port_forwardings(view: RouterView) -> tuple[PortForwardingSpec, ...]:
    """The ports of its floating IPs that are forwarded."""
    outsides = {row.id: row.floating_ip_address for row in view.floating_ips}
    specs = (
        PortForwardingSpec(
            outside=outsides[row.floatingip_id],
            protocol=row.protocol,
            first=row.external_first,
            last=row.external_last,
            inside=row.internal_ip_address,
            inside_first=row.internal_first,
            inside_last=row.internal_last,
        )
        for row in view.port_forwardings
    )
    return tuple(sorted(specs, key=lambda spec: (spec.outside, spec.protocol, spec.first)))


def conntrack_helpers(view: RouterView) -> tuple[ConntrackHelperSpec, ...]:
    """Which connections are read, and by what."""
    specs = (
        ConntrackHelperSpec(helper=row.helper, protocol=row.protocol, port=row.port) for row in view.conntrack_helpers
    )
    return tuple(sorted(specs, key=lambda spec: (spec.helper, spec.protocol, spec.port)))


def meters(view: RouterView) -> tuple[MeterSpec, ...]:
    """The labels that count here; one without rules counts nothing."""
    by_label: dict[str, list[MeteringRule]] = {}
    for rule in view.metering_rules:
        by_label.setdefault(rule.metering_label_id, []).append(rule)
    return tuple(MeterSpec(label_id=label, rules=_rules(by_label[label])) for label in sorted(by_label))


def limits(view: RouterView) -> tuple[AddressLimit, ...]:
    """What may pass by each address outside: by its own policy, or else the external network's."""
    external = view.networks.get(view.router.gateway_network_id or "")
    if external is None:
        return ()
    policies = {row.floating_ip_address: row.qos_policy_id for row in view.floating_ips}
    own = [one.ip_address for one in view.fixed_ips if one.port_id == view.router.gateway_port_id]
    policies |= {one: view.router.gateway_qos_policy_id for one in own if isinstance(one, IPv4Address)}
    found = []
    for address, policy_id in sorted(policies.items()):
        planned = plan_qos(view.qos_rules.get(policy_id or external.qos_policy_id or "", ()))
        if planned.egress is not None or planned.ingress is not None:
            found.append(AddressLimit(address=address, egress=planned.egress, ingress=planned.ingress))
    return tuple(found)


def _rules(rows: Iterable[MeteringRule]) -> tuple[MeterRule, ...]:
    """What is left out comes first."""
    return tuple(sorted({_rule(row) for row in rows}, key=lambda rule: (not rule.excluded, repr(rule))))


def _rule(row: MeteringRule) -> MeterRule:
    outwards = row.direction == "egress"
    source, destination = _network(row.source_ip_prefix), _network(row.destination_ip_prefix)
    if (inside := _network(row.remote_ip_prefix)) is not None:
        source, destination = (inside, None) if outwards else (None, inside)
    return MeterRule(outwards=outwards, excluded=row.excluded, source=source, destination=destination)


def _network(text: str | None) -> IPNetwork | None:
    return None if text is None else ip_network(text, strict=False)
