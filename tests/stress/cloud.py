"""What the clients fight for: small pools, few addresses, tight quotas."""

import threading
from dataclasses import dataclass, field
from typing import Any

from compat_kit.controller import Controller
from raw_http import Client

NETWORK_QUOTA = 6
"""Of a project: fewer than clients."""
WANTED = tuple(f"10.0.0.{number}" for number in range(20, 26))
"""Addresses that requests name."""


@dataclass
class Tally:
    """What the clients were told."""

    answers: dict[str, int] = field(default_factory=dict)
    """By deed and status."""
    failures: list[str] = field(default_factory=list)
    made: dict[str, str] = field(default_factory=dict)
    """Id of what a controller has said is made → its collection; without what it has said is deleted."""
    gone: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, deed: str, status: int) -> None:
        """One answer."""
        with self.lock:
            key = f"{deed} {status}"
            self.answers[key] = self.answers.get(key, 0) + 1

    def fail(self, what: str) -> None:
        """What must not be."""
        with self.lock:
            self.failures.append(what)

    def create(self, collection: str, object_id: str) -> None:
        """A controller has said that it is there."""
        with self.lock:
            self.made[object_id] = collection

    def delete(self, object_id: str) -> None:
        """A controller has said that it is gone."""
        with self.lock:
            self.made.pop(object_id, None)
            self.gone.add(object_id)

    def doubt(self, object_id: str) -> None:
        """It was to be deleted, and nobody has said whether it was."""
        with self.lock:
            self.made.pop(object_id, None)

    def some(self, collection: str) -> list[str]:
        """What is there of a collection, as far as has been said."""
        with self.lock:
            return [object_id for object_id, kind in self.made.items() if kind == collection]


@dataclass(frozen=True)
class Cloud:
    """What is there before the fight, and stays."""

    project: str
    external: str
    """An external network with room for a few."""
    roomy: str
    """A network with room for all."""
    roomy_subnet: str
    tight: str
    """A network with six addresses."""
    kept: frozenset[str]


def build(controller: Controller, token: str) -> Cloud:
    """Make it."""
    api = Client(controller.port, token)
    project = api.call("GET", "/v2.0/quotas/tenant")["tenant"]["tenant_id"]
    quota = {"network": NETWORK_QUOTA, "port": -1, "router": -1, "floatingip": -1, "subnet": -1}
    outside = {"router:external": True, "provider:network_type": "flat", "provider:physical_network": "external1"}
    external, external_subnet = _network(api, outside, "10.0.80.0/27")
    roomy, roomy_subnet = _network(api, {}, "10.0.0.0/24")
    tight, tight_subnet = _network(api, {}, "10.0.1.0/29")
    api.call("PUT", f"/v2.0/quotas/{project}", {"quota": quota})
    kept = frozenset({external, external_subnet, roomy, roomy_subnet, tight, tight_subnet})
    return Cloud(project, external, roomy, roomy_subnet, tight, kept)


def _network(api: Client, attributes: dict[str, Any], cidr: str) -> tuple[str, str]:
    network = api.call("POST", "/v2.0/networks", {"network": attributes})["network"]["id"]
    body = {"network_id": network, "cidr": cidr, "ip_version": 4, "enable_dhcp": False}
    return network, api.call("POST", "/v2.0/subnets", {"subnet": body})["subnet"]["id"]
