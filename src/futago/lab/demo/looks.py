"""The five looks of the walkthrough: what an operator checks on the nodes to see that a router is highly available."""

import re
import time
from typing import Final

from rich.table import Table

from futago.lab import namespaces
from futago.lab.api import wait_for
from futago.lab.errors import LabError
from futago.lab.lab import Lab
from futago.lab.traffic import Recording

ADVERTISEMENT: Final = re.compile(r"IP (?P<source>\S+) > 224\.0\.0\.18: (?P<what>VRRPv\d, Advertisement.*)")


def agents(lab: Lab, router_id: str) -> Table:
    """The agents hosting a router, in the columns of `l3-agent-list-hosting-router`."""
    table = Table(title="l3-agent-list-hosting-router router80", title_justify="left", box=None)
    for column in ("id", "host", "admin_state_up", "alive", "ha_state"):
        table.add_column(column, no_wrap=True)
    for agent in sorted(lab.api().list(f"routers/{router_id}/l3-agents"), key=lambda agent: str(agent["host"])):
        alive = ":-)" if agent["alive"] else "xxx"
        table.add_row(agent["id"], agent["host"], str(agent["admin_state_up"]), alive, agent["ha_state"])
    return table


def namespaces_of(lab: Lab, host: str) -> list[str]:
    """The names that `ip netns` shows on a host, sorted."""
    return sorted(line.split()[0] for line in lab.exec(host, ["ip", "netns"]).stdout.splitlines() if line.strip())


def addresses(lab: Lab, host: str, router_id: str) -> str:
    """`ip addr` in the router's namespace, without the loopback and the lifetimes."""
    blocks = _blocks(lab.exec(host, ["ip", "addr"], netns=f"qrouter-{router_id}").stdout)
    return "\n".join(line for block in blocks if not block[0].startswith("1: lo") for line in block)


def advertisement(lab: Lab, host: str, router_id: str, seconds: float = 10) -> str:
    """One VRRP advertisement as `tcpdump` prints it, caught on the HA interface of a node that hears it.

    Raises:
        LabError: none came.

    """
    interface = ha_interface(lab, host, router_id)
    argv = ["tcpdump", "-n", "-t", "-l", "-i", interface, "-c", "1", "ip proto 112"]
    with Recording(lab.spawn(host, argv, netns=f"qrouter-{router_id}"), "tcpdump") as recording:
        found: list[str] = []

        def look() -> bool:
            found.extend(line.text for line in recording.lines() if ADVERTISEMENT.search(line.text))
            return bool(found)

        wait_for(f"an advertisement on {interface} of {host}", look, seconds=seconds)
        return found[0]


def ha_interface(lab: Lab, host: str, router_id: str) -> str:
    for name in interfaces(lab, host, router_id):
        if name.startswith("ha-"):
            return name
    raise LabError(f"{host} has no ha- interface in qrouter-{router_id}")


def interfaces(lab: Lab, host: str, router_id: str) -> list[str]:
    """The names of the interfaces in a router's namespace, without the loopback."""
    done = namespaces.run(lab.process(host), ["ip", "-o", "link"], netns=f"qrouter-{router_id}")
    names = [line.split(":")[1].strip().partition("@")[0] for line in done.stdout.splitlines()]
    return sorted(name for name in names if name != "lo")


def gateway_delay(lab: Lab, vm: str, gateway: str, since: float, seconds: float = 60) -> float:
    """How long after `since` (monotonic) the gateway answers an instance's ping.

    The neighbour table is emptied between tries: the kernel would ask again only once a second.
    """
    instance = lab.instances[vm]
    script = 'until ip neigh flush dev eth0; ping -n -c 1 -W 0.1 "$1" > /dev/null 2>&1; do sleep 0.02; done'
    lab.exec(instance.host, ["sh", "-c", script, "try", gateway], netns=instance.netns, timeout=seconds)
    return time.monotonic() - since


def wait_for_silence(lab: Lab, vm: str, gateway: str, seconds: float = 60) -> None:
    """Wait until nothing answers at the gateway's address three times in a row: a former router is gone."""
    instance = lab.instances[vm]
    script = (
        "n=0; while [ $n -lt 3 ]; do ip neigh flush dev eth0; n=$((n+1)); "
        'ping -n -c 1 -W 0.3 "$1" > /dev/null 2>&1 && n=0; done; true'
    )
    lab.exec(instance.host, ["sh", "-c", script, "try", gateway], netns=instance.netns, timeout=seconds)


def _blocks(text: str) -> list[list[str]]:
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if line[:1].isdigit():
            blocks.append([line])
        elif blocks and "valid_lft" not in line:
            blocks[-1].append(line)
    return blocks
