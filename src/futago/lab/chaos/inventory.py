"""What each host has, as a set of short texts: to be compared before and after."""

from collections.abc import Iterable

from futago.lab import processes
from futago.lab.drill.scene import Scene
from futago.lab.lab import Lab
from futago.lab.topology import Kind


def of(scene: Scene) -> dict[str, frozenset[str]]:
    """Of every host with an Open vSwitch: programs, namespaces, ports, and the addresses outside of the routers."""
    lab = scene.lab
    return {host: frozenset(_host(lab, host)) for host, plan in lab.plans.items() if plan.has_ovs}


def of_roles(scene: Scene) -> dict[str, frozenset[str]]:
    """What the router's namespace has on the active and on the backup node, whichever hosts these are."""
    active = scene.holder()
    (standby,) = set(scene.cloud.nodes) - {active}
    return {
        role: frozenset(_addresses(scene.lab, host, scene.cloud.namespace, without="ha-"))
        for role, host in (("the active node", active), ("the backup node", standby))
    }


def _host(lab: Lab, host: str) -> Iterable[str]:
    for label in processes.labels(processes.of_futago(lab.process(host))):
        if label.startswith(("futago", "dnsmasq")):
            yield f"the program {label}"
    for line in lab.exec(host, ["ip", "netns", "list"]).stdout.splitlines():
        yield f"the namespace {line.split()[0]}"
    for port in lab.exec(host, ["ovs-vsctl", "list-ports", "br-int"]).stdout.split():
        yield f"the port {port}"
    if lab.plans[host].kind is Kind.NETWORK:
        yield from _addresses(lab, host, "", without="lo")


def _addresses(lab: Lab, host: str, netns: str, *, without: str) -> Iterable[str]:
    for line in lab.exec(host, ["ip", "-4", "-o", "addr"], netns=netns).stdout.splitlines():
        words = line.split()
        if not words[1].startswith((without, "lo")):
            yield f"the address {words[3]} on {words[1]}"
