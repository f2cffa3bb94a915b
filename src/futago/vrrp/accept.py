"""Accept_Mode off: an active router answers ARP and neighbour solicitations for its addresses, and nothing else.

RFC 9568, 6.4.3. The rules name the addresses, so they are there before a takeover and cost it nothing; on a backup they
meet no packets. One nft table for each virtual router, with a name of its own.
"""

import subprocess

from futago import netns
from futago.vrrp.config import VirtualRouterConfig
from futago.vrrp.machine import OWNER_PRIORITY


def enforce(router: VirtualRouterConfig) -> None:
    """Make the router's table what it must be.

    Raises:
        OSError: nft is not there or refused.

    """
    netns.run_inside(router.namespace, lambda: _load(rules(router)))


def lift(router: VirtualRouterConfig) -> None:
    """Remove the router's table, if there is one.

    Raises:
        OSError: nft is not there or refused.

    """
    netns.run_inside(router.namespace, lambda: _load(_absent(router)))


def rules(router: VirtualRouterConfig) -> str:
    """The table, as one transaction that replaces a former one."""
    drops = "".join(
        f"    {family} daddr {{ {', '.join(found)} }} drop\n"
        for family, version in (("ip", 4), ("ip6", 6))
        if (found := sorted({str(a.address.ip) for a in router.addresses if a.address.version == version}))
    )
    return (
        f"{_absent(router)}table inet {_name(router)} {{\n  chain input {{\n"
        "    type filter hook input priority -150; policy accept;\n"
        "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n"
        f"{drops}  }}\n}}\n"
    )


def _absent(router: VirtualRouterConfig) -> str:
    """To delete what may not be there, it is made first (nft(8))."""
    return f"table inet {_name(router)}\ndelete table inet {_name(router)}\n"


def _name(router: VirtualRouterConfig) -> str:
    return f"futago-vrrp{router.source.version}-{router.vrid}"


def _load(text: str) -> None:
    done = subprocess.run(["nft", "-f", "-"], input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(done.returncode, f"nft: {done.stderr.strip()}")


def change(router: VirtualRouterConfig, was: VirtualRouterConfig | None) -> None:
    """Make Accept_Mode what it is wanted to be now; an owner always accepts (RFC 9568, 6.1).

    Raises:
        OSError: the rules cannot be changed.

    """
    if not router.accept and router.priority != OWNER_PRIORITY:
        enforce(router)
    elif was and not was.accept:
        lift(router)
