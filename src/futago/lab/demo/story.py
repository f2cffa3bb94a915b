"""The demo's six steps. Each adds its checks; the exit status is 0 only if every one holds."""

import re
import time
from typing import Final

from futago.config import Profile
from futago.lab import interrupts, processes, state
from futago.lab import lab as labs
from futago.lab.api import wait_for
from futago.lab.boot import ECHO_PORT
from futago.lab.demo import checks, looks, walkthrough
from futago.lab.demo.checks import Check
from futago.lab.demo.display import Display
from futago.lab.demo.failover import Failover
from futago.lab.errors import PROGRAM, LabError
from futago.lab.lab import Lab
from futago.lab.topology import Kind

NAME: Final = "demo"

AFTERWARDS: Final = """
The lab is up. Look around:
  {lab} status
  {lab} exec net1 -- ip netns
  {lab} ssh vm1
  {lab} power-off net1      (and power-on)
  {lab} cut net1 underlay   (and restore)
Take it away:
  {lab} down --name {name}
With several labs up, each of these wants --name {name} too.
"""


class Story:
    """What the steps hand on to each other."""

    def __init__(self, lab: Lab, display: Display) -> None:
        self.lab, self.display = lab, display
        self.checks: list[Check] = []
        self.router_id = ""
        self.external_id = ""
        self.floating_ip = ""

    def walk(self) -> None:
        """Step 1: networks, router; the first instance boots in between, so that it can time its gateway."""
        lab, display, api = self.lab, self.display, self.lab.api()
        self.external_id = walkthrough.external_network(api)["id"]
        subnet = walkthrough.project_network(api)
        display.say("networks ext-net80 (flat, external1) and vxlan-net80 (vxlan), each with its subnet")
        display.now("vm1 boots and asks for its address")
        vm1 = lab.instance("vm1", "compute1", walkthrough.PROJECT_NETWORK)
        display.say(f"vm1 on compute1 has {vm1.address}, by DHCP")
        self.router_id = walkthrough.router(api)["id"]
        api.add_interface(self.router_id, subnet["id"])
        began = time.monotonic()
        delay = looks.gateway_delay(lab, "vm1", walkthrough.GATEWAY, began)
        display.say(f"router80 has its interface; {walkthrough.GATEWAY} answers vm1 after {delay:.2f} s")
        walkthrough.set_gateway(api, self.router_id, self.external_id)
        limit = 2 if lab.profile is Profile.DEFAULT else 12
        self.checks.append(checks.below("a new router's gateway answers after", limit, delay, "s"))

    def boot_instances(self) -> None:
        """Step 2: the second instance, the floating IP of the first, and what the world sees of both."""
        lab, display = self.lab, self.display
        vm2 = lab.instance("vm2", "compute2", walkthrough.PROJECT_NETWORK)
        display.say(f"vm2 on compute2 has {vm2.address}, by DHCP")
        vm1 = lab.instances["vm1"]
        self.floating_ip = walkthrough.floating_ip(lab.api(), self.external_id, vm1.port_id)
        display.say(f"vm1 has the floating IP {self.floating_ip}")
        walkthrough.let_in(lab.api(), "icmp")
        walkthrough.let_in(lab.api(), "tcp", walkthrough.SSH)
        display.say("the default security group lets ping and ssh in")
        outside = walkthrough.outside_address(lab.api().get("routers", self.router_id))
        for vm, address, what in (("vm1", self.floating_ip, "its floating IP"), ("vm2", outside, "SNAT")):
            seen = source_seen_outside(lab, vm, address)
            display.say(f"outside, {vm} is seen as {seen}, {what}")
            self.checks.append(checks.equal(f"{vm} as seen outside ({what})", address, seen))

    def look(self) -> None:
        """Step 3: the looks of the walkthrough, on both nodes."""
        lab, display = self.lab, self.display
        wait_for(
            "one active and one standby",
            lambda: sorted(lab.agents_of(self.router_id).values()) == ["active", "standby"],
            seconds=30,
            state=lambda: str(lab.agents_of(self.router_id)),
        )
        display.show(looks.agents(lab, self.router_id))
        active = lab.active_of(self.router_id)
        nodes = [host for host, plan in lab.plans.items() if plan.kind is Kind.NETWORK]
        (standby,) = (host for host in nodes if host != active)
        self.checks.append(checks.equal("replicas of router80", "active, standby", _states(lab, self.router_id)))
        for host in nodes:
            display.quote(f"{host}: ip netns", "\n".join(looks.namespaces_of(lab, host)))
        same = looks.namespaces_of(lab, "net1") == looks.namespaces_of(lab, "net2")
        self.checks.append(checks.equal("the same namespaces on both nodes", "yes", "yes" if same else "no"))
        for host in nodes:
            role = "active" if host == active else "standby"
            display.quote(f"{host} ({role}): ip addr in qrouter-…", looks.addresses(lab, host, self.router_id))
        holders = ", ".join(lab.holders(self.router_id, walkthrough.GATEWAY))
        self.checks.append(checks.equal(f"who has {walkthrough.GATEWAY}", active, holders))
        self._hear_advertisement(standby)
        self._weigh(nodes)

    def lose_the_active(self, failover: Failover) -> None:
        """Step 4: the power cut."""
        lost = failover.power_off()
        self.display.say(f"[bold red]{lost} has no power[/]: every process killed, its cables dead")
        failover.wait_for_takeover(self.display.now)
        gap, ssh_gap = failover.gap(), failover.ssh_gap()
        self.display.say(
            f"[bold green]{failover.survivor} is active[/]; the ssh session goes on in the same connection"
        )
        self.display.quote("the ssh session around its longest silence", failover.ssh_lines_around_gap())
        self.display.say(f"longest gap: ping [bold]{gap:.2f} s[/], ssh lines [bold]{ssh_gap:.2f} s[/]")
        self.display.say(
            "(ssh is silent for longer: TCP sends again after 0.2, 0.4, 0.8 … s, not when the path is back)"
        )
        name = "failover: longest gap"
        seed = self.lab.profile is Profile.SEED
        self.checks += [
            checks.between(name, 4, 7.5, gap, "s") if seed else checks.below(name, 1.5, gap, "s"),
            checks.below("ssh: longest silence", 20 if seed else 4, ssh_gap, "s"),
            checks.equal("TCP connections of the ssh session", 1, failover.connections()),
            checks.equal("active after the power cut", failover.survivor, self.lab.active_of(self.router_id)),
        ]

    def bring_it_back(self, failover: Failover) -> None:
        """Step 5: the node returns, and nobody notices."""
        missing = failover.power_on(self.display.now)
        states = _states(self.lab, self.router_id)
        self.display.say(f"{failover.lost} is back and in sync; lost pings meanwhile: {missing}; replicas: {states}")
        holders = ", ".join(self.lab.holders(self.router_id, walkthrough.GATEWAY))
        self.checks += [
            checks.equal("pings lost at its return", 0, missing),
            checks.equal("replicas then", "active, standby", states),
            checks.equal(f"who has {walkthrough.GATEWAY} then", failover.survivor, holders),
            checks.equal("TCP connections of the ssh session then", 1, failover.connections()),
        ]

    def _hear_advertisement(self, standby: str) -> None:
        heard = looks.advertisement(self.lab, standby, self.router_id)
        self.display.quote(f"{standby}: tcpdump", heard)
        match = looks.ADVERTISEMENT.search(heard)
        seen = match["what"] if match else heard
        expected = {
            Profile.SEED: "VRRPv2, Advertisement, vrid 1, prio …, authtype simple, intvl 2s, length 20",
            Profile.DEFAULT: "VRRPv3, Advertisement, vrid 1, prio …, intvl 30cs, length 40",
        }[self.lab.profile]
        holds = re.sub(r"prio \d+", "prio …", seen) == expected
        self.checks.append(Check("an advertisement", expected, seen, holds))
        if self.lab.profile is Profile.SEED:
            priority = re.search(r"prio \d+", heard)
            self.checks.append(checks.equal("its priority", "prio 50", priority[0] if priority else "none"))

    def _weigh(self, nodes: list[str]) -> None:
        networks = 1
        for host in ("controller", *nodes):
            running = processes.of_futago(self.lab.process(host))
            memory = processes.memory_mib(running)
            self.checks.append(checks.below(f"memory on {host} (PSS)", 150, memory, "MiB"))
            if host != "controller":
                limit = 5 + networks
                self.checks.append(checks.at_most(f"processes on {host}", limit, len(running)))


def run(profile: Profile, *, name: str = NAME, keep: bool = False) -> int:
    """The whole demo; returns the exit status.

    Raises:
        LabError: a lab of this name is up (it is left alone), or something of the demo's did not work.

    """
    with state.claim(name), interrupts.as_ctrl_c():
        if name in state.up_names():
            raise LabError(f"a lab {name} is up: `{PROGRAM} lab down --name {name}` first, or another --name")
        return _run(profile, name, keep=keep)


def _run(profile: Profile, name: str, *, keep: bool) -> int:
    display = Display()
    began = time.monotonic()
    try:
        made = _tell(display, profile, name)
    except KeyboardInterrupt:
        display.console.print("interrupted; taking the lab away")
        _take_away(name)
        return 130
    except LabError:
        if not keep:
            _take_away(name)
        raise
    except BaseException:
        _take_away(name)
        raise
    if keep:
        display.console.print(AFTERWARDS.format(lab=f"{PROGRAM} lab", name=name), markup=False)
    else:
        _take_away(name)
    display.console.print(f"{time.monotonic() - began:.0f} s in all")
    return 0 if all(check.holds for check in made) else 1


def source_seen_outside(lab: Lab, vm: str, expected: str, seconds: float = 20) -> str:
    """The address from which the external host sees an instance's TCP connections."""
    instance = lab.instances[vm]
    argv = ["timeout", "2", "bash", "-c", f"cat < /dev/tcp/10.0.80.1/{ECHO_PORT}"]
    seen: list[str] = [""]

    def look() -> bool:
        seen[0] = lab.exec(instance.host, argv, netns=instance.netns, check=False).stdout.strip()
        return seen[0] == expected

    wait_for(f"{vm} is seen outside as {expected}", look, seconds=seconds, state=lambda: f"; it is seen as {seen[0]!r}")
    return seen[0]


def _tell(display: Display, profile: Profile, name: str) -> list[Check]:
    with display:
        with display.step(1):
            display.now("starting 6 hosts")
            lab = labs.build(name, profile)
            display.say(f"hosts: {', '.join(lab.powered)}; every agent is alive")
            story = Story(lab, display)
            story.walk()
        with display.step(2):
            story.boot_instances()
        with display.step(3):
            story.look()
        with Failover(lab, story.router_id, story.floating_ip, walkthrough.GATEWAY) as failover:
            with display.step(4):
                story.lose_the_active(failover)
            with display.step(5):
                story.bring_it_back(failover)
        with display.step(6):
            display.show(checks.table(story.checks))
    return story.checks


def _take_away(name: str) -> None:
    interrupts.ignore()
    labs.sweep(name)


def _states(lab: Lab, router_id: str) -> str:
    return ", ".join(sorted(lab.agents_of(router_id).values()))
