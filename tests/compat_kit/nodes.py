"""Nodes that speak with the controller as real ones do, and say that everything came true. There is no host behind."""

import threading
from types import TracebackType
from typing import Self

import httpx

from futago.contract.codec import VERSION, VERSION_HEADER, decode, encode
from futago.contract.report import NodeFacts, Report, RouterRole
from futago.contract.specs import DhcpSpec, NodeSpecs, PortSpec, RouterSpec, SpecChanges
from futago.values import IPv4Address, Role

_WAIT_SECONDS = 1.0
_RETRY_SECONDS = 0.2
_SINCE = 1_763_860_000.0
_BRIDGES = {"external1": "br-ex1", "external2": "br-ex2", "external3": "br-ex3"}


class TalkingNode:
    """Joins, then fetches specs and reports each second in a thread of its own; survives the controller's restarts."""

    def __init__(
        self,
        url: str,
        join_token: str,
        name: str,
        *,
        number: int,
        roles: tuple[str, ...],
        role: Role,
        busy_seconds: float = 0.0,
    ) -> None:
        """`busy_seconds` is how long it takes to make true what it has heard."""
        self.name = name
        self._busy_seconds = busy_seconds
        self.specs = NodeSpecs()
        self._role = role
        self._http = httpx.Client(base_url=f"{url}/nodes", headers={VERSION_HEADER: VERSION}, timeout=30)
        joined = self._http.post(f"/{name}/join", headers={"Authorization": f"Bearer {join_token}"}).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {joined.json()['credential']}"
        facts = NodeFacts(
            roles=roles,
            tunnel_address=IPv4Address("172.31.0.10") + number,
            tunnel_types=("vxlan",),
            bridge_mappings=_BRIDGES if roles else {},
            datapath_type="netdev",
            version="0",
        )
        self._http.put(f"/{name}", content=encode(facts)).raise_for_status()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._talk, name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._http.close()

    @property
    def routers(self) -> list[RouterSpec]:
        """The routers of which it has a replica."""
        return [spec for spec in self.specs.specs.values() if isinstance(spec, RouterSpec)]

    def _talk(self) -> None:
        while not self._stop.is_set():
            try:
                self._fetch()
                self._stop.wait(self._busy_seconds)
                self._http.post(f"/{self.name}/report", content=encode(self._report())).raise_for_status()
            except httpx.TransportError:
                self._stop.wait(_RETRY_SECONDS)

    def _fetch(self) -> None:
        query = {"since": str(self.specs.revision), "wait": str(_WAIT_SECONDS)}
        answer = self._http.get(f"/{self.name}/specs", params=query).raise_for_status()
        self.specs = self.specs.after(decode(answer.content, SpecChanges))

    def _report(self) -> Report:
        roles = [
            RouterRole(router_id=router.router_id, role=self._role, since=_SINCE, cause="test")
            for router in self.routers
            if router.ha is not None
        ]
        return Report(revision=self.specs.revision, roles=tuple(roles), ports_up=tuple(self._ports()), failures=())

    def _ports(self) -> list[str]:
        found: list[str] = []
        for spec in self.specs.specs.values():
            match spec:
                case PortSpec(port_id=port_id) | DhcpSpec(port_id=port_id):
                    found.append(port_id)
                case RouterSpec(ha=ha, interfaces=interfaces, gateway=gateway):
                    legs = [*interfaces, *([gateway.port] if gateway else [])]
                    found += [leg.port_id for leg in legs] + ([ha.port_id] if ha else [])
        return sorted(found)
