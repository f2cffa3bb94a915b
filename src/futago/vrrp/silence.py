"""Keep a standby's interfaces silent over IPv6.

Taking an address off makes the kernel leave its multicast group, and report so up to a second later, from the router's
MAC address: by then another host is active, and each switch on the way learns the wrong one. An interface on which
IPv6 is disabled drops its addresses without a word (and asks nothing, and answers nothing).
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from futago.vrrp.config import VirtualAddress
from futago.vrrp.inside import inside
from futago.vrrp.rtnetlink import FoundAddress

_SETTINGS: Final = Path("/proc/sys/net/ipv6/conf")


def silenced(
    removed: Iterable[VirtualAddress], virtual: Iterable[VirtualAddress], there: Iterable[FoundAddress]
) -> list[str]:
    """The interfaces that lose the last of their IPv6 addresses, and have no life of their own.

    `removed` goes now, of all the `virtual` addresses of a router, on a host that has the addresses `there`.
    """
    going = {(a.interface, a.address) for a in removed if a.address.version == 6}
    staying = {(a.interface, a.address) for a in virtual if a.address.version == 6} - going
    others = {(a.interface, a.address) for a in there if a.address.version == 6} - going
    return sorted({interface for interface, _ in going} - {interface for interface, _ in staying | others})


def speaking(addresses: Iterable[VirtualAddress]) -> list[str]:
    """The interfaces on which these addresses need IPv6."""
    return sorted({a.interface for a in addresses if a.address.version == 6})


def set_ipv6(namespace: str, interfaces: Iterable[str], *, disabled: bool) -> None:
    """Where it is so already nothing happens; an interface that is gone is silent."""

    def write() -> None:
        for interface in interfaces:
            with suppress(FileNotFoundError):
                (_SETTINGS / interface / "disable_ipv6").write_text("1" if disabled else "0")

    inside(namespace, write)
