"""Address scopes: between networks of one scope a router translates nothing, between scopes it lets nothing pass.

What has no scope is a scope of its own, so a router without scopes has no rule here. Floating IPs and source NAT lead
from one scope to another all the same: they are made for that, and for IPv4 only.
"""

from collections.abc import Callable, Iterator, Mapping

from futago.contract.specs import GatewaySpec, NodeSpecs, RouterPort, RouterSpec
from futago.node.features.routing import leg, namespace_of
from futago.node.host import Owned
from futago.node.router_tables import ScopeTable
from futago.values import IPv4Interface, IPv6Interface


def between(router: RouterSpec) -> list[str]:
    """Rules for what is forwarded over IPv4."""
    groups = _groups(router, _ipv4)
    if len(groups) < 2:
        return []
    gateway = router.gateway
    outside = None if gateway is None else leg("qg-", gateway.port.port_id)
    rules = ["ct status dnat accept"]
    insides = sorted({floating.inside for floating in router.floating_ips})
    if outside and insides:
        rules.append(f'ip saddr {{ {", ".join(map(str, insides))} }} oifname "{outside}" accept')
    translated = outside if gateway is not None and gateway.enable_snat else None
    return rules + [f"{way} ct state new drop" for way in _ways(groups, translated)]


def untranslated(router: RouterSpec, gateway: GatewaySpec) -> list[str]:
    """Rules for what leaves with its own address, because that is known outside."""
    scope = gateway.port.ipv4_scope
    same = [leg("qr-", port.port_id) for port in router.interfaces if scope and port.ipv4_scope == scope]
    return [f"iifname {_set(same)} accept"] if same else []


def scopes(specs: NodeSpecs) -> list[Owned]:
    """The tables of all routers that keep scopes apart over IPv6."""
    routers = (spec for spec in specs.specs.values() if isinstance(spec, RouterSpec))
    return [
        Owned(router.key, ScopeTable(namespace=namespace_of(router.router_id), rules=rules))
        for router in routers
        if (rules := over_ipv6(router))
    ]


def over_ipv6(router: RouterSpec) -> tuple[str, ...]:
    """Rules for what is forwarded over IPv6: nothing leads across, so no connection is asked for."""
    return tuple(f"meta nfproto ipv6 {way} drop" for way in _ways(_groups(router, _ipv6)))


def _ways(groups: Mapping[str, list[str]], but_to: str | None = None) -> Iterator[str]:
    """From each scope to the others, but not to one interface."""
    for scope, sources in groups.items():
        targets = [name for other, names in groups.items() if other != scope for name in names if name != but_to]
        if targets:
            yield f"iifname {_set(sources)} oifname {_set(targets)}"


def _groups(router: RouterSpec, scope_of: Callable[[RouterPort], str | None]) -> dict[str, list[str]]:
    """Scope → the interfaces in it that have addresses of the family."""
    legs = [("qr-", port) for port in router.interfaces]
    if router.gateway is not None:
        legs.append(("qg-", router.gateway.port))
    found = [(scope, prefix, port.port_id) for prefix, port in legs if (scope := scope_of(port)) is not None]
    groups: dict[str, list[str]] = {}
    for scope, prefix, port_id in sorted(found):
        groups.setdefault(scope, []).append(leg(prefix, port_id))
    return groups


def _ipv4(port: RouterPort) -> str | None:
    return port.ipv4_scope if any(isinstance(one, IPv4Interface) for one in port.addresses) else None


def _ipv6(port: RouterPort) -> str | None:
    return port.ipv6_scope if any(isinstance(one, IPv6Interface) for one in port.addresses) else None


def _set(names: list[str]) -> str:
    return "{ " + ", ".join(f'"{name}"' for name in names) + " }"
