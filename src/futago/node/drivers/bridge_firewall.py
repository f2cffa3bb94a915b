"""The hybrid firewall of a host: one nft table of the bridge family and one of the inet family, replaced together.

What is there is read back by a digest of its text, which stands in either table as the name of an empty chain.
"""

import hashlib
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Final

from futago.node.drivers.run import each, run
from futago.node.host import BridgeFirewall, HostRefused

_TABLES: Final = ("bridge futago", "inet futago")
_CALLS: Final = Path("/proc/sys/net/bridge")
_DIGEST: Final = re.compile(r"^table (?P<table>\w+ \w+) \{|^\tchain digest_(?P<digest>[0-9a-f]+) ", re.MULTILINE)


class BridgeFirewallDriver:
    """The two tables in the host's own namespace."""

    def read(self, wanted: Collection[BridgeFirewall]) -> dict[str, BridgeFirewall]:
        """The wanted firewall if it is there; another one's digest if that is."""
        found = _digests()
        if not found:
            return {}
        same = [one for one in wanted if found == dict.fromkeys(_TABLES, _digest(one)) and _bridges_are_shown()]
        there = same[0] if same else BridgeFirewall(bridge="", inet=" ".join(found.values()))
        return {there.key: there}

    def put(self, firewalls: Sequence[BridgeFirewall]) -> dict[str, str]:
        return each(firewalls, _put)

    def remove(self, firewalls: Sequence[BridgeFirewall]) -> dict[str, str]:
        return each(firewalls, lambda _: _nft("".join(f"table {one}\ndelete table {one}\n" for one in _TABLES)))


def _digests() -> dict[str, str]:
    """By table, of those of ours that are there."""
    try:
        said = run(["nft", "--terse", "list", "chains"])
    except HostRefused:
        return {}
    found, table = {}, ""
    for match in _DIGEST.finditer(said):
        table = match["table"] or table
        if match["digest"] is not None and table in _TABLES:
            found[table] = match["digest"]
    return found


def _digest(firewall: BridgeFirewall) -> str:
    return hashlib.sha256(f"{firewall.bridge}\n{firewall.inet}".encode()).hexdigest()[:16]


def _put(firewall: BridgeFirewall) -> None:
    """Away with the old tables, in with the new ones, in one transaction; connections stay known."""
    _show_bridges()
    mark = f"chain digest_{_digest(firewall)} {{\n}}\n"
    texts = (
        f"table {name}\ndelete table {name}\ntable {name} {{\n{body}{mark}}}\n"
        for name, body in zip(_TABLES, (firewall.bridge, firewall.inet), strict=True)
    )
    _nft("".join(texts))


def _nft(text: str) -> None:
    run(["nft", "-f", "-"], text=text)


def _bridges_are_shown() -> bool:
    return all((_CALLS / name).read_text().strip() == "1" for name in _names()) if _CALLS.is_dir() else False


def _show_bridges() -> None:
    """Have br_netfilter show bridged packets to the inet table."""
    if not _CALLS.is_dir():
        raise HostRefused("the hybrid firewall needs br_netfilter: modprobe br_netfilter")
    for name in _names():
        (_CALLS / name).write_text("1")


def _names() -> tuple[str, str]:
    return "bridge-nf-call-iptables", "bridge-nf-call-ip6tables"
