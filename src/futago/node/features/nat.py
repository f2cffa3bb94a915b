"""NAT: one nft table for each router with a gateway, the same on every replica.

What happens to a packet:
- from outside to a floating IP: its destination becomes the instance's address, and conntrack undoes it in replies;
- from an instance with a floating IP to the outside: its source becomes the floating IP;
- from any other to the outside: its source becomes the gateway's address (with `enable_snat`);
- from a project network to a floating IP: as from outside, and its source becomes the gateway's address too, or the
  reply would go straight to the sender, who never spoke to that address;
- between project networks: nothing.
"""

from futago.contract.specs import GatewaySpec, NodeSpecs, RouterSpec
from futago.node.features.routing import leg, namespace_of
from futago.node.host import NftTable, Owned


def nat(specs: NodeSpecs) -> list[Owned]:
    """The tables of all routers that have a gateway."""
    return [
        Owned(spec.key, _table(spec, spec.gateway))
        for spec in specs.specs.values()
        if isinstance(spec, RouterSpec) and spec.gateway is not None
    ]


def _table(router: RouterSpec, gateway: GatewaySpec) -> NftTable:
    return NftTable(
        namespace=namespace_of(router.router_id),
        body=render(router, gateway),
        floating_ips=tuple(sorted((str(one.outside), str(one.inside)) for one in router.floating_ips)),
        own_address="".join(str(address.ip) for address in gateway.port.addresses[:1]),
    )


def render(router: RouterSpec, gateway: GatewaySpec) -> str:
    """Same router in, same text out: sorted, so that it can be compared and hashed."""
    pairs = sorted((floating.outside, floating.inside) for floating in router.floating_ips)
    inwards = ", ".join(f"{outside} : {inside}" for outside, inside in pairs)
    to_inside = [f"dnat to ip daddr map {{ {inwards} }}"] if pairs else []
    chains = {
        "prerouting": ("dstnat", to_inside),
        "output": ("-100", to_inside),
        "postrouting": ("srcnat", _sources(router, gateway)),
    }
    lines: list[str] = []
    for hook, (priority, rules) in chains.items():
        lines.append(f"chain {hook} {{")
        lines.append(f"    type nat hook {hook} priority {priority}; policy accept;")
        lines += [f"    {rule}" for rule in rules]
        lines.append("}")
    return "".join(f"{line}\n" for line in lines)


def _sources(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    outer = f'"{leg("qg-", gateway.port.port_id)}"'
    own = [str(address.ip) for address in gateway.port.addresses[:1]]
    rules = [f"iifname != {outer} oifname != {outer} ct status dnat snat to {address}" for address in own]
    rules.append(f"oifname != {outer} accept")
    pairs = sorted((floating.inside, floating.outside) for floating in router.floating_ips)
    if pairs:
        outwards = ", ".join(f"{inside} : {outside}" for inside, outside in pairs)
        rules.append(f"snat to ip saddr map {{ {outwards} }}")
    if gateway.enable_snat:
        rules += [f"snat to {address}" for address in own]
    return rules
