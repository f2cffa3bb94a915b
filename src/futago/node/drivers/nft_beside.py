"""The nft tables beside the one of NAT in a router's namespace: helpers, meters, scopes of IPv6.

Each is read back by a digest of what it says, which it carries as the name of an empty chain. A table of meters is
never deleted while a label counts: its rules are replaced in one transaction, and the counters stay.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from futago import netns
from futago.node.drivers import dumps
from futago.node.drivers import netns as namespaces
from futago.node.drivers.run import each, run
from futago.node.host import HostRefused
from futago.node.router_tables import Helper, HelperTable, MeterTable, ScopeTable

HELPERS: Final = "futago_helpers"
METERS: Final = "futago_meters"
SCOPES: Final = "futago_scopes"
_ROUTERS: Final = "qrouter-"
_DIGEST: Final = "digest_"

Table = HelperTable | MeterTable | ScopeTable
_NAMES: Final[Mapping[type[Table], str]] = {HelperTable: HELPERS, MeterTable: METERS, ScopeTable: SCOPES}


class BesideDriver:
    """The tables of the namespaces that have some."""

    def read(self, wanted: Collection[Table]) -> dict[str, Table]:
        """Every table of ours in a router's namespace of ours, wanted or not."""
        mine = {one.key: one for one in wanted}
        there = {one.namespace for one in wanted}
        names = [name for name in namespaces.candidates() if name.startswith(_ROUTERS)]
        found = [table for name in names if name in there or namespaces.is_ours(name) for table in _read(name, mine)]
        return {one.key: one for one in found}

    def put(self, tables: Sequence[Table]) -> dict[str, str]:
        return each(tables, _put)

    def remove(self, tables: Sequence[Table]) -> dict[str, str]:
        return each(tables, _remove)


def counted(namespace: str) -> dict[str, tuple[int, int]]:
    """Counter → packets and bytes, of the meters in a namespace.

    Raises:
        HostRefused: the kernel does not tell.
        OSError: there is no such namespace.

    """
    return dumps.counters(namespace, METERS)


def _read(namespace: str, mine: Mapping[str, Table]) -> list[Table]:
    try:
        chains = dumps.inet_chains(namespace)
    except (HostRefused, OSError):
        return []
    found: list[Table] = []
    for kind, name in _NAMES.items():
        if name in chains:
            other = kind(namespace=namespace)
            wanted = mine.get(other.key)
            same = wanted is not None and _digest(wanted) in chains[name]
            found.append(wanted if wanted is not None and same else other)
    return found


def _digest(table: Table) -> str:
    return f"{_DIGEST}{hashlib.sha256(repr(table).encode()).hexdigest()[:16]}"


def _put(table: Table) -> None:
    if not netns.exists(table.namespace):
        raise HostRefused(f"namespace {table.namespace} does not exist")
    match table:
        case MeterTable():
            _put_meters(table)
        case ScopeTable():
            _put_scopes(table)
        case HelperTable():
            _put_helpers(table)


def _remove(table: Table) -> None:
    if netns.exists(table.namespace):
        name = _NAMES[type(table)]
        _nft(table.namespace, [f"table inet {name}", f"delete table inet {name}"])


def _put_helpers(table: HelperTable) -> None:
    """Those that the kernel has, although others are wanted, too.

    Raises:
        HostRefused: it lacks some; the text says which.

    """
    try:
        _nft(table.namespace, [*_helper_lines(table.helpers), f"add chain inet {HELPERS} {_digest(table)}"])
    except HostRefused:
        lacking = [one for one in table.helpers if not _has(table.namespace, one)]
        if not lacking:
            raise
        _nft(table.namespace, _helper_lines([one for one in table.helpers if one not in lacking]))
        names = ", ".join(sorted({f"{one.kind} ({one.protocol})" for one in lacking}))
        raise HostRefused(f"the kernel has no conntrack helper {names}: load its module (nf_conntrack_…)") from None


def _has(namespace: str, helper: Helper) -> bool:
    """Whether the kernel has a helper, by asking it without changing anything."""
    try:
        run(["nft", "--check", "-f", "-"], text="\n".join(_helper_lines([helper])) + "\n", namespace=namespace)
    except HostRefused:
        return False
    return True


def _helper_lines(helpers: Collection[Helper]) -> list[str]:
    """The ports are those of the first packet as it comes, before it is translated."""
    kinds = sorted({(one.kind, one.protocol) for one in helpers})
    names = {kind: f"helper_{number}" for number, kind in enumerate(kinds)}
    lines = [f"table inet {HELPERS}", f"delete table inet {HELPERS}", f"table inet {HELPERS} {{"]
    for (kind, protocol), name in names.items():
        lines += [f"ct helper {name} {{", f'type "{kind}" protocol {protocol};', "}"]
    lines += ["chain prerouting {", "type filter hook prerouting priority mangle; policy accept;"]
    lines += [f'{one.protocol} dport {one.port} ct helper set "{names[one.kind, one.protocol]}"' for one in helpers]
    return [*lines, "}", "}"]


def _put_meters(table: MeterTable) -> None:
    name, wanted = f"inet {METERS}", {meter.name for meter in table.meters}
    chains = dumps.inet_chains(table.namespace).get(METERS, [])
    former = dumps.counters(table.namespace, METERS)
    lines = [f"add table {name}", f"flush table {name}"]
    lines += [f"delete chain {name} {chain}" for chain in chains]
    lines += [f"delete counter {name} {counter}" for counter in sorted(former.keys() - wanted)]
    for meter in table.meters:
        lines += [f"add counter {name} {meter.name}", f"add chain {name} {meter.name}"]
        lines += [f"add rule {name} {meter.name} {rule}" for rule in meter.rules]
    lines.append(f"add chain {name} forward {{ type filter hook forward priority filter + 1; policy accept; }}")
    lines += [f"add rule {name} forward jump {meter.name}" for meter in table.meters]
    _nft(table.namespace, [*lines, f"add chain {name} {_digest(table)}"])


def _put_scopes(table: ScopeTable) -> None:
    name = f"inet {SCOPES}"
    lines = [f"table {name}", f"delete table {name}", f"table {name} {{"]
    lines += ["chain forward {", "type filter hook forward priority filter; policy accept;", *table.rules, "}"]
    _nft(table.namespace, [*lines, f"chain {_digest(table)} {{ }}", "}"])


def _nft(namespace: str, lines: Sequence[str]) -> None:
    run(["nft", "-f", "-"], text="".join(f"{line}\n" for line in lines), namespace=namespace)
