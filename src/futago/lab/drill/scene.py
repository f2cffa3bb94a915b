"""Where a drill takes place: a lab's cloud, who is active in it now, and more routers if wanted."""

import json
import time
from dataclasses import dataclass, field
from typing import Any, Final

from futago.lab.api import wait_for
from futago.lab.cloud import Cloud
from futago.lab.errors import CommandFailed, LabError
from futago.lab.lab import Lab
from futago.vrrp.liveness import STEADY

SECONDS_PER_ROUTER: Final = 2
"""How long a router may take to be settled where there are many."""
FUTAGO: Final = ("python3", "-m", "futago")


@dataclass(slots=True)
class Scene:
    """What events act on. The truth about roles comes from the nodes, so that no controller is needed."""

    cloud: Cloud
    crowd: dict[str, str] = field(default_factory=dict)
    """Further routers, and the address by which each can be pinged from outside."""
    active: str = ""
    """The node that was active when the present event began."""
    prepared: float = 0.0
    """When the present event was begun, in seconds since the Unix epoch."""
    began: float = 0.0
    """When it happened: the same, unless it needed a preparation."""

    @property
    def lab(self) -> Lab:
        return self.cloud.lab

    @property
    def standby(self) -> str:
        """The network node that was not active when the present event began."""
        (other,) = set(self.cloud.nodes) - {self.active}
        return other

    def mark(self) -> None:
        """Now is when the event happens: what an event does before is only its preparation."""
        self.began = time.time()

    def roles(self) -> dict[str, dict[str, str]]:
        """For each network node that is on, the role of each router, as its engine tells it."""
        return {host: self._roles_on(host) for host in self.cloud.nodes if host in self.lab.powered}

    def holder(self) -> str:
        """The one node that holds the router's address.

        Raises:
            LabError: there is none, or more than one.

        """
        holders = self.cloud.holders()
        if len(holders) != 1:
            raise LabError(f"the gateway's address is on {len(holders)} nodes: {', '.join(holders)}")
        return holders[0]

    def settle(self) -> None:
        """Wait until every router has one active and one backup node and traffic flows; note who is active."""
        seconds = 60 + SECONDS_PER_ROUTER * len(self.crowd)
        self.cloud.eventually("every router has an active and a backup node", self._settled, seconds)
        self.cloud.eventually("the floating IP answers", self.cloud.answers, seconds)
        self.active = self.holder()

    def wait_for_trust(self) -> None:
        """Wait until no session between hosts is doubted for what happened before: by then a loss is seen at once.

        Many routers make a switch in userspace late, and sessions fail while they are made or moved: one more failure
        soon after that would be doubted.
        """
        wait_for("no session that flapped is doubted any more", lambda: not self._doubted(), seconds=60)

    def gather(self) -> None:
        """Let the other node resign every further router, so that one node is active for all."""
        self.settle()
        if "active" in self._roles_on(self.standby).values():
            self.lab.exec(self.standby, [*FUTAGO, "vrrp", "resign", "--all", "--wait", "50"])
            wait_for(f"{self.active} is active for all", self._all_on_active, seconds=60)
        wait_for(f"the twins know the connections of {self.active}", self._twins_know, seconds=60)

    def _all_on_active(self) -> bool:
        return set(self._roles_on(self.active).values()) == {"active"}

    def _twins_know(self) -> bool:
        told = json.loads(self.lab.exec(self.active, [*FUTAGO, "conntrack", "status", "--json"]).stdout)
        connected = {peer["node"] for peer in told["peers"] if peer["connected"]}
        behind = [router for router in told["routers"] if router["behind"]]
        return not told["routers"] or (self.standby in connected and not behind)

    def _settled(self) -> bool:
        roles = self.roles()
        if set(roles) != set(self.cloud.nodes):
            return False
        routers = {self.cloud.router_id, *self.crowd}
        pairs = {router: sorted(on_node.get(router, "") for on_node in roles.values()) for router in routers}
        return all(pair == ["active", "backup"] for pair in pairs.values()) and bool(self.holder())

    def _doubted(self) -> bool:
        sessions = [session for host in self.cloud.nodes for session in self._ask(host, "hosts")["hosts"]]
        if any(one["damped"] for one in sessions):
            return True
        not_before = time.time() - STEADY / 1000
        return bool(self.crowd) and any(one["losses"] and one["since"] > not_before for one in sessions)

    def _roles_on(self, host: str) -> dict[str, str]:
        return {router["name"]: router["role"] for router in self._ask(host, "status")["routers"]}

    def _ask(self, host: str, what: str) -> dict[str, Any]:
        """What the engine of a host tells by `futago vrrp status` or `futago vrrp hosts`."""
        try:
            out = self.lab.exec(host, [*FUTAGO, "vrrp", what, "--json"]).stdout
        except CommandFailed as error:
            raise LabError(f"the engine of {host} does not answer: {error}") from error
        told: dict[str, Any] = json.loads(out)
        return told
