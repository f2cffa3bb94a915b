"""One nft table in each router's namespace, replaced as a whole and atomically (nft(8), "ATOMICITY").

What is in it is read back by a digest of its text, which it carries as the name of an empty chain. The digest is
added last, when the flows that the old table translated otherwise have been ended: a table without it is put again.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from typing import Final

from futago import netns
from futago.node.drivers import dumps
from futago.node.drivers import netns as namespaces
from futago.node.drivers.conntrack import end_stale_flows
from futago.node.drivers.run import each, run
from futago.node.features.forwardings import forwardings
from futago.node.host import HostRefused, NftTable
from futago.vrrp.inside import inside

TABLE: Final = "ip futago"
"""The only table that we own; any other is somebody else's."""

_ROUTERS: Final = "qrouter-"
"""Only routers translate: there is nothing to look for in other namespaces of ours."""
_INWARDS: Final = re.compile(r"dnat to ip daddr map \{([^}]*)\}")
_PAIR: Final = re.compile(r"([\d.]+) : ([\d.]+)")
_DIGEST: Final = "digest_"


class NftDriver:
    """The tables of the namespaces that have one."""

    def read(self, wanted: Collection[NftTable]) -> dict[str, NftTable]:
        """Every table of ours in a router's namespace of ours, wanted or not."""
        bodies = {table.namespace: table for table in wanted}
        there = (name for name in namespaces.candidates() if name.startswith(_ROUTERS))
        names = {name for name in there if name in bodies or namespaces.is_ours(name)}
        found = (_read(name, bodies.get(name)) for name in sorted(names))
        return {table.key: table for table in found if table is not None}

    def put(self, tables: Sequence[NftTable]) -> dict[str, str]:
        return each(tables, _put)

    def remove(self, tables: Sequence[NftTable]) -> dict[str, str]:
        return each(tables, _remove)


def ruleset(body: str) -> str:
    """The input for nft: away with the old table, in with the new one, in one transaction."""
    indented = "".join(f"    {line}\n" for line in body.splitlines())
    return f"table {TABLE}\ndelete table {TABLE}\ntable {TABLE} {{\n{indented}}}\n"


def _chain(body: str) -> str:
    return f"{_DIGEST}{hashlib.sha256(body.encode()).hexdigest()[:16]}"


def _read(namespace: str, wanted: NftTable | None) -> NftTable | None:
    if not netns.exists(namespace):
        return None
    try:
        chains = dumps.chains(namespace, TABLE.split()[1])
    except HostRefused:
        return None
    digests = [name for name in chains if name.startswith(_DIGEST)]
    if wanted is not None and digests == [_chain(wanted.body)]:
        return wanted
    return NftTable(namespace=namespace, body=" ".join(digests)) if chains else None


def _put(table: NftTable) -> None:
    if not netns.exists(table.namespace):
        raise HostRefused(f"namespace {table.namespace} does not exist")
    digest = f"add chain {TABLE} {_chain(table.body)}\n"
    if _untouched(table.namespace):
        run(["nft", "-f", "-"], text=ruleset(table.body) + digest, namespace=table.namespace)
        return
    before = _listed(table.namespace)
    run(["nft", "-f", "-"], text=ruleset(table.body), namespace=table.namespace)
    end_stale_flows(table, _former(before, table))
    run(["nft", "-f", "-"], text=digest, namespace=table.namespace)


def _untouched(namespace: str) -> bool:
    """A new namespace: nothing was translated in it, and nothing can be stale."""
    return inside(namespace, netns.connections) in {0, None} and not dumps.chains(namespace, TABLE.split()[1])


def _remove(table: NftTable) -> None:
    if netns.exists(table.namespace):
        empty = NftTable(namespace=table.namespace, body="")
        before = _listed(table.namespace)
        run(["nft", "-f", "-"], text=f"table {TABLE}\ndelete table {TABLE}\n", namespace=table.namespace)
        end_stale_flows(empty, _former(before, empty))


def _listed(namespace: str) -> str:
    """The table's text, or nothing."""
    try:
        return run(["nft", "list", "table", *TABLE.split()], namespace=namespace)
    except HostRefused:
        return ""


def _former(before: str, table: NftTable) -> set[tuple[str, str]] | None:
    """What the old table translated, outside to inside, and the new one does not; None if the old one does not tell."""
    if f"chain {_DIGEST}" not in before:
        return None
    pairs = {pair for found in _INWARDS.findall(before) for pair in _PAIR.findall(found)}
    ended = forwardings(before) - forwardings(table.body)
    return pairs - set(table.floating_ips) | {(one.outside, one.inside) for one in ended}
