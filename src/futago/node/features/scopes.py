"""Address scopes: between networks of one scope a router translates nothing, between scopes it lets nothing pass.

What has no scope is a scope of its own, so a router without scopes has no rule here. Floating IPs and source NAT lead
from one scope to another all the same: they are made for that. Over IPv6 nothing is done.
"""

from futago.contract.specs import GatewaySpec, RouterPort, RouterSpec
from futago.node.features.routing import leg
from futago.values import IPv4Interface


def between(router: RouterSpec) -> list[str]:
    """Rules for what is forwarded."""
    groups = _groups(router)
    if len(groups) < 2:
        return []
    gateway = router.gateway
    outside = None if gateway is None else leg("qg-", gateway.port.port_id)
    rules = ["ct status dnat accept"]
    insides = sorted({floating.inside for floating in router.floating_ips})
    if outside and insides:
        rules.append(f'ip saddr {{ {", ".join(map(str, insides))} }} oifname "{outside}" accept')
    translated = outside if gateway is not None and gateway.enable_snat else None
    for scope, sources in groups.items():
        targets = [name for other, names in groups.items() if other != scope for name in names if name != translated]
        if targets:
            rules.append(f"iifname {_set(sources)} oifname {_set(targets)} ct state new drop")
    return rules


def untranslated(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    """Rules for what leaves with its own address, because that is known outside."""
    scope = gateway.port.ipv4_scope
    same = [leg("qr-", port.port_id) for port in router.interfaces if scope and port.ipv4_scope == scope]
    return [f"iifname {_set(same)} accept"] if same else []


def _groups(router: RouterSpec) -> dict[str, list[str]]:
    """Scope → the interfaces in it that have IPv4 addresses."""
    legs = [("qr-", port) for port in router.interfaces]
    if router.gateway is not None:
        legs.append(("qg-", router.gateway.port))
    groups: dict[str, list[str]] = {}
    for prefix, port in sorted(legs, key=lambda item: (item[1].ipv4_scope, item[0], item[1].port_id)):
        if _has_ipv4(port):
            groups.setdefault(port.ipv4_scope, []).append(leg(prefix, port.port_id))
    return groups


def _has_ipv4(port: RouterPort) -> bool:
    return any(isinstance(address, IPv4Interface) for address in port.addresses)


def _set(names: list[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"
