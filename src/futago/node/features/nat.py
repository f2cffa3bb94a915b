"""NAT: one nft table for each router with a gateway, the same on every replica.

What happens to a packet:
- from outside to a floating IP: its destination becomes the instance's address, and conntrack undoes it in replies;
- from outside to a port that is forwarded: its destination becomes an instance's address and port, likewise;
- from an instance with a floating IP to the outside: its source becomes the floating IP;
- from any other to the outside: its source becomes the gateway's address (with `enable_snat`);
- from a project network to a floating IP: as from outside, and its source becomes the gateway's address too, or the
  reply would go straight to the sender, who never spoke to that address;
- between project networks: nothing, and from those in the external network's address scope: nothing (`scopes`);
- over IPv6: nothing.

What is sent to an address outside or from it may be limited in its rate: what is too much is dropped, on its way in
before its destination is another, on its way out when its source is another.

Two rules keep connections alive that are not known here, which happens in the moment of a takeover: a packet from
their middle is dropped, never answered with a reset (its destination may be the router itself, whose stack knows of
no such connection), and never let out untranslated. Their ends send it again, and then it is known.
"""

from typing import Final

from futago.contract.port_features import RateLimit
from futago.contract.specs import GatewaySpec, NodeSpecs, RouterSpec
from futago.metadata.config import METADATA_ADDRESS
from futago.node.features import scopes
from futago.node.features.forwardings import forwarding_rules
from futago.node.features.routing import leg, namespace_of
from futago.node.host import NftTable, Owned
from futago.values import IPv4Interface

_AFTER_NAT: Final = "150"
_BYTES_IN_KBIT: Final = 125
_HIGHEST_RATE: Final = 10_000_000_000
"""Bytes in a second: the kernel counts nanoseconds for them, in 64 bits."""
_HIGHEST_BURST: Final = 2**32 - 1
_SMALLEST_BURST: Final = 1500


def nat(specs: NodeSpecs) -> list[Owned]:
    """The tables of all routers that have a gateway, or address scopes to keep apart."""
    routers = [spec for spec in specs.specs.values() if isinstance(spec, RouterSpec)]
    return [
        Owned(spec.key, _table(spec, spec.gateway) if spec.gateway is not None else _apart(spec))
        for spec in routers
        if spec.gateway is not None or scopes.between(spec)
    ]


def _table(router: RouterSpec, gateway: GatewaySpec) -> NftTable:
    return NftTable(
        namespace=namespace_of(router.router_id),
        body=render(router, gateway),
        floating_ips=tuple(sorted((str(one.outside), str(one.inside)) for one in router.floating_ips)),
        own_address="".join(_own(gateway)),
    )


def _apart(router: RouterSpec) -> NftTable:
    lines = _chain("filter", "forward", "filter", scopes.between(router))
    return NftTable(namespace=namespace_of(router.router_id), body="".join(f"{line}\n" for line in lines))


def render(router: RouterSpec, gateway: GatewaySpec) -> str:
    """Same router in, same text out: sorted, so that it can be compared and hashed."""
    pairs = sorted((floating.outside, floating.inside) for floating in router.floating_ips)
    inwards = ", ".join(f"{outside} : {inside}" for outside, inside in pairs)
    to_inside = [f"dnat to ip daddr map {{ {inwards} }}"] if pairs else []
    to_inside += forwarding_rules(router.port_forwardings)
    chains = {
        "prerouting": ("dstnat", to_inside),
        "output": ("-100", to_inside),
        "postrouting": ("srcnat", _sources(router, gateway)),
    }
    lines: list[str] = []
    for hook, (priority, rules) in chains.items():
        lines += _chain("nat", hook, priority, rules)
    lines += _limits(router, gateway)
    lines += _chain("filter", "input", "filter", _not_in(gateway))
    if forwarded := [*_not_out(router, gateway), *scopes.between(router)]:
        lines += _chain("filter", "forward", "filter", forwarded)
    return "".join(f"{line}\n" for line in lines)


def _chain(kind: str, hook: str, priority: str, rules: list[str], name: str = "") -> list[str]:
    head = f"    type {kind} hook {hook} priority {priority}; policy accept;"
    return [f"chain {name or hook} {{", head, *(f"    {rule}" for rule in rules), "}"]


def _limits(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    """What addresses outside send and get: seen before anything is translated on the way in, after it when out."""
    outer = f'"{leg("qg-", gateway.port.port_id)}"'
    inwards = [f"iifname {outer} ip daddr {one.address} {_over(one.ingress)}" for one in router.limits if one.ingress]
    outwards = [f"oifname {outer} ip saddr {one.address} {_over(one.egress)}" for one in router.limits if one.egress]
    lines = _chain("filter", "prerouting", "mangle", inwards, "limit_ingress") if inwards else []
    return lines + (_chain("filter", "postrouting", _AFTER_NAT, outwards, "limit_egress") if outwards else [])


def _over(limit: RateLimit) -> str:
    """What is too much: the kernel's bucket holds what may pass in a second, and the burst that is named beside it."""
    rate = min(limit.kbps * _BYTES_IN_KBIT, _HIGHEST_RATE)
    burst = max(_SMALLEST_BURST, min(limit.burst_kbits * _BYTES_IN_KBIT, _HIGHEST_BURST) - rate)
    return f"limit rate over {rate} bytes/second burst {burst} bytes drop"


def _not_in(gateway: GatewaySpec) -> list[str]:
    """What the router itself must not hear: the middle of unknown connections; questions for metadata from outside."""
    return [
        "ct state invalid,new tcp flags & (fin | syn | rst | ack) != syn drop",
        f'iifname "{leg("qg-", gateway.port.port_id)}" ip daddr {METADATA_ADDRESS} drop',
    ]


def _not_out(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    """What must not leave with an address from inside."""
    leaves = f'oifname "{leg("qg-", gateway.port.port_id)}" meta l4proto tcp ct state invalid'
    if gateway.enable_snat:
        return [f"{leaves} drop"]
    known = {floating.inside for floating in router.floating_ips} | {one.inside for one in router.port_forwardings}
    insides = ", ".join(str(address) for address in sorted(known))
    return [f"ip saddr {{ {insides} }} {leaves} drop"] if insides else []


def _own(gateway: GatewaySpec) -> list[str]:
    """The address that stands for all who have no floating IP: the first IPv4 one, if there is any. IPv6 has no NAT."""
    return [str(address.ip) for address in gateway.port.addresses if isinstance(address, IPv4Interface)][:1]


def _sources(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    outer = f'"{leg("qg-", gateway.port.port_id)}"'
    own = _own(gateway)
    rules = [f"iifname != {outer} oifname != {outer} ct status dnat snat to {address}" for address in own]
    rules.append(f"oifname != {outer} accept")
    pairs = sorted((floating.inside, floating.outside) for floating in router.floating_ips)
    if pairs:
        outwards = ", ".join(f"{inside} : {outside}" for inside, outside in pairs)
        rules.append(f"snat to ip saddr map {{ {outwards} }}")
    if gateway.enable_snat:
        rules += scopes.untranslated(router, gateway)
        rules += [f"snat to {address}" for address in own]
    return rules
