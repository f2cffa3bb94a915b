"""A client for tests: requests by their names, answers checked for their status."""

import time
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace
from starlette.testclient import TestClient

from futago.controller.caller import Caller, Unauthorized
from futago.controller.store.database import Database
from futago.controller.store.rows import Node

ADMIN = "admin"
PROJECT = "b0a952a42cc7484080a1e62c0aadbbbc"
OTHER_PROJECT = "11dab3ce5c144728ae6adc696cb131d0"
CALLERS = {
    ADMIN: Caller(user_id="u-admin", project_id="ad" * 16, roles=frozenset({"admin", "member", "reader"})),
    "member": Caller(user_id="u-member", project_id=PROJECT, roles=frozenset({"member", "reader"})),
    "manager": Caller(user_id="u-manager", project_id=PROJECT, roles=frozenset({"manager", "member", "reader"})),
    "service": Caller(user_id="u-service", project_id="5e" * 16, roles=frozenset({"service"})),
    "operator": Caller(user_id="u-operator", project_id="0b" * 16, roles=frozenset({"operator"})),
    "reader": Caller(user_id="u-reader", project_id=PROJECT, roles=frozenset({"reader"})),
    "stranger": Caller(user_id="u-stranger", project_id=OTHER_PROJECT, roles=frozenset({"member", "reader"})),
}


class Tokens:
    """An authenticator whose tokens are the names of the callers."""

    def caller(self, token: str, _service_token: str = "", /) -> Caller:
        if token not in CALLERS:
            raise Unauthorized
        return CALLERS[token]


@dataclass(frozen=True)
class Client:
    """Speaks to the API with one token."""

    http: TestClient
    token: str

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        content = body if isinstance(body, bytes) else None if body is None else msgspec.json.encode(body)
        sent = {"X-Auth-Token": self.token, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self.http.request(method, path, content=content, headers=sent)

    def get(self, path: str, status: int = 200) -> Any:
        return self._json("GET", path, None, status)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        return self._json("POST", path, body, status)

    def put(self, path: str, body: Any, status: int = 200) -> Any:
        return self._json("PUT", path, body, status)

    def delete(self, path: str, status: int = 204) -> Any:
        return self._json("DELETE", path, None, status)

    def network(self, **attributes: Any) -> dict[str, Any]:
        return self.post("/v2.0/networks", {"network": attributes})["network"]

    def external(self, physical_network: str = "external1", cidr: str = "10.0.80.0/24") -> dict[str, Any]:
        """An external network with a subnet."""
        network = self.network(
            **{
                "name": "ext-net80",
                "router:external": True,
                "provider:network_type": "flat",
                "provider:physical_network": physical_network,
            }
        )
        subnet = self.subnet(network, cidr, enable_dhcp=False)
        return {**network, "subnets": [subnet["id"]]}

    def subnet(self, network: dict[str, Any], cidr: str, **attributes: Any) -> dict[str, Any]:
        body = {"network_id": network["id"], "cidr": cidr, "ip_version": 4, **attributes}
        return self.post("/v2.0/subnets", {"subnet": body})["subnet"]

    def port(self, network: dict[str, Any], **attributes: Any) -> dict[str, Any]:
        return self.post("/v2.0/ports", {"port": {"network_id": network["id"], **attributes}})["port"]

    def router(self, **attributes: Any) -> dict[str, Any]:
        return self.post("/v2.0/routers", {"router": attributes})["router"]

    def join(self, router: dict[str, Any], subnet: dict[str, Any]) -> dict[str, Any]:
        return self.put(f"/v2.0/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})

    def part(self, router: dict[str, Any], subnet: dict[str, Any], status: int = 200) -> dict[str, Any]:
        path = f"/v2.0/routers/{router['id']}/remove_router_interface"
        return self.put(path, {"subnet_id": subnet["id"]}, status)

    def lead_out(self, router: dict[str, Any], external: dict[str, Any]) -> dict[str, Any]:
        """Set the router's gateway."""
        info = {"external_gateway_info": {"network_id": external["id"]}}
        return self.put(f"/v2.0/routers/{router['id']}", {"router": info})["router"]

    def floating_ip(self, external: dict[str, Any], **attributes: Any) -> dict[str, Any]:
        body = {"floating_network_id": external["id"], **attributes}
        return self.post("/v2.0/floatingips", {"floatingip": body})["floatingip"]

    def refused(self, method: str, path: str, body: Any, status: int, kind: str, words: str = "") -> None:
        """A request fails with this status, error type and words."""
        error = self._json(method, path, body, status)["NeutronError"]
        assert error["type"] == kind, error
        assert words in error["message"], error
        assert error["detail"] == ""

    def _json(self, method: str, path: str, body: Any, status: int) -> Any:
        answer = self.request(method, path, body)
        assert answer.status_code == status, (method, path, body, answer.status_code, answer.text)
        assert answer.headers["x-openstack-request-id"].startswith("req-")
        return answer.json() if answer.content else None


def die(database: Database, name: str) -> None:
    """A node has not been heard for a minute."""
    with database.note() as txn:
        node = txn.get(Node, name=name)
        assert node is not None
        txn.replace(node, replace(node, heartbeat_at=time.time() - 60))
