"""What listens while an event happens: pings, TCP connections, every cable, and who holds the addresses."""

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from futago.lab.api import wait_for
from futago.lab.demo import walkthrough
from futago.lab.drill import echo, outcome, streams
from futago.lab.drill.capture import Capture
from futago.lab.drill.outcome import INWARD, OUTWARD, THROUGH_FLOATING_IP, THROUGH_SNAT, TcpOutcome
from futago.lab.drill.scene import Scene
from futago.lab.drill.watch import Watch
from futago.lab.lab import Lab
from futago.lab.traffic import Ping, Recording

EVERY: Final = 0.01
"""Seconds between two requests of a ping."""
PORT: Final = 7778
OUTSIDE: Final = "10.0.80.1"
_PACE: Final = 1000
"""Echo requests a second to all further routers together, at most."""


class SteadyPing(Ping):
    """A ping that keeps its pace while nothing answers, too."""

    def __init__(self, lab: Lab, host: str, address: str, *, every: float = EVERY, netns: str = "") -> None:
        argv = [sys.executable, "-I", "-S", str(Path(echo.__file__)), str(every), address]
        Recording.__init__(self, lab.spawn(host, argv, netns=netns), f"ping {address}")


class CrowdPing(Recording):
    """Asks every further router of a scene, from outside. Use it in a `with`."""

    def __init__(self, scene: Scene) -> None:
        addresses = list(scene.crowd.values())
        every = max(0.05, len(addresses) / _PACE)
        argv = [sys.executable, "-I", "-S", str(Path(echo.__file__)), str(every), *addresses]
        super().__init__(scene.lab.spawn("ext", argv), "the further routers")

    def silent(self) -> list[tuple[float, int]]:
        """How many did not answer, each time that it was told, a few times a second."""
        return outcome.silent(line.text for line in self.lines())

    def returned(self, since: float, until: float) -> dict[int, float]:
        """When those that fell silent answered again, in seconds after `since`."""
        return outcome.returned([line.text for line in self.lines()], since, until)


class Probes:
    """Start them all, wait until all work, ask them afterwards. Use it in a `with`."""

    def __init__(self, scene: Scene, *, connections: int, others: Mapping[str, str] | None = None) -> None:
        """`connections` of each kind, half of them pushed; `others` are more addresses to ping, by their names."""
        self._scene, self._echoed, self._pushed = scene, connections - connections // 2, connections // 2
        self._others = dict(others or {})
        self._stack = ExitStack()
        self.pings: dict[str, Ping] = {}
        self._tcp: dict[str, Recording] = {}
        self._crowd: CrowdPing | None = None
        self.capture = Capture(scene.lab)
        self.watch = Watch(scene.lab, scene.cloud.router_id, walkthrough.GATEWAY)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.capture)
            stack.enter_context(self.watch)
            self._start_pings(stack)
            if self._echoed:
                self._start_tcp(stack)
            if self._scene.crowd:
                self._crowd = stack.enter_context(CrowdPing(self._scene))
            self._wait()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def answered(self) -> bool:
        """Whether every ping, also of the further routers, has been answered just now."""
        return all(ping.answers_now() for ping in self.pings.values()) and self.silent() == 0

    def flowing(self) -> bool:
        """Whether every TCP connection flows or has ended."""
        return all(one.hung == 0 for one in self.tcp(float("inf")))

    def silent(self) -> int:
        """How many of the further routers do not answer now."""
        told = self._crowd.silent() if self._crowd else []
        return told[-1][1] if told else 0

    def returned(self, since: float, until: float) -> dict[int, float]:
        """When the further routers that fell silent answered again, in seconds after `since`."""
        return self._crowd.returned(since, until) if self._crowd else {}

    def tcp(self, until: float) -> tuple[TcpOutcome, ...]:
        """What became of the TCP connections so far."""
        total = self._echoed + self._pushed
        return tuple(
            outcome.tcp_outcome(name, total, (line.text for line in client.lines()), until)
            for name, client in self._tcp.items()
        )

    def _start_pings(self, stack: ExitStack) -> None:
        lab, cloud = self._scene.lab, self._scene.cloud
        wanted = {INWARD: cloud.floating_ip} | self._others
        for name, address in wanted.items():
            self.pings[name] = stack.enter_context(SteadyPing(lab, "ext", address))
        vm2 = cloud.vm2
        self.pings[OUTWARD] = stack.enter_context(SteadyPing(lab, vm2.host, OUTSIDE, netns=vm2.netns))

    def _start_tcp(self, stack: ExitStack) -> None:
        cloud = self._scene.cloud
        inside = (cloud.vm1.host, cloud.vm1.netns)
        ends = {
            THROUGH_FLOATING_IP: (inside, ("ext", ""), cloud.floating_ip),
            THROUGH_SNAT: (("ext", ""), (cloud.vm2.host, cloud.vm2.netns), OUTSIDE),
        }
        for name, (server, client, address) in ends.items():
            serving = stack.enter_context(self._program(*server, "serve", str(PORT)))
            serving.wait_for_lines(1, seconds=20, since=0)
            words = ("connect", address, str(PORT), str(self._echoed), str(self._pushed))
            self._tcp[name] = stack.enter_context(self._program(*client, *words))

    def _program(self, host: str, netns: str, *words: str) -> Recording:
        argv = [sys.executable, "-I", "-S", str(Path(streams.__file__)), *words]
        return Recording(self._scene.lab.spawn(host, argv, netns=netns), f"streams {' '.join(words)}")

    def _wait(self) -> None:
        for ping in self.pings.values():
            ping.wait_for_replies(50, seconds=30)
        wait_for("every further router answers", self.answered, seconds=60)
        wait_for("every TCP connection flows", self.flowing, seconds=60, state=lambda: f": {self.tcp(0)}")
