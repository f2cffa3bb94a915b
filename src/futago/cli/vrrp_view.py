"""How the state of virtual routers looks to an operator."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.control import HostStatus, RouterStatus
from futago.vrrp.takeovers import Takeover

WIDE = 100_000
"""Columns of a table that nothing narrows."""
FOLDED = ("cause", "error")
"""What a narrow terminal may break into several lines; everything else stays whole."""


def print_table(routers: Sequence[RouterStatus]) -> None:
    """One line for each router; nothing is ever cut off. Where it goes into a pipe, one line it remains."""
    table = Table(box=None, pad_edge=False)
    for title in ("router", "role", "for", "cause", "peer", "sent", "heard", "dropped", "error"):
        table.add_column(title, no_wrap=title not in FOLDED, overflow="fold")
    for router in routers:
        table.add_row(*map(Text, _cells(router)), style="bold" if router.role == "active" else None)
    console = Console()
    needed = Measurement.get(console, console.options.update(max_width=WIDE, width=WIDE), table)
    console.width = max(console.width, needed.minimum) if console.is_terminal else needed.maximum
    console.print(table, crop=False)


def print_hosts(hosts: Sequence[HostStatus]) -> None:
    """One line for each host that is watched."""
    table = Table("tunnel to", "state", "for", "losses", box=None, pad_edge=False)
    for host in hosts:
        state = ("up" if host.up else "down") + (" (flaps: not believed for a while)" if host.damped else "")
        table.add_row(str(host.tunnel), state, _age(host.since), str(host.losses))
    Console().print(table if hosts else "no host is watched: no router here has peers behind tunnels")


def line(router: RouterStatus) -> str:
    """A change, for `watch`."""
    error = f"  ! {router.error}" if router.error else ""
    return f"{_time(router.since)}  {router.name}  {router.role}  ({router.cause}){error}"


def detail(router: RouterStatus, config: VirtualRouterConfig | None) -> str:
    """All that is known of one router; `config` is None if it was refused."""
    blocks = [
        _block(router.name, _state(router)),
        _block("Configuration", _settings(config)) if config else "",
        _block("Counters, as RFC 8347 names them", msgspec.to_builtins(router.statistics).items()),
        _block("Dropped packets, by reason", sorted(router.dropped.items()) or [("none", "")]),
    ]
    return "\n".join(block for block in blocks if block)


def _cells(r: RouterStatus) -> tuple[str, ...]:
    counts = (str(r.adverts_sent), str(r.adverts_received), str(sum(r.dropped.values())))
    return r.name, r.role.value, _age(r.since), r.cause, str(r.peer or "-"), *counts, r.error or "-"


def _state(router: RouterStatus) -> Iterable[tuple[str, object]]:
    yield "role", router.role.value
    yield "because", router.cause
    yield "since", f"{_time(router.since)} ({_age(router.since)})"
    yield "role changes", router.transitions
    yield "last takeover", _takeover(router.takeover)
    yield "active beside another", f"{router.dual_active:.3f} s"
    yield "last heard from", router.peer or "nobody"
    yield "advertisements lost", router.adverts_lost
    yield "error", router.error or "none"


def _takeover(takeover: Takeover | None) -> str:
    if takeover is None:
        return "none"
    silence = "" if takeover.silence is None else f", {takeover.silence:.3f} s after the last advertisement heard"
    return f"carried out in {takeover.duration:.3f} s{silence}"


def _settings(config: VirtualRouterConfig) -> Iterable[tuple[str, object]]:
    yield "version", f"VRRPv{config.version} over IPv{config.source.version}"
    yield "virtual router id", config.vrid
    yield "interface", config.interface + (f" in namespace {config.namespace}" if config.namespace else "")
    yield "source", config.source
    yield "priority", config.priority
    yield "advert interval", f"{config.advert_interval} ms"
    yield "preempts", f"yes, after {config.preempt_delay} ms" if config.preempt else "no"
    yield "accepts", "yes" if config.accept else "no"
    yield "authentication", _authentication(config)
    yield "advertised", ", ".join(map(str, config.advertised))
    for address in config.addresses:
        yield "address", f"{address.address} on {address.interface}"
    for route in config.routes:
        yield "route", f"{route.destination} via {route.next_hop} on {route.interface}"


def _authentication(config: VirtualRouterConfig) -> str:
    if not config.keys:
        return "simple password" if config.password else "none"
    keys = ", ".join(str(key.key_id) for key in config.keys)
    sends = f", sends with {config.send_key}" if config.auth_mode.signs else ""
    return f"{config.auth_mode}, keys {keys}{sends}, freshness by {config.freshness}"


def _block(title: str, rows: Iterable[tuple[str, object]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    return "\n".join([title, *(f"  {name:<{width}}  {value}".rstrip() for name, value in rows)]) + "\n"


def _age(since: float) -> str:
    return str(timedelta(seconds=max(0, int(time.time() - since))))


def _time(since: float) -> str:
    return datetime.fromtimestamp(since).astimezone().strftime("%F %T")
