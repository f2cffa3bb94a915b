"""Waits for what a lab's programs come to; a program that has ended meanwhile is told with its log."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from futago.lab import api, errors, programs

if TYPE_CHECKING:
    from futago.lab.lab import Lab


def wait_for_join_token(lab: "Lab") -> None:
    """Wait until the controller has written what nodes need to join."""
    token = lab.directory("controller") / "disk" / programs.CREDENTIALS / "join-token"

    def look() -> bool:
        if not lab.running("controller", "controller"):
            raise errors.ProgramEnded(f"the controller has ended:\n{lab.log_end('controller', 'controller')}")
        return token.exists()

    state = partial(lab.log_end, "controller", "controller")
    api.wait_for("the controller has written its join token", look, seconds=60, state=lambda: f"\n{state()}")


def wait_for_agents(lab: "Lab", hosts: Iterable[str], seconds: float = 60) -> None:
    """Wait until every agent of these hosts is alive in the API."""
    wanted = set(hosts)

    def look() -> bool:
        for host in wanted:
            if not lab.running(host, "node"):
                raise errors.ProgramEnded(f"the agent of {host} has ended:\n{lab.log_end(host, 'node')}")
        agents = lab.api().list("agents")
        dead = {agent["host"] for agent in agents if not agent["alive"]}
        return wanted <= {agent["host"] for agent in agents} - dead

    def state() -> str:
        return "".join(f"\n{host}: {lab.log_end(host, 'node', 500)}" for host in sorted(wanted))

    api.wait_for(f"the agents of {', '.join(sorted(wanted))} are alive", look, seconds=seconds, state=state)
