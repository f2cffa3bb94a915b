"""The drill: a router's active node loses power under traffic, the standby takes over, the node comes back."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from futago.lab import measure, traffic
from futago.lab.api import wait_for
from futago.lab.lab import Lab
from futago.lab.traffic import Ping, ssh_session
from futago.lab.waiting import wait_for_agents


class Failover:
    """A 50 Hz ping and an ssh session from outside to a floating IP, and what happens to them. Use it in a `with`."""

    def __init__(self, lab: Lab, router_id: str, floating_ip: str, gateway: str) -> None:
        self._lab, self._router_id, self._gateway = lab, router_id, gateway
        self._ping = Ping(lab, "ext", floating_ip)
        self._ssh = ssh_session(lab, "ext", floating_ip)
        self._off = 0.0
        self._stack = ExitStack()
        self.lost = ""
        self.survivor = ""

    def __enter__(self) -> Self:
        self._stack.enter_context(self._ping)
        self._stack.enter_context(self._ssh)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def power_off(self) -> str:
        """Wait until traffic flows, then cut the active node's power; returns its name."""
        self._ping.wait_for_replies(50, seconds=20)
        self._ssh.wait_for_lines(10, seconds=20)
        self.lost = self._lab.active_of(self._router_id)
        self._off = time.time()
        self._lab.power_off(self.lost)
        return self.lost

    def wait_for_takeover(self, tell: Callable[[str], None]) -> None:
        """Wait until another node holds the gateway, the API says so, and ping and ssh flow again."""
        tell(f"{self.lost} is lost; who takes over?")
        wait_for("a survivor holds the gateway's address", self._holders, seconds=30)
        (self.survivor,) = self._holders()
        tell(f"{self.survivor} has the addresses")
        self._ping.wait_for_replies(50, seconds=30)
        self._ssh.wait_for_lines(10, seconds=60)
        wait_for(
            f"the API shows {self.survivor} as active",
            lambda: self._lab.active_of(self._router_id) == self.survivor,
            seconds=30,
        )

    def gap(self) -> float:
        """The longest time without an answer to the ping, from just before the power cut."""
        return self._ping.longest_gap(self._off - 1).seconds

    def ssh_gap(self) -> float:
        return measure.longest_gap([line.time for line in self._ssh.lines(self._off - 1)]).seconds

    def ssh_lines_around_gap(self) -> str:
        """The session's two lines before its longest silence and the two after it, with the times they came."""
        lines = self._ssh.lines(self._off - 1)
        gap = measure.longest_gap([line.time for line in lines])
        before = [line for line in lines if line.time <= gap.began][-2:]
        after = [line for line in lines if line.time > gap.began][:2]
        return "\n".join(f"{line.time - self._off:+6.2f} s  line {line.text}" for line in before + after)

    def connections(self) -> int:
        """How many TCP connections the ssh session's lines came over, ended or not; 0 if it has ended."""
        return len(traffic.connections(self._ssh.lines())) if self._ssh.running else 0

    def power_on(self, tell: Callable[[str], None]) -> int:
        """Power the node on, wait until it is in sync, watch two seconds more; returns how many pings were lost."""
        began = time.time()
        tell(f"{self.lost} boots")
        self._lab.power_on(self.lost)
        wait_for_agents(self._lab, [self.lost])
        tell(f"{self.lost}'s agents are alive")
        wait_for(
            "one active and one standby, with the survivor active",
            lambda: self._in_sync(self._lab.agents_of(self._router_id)),
            seconds=60,
            state=lambda: str(self._lab.agents_of(self._router_id)),
        )
        self._ping.wait_for_replies(100, seconds=20)
        return len(measure.lost(self._ping.replies(began)))

    def _holders(self) -> tuple[str, ...]:
        return self._lab.holders(self._router_id, self._gateway)

    def _in_sync(self, states: dict[str, str]) -> bool:
        return states == {self.survivor: "active", self.lost: "standby"} and self._has_replica()

    def _has_replica(self) -> bool:
        argv = ["ip", "-o", "link"]
        done = self._lab.exec(self.lost, argv, netns=f"qrouter-{self._router_id}", check=False)
        return all(f" {prefix}-" in done.stdout for prefix in ("ha", "qr", "qg"))
