"""Meters: how much of what a router carries to and from the outside the metering labels count.

They see packets as they are inside: from instances before SNAT, to instances after the floating IP's translation. A
packet counts once for each label that has a rule for it, unless the label leaves it out.
"""

from futago.contract.router_parts import MeterRule, MeterSpec
from futago.contract.specs import GatewaySpec, NodeSpecs, RouterSpec
from futago.node.features.routing import leg, namespace_of
from futago.node.host import Owned
from futago.node.router_tables import MeterTable, NftCounter
from futago.values import IPNetwork


def meters(specs: NodeSpecs) -> list[Owned]:
    """The tables of all routers that have a gateway and something to count; no router's election waits for them."""
    return [
        Owned(f"{spec.key}/meters", _table(spec, spec.gateway))
        for spec in specs.specs.values()
        if isinstance(spec, RouterSpec) and spec.gateway is not None and spec.meters
    ]


def counter_of(label_id: str) -> str:
    """The counter's name: an identifier of nft, which may have no hyphens."""
    return f"label_{label_id.replace('-', '_')}"


def label_of(counter: str) -> str:
    """The label that a counter is for."""
    return counter.removeprefix("label_").replace("_", "-")


def _table(router: RouterSpec, gateway: GatewaySpec) -> MeterTable:
    outer = leg("qg-", gateway.port.port_id)
    return MeterTable(
        namespace=namespace_of(router.router_id), meters=tuple(_meter(spec, outer) for spec in router.meters)
    )


def _meter(spec: MeterSpec, outer: str) -> NftCounter:
    name = counter_of(spec.label_id)
    return NftCounter(name=name, rules=tuple(_rule(rule, outer, name) for rule in spec.rules))


def _rule(rule: MeterRule, outer: str, counter: str) -> str:
    way = f'{"oifname" if rule.outwards else "iifname"} "{outer}"'
    ends = (_end("saddr", rule.source), _end("daddr", rule.destination))
    counts = "" if rule.excluded else f'counter name "{counter}" '
    return f"{way} {''.join(ends)}{counts}return"


def _end(which: str, network: IPNetwork | None) -> str:
    if network is None:
        return ""
    if network.prefixlen == 0:
        return f"meta nfproto ipv{network.version} "
    return f"{'ip' if network.version == 4 else 'ip6'} {which} {network} "
