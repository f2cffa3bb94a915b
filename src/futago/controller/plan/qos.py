"""What the rules of a QoS policy have a switch do."""

from collections.abc import Iterable
from typing import Final

from futago.contract.port_features import PacketLimit, QosSpec, RateLimit
from futago.controller.store.port_rows import QosRule

_BURST_PERCENT: Final = 80
"""Of what passes in a second: with less, TCP stays far below the limit."""
_KILO: Final = 1000


def plan_qos(rules: Iterable[QosRule]) -> QosSpec:
    """One spec of all rules; no switch has anything to do for a minimum bandwidth."""
    limits: dict[str, RateLimit] = {}
    packets = dscp = None
    for rule in rules:
        # A limit of 0 is none, as it is for Open vSwitch.
        if rule.kind == "bandwidth_limit" and rule.max_kbps:
            burst = rule.max_burst_kbps or _burst(rule.max_kbps)
            limits[rule.direction] = RateLimit(kbps=rule.max_kbps, burst_kbits=burst)
        elif rule.kind == "packet_rate_limit" and rule.max_kpps:
            rate, most = rule.max_kpps * _KILO, (rule.max_burst_kpps or 0) * _KILO
            packets = PacketLimit(per_second=rate, burst=most or _burst(rate))
        elif rule.kind == "dscp_marking":
            dscp = rule.dscp_mark
    return QosSpec(egress=limits.get("egress"), ingress=limits.get("ingress"), egress_packets=packets, dscp=dscp)


def _burst(rate: int) -> int:
    return max(1, rate * _BURST_PERCENT // 100)
