"""The programs of the active network node and of a compute node restarted in orders from a seed, under traffic.

With both firewall drivers: the standard lab has flows, the lab from the seed's files Linux bridges.
"""

import itertools
import random
import time
from dataclasses import dataclass
from typing import Final

import pytest

from futago.lab import measure
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.lab.traffic import Ping
from lab_kit.cloud import Cloud, describe
from lab_kit.seed import SeedCloud

SWITCH: Final = ("ovsdb-server", "ovs-vswitchd")
NETWORK_NODE, COMPUTE_NODE = "the active network node", "the compute node"
DEEDS: Final = (
    *((NETWORK_NODE, program) for program in ("node", *SWITCH, "dnsmasq")),
    *((COMPUTE_NODE, program) for program in ("node", *SWITCH)),
)
ORDERS: Final = {
    f"{driver}-{number}": (driver, tuple(order))
    for driver, count in (("openvswitch", 2), ("iptables_hybrid", 1))
    for number, order in enumerate(random.Random(driver).sample(list(itertools.permutations(DEEDS)), count))
}


@dataclass(frozen=True, slots=True)
class Street:
    """A router, and the instance behind it that the outside reaches."""

    lab: Lab
    router_id: str
    network_id: str
    vm: Instance
    floating_ip: str

    def do(self, host: str, program: str) -> None:
        """As a crash and a service manager do: killed, and started again at once."""
        match program:
            case "node":
                self.lab.restart(host, program)
            case "dnsmasq":
                self.lab.exec(host, ["sh", "-c", f"kill -9 $(cat /run/futago/dhcp/{self.network_id}/pid)"], check=False)
            case _:
                pid = self.lab.exec(host, ["cat", f"/run/openvswitch/{program}.pid"]).stdout.strip()
                self.lab.exec(host, ["kill", "-9", pid])
                self.eventually("it is gone", lambda: not self.lives(host, pid))
                self.lab.start_open_vswitch(host)

    def lives(self, host: str, pid: str) -> bool:
        state = self.lab.exec(host, ["cut", "-d", " ", "-f", "3", f"/proc/{pid}/stat"], check=False).stdout.strip()
        return state not in {"", "Z"}

    def settled(self) -> bool:
        return sorted(self.lab.agents_of(self.router_id).values()) == ["active", "standby"]

    def leases(self) -> bool:
        """Whether a DHCP client in the instance is given its address."""
        argv = ["udhcpc", "-f", "-n", "-q", "-i", "eth0", "-s", "/bin/true", "-t", "3", "-T", "1"]
        done = self.lab.exec(self.vm.host, argv, netns=self.vm.netns, check=False)
        return f"lease of {self.vm.address} obtained" in done.stdout + done.stderr

    def eventually(self, what: str, look: object, seconds: float = 90) -> None:
        assert callable(look)
        wait_for(what, look, seconds=seconds, state=lambda: "\n" + describe(self.lab))


def street(request: pytest.FixtureRequest, driver: str) -> Street:
    if driver == "openvswitch":
        healthy: Cloud = request.getfixturevalue("healthy")
        return Street(healthy.lab, healthy.router_id, healthy.network_id, healthy.vm1, healthy.floating_ip)
    seed: SeedCloud = request.getfixturevalue("seed")
    part = seed.parts[80]
    return Street(seed.lab, part.router_id, part.network_id, part.vms[0], part.floating_ip)


@pytest.mark.parametrize("name", ORDERS)
def test_programs_that_restart_in_any_order_under_traffic_heal(request: pytest.FixtureRequest, name: str) -> None:
    driver, order = ORDERS[name]
    on = street(request, driver)
    on.eventually("one active and one standby", on.settled)
    hosts = {NETWORK_NODE: on.lab.active_of(on.router_id), COMPUTE_NODE: on.vm.host}
    with Ping(on.lab, "ext", on.floating_ip) as back, Ping(on.lab, on.vm.host, "10.0.80.1", netns=on.vm.netns) as out:
        for ping in (back, out):
            ping.wait_for_replies(25, seconds=90)
        for where, program in order:
            on.do(hosts[where], program)
        for ping in (back, out):
            ping.wait_for_replies(100, seconds=90)
    on.eventually("one active and one standby", on.settled)
    on.eventually("a DHCP client gets its address", on.leases)
    assert [host for host in hosts.values() if not on.lab.running(host, "node")] == []


@pytest.mark.parametrize("driver", ["openvswitch", "iptables_hybrid"])
def test_a_restarted_agent_of_a_compute_node_loses_no_packet(request: pytest.FixtureRequest, driver: str) -> None:
    on = street(request, driver)
    with Ping(on.lab, "ext", on.floating_ip) as ping:
        ping.wait_for_replies(25, seconds=90)
        since = time.time()
        on.lab.restart(on.vm.host, "node")
        ping.wait_for_replies(250, seconds=60)
        assert measure.lost(ping.replies(since)) == ()
