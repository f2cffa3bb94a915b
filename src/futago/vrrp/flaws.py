"""What is wrong with descriptions of virtual routers, before any of them takes part."""

from collections.abc import Iterable

from futago.values import Millis
from futago.vrrp import packet
from futago.vrrp.config import KEY_BYTES, AuthMode, Version, VirtualRouterConfig
from futago.vrrp.machine import OWNER_PRIORITY


def refuse(routers: Iterable[VirtualRouterConfig], *, beside: Iterable[VirtualRouterConfig] = ()) -> dict[str, str]:
    """The routers that cannot be used as they are described, each with the reason; those `beside` them run already."""
    refused: dict[str, str] = {}
    seen = {_place(router): router.name for router in beside}
    names: set[str] = set()
    for router in routers:
        place = _place(router)
        reason = _flaw(router)
        if router.name in names:
            reason = "name: two routers have this name"
        elif place in seen:
            reason = f"vrid: router {seen[place]} has the same virtual router id on the same interface"
        names.add(router.name)
        seen.setdefault(place, router.name)
        if reason:
            refused[router.name] = reason
    return refused


def _place(router: VirtualRouterConfig) -> tuple[str, str, int, int]:
    """Where there can be one virtual router and no other (RFC 9568, 5.2.3)."""
    return router.namespace, router.interface, router.source.version, router.vrid


def _flaw(router: VirtualRouterConfig) -> str | None:
    interval = router.advert_interval
    v2 = router.version is Version.V2
    longest = packet.MAX_INTERVAL_V2 if v2 else packet.MAX_INTERVAL_V3
    unit = 1000 if v2 else 10
    checks = (
        ("\0" not in router.namespace + router.interface, "namespace, interface: a name has no NUL"),
        (bool(router.name), "a router needs a name"),
        (1 <= router.vrid <= 255, f"vrid {router.vrid} is not in 1..255"),
        (1 <= router.priority <= OWNER_PRIORITY, f"priority {router.priority} is not in 1..255"),
        (unit <= interval <= longest, f"advert_interval {interval} ms is not in {unit}..{longest} ms"),
        (interval % unit == 0, _not_a_multiple(interval, unit, router.version)),
        (1 <= len(router.advertised) <= 255, "advertised: 1 to 255 addresses are needed"),
        (v2 or not router.password, "password: VRRPv3 has no passwords; say version = 2, or use keys"),
        (router.preempt_delay >= 0, "preempt_delay: a delay cannot be negative"),
    )
    wrong = next((text for fine, text in checks if not fine), None)
    return wrong or _flaw_of_family(router) or _flaw_of_keys(router)


def _not_a_multiple(interval: Millis, unit: int, version: Version) -> str:
    below = interval // unit * unit
    can = f"{below} or {below + unit}" if below else str(unit)
    return f"advert_interval {interval} ms is not a multiple of {unit}, as VRRPv{version} needs; {can} can be said"


def _flaw_of_family(router: VirtualRouterConfig) -> str | None:
    """RFC 9568, 5.1.2.1 and 5.2.9."""
    v3 = router.version is Version.V3
    checks = (
        (
            all(a.version == router.source.version for a in router.advertised),
            "advertised: all must be of the family of the source",
        ),
        (v3 or not router.ipv6, "version: VRRPv2 has no IPv6; say version = 3"),
        (
            all(peer.source.version == router.source.version for peer in router.peers),
            "peers: all sources must be of the family of the source",
        ),
        (not router.ipv6 or router.source.is_link_local, f"source: the source {router.source} is not link-local"),
        (
            not router.ipv6 or router.advertised[0].is_link_local,
            "advertised: the first advertised address is not link-local",
        ),
    )
    return next((text for fine, text in checks if not fine), None)


def _flaw_of_keys(router: VirtualRouterConfig) -> str | None:
    ids = [key.key_id for key in router.keys]
    mode = router.auth_mode
    checks = (
        (all(1 <= key_id <= 255 for key_id in ids), "keys: key ids run from 1 to 255"),
        (len(set(ids)) == len(ids), "keys: two keys have the same id"),
        (
            all(len(key.secret) in KEY_BYTES for key in router.keys),
            "keys: a key has 32 to 64 bytes; `openssl rand -base64 32` makes one",
        ),
        (mode is AuthMode.OFF or bool(ids), f"auth_mode: authentication is {mode} without a key"),
        (
            not mode.signs or router.send_key in ids,
            f"send_key: there is no key {router.send_key} to send with"
            if router.send_key
            else "send_key: say which key",
        ),
    )
    return next((text for fine, text in checks if not fine), None)
