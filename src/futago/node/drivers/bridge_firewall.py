"""The hybrid firewall of a host: one nft table of the bridge family and one of the inet family, replaced together.

What is there is read back by a digest of its text, which stands in it as the name of an empty chain.
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
_DIGEST: Final = re.compile(r"chain digest_([0-9a-f]+)")


class BridgeFirewallDriver:
    """The two tables in the host's own namespace."""

    def read(self, wanted: Collection[BridgeFirewall]) -> dict[str, BridgeFirewall]:
        """The wanted firewall if it is there; another one's digest if that is."""
        try:
            found = _DIGEST.search(run(["nft", "--terse", "list", "chains", "inet"]))
        except HostRefused:
            found = None
        if found is None:
            return {}
        same = [one for one in wanted if _digest(one) == found[1] and _bridges_are_shown()]
        there = same[0] if same else BridgeFirewall(bridge="", inet=found[1])
        return {there.key: there}

    def put(self, firewalls: Sequence[BridgeFirewall]) -> dict[str, str]:
        return each(firewalls, _put)

    def remove(self, firewalls: Sequence[BridgeFirewall]) -> dict[str, str]:
        return each(firewalls, lambda _: _nft("".join(f"table {one}\ndelete table {one}\n" for one in _TABLES)))


def _digest(firewall: BridgeFirewall) -> str:
    return hashlib.sha256(f"{firewall.bridge}\n{firewall.inet}".encode()).hexdigest()[:16]


def _put(firewall: BridgeFirewall) -> None:
    """Away with the old tables, in with the new ones, in one transaction; connections stay known."""
    _show_bridges()
    bodies = (firewall.bridge, f"{firewall.inet}chain digest_{_digest(firewall)} {{\n}}\n")
    texts = (
        f"table {name}\ndelete table {name}\ntable {name} {{\n{body}}}\n"
        for name, body in zip(_TABLES, bodies, strict=True)
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
