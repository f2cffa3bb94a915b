"""The walkthrough's cloud in a lab, and waits whose failures show the state that they waited in."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from futago.lab import status
from futago.lab.api import wait_for
from futago.lab.demo import walkthrough
from futago.lab.lab import Lab
from futago.lab.state import Instance
from futago.lab.topology import Kind
from futago.lab.waiting import wait_for_agents

_PORTS_END: Final = re.compile(r": ((?:h[rghd]-|tap)([0-9a-f-]{11}))[@:]")
"""An interface of a port in `ip -o link`: its name, and the part of the port's ID in it."""


@dataclass(frozen=True, slots=True)
class Cloud:
    """router80 between ext-net80 and vxlan-net80, an instance on each compute node, a floating IP for the first."""

    lab: Lab
    router_id: str
    network_id: str
    external_id: str
    vm1: Instance
    vm2: Instance
    floating_ip: str
    outside: str
    """The router's own address outside."""

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(name for name, plan in self.lab.plans.items() if plan.kind is Kind.NETWORK)

    @property
    def namespace(self) -> str:
        return f"qrouter-{self.router_id}"

    def active(self) -> str:
        return self.lab.active_of(self.router_id)

    def standby(self) -> str:
        (other,) = set(self.nodes) - {self.active()}
        return other

    def holders(self) -> tuple[str, ...]:
        return self.lab.holders(self.router_id, walkthrough.GATEWAY)

    def settled(self) -> bool:
        """One active and one standby, in the API and in truth."""
        states = sorted(self.lab.agents_of(self.router_id).values())
        return states == ["active", "standby"] and self.holders() == (self.active(),)

    def eventually(self, what: str, look: Callable[[], object], seconds: float = 60) -> None:
        """Wait for a condition; the failure shows the whole lab."""
        wait_for(what, look, seconds=seconds, state=lambda: "\n" + describe(self.lab))

    def heal(self) -> None:
        """Make everything run again, whatever a test has broken."""
        for host, plan in self.lab.plans.items():
            if host not in self.lab.powered:
                self.lab.power_on(host)
            self.lab.restore(host, *(nic.network for nic in plan.nics))
            if plan.has_ovs:
                self.lab.start_open_vswitch(host)
            for program in plan.programs:
                if not self.lab.running(host, program):
                    self.lab.restart(host, program)
        wait_for_agents(self.lab, [host for host, plan in self.lab.plans.items() if "node" in plan.programs])
        self.eventually("one active and one standby", self.settled)
        self.eventually("the floating IP answers", self.answers)
        self.eventually("no uplink is held down for what happened to it before", self.uplinks_up, seconds=120)
        self.eventually("no interface is left of a port that is gone", lambda: not self.left_over())

    def uplinks_up(self) -> bool:
        """Whether each network node may have routers: one whose uplink is down gives its own away, and takes none."""
        agents = self.lab.api().list("agents", agent_type="L3 agent")
        return all(one["state"] == "up" for agent in agents for one in agent["configurations"]["uplinks"])

    def left_over(self) -> list[str]:
        """The interfaces of ports that are gone; while they go, a userspace switch may lose others' packets."""
        ports = {str(port["id"])[:11] for port in self.lab.api().list("ports")}
        return [
            f"{host}: {interface}"
            for host, plan in self.lab.plans.items()
            if plan.has_ovs
            for interface, port in _PORTS_END.findall(self.lab.exec(host, ["ip", "-o", "link"]).stdout)
            if port not in ports
        ]

    def answers(self) -> bool:
        """Whether the floating IP answers a ping from outside."""
        argv = ["ping", "-n", "-c", "1", "-W", "1", self.floating_ip]
        return self.lab.exec("ext", argv, check=False).returncode == 0


def make(lab: Lab) -> Cloud:
    """The walkthrough, without looking at any of its results."""
    api = lab.api()
    external_id = walkthrough.external_network(api)["id"]
    subnet = walkthrough.project_network(api)
    router_id = walkthrough.router(api)["id"]
    api.add_interface(router_id, subnet["id"])
    router = walkthrough.set_gateway(api, router_id, external_id)
    walkthrough.let_in(api, "icmp")
    walkthrough.let_in(api, "tcp", walkthrough.SSH)
    vm1 = lab.instance("vm1", "compute1", walkthrough.PROJECT_NETWORK)
    vm2 = lab.instance("vm2", "compute2", walkthrough.PROJECT_NETWORK)
    return Cloud(
        lab=lab,
        router_id=router_id,
        network_id=subnet["network_id"],
        external_id=external_id,
        vm1=vm1,
        vm2=vm2,
        floating_ip=walkthrough.floating_ip(api, external_id, vm1.port_id),
        outside=walkthrough.outside_address(router),
    )


def describe(lab: Lab) -> str:
    """Each host, each router, and the end of each log."""
    lines = list(status.lines(lab))
    for host in lab.plans:
        for path in sorted((lab.directory(host) / "log").glob("*.log")):
            lines += [f"{host} {path.stem}: {line}" for line in path.read_text(errors="replace").splitlines()[-5:]]
    return "\n".join(lines)
