"""What the controller tells Prometheus; docs/metrics.md has the list."""

import time
from collections import Counter as Tally
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from prometheus_client import Counter, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from futago import metrics
from futago.config import ControllerConfig
from futago.controller.nodes.feed import Feed
from futago.controller.nodes.overlap import Overlaps
from futago.controller.resources.agent import alive
from futago.controller.resources.ha import out_of_date
from futago.controller.store.database import Database
from futago.controller.store.rows import Node, Replica
from futago.metrics import label_values
from futago.values import Role

_LONG_POLL: Final = "/specs"
"""How a path ends on which an answer waits for news: its duration tells nothing."""
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Measure:
    """The controller's counters, and the registry that they are in."""

    def __init__(self, database: Database, config: ControllerConfig, feed: Feed, overlaps: Overlaps) -> None:
        self.registry = metrics.new_registry()
        self.requests = Counter(
            "futago_api_requests_total", "Answers given.", ["part", "method", "code"], registry=self.registry
        )
        self.durations = Histogram(
            "futago_api_request_duration_seconds",
            "Requests, without the nodes' long polls.",
            ["part", "method"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        commits = Histogram(
            "futago_store_commit_duration_seconds",
            "Transactions that changed something, the wait for their turn included.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        database.on_commit(lambda kind, seconds: commits.labels(kind).observe(seconds))
        self.registry.register(_Cloud(database, config, feed, overlaps))


class CountRequests:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, measure: Measure) -> None:
        self._app = app
        self._measure = measure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, code = time.monotonic(), 500

        async def note(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            self._count(scope, code, time.monotonic() - began)

    def _count(self, scope: Scope, code: int, seconds: float) -> None:
        path, method = scope["path"], _method(scope["method"])
        part = _part(path)
        self._measure.requests.labels(part, method, str(code)).inc()
        if not path.endswith(_LONG_POLL):
            self._measure.durations.labels(part, method).observe(seconds)


class _Cloud(Collector):
    """Nodes, routers and revisions, looked up when asked for."""

    def __init__(self, database: Database, config: ControllerConfig, feed: Feed, overlaps: Overlaps) -> None:
        self._database = database
        self._config = config
        self._feed = feed
        self._overlaps = overlaps

    def describe(self) -> list[Metric]:
        """Nothing: the store need not be asked to be registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        with self._database.read() as view:
            revision, nodes, replicas = view.revision(), view.find(Node), view.find(Replica)
        living = {node.name: node.heartbeat_at for node in nodes if alive(self._config, node)}
        yield GaugeMetricFamily("futago_store_revision", "The number of the last write.", value=revision)
        yield from self._of_nodes(nodes, living)
        yield _routers_by_actives(replicas, living)
        yield CounterMetricFamily(
            "futago_ha_dual_active_seconds",
            "Two nodes said that they were active for one router; of all routers together.",
            value=self._overlaps.seconds,
        )

    def _of_nodes(self, nodes: list[Node], living: Collection[str]) -> Iterator[Metric]:
        up = GaugeMetricFamily("futago_node_alive", "1 if the node has reported lately.", labels=["node"])
        reached = GaugeMetricFamily(
            "futago_node_reached_revision", "The revision that the node has reached.", labels=["node"]
        )
        pending = GaugeMetricFamily(
            "futago_node_pending_specs", "Specs of the node that are newer than that.", labels=["node"]
        )
        failures = GaugeMetricFamily(
            "futago_node_reported_failures", "Specs that the node says are not true there.", labels=["node"]
        )
        behind = self._feed.behind({node.name: node.revision for node in nodes})
        for node in sorted(nodes, key=lambda node: node.name):
            name = label_values(node.name)
            up.add_metric(name, node.name in living)
            reached.add_metric(name, node.revision)
            pending.add_metric(name, behind[node.name])
            failures.add_metric(name, len(node.failures))
        yield from (up, reached, pending, failures)


def _routers_by_actives(replicas: list[Replica], living: Mapping[str, float]) -> Metric:
    """HA routers by how many living nodes say that they are active: more than one is what must never last."""
    of_router: dict[str, list[Replica]] = {}
    for replica in replicas:
        if replica.ha_port_id is not None:
            of_router.setdefault(replica.router_id, []).append(replica)
    actives = [
        sum(
            one.role is Role.ACTIVE and one.node in living and not out_of_date(one, living[one.node], among)
            for one in among
        )
        for among in of_router.values()
    ]
    tally = Tally(min(number, 2) for number in actives)
    family = GaugeMetricFamily(
        "futago_ha_routers",
        "HA routers, by the number of nodes where they are active (2: or more).",
        labels=["actives"],
    )
    for number in range(3):
        family.add_metric(label_values(number), tally[number])
    return family


def _part(path: str) -> str:
    """What of the controller a path belongs to."""
    first = path.lstrip("/").partition("/")[0]
    return first if first in {"identity", "nodes"} else "networking"


def _method(method: str) -> str:
    """A caller may write anything; a label may not be anything."""
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"
