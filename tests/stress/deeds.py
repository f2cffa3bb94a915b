"""What one client does, again and again, drawn at random: make, change and delete what others want, too."""

import random
from collections.abc import Callable
from typing import Any

import msgspec

from raw_http import Client, Refused
from stress.cloud import WANTED, Cloud, Tally

REFUSALS = frozenset({400, 404, 409})
"""What may be said of a wish that others were quicker with."""


class Fighter:
    """One client."""

    def __init__(self, client: Client, cloud: Cloud, tally: Tally, seed: int) -> None:
        self._client = client
        self._cloud = cloud
        self._tally = tally
        self._random = random.Random(seed)

    def act(self) -> None:
        """One deed."""
        deed: Callable[[], None] = self._random.choices(
            [
                self.port_with_address,
                self.port_in_tight_network,
                self.floating_ip,
                self.associate,
                self.router,
                self.connect,
                self.network,
                self.rename,
                self.delete,
            ],
            weights=[3, 3, 2, 3, 3, 3, 2, 2, 12],
        )[0]
        deed()

    def port_with_address(self) -> None:
        wish = [{"ip_address": self._random.choice(WANTED)}]
        self._make("ports", "port", {"network_id": self._cloud.roomy, "fixed_ips": wish})

    def port_in_tight_network(self) -> None:
        self._make("ports", "port", {"network_id": self._cloud.tight})

    def floating_ip(self) -> None:
        body = {"floating_network_id": self._cloud.external}
        if self._random.random() < 0.5:
            body["floating_ip_address"] = f"10.0.80.{self._random.randrange(20, 24)}"
        self._make("floatingips", "floatingip", body)

    def associate(self) -> None:
        floating_ip, port = self._some("floatingips"), self._some("ports")
        if floating_ip and port:
            wish = {"port_id": self._random.choice([port, None])}
            self._ask("associate", "PUT", f"/v2.0/floatingips/{floating_ip}", {"floatingip": wish})

    def router(self) -> None:
        self._make("routers", "router", {"name": "r"})

    def connect(self) -> None:
        router = self._some("routers")
        if not router:
            return
        match self._random.randrange(4):
            case 0:
                body: dict[str, Any] = {"router": {"external_gateway_info": {"network_id": self._cloud.external}}}
                self._ask("gateway", "PUT", f"/v2.0/routers/{router}", body)
            case 1:
                body = {"router": {"external_gateway_info": None}}
                self._ask("no gateway", "PUT", f"/v2.0/routers/{router}", body)
            case 2:
                path = f"/v2.0/routers/{router}/add_router_interface"
                self._ask("interface", "PUT", path, {"subnet_id": self._cloud.roomy_subnet})
            case _:
                path = f"/v2.0/routers/{router}/remove_router_interface"
                self._ask("no interface", "PUT", path, {"subnet_id": self._cloud.roomy_subnet})

    def network(self) -> None:
        self._make("networks", "network", {"name": "n"})

    def rename(self) -> None:
        port = self._some("ports")
        if port:
            wish = {"name": str(self._random.random()), "fixed_ips": [{"ip_address": self._random.choice(WANTED)}]}
            self._ask("change", "PUT", f"/v2.0/ports/{port}", {"port": wish})

    def delete(self) -> None:
        collection = self._random.choice(["ports", "ports", "floatingips", "routers", "networks"])
        found = self._some(collection)
        if found:
            try:
                status, _ = self._ask(f"delete {collection}", "DELETE", f"/v2.0/{collection}/{found}")
            except (OSError, Refused):
                self._tally.doubt(found)
                raise
            if status == 204:
                self._tally.delete(found)

    def _make(self, collection: str, name: str, body: dict[str, Any]) -> None:
        status, answer = self._ask(f"make {collection}", "POST", f"/v2.0/{collection}", {name: body})
        if status == 201:
            self._tally.create(collection, answer[name]["id"])

    def _ask(self, deed: str, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        status, content = self._client.exchange(self._client.prepared(method, path, body))
        self._tally.note(deed, status)
        if status not in REFUSALS and not 200 <= status < 300:
            self._tally.fail(f"{method} {path} {body}: {status} {content[:300]!r}")
        return status, msgspec.json.decode(content) if content else None

    def _some(self, collection: str) -> str:
        found = self._tally.some(collection)
        return self._random.choice(found) if found else ""
